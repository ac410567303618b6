"""The checks of the whole, from inside, for the engineers' page; and what they share with those from outside, which
are those of a command (control/checkup.py).

In: settings, heartbeats. Out: findings. Promises: looking makes nothing; a store that does not answer within seconds is
told of, not waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from schema.store import StoreError

from ..settings import Settings
from ..supervisor.heartbeat import Heartbeat, read_heartbeats
from . import machine, processes, sent
from .finding import BAD, Finding

ANSWERS_WITHIN_S = 10.0


def look_within(settings: Settings, stored: Callable[[], list[Finding]]) -> list[Finding]:
    """From inside, for a page. stored: what this process's store tells."""
    heartbeats, now = processes.without_the_dead(read_heartbeats(settings)), time.monotonic()
    try:
        told = within(ANSWERS_WITHIN_S, stored, silent)
    except StoreError as problem:
        told = [no_store(str(problem))]
    return [*processes.of_parts(settings, heartbeats, now), *told, *local(settings, heartbeats, now, exact=False)]


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


def local(settings: Settings, heartbeats: Mapping[str, Heartbeat], now: float, exact: bool) -> list[Finding]:
    """What the heartbeats, the data directory and the machine tell. exact: with the numbers
    that pages may not tell."""
    return [
        *processes.of_children(heartbeats, now),
        *processes.of_answers(heartbeats, now),
        *processes.of_refusals(heartbeats),
        *processes.of_jobs(heartbeats, now),
        *machine.of_data(settings),
        *machine.of_edits(settings),
        *machine.of_disk(settings, heartbeats),
        *machine.of_little_memory(),
        *machine.of_spools(settings, time.time()),
        *machine.of_quarantine(settings),
        *machine.of_keys(settings, heartbeats, time.time(), now),
        *machine.of_addresses(settings, exact),
        *machine.of_visible(settings),
        *sent.of_sent(settings, time.time()),
        *processes.of_memory(heartbeats, now),
    ]


def silent() -> list[Finding]:
    """What is told of a store that does not answer in time."""
    return [no_store(f"does not answer within {ANSWERS_WITHIN_S:.0f} s")]


def no_store(text: str) -> Finding:
    """What is told of a store that cannot be asked, and why."""
    return Finding("store", BAD, text, "start `footfall up`, or mend store.dsn; the log says more")
