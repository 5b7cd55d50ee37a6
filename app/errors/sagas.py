"""What a saga's state does not allow: outcomes asked for too early, and operators' commands."""

from collections.abc import Sequence
from typing import Self

from app.errors.tree import Conflict, Fact, Unacceptable


class SagaUnfinished(Conflict):
    """What has not ended has no outcome."""

    code = "saga-unfinished"

    def __init__(self, saga_id: str, status: str) -> None:
        super().__init__(f"The saga has not ended: it is {status}.", saga_id=saga_id, status=status)


class CommandRefused(Conflict):
    """An operator's command that does not fit the state it meets."""

    code = "command-refused"

    def __init__(self, saga_id: str, command: str, sentence: str, **facts: Fact) -> None:
        super().__init__(sentence, saga_id=saga_id, command=command, **facts)

    def naming(self, fitting: Sequence[str]) -> Self:
        """The same refusal, with the commands that fit instead."""
        self.facts = {**self.facts, "fitting": ", ".join(fitting)}
        instead = f"What fits now: {self.facts['fitting']}." if fitting else "No command fits it now."
        self.sentence = f"{self.sentence} {instead}"
        return self


class SagaNotParked(CommandRefused):
    """Only a parked saga is moved by hand; any other moves by itself, or has ended."""

    code = "saga-not-parked"

    def __init__(self, saga_id: str, command: str, status: str) -> None:
        super().__init__(saga_id, command, f"The saga is {status}, and not parked.", status=status)


class SagaEnded(CommandRefused):
    """A saga that has ended is over."""

    code = "saga-ended"

    def __init__(self, saga_id: str, command: str, status: str) -> None:
        super().__init__(saga_id, command, f"The saga has ended: {status}.", status=status)


class DefinitionUnknown(CommandRefused):
    """This release does not have the definition that the saga is pinned to."""

    code = "definition-unknown"

    def __init__(self, saga_id: str, command: str, definition: str) -> None:
        super().__init__(saga_id, command, f"This release does not know {definition}.", definition=definition)


class EffectNotOpen(CommandRefused):
    """There is no call whose outcome could be told: none was made, or its outcome is known."""

    code = "effect-not-open"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(saga_id, command, f"The step has no call whose outcome is open ({effect}).", effect=effect)


class EffectOpen(CommandRefused):
    """The step's call may still take effect, or is under way: whatever came before it must not be undone yet."""

    code = "effect-open"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(
            saga_id, command, f"The step's call is {effect}: confirm it or mark it absent first.", effect=effect
        )


class EffectEnded(CommandRefused):
    """The step's call definitely did not happen; looking at it again would change nothing."""

    code = "effect-ended"

    def __init__(self, saga_id: str, command: str, effect: str) -> None:
        super().__init__(saga_id, command, f"The step's call is over: {effect}.", effect=effect)


class UnwindImpossible(CommandRefused):
    """The definition has no way back from where the saga stands: it is past its pivot, or unwinding already."""

    code = "unwind-impossible"

    def __init__(self, saga_id: str, command: str, state: str) -> None:
        super().__init__(saga_id, command, f"There is no way back from {state}.", state=state)


class AlreadyOutside(CommandRefused):
    """Something has left the house, so the saga is not simply called off."""

    code = "already-outside"

    def __init__(self, saga_id: str, command: str, state: str) -> None:
        super().__init__(saga_id, command, "Something has left the house already.", state=state)


class EvidenceContradicts(CommandRefused):
    """What is told of the call is not what we know of it."""

    code = "evidence-contradicts"

    def __init__(self, saga_id: str, command: str) -> None:
        super().__init__(saga_id, command, "Another operation of the provider was approved for this call.")


class EvidenceMissing(Unacceptable):
    """A command that tells what happened outside says what shows it."""

    code = "evidence-missing"

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} needs evidence: the provider's reference, or what shows that there is none.")
