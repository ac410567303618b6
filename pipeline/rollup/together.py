"""Many open days are rolled up in few batches: small ones together, a big one alone.

In: site-days and how many raw rows each has. Out: what is shown of them. Promises: a site-day that fails harms no
other; sites that somebody looks at come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from schema.store import Store

from ..each import is_of_all
from .batch import ROWS_AT_MOST, Quarter, SiteDay, batches
from .stages import roll_up_together
from .visits.snapshot import Key


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
    first = sorted(days, key=lambda of: (of.site.key not in watched, rows[of.key]))
    return in_batches(lambda batch: roll_up_together(store, batch, quarter), first, rows)


def in_batches(
    work: Callable[[Sequence[SiteDay]], object],
    days: Sequence[SiteDay],
    rows: Mapping[Key, int],
    at_most: int = ROWS_AT_MOST,
) -> dict[Key, Exception]:
    """Call it with batches of site-days; those that failed alone, with the reason. Raises StoreDown where nobody
    answers. rows: how many rows each has; at_most: of these, in a batch."""
    failed: dict[Key, Exception] = {}
    waiting = deque(batches(days, rows, at_most))
    while waiting:
        batch = waiting.popleft()
        try:
            work(batch)
        except Exception as problem:
            if is_of_all(problem):
                raise
            if len(batch) == 1:
                failed[batch[0].key] = problem
            else:  # which of them it is shows when each is alone
                waiting.extendleft([of] for of in reversed(batch))
    return failed
