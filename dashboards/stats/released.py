"""What is known of the days of a period, of which some are released: how sure they are, and what each counted.

In: what released_days.py finds. Out: `Released`. Promises: none of its own; a day is called suppressed only if its
manifest says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from schema.funnel import Funnel

from .certainty import Sureness
from .goal_days import GoalDays
from .months import Month
from .source import Span


class Released(Struct, frozen=True):
    """k: the largest fold threshold among the days. networks: of how many networks the visitors have to be, by the
    settings of now. suppressed: days of fewer than k people. partial: days whose
    raw rows were about to expire before everything had arrived. over_counted: days on which a key was lost.
    imported: days that were.
    since, through: the first and the last day of the site that is released at all. span: the days, and those before
    them that were asked for; wide: the same with what was added to those before. mark: which releases those are.
    months: those that the days touch and whose sums may be taken. small, odd: of all days of the span those of
    fewer than k people, and those that are partial or over-counted. cuts_blocks: whether rows were released with a
    week or four weeks of which only some days are within the period, so that they are not in it (rule N2). goals,
    sections, properties: which days counted which. bounded: days on which release.bound has lowered a figure of the
    whole site by more than 5 %; lowered: which figures. funnels: those that the site has now, each with its
    definition; funnel_days: by released day of the period those that it counted, by name their definition;
    pair_days, segment_days: the same of pairs and segments; segment_days_before: of the days before. pair_grains:
    rows of pairs that were added to days of the period, by day and grain; segment_grains: the same of segments, of all
    days, with what each is of. segment_goals_on: the released days that counted the goals within their segments;
    segment_goals_added: by day and grain of such rows the goals that were counted within, as they are defined now;
    segment_goals_former: rows of goals that were otherwise, by grain, day and goal. pair_goals_on: the days that
    counted goals within their pairs. goal_names: the goals that the site has now. segments: those that the site has
    now, by name their definition; section_patterns: its sections, by name the pattern of their pages."""

    k: int
    span: Span
    since: dt.date | None = None
    through: dt.date | None = None
    suppressed: tuple[dt.date, ...] = ()
    partial: tuple[dt.date, ...] = ()
    over_counted: tuple[dt.date, ...] = ()
    imported: tuple[dt.date, ...] = ()
    mark: int = 0
    months: tuple[Month, ...] = ()
    small: frozenset[dt.date] = frozenset()
    odd: frozenset[dt.date] = frozenset()
    networks: int = 1
    cuts_blocks: bool = False
    goals: GoalDays = GoalDays()
    sections: GoalDays = GoalDays()
    properties: GoalDays = GoalDays()
    bounded: tuple[dt.date, ...] = ()
    lowered: tuple[str, ...] = ()
    funnels: tuple[tuple[Funnel, str], ...] = ()
    funnel_days: Mapping[dt.date, Mapping[str, str]] = {}
    pair_days: Mapping[dt.date, frozenset[str]] = {}
    segments: Mapping[str, str] = {}
    section_patterns: Mapping[str, str] = {}
    segment_days: Mapping[dt.date, Mapping[str, str]] = {}
    segment_days_before: Mapping[dt.date, Mapping[str, str]] = {}
    pair_grains: tuple[tuple[dt.date, str], ...] = ()
    segment_grains: tuple[tuple[dt.date, str, Mapping[str, str]], ...] = ()
    segment_goals_on: frozenset[dt.date] = frozenset()
    segment_goals_added: Mapping[tuple[dt.date, str], frozenset[str]] = {}
    segment_goals_former: tuple[tuple[str, dt.date, str], ...] = ()
    pair_goals_on: frozenset[dt.date] = frozenset()
    goal_names: tuple[str, ...] = ()
    wide: Span | None = None

    @property
    def sure(self) -> Sureness:
        """What there is to know of every number of the days."""
        incomplete, over_counted, bounded = bool(self.partial), bool(self.over_counted), bool(self.bounded)
        return Sureness(incomplete, over_counted, bounded, bool(self.imported), self.cuts_blocks)

    def sure_of(self, day: dt.date) -> Sureness:
        """The same of one of them."""
        return Sureness(*(day in days for days in (self.partial, self.over_counted, self.bounded, self.imported)))

    @property
    def enough(self) -> str:
        """Who have to be, so that something is shown, as words."""
        return enough(self.k, self.networks)


def enough(k: int, networks: int) -> str:
    """The same of a threshold (rules R3 and N4)."""
    return f"{k} visitors from {min(k, networks)} networks" if min(k, networks) > 1 else f"{k} visitors"


def enough_for_a_day(k: int, networks: int) -> str:
    """The same of a day, also while it goes on (rule N7): its first snapshot is shown with its second one."""
    return f"{enough(k, networks)} on, while it goes on from twice as many, at full quarter hours"
