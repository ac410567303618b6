"""How many people got how far through the funnels of a site.

In: rows of day, funnel and step; which funnels there are, and which were counted on which day. Out: a `StepCell` for
each step of each of them, in their order, and a `StepDay` of each day that tells of it. Promises: what may be more says
so; days that counted a funnel by another definition are not among its days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from schema.funnel import Funnel
from schema.funnels import FUNNELS

from .certainty import Certainty, Flag, Sureness
from .execute import Answer, Groups
from .figures import Coverage, percent
from .query import Query

# By released day the funnels that it counted, by name their definition.
Counted = Mapping[dt.date, Mapping[str, str]]
# Of a funnel on a day by step how many people, and how many more they may be.
Steps = Mapping[int, tuple[int, int]]
_OF_PERIODS = ("value", "not_shown_days", "of_days", "counted_since")


class StepCell(Struct, frozen=True):
    """One step of a funnel. what: what has to happen. people: visitors of each day who reached it, added up, at least;
    at_most: how many they may be, None where days tell nothing of it. of_first, of_before: in percent of those of the
    first step and of the step before; drop: how many of these went no further; None at the first step, where nobody
    was, and where it is not known whether anybody was. drop_certainty: of the three: exact, or about where one of the
    numbers is. not_shown_days: on how many days, of_days of which there is data, it is known by later steps only, or
    not at all. counted_since: the first day that counted the funnel, where days of the period before it did not."""

    funnel: str
    step: int
    what: str
    people: int
    at_most: int | None
    certainty: Certainty
    flags: tuple[Flag, ...]
    of_first: float | None
    of_before: float | None
    drop: int | None
    drop_certainty: Certainty
    not_shown_days: int
    of_days: int
    counted_since: dt.date | None = None

    @property
    def is_told(self) -> bool:
        """Whether anything is known of how many got there."""
        return bool(self.people) or self.certainty == "exact"

    def row(self) -> dict[str, Any]:
        """The step as a row of `footfall stats`: its funnel is the value."""
        return {
            "value": self.funnel,
            "step": self.step,
            "what": self.what,
            "people": self.people,
            "at_most": self.at_most,
            "of_first": self.of_first,
            "of_before": self.of_before,
            "drop": self.drop,
            "drop_certainty": self.drop_certainty,
            "certainty": self.certainty,
            "flags": list(self.flags),
            "not_shown_days": self.not_shown_days,
            "of_days": self.of_days,
            "counted_since": self.counted_since.isoformat() if self.counted_since else None,
        }


class StepDay(Struct, frozen=True):
    """A step on one day that tells of its funnel."""

    day: dt.date
    cell: StepCell

    def row(self) -> dict[str, Any]:
        """The step as a row of `footfall stats`: its day is the value."""
        told = {name: one for name, one in self.cell.row().items() if name not in _OF_PERIODS}
        return {"value": self.day.isoformat(), "funnel": self.cell.funnel, **told}


class _Sum(Struct):
    """Of a step over days. shown: on how many of them it has a row, exact: on how many an exact one."""

    people: int = 0
    unsure: int = 0
    shown: int = 0
    exact: int = 0


def of_funnels(query: Query, answer: Answer) -> tuple[list[tuple[Funnel, str]], Counted, Groups]:
    """What is asked of: the funnels that filters keep, which were counted when, and their rows."""
    released = answer.plan.released
    kept = [one for one in query.filters if one.dimension == "funnel"]
    funnels = [one for one in released.funnels if all(each.keeps(one[0].name) for each in kept)]
    counted = {day: defined for day, defined in released.funnel_days.items() if query.first <= day <= query.last}
    return funnels, counted, answer.declared[FUNNELS.name]


def step_cells(
    funnels: Iterable[tuple[Funnel, str]],
    counted: Counted,
    groups: Groups,
    k: int,
    coverage: Coverage,
    in_part: bool,
) -> list[StepCell]:
    """funnels: each with its definition. counted: of the released days of the period; what is not among them is open.
    coverage: of the dimension that is filtered. in_part: rows of values, some of which may be hidden on every day."""
    by_funnel = _by_funnel(groups)
    cells: list[StepCell] = []
    for funnel, definition in funnels:
        others = _others(funnel, definition, counted)
        days = {day: steps for day, steps in by_funnel.get(funnel.name, {}).items() if day not in others}
        since = min(counted.keys() - others, default=None) if others else None
        cells += _of_funnel(funnel, days.values(), k, coverage, in_part, len(others), since)
    return cells


def step_days(
    funnels: Iterable[tuple[Funnel, str]],
    counted: Counted,
    groups: Groups,
    k: int,
    sure_of: Callable[[dt.date], Sureness],
    in_part: bool,
) -> list[StepDay]:
    """Each funnel's days in their order, of each its steps. sure_of: what else there is to know of a day."""
    by_funnel = _by_funnel(groups)
    return [
        StepDay(day, cell)
        for funnel, definition in funnels
        for day, steps in sorted(by_funnel.get(funnel.name, {}).items())
        if day not in _others(funnel, definition, counted)
        for cell in _of_funnel(funnel, [steps], k, Coverage(1, 0, False, sure_of(day)), in_part, 0, None)
    ]


