"""How the embedded engine goes about its own work: when its threads look for some, how much memory it takes.

In: how much memory there is. Out: options for opening it. Promises: no answer and no row depends on them.
"""

from __future__ import annotations

from .memory import memory

# After every insert a table is looked at for something to merge, and then again and again after pauses that grow: by a
# tenth, from a tenth of a second, as it comes. Seventy tables are looked at forty times a second then, for minutes.
_PAUSES_GROW_BY, _FIRST_PAUSE_S = 2, 1
# Rows that are deleted are deleted part by part, and raw rows have a partition for each day. Who finds no place in the
# queue is looked at again after these pauses: with the four that there are as it comes a deletion took two to three
# seconds of waiting. What waits in the queue takes no memory; as many threads as before do it, small parts first.
_QUEUED = 16
# How often it is measured how much memory is taken: twenty times a second, as it comes. Where there is little, what the
# engine has counted is set right by it: by its own count a day of a million events needs 50 MB more than it takes.
_MEASURED_EVERY_MS, _OFTEN_MS = 1000, 100
# A statement that needs more fails, in place of the process. What is added up or sorted goes to disk from half of it.
MEMORY_SHARE = 0.9
# Where there is less, the big tables of a run are on the disk (pipeline/rollup/batch.py), the others compressed.
_LITTLE = 1_500_000_000
# What the parent and a collector take, and Python beside the engine's own count.
_OTHERS = 120_000_000


def has_little_memory() -> bool:
    """Whether to rather take time than memory."""
    return 0 < memory() < _LITTLE


def may_take(memory_share: float = MEMORY_SHARE) -> int:
    """Bytes that the engine may take, 0 for any. Where there is little, a share leaves less than the house's other
    processes need: then the kernel would kill in place of a statement that is refused."""
    there = memory()
    least = there // 2
    return max(min(int(there * memory_share), there - _OTHERS), min(least, int(there * memory_share)))


def options(memory_share: float = MEMORY_SHARE) -> dict[str, int | str]:
    """By their names in the engine's configuration. memory_share: of what there is."""
    return {
        "max_server_memory_usage": may_take(memory_share),
        "background_processing_pool_thread_sleep_seconds_if_nothing_to_do": _FIRST_PAUSE_S,
        "background_processing_pool_task_sleep_seconds_when_no_work_multiplier": _PAUSES_GROW_BY,
        "background_streaming_processing_pool_task_sleep_seconds_when_no_work_multiplier": _PAUSES_GROW_BY,
        "background_merges_mutations_concurrency_ratio": _QUEUED,
        "background_merges_mutations_scheduling_policy": "shortest_task_first",
        "memory_worker_period_ms": _OFTEN_MS if has_little_memory() else _MEASURED_EVERY_MS,
        "memory_worker_correct_memory_tracker": int(has_little_memory()),
    }
