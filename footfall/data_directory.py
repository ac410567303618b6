"""Opens what is in a data directory: the store, the accounts, links for others, what was sent to whom.

In: settings. Out: open databases, whose caller closes them. Promises: what a newer Footfall has written is not opened;
what is in the way is told with what to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dashboards.accounts.accounts import Accounts
from dashboards.delivery.outbox import Outbox
from dashboards.sharing.shares import Shares
from schema.migrate import pending
from schema.store import Store, StoreDown

from .errors import CannotDo
from .settings import Settings
from .supervisor.locks import is_held, is_locked
from .supervisor.paths import account_file, delivery_file, share_file
from .supervisor.stamp import refuse_newer

_NOTHING = "data = {!r}: there is nothing there yet; name another --data, or run `footfall up`"


def refuse_older(settings: Settings, store: Store) -> None:
    """Raises CannotDo where the store waits for migrations."""
    waiting = pending(store)
    if waiting:
        raise CannotDo(
            f"data = {str(settings.directory)!r}: the store is of an older Footfall, {waiting[0]} is not applied; "
            "start `footfall up` once, or run `footfall migrate`"
        )


def open_store(settings: Settings, make: bool = False) -> Store:
    """The store, for this process alone if it is embedded. Raises CannotDo where a running instance holds it, or,
    unless it is to be made, where there is none, and WrittenByNewer."""
    refuse_newer(settings.directory)
    embedded, directory = settings.dsn.startswith("chdb:"), str(settings.directory)
    if embedded and not make and not Path(urlsplit(settings.dsn).path).exists():
        raise CannotDo(_NOTHING.format(directory))
    try:
        return Store(settings.dsn, settings.store.cluster, memory_share=settings.store.memory_share)
    except StoreDown:
        if embedded and is_held(settings.directory, "up"):
            raise CannotDo(
                f"data = {directory!r}: Footfall is running there and holds the store; stop it, or try again if it "
                "has just been started"
            ) from None
        # Which the engine locks.
        if embedded and is_locked(Path(urlsplit(settings.dsn).path) / "status"):
            raise CannotDo(
                f"data = {directory!r}: another command is at work there, and the store is one process's: try again "
                "once it is done; of a Footfall that runs many may ask at once"
            ) from None
        raise


def refuse_missing(settings: Settings) -> None:
    """Raises CannotDo where there is no data directory."""
    if not settings.directory.is_dir():
        raise CannotDo(_NOTHING.format(str(settings.directory)))


def accounts(settings: Settings) -> Accounts:
    """The people who may sign in. Raises WrittenByNewer, CannotDo."""
    refuse_newer(settings.directory)
    with _or_told(
        path := account_file(settings), "restore it from a backup, or move it away: accounts are then made anew"
    ):
        return Accounts(path, settings.dashboards.session_days, audit_days=settings.dashboards.audit_days)


def shares(settings: Settings) -> Shares:
    """The links for people without an account. Raises WrittenByNewer, CannotDo."""
    refuse_missing(settings)
    refuse_newer(settings.directory)
    with _or_told(path := share_file(settings), "move it away: then no link holds any more"):
        return Shares(path)


def outbox(settings: Settings) -> Outbox:
    """What was sent to whom. Raises WrittenByNewer, CannotDo."""
    refuse_missing(settings)
    refuse_newer(settings.directory)
    remedy = (
        "restore it from a backup, or move it away: then nobody knows what was sent, and digests of the last days are "
        "sent again"
    )
    with _or_told(path := delivery_file(settings), remedy):
        return Outbox(path)


@contextmanager
def _or_told(path: Path, remedy: str) -> Iterator[None]:
    """Raises CannotDo where a file cannot be opened. remedy: what to do with one that is damaged."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as problem:
        raise CannotDo(f"{path}: cannot be opened: {problem}; give this user the rights, or make room") from None
    except sqlite3.DatabaseError as problem:
        raise CannotDo(f"{path}: cannot be read: {problem}; {remedy}") from None