def _others(funnel: Funnel, definition: str, counted: Counted) -> set[dt.date]:
    """The days that did not count it as it is now."""
    return {day for day, defined in counted.items() if defined.get(funnel.name) != definition}


def _by_funnel(groups: Groups) -> dict[str, dict[dt.date, Steps]]:
    found: dict[str, dict[dt.date, dict[int, tuple[int, int]]]] = {}
    for group in groups.values():
        for (day, _, funnel, step), (people, unsure) in group.by_key.items():
            steps = found.setdefault(funnel, {}).setdefault(day, {})
            before = steps.get(int(step), (0, 0))
            steps[int(step)] = before[0] + people, before[1] + unsure
    return {funnel: {**days} for funnel, days in found.items()}


def _of_funnel(
    funnel: Funnel,
    days: Iterable[Steps],
    k: int,
    coverage: Coverage,
    in_part: bool,
    not_counted: int,
    since: dt.date | None,
) -> Iterable[StepCell]:
    sums = [_Sum() for _ in funnel.steps]
    for steps in days:
        behind = 0
        for place in range(len(sums) - 1, -1, -1):
            # Who reached a later step reached this one, too.
            people, unsure = steps.get(place + 1, (0, 0))
            behind = max(behind, people)
            sums[place].people += behind
            sums[place].unsure += unsure
            sums[place].shown += place + 1 in steps
            sums[place].exact += place + 1 in steps and not unsure
    before: _Sum | None = None
    all_exact = True
    for place, one in enumerate(sums):
        missing = max(0, coverage.days - one.exact) if k > 1 else min(not_counted, coverage.days)
        not_shown = missing or (in_part and k > 1)
        on_all = one.shown >= coverage.days
        all_exact = all_exact and not not_shown
        exact = coverage.sure.certainty(not all_exact) == "exact"
        certainty = coverage.sure.certainty(not_shown)
        # Of nobody who is known of no share is made: it would be told as none.
        of = before if one.people or certainty == "exact" else None
        yield StepCell(
            funnel=funnel.name,
            step=place + 1,
            what=f"{funnel.steps[place].kind} {funnel.steps[place].wanted}",
            people=one.people,
            at_most=one.people + one.unsure if not not_shown or (on_all and not in_part) else None,
            certainty=certainty,
            flags=coverage.sure.flags(not_shown),
            of_first=percent(one.people, sums[0].people) if of else None,
            of_before=percent(one.people, of.people) if of else None,
            drop=of.people - one.people if of else None,
            drop_certainty="exact" if exact else "about",
            not_shown_days=missing,
            of_days=coverage.days,
            counted_since=since,
        )
        before = one
