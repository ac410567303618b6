"""Who answers a command: the Footfall that runs on the data directory, or else the store itself.

In: settings. Out: what may be asked. Promises: who only looks makes nothing and migrates nothing; an embedded store is
never opened beside a process that holds it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from schema.migrate import migrate
from schema.store import StoreError

from ..data_directory import open_store, refuse_older
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.locks import is_held
from ..supervisor.paths import control_path
from ..supervisor.stamp import refuse_newer, write_stamp
from .instance import Instance
from .remote import GONE, remote

if TYPE_CHECKING:
    from schema.store import Store

    from .engine import Engine

# An engine that starts anew takes seconds, after a fatal signal on a busy machine many of them.
_STARTS_WITHIN_S = 30.0


@contextlib.contextmanager
def opened(settings: Settings, make: bool = False) -> Iterator[Instance]:
    """The running instance of this data directory, or else the store itself. make: also where there is none yet, or
    only one of an older version; who only looks changes nothing. Raises CannotDo."""
    refuse_newer(settings.directory)
    running = _running(settings)
    if running is not None:
        yield running
        return
    store = open_store(settings, make)
    try:
        if make:
            # Imported here, as in _engine(): who asks the running instance needs nothing of it.
            from pipeline.imports import abandon_all
            from pipeline.rollup.scratch import drop_left

            migrate(store)
            if settings.directory.is_dir():
                write_stamp(settings.directory)
            if store.embedded:  # nobody else holds it, so nobody is importing or rolling up
                abandon_all(store)
                drop_left(store)
            store.settle()
        else:
            refuse_older(settings, store)
        yield _engine(settings, store)
    finally:
        store.close()


@contextlib.contextmanager
def opened_for_changes(settings: Settings) -> Iterator[Instance]:
    """The same for what only an administrator of a server may do: not by the running part, whose user may not, but by
    the user that this command's own `store.dsn` names."""
    if settings.dsn.startswith("chdb:"):
        with opened(settings) as instance:
            yield instance
        return
    store = open_store(settings)
    try:
        yield _engine(settings, store)
    except StoreError as problem:
        if "ACCESS_DENIED" in str(problem) or "privileges" in str(problem):
            raise CannotDo(
                f"{store.name}: its user may not do that; give the DSN of an administrator in FOOTFALL_STORE_DSN"
            ) from None
        raise
    finally:
        store.close()


def in_force(settings: Settings) -> Settings | None:
    """The settings of the instance that runs on the data directory; None where none runs."""
    running = _running(settings)
    return running.settings if running else None


def settings_in_force(settings: Settings) -> Settings:
    """Those of the running instance, where one has come up; else the ones given. Does not wait for one."""
    return (in_force(settings) or settings) if control_path(settings).exists() else settings


def _engine(settings: Settings, store: Store) -> Engine:
    from .engine import Engine

    return Engine(settings, store, live=False)


def _running(settings: Settings) -> Instance | None:
    """The running instance, waited for while it starts: its engine may be on its way up, and a command that opened the
    store before it would be in its way. Raises CannotDo where it does not come."""
    path, deadline = control_path(settings), time.monotonic() + _STARTS_WITHIN_S
    while True:
        if path.exists():
            with contextlib.suppress(*GONE):
                return remote(path)
        if not (settings.dsn.startswith("chdb:") and is_held(settings.directory, "up")):
            return None
        if time.monotonic() >= deadline:
            raise CannotDo(
                f"data = {str(settings.directory)!r}: Footfall is running there, but its engine has not answered for "
                f"{_STARTS_WITHIN_S:.0f} s; its log says why"
            )
        time.sleep(0.2)
