"""A pair: two dimensions of a visit whose table is released, so that a value of one filters the other (Q1).

In: texts of the settings, such as `country x channel`. Out: frozen `Pair`s. Promises: a pair has one name, whichever
dimension is written first.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from .dimensions import DIMENSIONS

# Those of which a visit has one value, so that a visit is in one cell of each table.
CROSSED = tuple(name for name, one in DIMENSIONS.items() if one.scope == "visit")
MOST_PAIRS = 40
_BETWEEN = re.compile(r"\s+x\s+|\s*×\s*")


class Pair(Struct, frozen=True, order=True):
    """Two dimensions, in the order of the registry."""

    one: str
    other: str

    @property
    def name(self) -> str:
        return f"{self.one} x {self.other}"

    def beside(self, dimension: str) -> str:
        """The other one of the two."""
        return self.other if dimension == self.one else self.one


def above(dimension: str) -> tuple[str, ...]:
    """The dimensions above one, the nearest first."""
    parent = DIMENSIONS[dimension].parent
    return (parent, *above(parent)) if parent else ()


def is_within(pair: Pair, other: Pair) -> bool:
    """Whether each cell of the other one is a sum of cells of the first, in both dimensions: these sums are neither of
    a row nor of a column, and nobody has looked what follows from them."""
    ways = ((pair.one, pair.other), (pair.other, pair.one))
    return any(other.one in above(one) and other.other in above(by) for one, by in ways)


def is_across(pair: Pair, other: Pair) -> bool:
    """Whether each is narrower than the other one in a dimension: where a country has one region, the sums of both are
    of the same cells, neither of a row nor of a column."""
    return _is_askew(pair, other) or _is_askew(other, pair)


def _is_askew(pair: Pair, other: Pair) -> bool:
    """Whether the first dimension of the other one is wider, and its second one narrower."""
    ways = ((pair.one, pair.other), (pair.other, pair.one))
    return pair != other and any(other.one in above(one) and by in above(other.other) for one, by in ways)


def exclude(pair: Pair, other: Pair) -> bool:
    """Whether the two may not both be told."""
    return is_within(pair, other) or is_within(other, pair) or is_across(pair, other)


def is_above(pair: Pair, other: Pair) -> bool:
    """Whether each cell of the first one is a sum of cells of the other."""
    ways = ((pair.one, pair.other), (pair.other, pair.one))
    return pair != other and any(
        one in (other.one, *above(other.one)) and by in (other.other, *above(other.other)) for one, by in ways
    )


def pair_of(text: str) -> Pair:
    """Raises ValueError."""
    names = _BETWEEN.split(text.strip())
    if len(names) != 2:
        raise ValueError(f"pair {text!r}: write two dimensions, such as 'country x channel'")
    for name in names:
        if name not in DIMENSIONS:
            raise ValueError(
                f"pair {text!r}: there is no dimension {name!r}: of a visit there are {', '.join(CROSSED)}"
            )
        if name not in CROSSED:
            raise ValueError(
                f"pair {text!r}: a visit may have several values of {name!r}: name two of {', '.join(CROSSED)}"
            )
    if names[0] == names[1]:
        raise ValueError(f"pair {text!r}: the two are the same: name another dimension beside {names[0]!r}")
    return paired(*names)


def paired(one: str, other: str) -> Pair:
    """The pair of two dimensions, in whichever order."""
    return Pair(*sorted((one, other), key=CROSSED.index))


# Every site asks this when it is made, and a roll-up of each of its days again; most have the pairs of the settings.
@lru_cache(maxsize=1024)
def pairs_of(texts: tuple[str, ...]) -> tuple[Pair, ...]:
    """Those of a site. Raises ValueError."""
    if len(texts) > MOST_PAIRS:
        raise ValueError(f"there are {len(texts)} pairs: at most {MOST_PAIRS} are counted, leave the others out")
    found: dict[Pair, str] = {}
    for text in texts:
        pair = pair_of(text)
        if pair in found:
            raise ValueError(f"pair {text!r} is {found[pair]!r} once more: name it once")
        found[pair] = text
    for pair, text in found.items():
        for other in found:
            if is_within(pair, other):
                raise ValueError(
                    f"pairs {text!r} and {found[other]!r}: both dimensions of the first belong to those of the second, "
                    "whose sums would tell of few: leave one of them out"
                )
            if is_across(pair, other):
                raise ValueError(
                    f"pairs {text!r} and {found[other]!r}: each is narrower than the other in one dimension, and both "
                    "together would tell of few: leave one of them out"
                )
    return tuple(found)


_DEFAULT = ("source", "channel", "entry_page", "country", "utm_campaign", "device")
# Each of these by each other one.
DEFAULT_PAIRS = tuple(Pair(one, other).name for place, one in enumerate(_DEFAULT) for other in _DEFAULT[place + 1 :])
