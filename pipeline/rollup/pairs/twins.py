"""What is told of cells of pairs already: by goals, and by segments, that are twins of a value (twins.py).

In: twins, and by which values their conditions are told. Out: of each site-day which cells follow from these, and of
which values no cell is told. Promises: of a value that has a twin pairs tell nothing; what the twin tells of it is
known, as if it was shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from msgspec import Struct, field

from schema.pair import Pair, paired

from ..batch import Batch
from ..cells.twins import ToldBy, Twins
from .lines import Cell

# By site-day, dimension and value, and the other way round.
Places = Mapping[tuple[int, str, str], int]


class Beside(Struct):
    """known: by pair the cells that are told elsewhere. barred: by dimension the values of which none is told."""

    known: dict[Pair, set[Cell]] = field(default_factory=dict)
    barred: dict[str, set[int]] = field(default_factory=dict)

    def bars(self, pair: Pair, cell: Cell) -> bool:
        return cell[0] in self.barred.get(pair.one, ()) or cell[1] in self.barred.get(pair.other, ())


def beside(twins: Twins, told: ToldBy, places: Places, dimensions: Collection[str]) -> defaultdict[int, Beside]:
    """By site-day. twins: their values are places of values. dimensions: of pairs, and those above them."""
    found: defaultdict[int, Beside] = defaultdict(Beside)
    for condition, values in twins.items():
        d, mine = condition[0], told.get(condition, {})
        for dimension, value in values if "" in mine else ():
            assert isinstance(value, int)
            found[d].barred.setdefault(dimension, set()).add(value)
            for other in dimensions:
                if other != dimension:
                    pair = paired(dimension, other)
                    known = found[d].known.setdefault(pair, set())
                    others = (places.get((d, other, by)) for by in mine.get(other, ()))
                    known |= {(value, by) if pair.one == dimension else (by, value) for by in others if by}
    return found


def places_of(of: Batch) -> Places:
    """The places of values in `numbers`."""
    rows = of.store.rows(of.naming("SELECT d, dimension, value, place FROM {numbers}"))
    return {(d, dimension, value): place for d, dimension, value, place in rows}
