"""``wallet saga``: looking at sagas, and moving those that stopped."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from app.ids import stored_id
from app.stack.running import settings_of

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The stack's folder.")]
DATA_DEFAULT = Path(".wallet")
Book = Annotated[str, typer.Option(help="The book it is in: the tenant.")]
SagaId = Annotated[str, typer.Argument(help="The saga's public id.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence; kept with who did it.")]
Key = Annotated[str, typer.Option(help="The same command under the same key is given once.")]

saga = typer.Typer(
    help="Look at running and finished sagas, and move those that stopped.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@saga.command("list", epilog="Example: wallet saga list --status parked --type purchase")
def list_sagas(
    status: Annotated[
        str,
        typer.Option(help="Only running, waiting, compensating, parked, completed, compensated or cancelled ones."),
    ] = "",
    kind: Annotated[str, typer.Option("--type", help="Only those of a flow: purchase, deposit, ...")] = "",
    book: Annotated[str, typer.Option(help="Only those in that book, a tenant's; else all.")] = "",
    data: Data = DATA_DEFAULT,
) -> None:
    """The fifty newest sagas."""
    settings = settings_of(data)
    from app.stack.sagas import listed

    _print(asyncio.run(listed(settings, status=status, kind=kind, book=book)))


@saga.command(epilog="Example: wallet saga show sag_7q3k")
def show(saga_id: SagaId, book: Book = "default", data: Data = DATA_DEFAULT) -> None:
    """What each step came to, its calls outside, what is on the way, and the commands that fit now."""
    settings = settings_of(data)
    from app.stack.sagas import traced

    _print(asyncio.run(traced(settings, book, saga_id)))


@saga.command(epilog="Example: wallet saga story sag_7q3k")
def story(saga_id: SagaId, book: Book = "default", data: Data = DATA_DEFAULT) -> None:
    """One saga's history, in sentences."""
    settings = settings_of(data)
    from app.stack.sagas import told

    _print(asyncio.run(told(settings, book, saga_id)))


@saga.command(epilog="Example: wallet saga graph purchase")
def graph(
    flow: Annotated[str, typer.Argument(help="The flow's name.")],
    version: Annotated[int, typer.Option(min=0, help="Which version of it; 0: the newest.")] = 0,
) -> None:
    """A flow's state machine, as a Mermaid diagram."""
    from app.stack.sagas import drawn

    typer.echo(drawn(flow, version))


@saga.command(epilog='Example: wallet saga retry sag_7q3k --reason "the account is open again"')
def retry(saga_id: SagaId, reason: Reason, key: Key = "", book: Book = "default", data: Data = DATA_DEFAULT) -> None:
    """Go on where it was parked; it looks before it does anything. An undo whose call is over makes another one."""
    _give("retry", saga_id, None, reason, key, book, data)


@saga.command(epilog='Example: wallet saga confirm sag_7q3k --evidence 4711 --reason "seen in the bank\'s dashboard"')
def confirm(
    saga_id: SagaId,
    evidence: Annotated[str, typer.Option(help="The provider's reference: a payment, a pending operation.")],
    reason: Reason,
    key: Key = "",
    book: Book = "default",
    data: Data = DATA_DEFAULT,
) -> None:
    """Its call was made: go on as if the provider had answered with that reference."""
    _give("confirm", saga_id, evidence, reason, key, book, data)


@saga.command(
    "mark-absent", epilog='Example: wallet saga mark-absent sag_7q3k --evidence "ticket 17" --reason "never was"'
)
def mark_absent(
    saga_id: SagaId,
    evidence: Annotated[str, typer.Option(help="What shows that there is none: a ticket, a letter.")],
    reason: Reason,
    key: Key = "",
    book: Book = "default",
    data: Data = DATA_DEFAULT,
) -> None:
    """Its call definitely did not happen: mirror its booking, and unwind."""
    _give("mark_absent", saga_id, evidence, reason, key, book, data)


@saga.command(epilog='Example: wallet saga compensate sag_7q3k --reason "the customer asked for it"')
def compensate(
    saga_id: SagaId, reason: Reason, key: Key = "", book: Book = "default", data: Data = DATA_DEFAULT
) -> None:
    """Unwind, where no call is open and there is a way back; a pull that is awaited is called off."""
    _give("compensate", saga_id, None, reason, key, book, data)


@saga.command("write-off", epilog='Example: wallet saga write-off sag_7q3k --reason "the bank has closed"')
def write_off(
    saga_id: SagaId, reason: Reason, key: Key = "", book: Book = "default", data: Data = DATA_DEFAULT
) -> None:
    """Give up what is on the way, in double entry, and end."""
    _give("write_off", saga_id, None, reason, key, book, data)


@saga.command(epilog='Example: wallet saga cancel sag_7q3k --reason "ordered by mistake"')
def cancel(saga_id: SagaId, reason: Reason, key: Key = "", book: Book = "default", data: Data = DATA_DEFAULT) -> None:
    """Call it off, before anything has left the house or while a pull is awaited; it need not be parked."""
    _give("cancel", saga_id, None, reason, key, book, data)


def _give(command: str, saga_id: str, evidence: str | None, reason: str, key: str, book: str, data: Path) -> None:
    settings = settings_of(data)
    from app.orchestrator.commands import Command
    from app.orchestrator.operators import Order
    from app.plumbing.logging import log_for_a_person
    from app.stack.sagas import commanded

    log_for_a_person()
    order = Order(stored_id(book, saga_id), Command(command), evidence)
    _print(asyncio.run(commanded(settings, order, reason, key)))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
