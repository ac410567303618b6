"""How the house is, all together: the one list that `footfall check`, `check site` and the engineers' page tell.

In: settings. Out: findings, and what the store told. Promises: looking makes nothing and migrates nothing; whoever does
not answer within seconds is told of, not waited for; a part apart needs no right but its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from schema.migrate import WrittenByNewer
from schema.store import StoreError

from ..control.engine import Engine, Remote, control_path, open_store, refuse_older
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.heartbeat import Sign, read_signs
from ..supervisor.locks import PARTS, is_held
from ..supervisor.stamp import StampUnreadable
from . import machine, processes
from .finding import BAD, Finding
from .stored import of_server

_ANSWERS_WITHIN_S = 10.0
# Who holds the store and may read it.
_WITH_A_STORE = ("up", "pipeline")


class Looked(Struct, frozen=True):
    """settings: those by which the house runs. status: what the store told; {} if it told nothing."""

    findings: list[Finding]
    settings: Settings
    status: dict[str, Any]


def look(settings: Settings, exact: bool = True) -> Looked:
    """From outside: as a command."""
    signs, now = processes.without_the_dead(read_signs(settings)), time.monotonic()
    running = [*processes.of_parts(settings, signs, now)]
    settings, stored, status = _ask(settings)
    rest = _local(settings, signs, now, exact)
    return Looked([*running, *stored, *rest], settings, status)


def look_within(settings: Settings, stored: Callable[[], list[Finding]]) -> list[Finding]:
    """From inside, for a page. stored: what this process's store tells."""
    signs, now = processes.without_the_dead(read_signs(settings)), time.monotonic()
    try:
        told = within(_ANSWERS_WITHIN_S, stored, _silent)
    except StoreError as problem:
        told = [_no_store(str(problem))]
    return [*processes.of_parts(settings, signs, now), *told, *_local(settings, signs, now, exact=False)]


def within(seconds: float, call: Callable[[], list[Finding]], otherwise: Callable[[], list[Finding]]) -> list[Finding]:
    """What the call tells, or what is told if it takes longer than that."""
    told: list[list[Finding]] = []
    problems: list[Exception] = []

    def run() -> None:
        try:
            told.append(call())
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="look", daemon=True)
    thread.start()
    thread.join(seconds)
    if problems:
        raise problems[0]
    return told[0] if told else otherwise()


def _local(settings: Settings, signs: Mapping[str, Sign], now: float, exact: bool) -> list[Finding]:
    return [
        *processes.of_children(signs, now),
        *processes.of_answers(signs, now),
        *processes.of_refusals(signs),
        *processes.of_jobs(signs, now),
        *machine.of_data(settings),
        *machine.of_disk(settings, signs),
        *machine.of_spools(settings, time.time()),
        *machine.of_quarantine(settings),
        *machine.of_keys(settings, signs, time.time(), now),
        *machine.of_addresses(settings, exact),
        *processes.of_memory(signs, now),
    ]


def _ask(settings: Settings) -> tuple[Settings, list[Finding], dict[str, Any]]:
    """The settings by which the house runs, and what its store tells."""
    held = [part for part in PARTS if is_held(settings.directory, part)]
    if held == ["keys"]:
        return settings, [], {}  # it has no store
    if control_path(settings).exists() and any(part in held for part in _WITH_A_STORE):
        try:
            house = Remote(control_path(settings), _ANSWERS_WITHIN_S)
            told = house.health()
            return house.settings, told, house.status()
        except (StoreError, CannotDo, OSError, msgspec.MsgspecError) as problem:
            return settings, [_no_store(_said(problem))], {}
    if held and settings.dsn.startswith("chdb:"):
        return settings, [_no_store("the engine is not there yet, or not any more")], {}
    if held:
        return settings, _ping(settings), {}
    return _open(settings)


def _open(settings: Settings) -> tuple[Settings, list[Finding], dict[str, Any]]:
    """Of a house that does not run the store itself, as it is."""
    try:
        store = open_store(settings)
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return settings, [_no_store(str(problem))], {}
    try:
        refuse_older(settings, store)
        engine = Engine(settings, store, live=False)
        return settings, engine.health(), engine.status()
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return settings, [_no_store(str(problem))], {}
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
        return within(_ANSWERS_WITHIN_S, ask, _silent)
    except (StoreError, CannotDo, WrittenByNewer, StampUnreadable) as problem:
        return [_no_store(str(problem))]


def _said(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return f"the engine does not answer within {_ANSWERS_WITHIN_S:.0f} s"
    if isinstance(problem, StoreError | CannotDo):
        return str(problem)
    return "the engine does not answer"


def _silent() -> list[Finding]:
    return [_no_store(f"does not answer within {_ANSWERS_WITHIN_S:.0f} s")]


def _no_store(text: str) -> Finding:
    return Finding("store", BAD, text, "start `footfall up`, or mend store.dsn; the log says more")
