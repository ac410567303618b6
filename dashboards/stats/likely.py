"""Which questions are like one that has no answer.

In: what its rows are of, and what it filters. Out: what of both is left, what is nearest to the question first; and of
such questions the first that is answered. Promises: the question itself is not among them; few are asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, islice
from typing import TypeVar

from .refused import BadQuery

# Of more nothing is answered at once, so that others are not looked for.
_MOST_NAMES, _MOST_TOGETHER = 6, 2
# A question that takes long is asked a few times at most.
_MOST_ASKED = 8

Left = tuple[tuple[str, ...], frozenset[str]]
_Question = TypeVar("_Question")


def likely(dimensions: Sequence[str], filtered: Sequence[str]) -> Iterator[Left]:
    """Dimensions that rows are of, and those that are filtered: as many as can be, of rows rather than of filters."""
    if not dimensions and len(filtered) > 1:
        # Of two values that are a pair one is a row of the other, which is all that was asked.
        yield (filtered[1],), frozenset(filtered[:1])
        yield (filtered[0],), frozenset(filtered[1:2])
    found = [(rows, frozenset(kept)) for rows in _some(dimensions) for kept in _some(filtered)]
    found.sort(key=lambda one: (-len(one[0]) - len(one[1]), -len(one[0])))
    whole = tuple(dict.fromkeys(dimensions)), frozenset(filtered)
    yield from (one for one in found if one != whole)


def first_answered(
    candidates: Iterable[_Question], reads: Callable[[_Question], object], answers: Callable[[_Question], object]
) -> _Question | None:
    """The first that is answered, of the first few that can be asked. reads, answers: raise BadQuery; the former tells
    as far as is known without asking."""
    asked = islice((one for one in candidates if is_taken(reads, one)), _MOST_ASKED)
    return next((one for one in asked if is_taken(answers, one)), None)


def is_taken(tried: Callable[[_Question], object], question: _Question) -> bool:
    """Whether a question is not refused by that."""
    with contextlib.suppress(BadQuery):
        tried(question)
        return True
    return False


def _some(names: Sequence[str]) -> list[tuple[str, ...]]:
    first = tuple(dict.fromkeys(names))[:_MOST_NAMES]
    return [some for many in range(_MOST_TOGETHER + 1) for some in combinations(first, many)]
