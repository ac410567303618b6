"""On which released days a goal, or a section, was counted, and by which rows (rule N6).

In: a site's entries of the manifest, its goals, or its sections, as they are declared now. Out: `GoalDays`. Promises:
numbers of another definition are never added to those of a goal; a day that did not count a goal is told from one on
which nobody reached it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from schema.manifest import ADDED, grain_of_goal, span_of


class Beside(Struct, frozen=True):
    """An entry of a block, or of a goal that was added to a day: its first day, the grain of its rows, how many these
    are, and of which goals, by name their definition."""

    day: dt.date
    grain: str
    rows: int
    goals: Mapping[str, str]


class Counted(Struct, frozen=True):
    """Of some days: since which of them a goal is counted, where those before are not, and on how many it is not."""

    since: dt.date | None = None
    not_on: int = 0


ALWAYS = Counted()


class GoalDays(Struct, frozen=True):
    """since: by goal the first day that counted it, where the one before did not. not_counted: by goal the released
    days that did not. added: rows of goals that were added to days, by day and grain. former: rows of goals as they
    were defined before, by grain, day and goal."""

    since: Mapping[str, dt.date] = {}
    not_counted: Mapping[str, frozenset[dt.date]] = {}
    added: tuple[tuple[dt.date, str], ...] = ()
    former: tuple[tuple[str, dt.date, str], ...] = ()

    def within(self, first: dt.date, last: dt.date) -> dict[str, Counted]:
        """Of these days, those goals that were not counted on all."""
        return {
            goal: Counted(
                since if (since := self.since.get(goal)) and first < since else None,
                sum(first <= day <= last for day in days),
            )
            for goal, days in self.not_counted.items()
        }


def goal_days(
    days: Mapping[dt.date, Mapping[str, str] | None],
    beside: Iterable[Beside],
    declared: Mapping[str, str],
    grain_of: Callable[[str, str], str] = grain_of_goal,
) -> GoalDays:
    """days: of the released ones which goals they counted, by name their definition; None where the entry is too old to
    say so: then all that there were. declared: the same of the goals that are declared now. grain_of: of what is added,
    by name and definition."""
    beside = [*beside]
    known = {day: goals for day, goals in days.items() if goals is not None}
    told = sorted(((one.day, one.goals) for one in beside), key=lambda one: one[0])
    # Of a goal that is declared no more the last definition counts.
    wanted: dict[str, str] = {}
    for _, goals in sorted([*known.items(), *told], key=lambda one: one[0]):
        wanted |= goals
    wanted |= declared
    if not wanted:
        return GoalDays()
    grains = {grain_of(name, definition): name for name, definition in wanted.items()}
    added = {(one.day, one.grain): one.rows for one in beside if one.grain in grains and one.day in days}
    rows = [("day", day, goals) for day, goals in known.items()]
    rows += [(one.grain, one.day, one.goals) for one in beside if span_of(one.grain) != ADDED]
    since: dict[str, dt.date] = {}
    not_counted: dict[str, frozenset[dt.date]] = {}
    for name, definition in wanted.items():
        without = {day for day, goals in known.items() if goals.get(name) != definition}
        missing = {day for day in without if (day, grain_of(name, definition)) not in added}
        begins = min(known.keys() - missing, default=None)
        before = max((day for day in days if begins and day < begins), default=None)
        # Entries that are too old to say so are of days that counted it, unless it was declared after them.
        if begins and before and (before in known or begins in without):
            since[name] = begins
            missing |= {day for day in days if day < begins}
        if missing:
            not_counted[name] = frozenset(missing)
    return GoalDays(
        since,
        not_counted,
        tuple(sorted(key for key, many in added.items() if many)),
        tuple(
            (grain, day, name)
            for grain, day, goals in rows
            for name, definition in goals.items()
            if wanted[name] != definition
        ),
    )


def of_block(days: Iterable[Mapping[str, str] | None]) -> dict[str, str]:
    """What a block counts by what its days did, by name the definition; "", which is none, where it changed among
    them. None: a day that does not say."""
    found: dict[str, str] = {}
    for definitions in days:
        for name, definition in (definitions or {}).items():
            found[name] = definition if found.get(name, definition) == definition else ""
    return found
