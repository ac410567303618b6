"""Runs statements that do not depend on each other at the same time, on both cores of a small machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from schema.store import Store

# Each holds its own part in memory: more of them are not faster on two cores, but bigger.
_AT_ONCE = 2
# They stay, because each has a client of its own.
_THREADS = ThreadPoolExecutor(_AT_ONCE, "statement")

Statement = tuple[str, Mapping[str, Any]]


def at_once(store: Store, statements: Sequence[Statement]) -> None:
    """Run them all; the first error, once none is running any more."""
    if len(statements) == 1:
        store.command(*statements[0])
        return
    running = [_THREADS.submit(store.command, *statement) for statement in statements]
    wait(running)
    for statement in running:
        statement.result()
