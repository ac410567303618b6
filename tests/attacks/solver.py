"""An attacker who reads everything that is published of some weeks, and solves for what is not.

Of a dimension whose values exclude one another in a visit he knows of each day how many visits are hidden together, of
each block what it released, and the rules; and of each value what it is a part of, such as the country of a region, of
which he has read the same. What these leave open he bounds by linear programs: a hidden number whose least and greatest
value are the same is pinned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import highspy
import numpy as np

from pipeline.waiting_days import first_of
from schema.manifest import FOUR_WEEKS, SPANS, WEEK
from tests.pipeline.weeks import Weeks

# A hidden number: the day, counted from the first, and the value.
Cell = tuple[int, str]


def bounds_of(model: highspy.Highs, places: Iterable[int]) -> tuple[float, float]:
    """The least and the greatest that some variables can add up to."""
    places = [*places]
    for place in places:
        model.changeColCost(place, 1.0)
    found = []
    for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
        model.changeObjectiveSense(sense)
        model.run()
        assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal, "what is published contradicts itself"
        found.append(model.getInfo().objective_function_value)
    for place in places:
        model.changeColCost(place, 0.0)
    return found[0], found[1]


class Published:
    """What everybody can read of one dimension. days: how many. values: what there is, which he is given. above,
    parent_of: the same of another dimension, and which of its values each of these is a part of."""

    def __init__(
        self,
        house: Weeks,
        days: int,
        dimension: str,
        values: Sequence[str],
        above: Published | None = None,
        parent_of: Mapping[str, str] | None = None,
    ) -> None:
        self.days, self.values = range(days), values
        self.above, self.parent_of = above, parent_of or {}
        rules = house.rules
        self.k, self.k_late = rules.k, rules.k_late
        given = {"site": house.site.key, "dimension": dimension}
        self.total = {
            (day - house.first).days: visits
            for day, visits in house.store.rows(
                "SELECT day, visits FROM released_cells "
                "WHERE site = {site:String} AND dimension = '' AND grain = 'day'",
                given,
            )
        }
        self.shown: dict[Cell, int] = {
            ((day - house.first).days, value): visits
            for day, value, visits in house.store.rows(
                "SELECT day, value, visits FROM released_cells WHERE site = {site:String} "
                "AND dimension = {dimension:String} AND value != '(other)'",
                given,
            )
        }
        # (span, first day, value): visits.
        self.late: dict[tuple[int, int, str], int] = {
            (SPANS[grain], (day - house.first).days, value): visits
            for grain, day, value, visits in house.store.rows(
                "SELECT grain, day, value, visits FROM late_cells WHERE site = {site:String} "
                "AND dimension = {dimension:String} AND value != '(other)'",
                given,
            )
        }
        assert first_of(house.first, FOUR_WEEKS) == house.first


class Solver:
    """known: numbers that he has from elsewhere, as the least and the greatest they may be."""

    def __init__(self, published: Published, known: dict[Cell, tuple[int, int]] | None = None) -> None:
        self._published = published
        self._cells = [(d, v) for d in published.days for v in published.values if (d, v) not in published.shown]
        self._place = {cell: place for place, cell in enumerate(self._cells)}
        # What adds up: the least and the greatest that it may be, and of which.
        self._rows: list[tuple[int, int, list[int]]] = []
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for day, value in self._cells:
            least, most = (known or {}).get((day, value), (0, self._most(day, value)))
            self._model.addVar(least, most)
        for day in published.days:
            self._sum([(day, value) for value in published.values], *self._hidden(day))
        self._blocks()
        if published.above:
            self._parents(published.above)

    def bounds(self, cell: Cell) -> tuple[int, int]:
        """The least and the greatest that a hidden number can be."""
        least, most = bounds_of(self._model, [self._place[cell]])
        return math.ceil(least - 1e-6), math.floor(most + 1e-6)

    def is_pinned(self, cell: Cell) -> bool:
        """Whether it can be one number only."""
        least, most = self.bounds(cell)
        return least == most

    def _most(self, day: int, value: str) -> int:
        """Hidden are those of fewer than k, and the smallest of the others, which is as small as any that is shown of
        the same parent."""
        parent = self._parent(day, value)
        shown = [
            visits
            for (of, one), visits in self._published.shown.items()
            if of == day and self._parent(day, one) == parent
        ]
        return max(self._published.k - 1, min(shown, default=10**6))

    def _parent(self, day: int, value: str) -> str:
        """What it is a part of; those that are not shown are one together."""
        parent, above = self._published.parent_of.get(value, ""), self._published.above
        return parent if above is None or (day, parent) in above.shown else ""

    def _hidden(self, day: int) -> tuple[int, int]:
        published = self._published
        if day not in published.total:
            return 0, published.k - 1
        hidden = published.total[day] - sum(visits for (of, _), visits in published.shown.items() if of == day)
        return hidden, hidden

    def _blocks(self) -> None:
        published = self._published
        done: set[Cell] = set()
        for span in (WEEK, FOUR_WEEKS):
            for first in range(0, len(published.days), span):
                for value in published.values:
                    cells = [
                        (day, value)
                        for day in range(first, first + span)
                        if (day, value) in self._place and (day, value) not in done
                    ]
                    if (span, first, value) in published.late:
                        self._sum(cells, *[published.late[span, first, value]] * 2)
                        done.update(cells)

    def _parents(self, above: Published) -> None:
        """What is shown and hidden of a parent is what is shown and hidden of its children."""
        published = self._published
        of = Solver(above)
        first = self._model.getNumCol()
        offset = {cell: first + place for cell, place in of._place.items()}
        for cell in of._cells:
            self._model.addVar(0, of._most(*cell))
        for least, most, places in of._rows:
            self._add(least, most, {first + place: 1.0 for place in places})
        for day in published.days:
            for parent in above.values:
                children = [(day, value) for value, its in published.parent_of.items() if its == parent]
                terms = {self._place[cell]: 1.0 for cell in children if cell in self._place}
                rest = -sum(published.shown.get(cell, 0) for cell in children)
                if (day, parent) in offset:
                    terms[offset[day, parent]] = -1.0
                else:
                    rest += above.shown[day, parent]
                self._add(rest, rest, terms)

    def _sum(self, cells: Iterable[Cell], least: int, most: int) -> None:
        places = [self._place[cell] for cell in cells if cell in self._place]
        self._rows.append((least, most, places))
        self._add(least, most, dict.fromkeys(places, 1.0))

    def _add(self, least: int, most: int, terms: Mapping[int, float]) -> None:
        if terms:
            places, factors = np.array([*terms], np.int32), np.array([*terms.values()])
            self._model.addRow(least, most, len(terms), places, factors)
