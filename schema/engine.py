"""How the embedded engine goes about its own work: when its threads look for some.

In: nothing. Out: options for opening it. Promises: no answer and no row depends on them.
"""

from __future__ import annotations

# After every insert a table is looked at for something to merge, and then again and again after pauses that grow: by a
# tenth, from a tenth of a second, as it comes. Seventy tables are looked at forty times a second then, for minutes.
_PAUSES_GROW_BY, _FIRST_PAUSE_S = 2, 1
# How often it is measured how much memory there is: twenty times a second, as it comes.
_MEASURED_EVERY_MS = 1000


def options() -> dict[str, int]:
    """By their names in the engine's configuration."""
    return {
        "background_processing_pool_thread_sleep_seconds_if_nothing_to_do": _FIRST_PAUSE_S,
        "background_processing_pool_task_sleep_seconds_when_no_work_multiplier": _PAUSES_GROW_BY,
        "background_streaming_processing_pool_task_sleep_seconds_when_no_work_multiplier": _PAUSES_GROW_BY,
        "memory_worker_period_ms": _MEASURED_EVERY_MS,
    }
