"""What a worker does once a second beside answering.

In: what is to be done. Out: a task. Promises: one of them that fails stops neither the others nor the next second's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from schema.lasting import Lasting, kind_and_place

log = structlog.get_logger("collector")


def refresh_forever(keys: Callable[[], None], flush: Callable[[], None], every_s: float = 1.0) -> asyncio.Task[None]:
    """Once a second: follow the key file, hand counts to the spool."""

    failing = Lasting(log, "beat_failed", "beat_goes_on")

    async def run() -> None:
        while True:
            for work in (keys, flush):
                try:
                    work()
                except Exception as problem:
                    # Were this the end of it, keys would no longer be followed and the day's end would stop collection.
                    failing.is_so(work.__qualname__ if hasattr(work, "__qualname__") else "", **kind_and_place(problem))
            await asyncio.sleep(every_s)

    return asyncio.get_running_loop().create_task(run())
