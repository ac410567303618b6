"""Does the same for many sites or days: what fails for one keeps none of the others from it.

In: a function, what to call it with. Out: the first failure. Promises: where nobody answers, the rest is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from schema.store import StoreDown

Item = TypeVar("Item")


def is_of_all(problem: Exception) -> bool:
    """Whether what one failed with would befall every other, too."""
    return isinstance(problem, StoreDown) and problem.unreachable


def for_each(work: Callable[[Item], object], items: Iterable[Item]) -> Exception | None:
    """Call it with each; the first failure, once all are done. Raises StoreDown where nobody answers."""
    failed: Exception | None = None
    for item in items:
        try:
            work(item)
        except Exception as problem:
            if is_of_all(problem):
                raise
            failed = failed or problem
    return failed
