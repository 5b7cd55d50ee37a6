"""The ``wallet`` command. What a command needs is imported when it runs, so that ``--help`` answers at once."""

import asyncio
import sys
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.cli_sagas import DATA_DEFAULT, Book, Data, saga
from app.stack.configured import configured
from app.stack.folder import Folder
from app.stack.problem import GaveUp, Problem
from app.stack.running import not_running, settings_of
from app.stack.telling import Teller

app = typer.Typer(
    name="wallet",
    help="One wallet over fiat and crypto: run it, look into it, prove its books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

MetricsPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Where it answers GET /metrics.")]


class Role(StrEnum):
    """Whose permissions a token carries."""

    CUSTOMER = "customer"
    COMPLIANCE = "compliance"
    OPERATOR = "operator"
    AUDITOR = "auditor"


def main() -> None:
    """Run the command; what the user can mend is one sentence and exit code 2."""
    try:
        app()
    except Problem as problem:
        _say(problem.sentence)
        sys.exit(2)
    except GaveUp as failure:
        _say(failure.sentence)
        sys.exit(1)


@app.command(epilog="Example: wallet up --once --data /tmp/wallet --port 8080")
def up(
    data: Data = DATA_DEFAULT,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(min=1, max=65535, help="The sandbox's port.")] = 8001,
    once: Annotated[bool, typer.Option("--once", help="Stop after the story; exit 0 only if all went well.")] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Only serve.")] = False,
) -> None:
    """Start everything on this machine, tell the main job, and serve until Ctrl-C."""
    from app.stack.up import Options
    from app.stack.up import up as run

    if once and no_demo:
        raise Problem("--once tells the story and --no-demo leaves it out: choose one of them.")
    options = Options(data=data, port=port, sandbox_port=sandbox_port, once=once, demo=not no_demo)
    raise typer.Exit(run(options, Teller(Console())))


@app.command(epilog="Example: wallet api --data .wallet")
def api(data: Data = DATA_DEFAULT, metrics_port: MetricsPort = None) -> None:
    """Serve the HTTP API until SIGTERM."""
    settings = settings_of(data, metrics_port=metrics_port)
    from app.main import serve
    from app.plumbing.running import run

    run(serve(settings))


@app.command(epilog="Example: wallet worker --data .wallet")
def worker(data: Data = DATA_DEFAULT, metrics_port: MetricsPort = None) -> None:
    """Drive sagas, webhooks and notifications until SIGTERM."""
    settings = settings_of(data, metrics_port=metrics_port)
    from app.plumbing.running import run
    from app.worker import serve

    run(serve(settings))


@app.command(epilog="Example: wallet sandbox --port 8001 --api-url http://127.0.0.1:8000 --pace 0.2")
def sandbox(
    data: Data = DATA_DEFAULT,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8001,
    public_url: Annotated[str, typer.Option(help="Where others reach it, if not there.")] = "",
    api_url: Annotated[str, typer.Option(help="Where the wallet's API listens.")] = "http://127.0.0.1:8000",
    pace: Annotated[float, typer.Option(min=0.0, help="Seconds until a payment settles or a block is mined.")] = 1.0,
) -> None:
    """Simulate the vendors until SIGTERM."""
    settings = settings_of(data)
    from app.sandbox.config import SandboxConfig
    from app.sandbox.serve import serve

    serve(
        SandboxConfig(
            mongodb_uri=settings.mongodb_uri.get_secret_value(),
            database=f"{settings.mongodb_database}_sandbox",
            host=host,
            port=port,
            public_url=public_url,
            api_url=api_url,
            audience=settings.auth_audience,
            pace_s=pace,
            unit_webhook_secret=settings.unit_webhook_secret.get_secret_value(),
            tatum_webhook_secret=settings.tatum_webhook_secret.get_secret_value(),
            sumsub_secret=settings.sumsub_secret.get_secret_value(),
            sumsub_webhook_secret=settings.sumsub_webhook_secret.get_secret_value(),
            stripe_webhook_secret=settings.stripe_webhook_secret.get_secret_value().split()[0],
            dialogflow_service_account=settings.dialogflow_service_account,
            dialogflow_audience=settings.dialogflow_audience,
        )
    )


@app.command(epilog='Example: curl -H "Authorization: Bearer $(wallet token --user ada)" http://127.0.0.1:8000/v1/me')
def token(
    user: Annotated[str, typer.Option(help="Whose token.")],
    role: Annotated[Role, typer.Option(help="Whose permissions.")] = Role.CUSTOMER,
    tenant: Annotated[str, typer.Option(help="The tenant, where a tenant claim is configured.")] = "",
    data: Data = DATA_DEFAULT,
) -> None:
    """Print a bearer token from the sandbox's issuer, and nothing else."""
    from app.stack.sandbox_client import SandboxClient

    folder, settings = Folder.at(data), configured()
    sandbox_url = folder.noted("sandbox.url") if folder.running() else ""
    if not sandbox_url and "auth_issuer" not in settings.model_fields_set:
        raise not_running(folder)

    async def ask() -> str:
        async with SandboxClient(sandbox_url, "" if sandbox_url else settings.auth_issuer) as client:
            return (await client.token(user, role=role.value, tenant=tenant)).value

    typer.echo(asyncio.run(ask()))


