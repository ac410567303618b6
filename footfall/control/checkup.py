"""The checks of the whole, from outside: what `footfall check` and `check site` tell.

In: settings. Out: findings, and what the store told. Promises: looking makes nothing and migrates nothing; whoever does
not answer within seconds is told of, not waited for; a part apart needs no right but its own.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import Struct

from schema.migrate import WrittenByNewer
from schema.store import StoreError

from ..data_directory import open_store, refuse_older
from ..errors import CannotDo
from ..health import processes
from ..health.finding import Finding
from ..health.look import ANSWERS_WITHIN_S, local, no_store, silent, within
from ..health.stored import of_server
from ..settings import Settings
from ..supervisor.heartbeat import read_heartbeats
from ..supervisor.locks import PARTS, is_held
from ..supervisor.paths import control_path
from ..supervisor.stamp import StampUnreadable
from .engine import Engine
from .remote import remote

# Who holds the store and may read it.
_WITH_A_STORE = ("up", "pipeline")


class Looked(Struct, frozen=True):
    """settings: those by which the instance runs. status: what the store told; {} if it told nothing."""

    findings: list[Finding]
    settings: Settings
    status: dict[str, Any]


def look(settings: Settings, exact: bool = True) -> Looked:
    """From outside: as a command."""
    heartbeats, now = processes.without_the_dead(read_heartbeats(settings)), time.monotonic()
    running = [*processes.of_parts(settings, heartbeats, now)]
    settings, stored, status = _ask(settings)
    rest = local(settings, heartbeats, now, exact)
    return Looked([*running, *stored, *rest], settings, status)


def _ask(settings: Settings) -> tuple[Settings, list[Finding], dict[str, Any]]:
    """The settings by which the instance runs, and what its store tells."""
    held = [part for part in PARTS if is_held(settings.directory, part)]
    if held == ["keys"]:
        return settings, [], {}  # it has no store
    if control_path(settings).exists() and any(part in held for part in _WITH_A_STORE):
        try:
            instance = remote(control_path(settings), ANSWERS_WITHIN_S)
            told = instance.health()
            return instance.settings, told, instance.status()
        except (StoreError, CannotDo, OSError, msgspec.MsgspecError) as problem:
            return settings, [no_store(_said(problem))], {}
    if held and settings.dsn.startswith("chdb:"):
        return settings, [no_store("the engine is not there yet, or not any more")], {}
    if held:
        return settings, _ping(settings), {}
    return _open(settings)


def _open(settings: Settings) -> tuple[Settings, list[Finding], dict[str, Any]]:
    """Of an instance that does not run the store itself, as it is."""
    try:
        store = open_store(settings)
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return settings, [no_store(str(problem))], {}
    try:
        refuse_older(settings, store)
        engine = Engine(settings, store, live=False)
        return settings, engine.health(), engine.status()
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return settings, [no_store(str(problem))], {}
    finally:
        store.close()


def _ping(settings: Settings) -> list[Finding]:
    """Whether the server answers. Every part's user may ask that."""

    def ask() -> list[Finding]:
        store = open_store(settings)
        try:
            return [of_server(store)]
        finally:
            store.close()

    try:
        return within(ANSWERS_WITHIN_S, ask, silent)
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return [no_store(str(problem))]


def _said(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return f"the engine does not answer within {ANSWERS_WITHIN_S:.0f} s"
    if isinstance(problem, StoreError | CannotDo):
        return str(problem)
    return "the engine does not answer"
