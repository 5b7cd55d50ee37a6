"""The settings, or one sentence about the first that is wrong."""

from pydantic import ValidationError

from app.settings import Settings, load
from app.stack.problem import Problem


def configured(**given: str) -> Settings:
    """What is given, then what the environment says. Refuses with Problem, which never repeats a value."""
    try:
        return load(**given)
    except ValidationError as refusal:
        first = refusal.errors(include_input=False, include_url=False, include_context=False)[0]
        named = "_".join(str(part) for part in first["loc"]).upper()
        said = first["msg"].removeprefix("Value error, ")
        sentence = f"WALLET_{named} is wrong ({said})" if named else said
        raise Problem(f"{sentence}: mend the environment; .env.example lists every setting.") from None