@app.command(epilog="Example: wallet verify --data .wallet --anchor heads.json")
def verify(
    anchor: Annotated[Path | None, typer.Option(help="Heads that were kept outside (wallet heads).")] = None,
    receipt: Annotated[Path | None, typer.Option(help="Check this receipt instead, offline.")] = None,
    outcome: Annotated[Path | None, typer.Option(help="Check this outcome of a saga instead, offline.")] = None,
    public_key: Annotated[str, typer.Option(help="The key that it must be signed with.")] = "",
    data: Data = DATA_DEFAULT,
) -> None:
    """Derive the books again from the transactions; exit 1 and name every difference."""
    from app.stack.proofs import checked, checked_outcome, read_heads

    if outcome is not None:
        typer.echo(checked_outcome(outcome, public_key))
        return
    if receipt is not None:
        typer.echo(checked(receipt, public_key))
        return
    settings = settings_of(data)
    from app.stack.books import verified

    audit = asyncio.run(verified(settings, read_heads(anchor) if anchor else None))
    _print(audit.breaks)
    typer.echo(audit.line())
    raise typer.Exit(1 if audit.breaks else 0)


@app.command(epilog="Example: wallet heads > heads.json")
def heads(data: Data = DATA_DEFAULT) -> None:
    """Print the last block of every stream, signed: kept outside, they find any rewrite of what is older."""
    settings = settings_of(data)
    from app.stack.proofs import signed_heads

    typer.echo(asyncio.run(signed_heads(settings)))


@app.command(epilog="Example: wallet replay acc_7q3k --at 2026-11-20T05:00:00Z --data .wallet")
def replay(
    account: Annotated[str, typer.Argument(help="The account's public id.")],
    at: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Until when; now.")] = None,
    book: Book = "default",
    data: Data = DATA_DEFAULT,
) -> None:
    """Reconstruct an account from its transactions alone, line by line."""
    settings = settings_of(data)
    from app.stack.books import replayed

    async def tell() -> None:
        async for line in replayed(settings, book, account, at):
            typer.echo(line)

    asyncio.run(tell())


@app.command(epilog="Example: wallet rebuild --swap --data .wallet")
def rebuild(
    data: Data = DATA_DEFAULT,
    swap: Annotated[bool, typer.Option("--swap", help="Replace what differs.")] = False,
) -> None:
    """Derive every account again, with the stack stopped; exit 1 while one differs from its transactions."""
    from app.stack import rebuilding

    with rebuilding.offline_books(Folder.at(data)) as settings:
        found = asyncio.run(rebuilding.rebuilt(settings, swap=swap))
    _print(rebuilding.told(found, swap=swap))
    raise typer.Exit(0 if rebuilding.is_sound(found) else 1)


@app.command(epilog="Example: wallet fund --currency BTC --amount 1.5 --reference transfer-2026-11-20")
def fund(
    currency: Annotated[str, typer.Option(help="The coin's code.")],
    amount: Annotated[str, typer.Option(help="How much, in whole coins.")],
    reference: Annotated[str, typer.Option(help="What it is known by; the same reference is booked once.")],
    book: Book = "default",
    data: Data = DATA_DEFAULT,
) -> None:
    """Book coins that the owners have put into custody, so that they can be sold."""
    settings = settings_of(data)
    from app.stack.treasury import funded

    typer.echo(asyncio.run(funded(settings, book, currency, amount, reference)))


app.add_typer(saga, name="saga")


@app.command(epilog="Example: wallet doctor --data .wallet --port 8080")
def doctor(
    data: Data = DATA_DEFAULT,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The API's port.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(min=1, max=65535, help="The sandbox's port.")] = 8001,
) -> None:
    """Check everything the stack needs of this machine; exit 2 if something is missing."""
    from app.stack import machine, preflight

    folder = Folder.at(data)
    ports = {} if folder.running() else {"--port": port, "--sandbox-port": sandbox_port}
    found = preflight.findings(machine.with_ports(machine.gather(folder.root), ports))
    for finding in found:
        typer.echo(f"{'ok     ' if finding.ok else 'problem'}  {finding.check:<11} {finding.sentence}")
    raise typer.Exit(0 if preflight.first_problem(found) is None else 2)


@app.command(epilog="Example: wallet reset --yes --data .wallet")
def reset(
    data: Data = DATA_DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a stopped stack's folder: its books, its logs, everything."""
    folder = Folder.at(data)
    if not folder.is_ours():
        raise Problem(f"{folder.root} is not the folder of a stack: name one with --data.")
    if not yes and not typer.confirm(f"Delete {folder.root} and every book in it?"):
        raise Problem("Nothing was deleted.")
    folder.delete()
    typer.echo(f"{folder.root} is gone.")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)


if __name__ == "__main__":
    main()
