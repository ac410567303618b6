"""Many open days are rolled up in few batches: small ones together, a big one alone.

In: site-days and how many raw rows each has. Out: what is shown of them. Promises: a site-day that fails harms no
other; sites that somebody looks at come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence

from schema.store import Store

from ..each import is_of_all
from .batch import Quarter, SiteDay
from .snapshot import Key
from .stages import roll_up_together

# Of a batch: what one statement reads, and how many partitions it writes.
_ROWS_AT_MOST = 200_000
_DAYS_AT_MOST = 100


def roll_up_all(
    store: Store,
    days: Sequence[SiteDay],
    rows: Mapping[Key, int],
    watched: Collection[str] = (),
    quarter: Quarter | None = None,
) -> dict[Key, Exception]:
    """Bring open days up to date and show them; those that failed, with the reason. Raises StoreDown where
    nobody answers: then none of the rest would do better. rows: how many raw rows each has. watched: sites to begin
    with. quarter: see `roll_up_together`."""
    failed: dict[Key, Exception] = {}
    first = sorted(days, key=lambda of: (of.site.key not in watched, rows[of.key]))
    waiting = deque(_batches(first, rows))
    while waiting:
        batch = waiting.popleft()
        try:
            roll_up_together(store, batch, quarter)
        except Exception as problem:
            if is_of_all(problem):
                raise
            if len(batch) == 1:
                failed[batch[0].key] = problem
            else:  # which of them it is shows when each is alone
                waiting.extendleft([of] for of in reversed(batch))
    return failed


def _batches(days: Sequence[SiteDay], rows: Mapping[Key, int]) -> Iterator[list[SiteDay]]:
    batch: list[SiteDay] = []
    total = 0
    for of in days:
        if batch and (total + rows[of.key] > _ROWS_AT_MOST or len(batch) == _DAYS_AT_MOST):
            yield batch
            batch, total = [], 0
        batch.append(of)
        total += rows[of.key]
    if batch:
        yield batch
