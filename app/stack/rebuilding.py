"""``wallet rebuild``: the accounts derived again from the transactions, while nothing else works on the books."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.clock import rfc3339
from app.ids import public_id
from app.ledger.rebuild_store import Rebuilding, Rebuilt
from app.orchestrator.store import SagaStore
from app.plumbing import embedded
from app.plumbing.mongo import connect
from app.settings import Settings
from app.stack.configured import configured
from app.stack.folder import Folder
from app.stack.problem import Problem


@contextmanager
def offline_books(folder: Folder) -> Iterator[Settings]:
    """The settings of books on which nobody works: those named in the environment, or a stopped folder's own.

    Refuses with Problem while a stack, or an API or worker that it has left behind, runs in the folder.
    """
    settings = configured()
    if settings.mongodb_uri.get_secret_value():
        if folder.running():
            raise Problem(f"A stack is running in {folder.root}: end it first (Ctrl-C where it runs).")
        _refuse_leftovers(folder)
        yield settings
        return
    if not folder.is_ours() or not (folder.root / "mongodb").is_dir():
        raise Problem(f"There are no books in {folder.root}: name a stack's folder with --data.")
    with folder.locked():
        _refuse_leftovers(folder)
        folder.end_leftovers()
        server = embedded.start_mongod(folder.root / "mongodb", folder.run, folder.log("mongod"))
        folder.note("mongod.pid", str(server.pid))
        try:
            yield configured(mongodb_uri=server.url)
        finally:
            embedded.stop(server)
            folder.forget("mongod.pid")


def _refuse_leftovers(folder: Folder) -> None:
    for name in ("api", "worker"):
        if folder.still_runs(name):
            raise Problem(f"The {name} of {folder.root} still runs ({folder.pid_file(name)}): end it first.")


async def rebuilt(settings: Settings, *, swap: bool) -> Rebuilt:
    """Derive and compare, and replace what differs if ``swap``. Refuses with Problem while somebody holds a lease."""
    client, database = connect(settings.mongodb_uri.get_secret_value(), settings.mongodb_database)
    async with client:
        books = Rebuilding(database)
        leases = (await books.leased_until(), await SagaStore(database).leased_until())
        until = max((each for each in leases if each is not None), default=None)
        if until is not None:
            raise Problem(f"Somebody may still write to these books until {rfc3339(until)}: end it, or wait.")
        return await books.run(swap=swap)


def told(found: Rebuilt, *, swap: bool) -> list[str]:
    """Every difference, then one line."""
    named = [f"account {public_id(each)}: {what}" for each, all_of in found.differing.items() for what in all_of]
    line = f"{found.transactions:,} transactions, {found.accounts:,} accounts, {len(found.differing):,} differ"
    return [*found.lost, *named, f"{line}, {found.replaced:,} replaced" if swap else line]


def is_sound(found: Rebuilt) -> bool:
    """Whether the snapshots are now what the transactions say."""
    return not found.lost and found.replaced == len(found.differing)
