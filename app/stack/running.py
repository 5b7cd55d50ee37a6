"""The settings of a command that looks into a running stack."""

from pathlib import Path

from app.settings import Settings
from app.stack.configured import configured
from app.stack.folder import Folder
from app.stack.problem import Problem


def settings_of(data: Path, *, metrics_port: int | None = None) -> Settings:
    """The settings of the environment; servers that it does not name are those running in the folder.

    Refuses with Problem when there are none.
    """
    settings, folder = configured(), Folder.at(data)
    found: dict[str, str] = {} if metrics_port is None else {"metrics_port": str(metrics_port)}
    for name, note in (("mongodb_uri", "mongodb.uri"), ("redis_url", "redis.url")):
        if not getattr(settings, name).get_secret_value():
            if not (folder.running() and (url := folder.noted(note))):
                raise not_running(folder)
            found[name] = url
    return configured(**found)


def not_running(folder: Folder) -> Problem:
    """The refusal that says where none runs, and what to do."""
    remedy = "start one with ./scripts/run, name its folder with --data, or set WALLET_MONGODB_URI and WALLET_REDIS_URL"
    return Problem(f"No stack is running in {folder.root}: {remedy}.")
