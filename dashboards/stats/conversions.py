"""Goals reached and money earned.

In: rows of day, goal, currency, converters, conversions, amount, payers. Out: one `Goal` for each goal, the most
reached first.
Promises: money is never added over currencies; a sum that may not be the whole says so, and of how many it is, out of
numbers alone that are published anyway.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from schema.currency import DECIMALS
from schema.store import Row

from .certainty import EXACT, Certainty, Flag, Sureness
from .figures import percent
from .goal_days import ALWAYS, Counted
from .interval import wilson


class Revenue(Struct, frozen=True):
    """amount is in the currency's minor units, value the same as a decimal number. payers are people; of_payers: how
    many reached the goal. orders: how many orders it is from, None where that is not known; of_orders: of how many."""

    currency: str
    amount: int
    value: str
    payers: int
    of_payers: int
    orders: int | None
    of_orders: int
    certainty: Certainty


class Goal(Struct, frozen=True):
    """converters are people, conversions are how often; conversion_rate is in percent of all visitors, of_visitors;
    low and high are the ends of its 95 % interval, without the upper one where the rate is at least so large.
    not_shown_days: on how many days, of_days of which there is data, few or none reached it, or it was not counted.
    counted_since: the first day that counted it, where days of the period before it did not."""

    goal: str
    converters: int
    conversions: int
    conversion_rate: float | None
    of_visitors: int = 0
    low: float | None = None
    high: float | None = None
    revenue: tuple[Revenue, ...] = ()
    certainty: Certainty = "exact"
    flags: tuple[Flag, ...] = ()
    not_shown_days: int = 0
    of_days: int = 0
    counted_since: dt.date | None = None

    def row(self) -> dict[str, Any]:
        """The goal as a row of `footfall stats`."""
        return {
            "value": self.goal,
            "visitors": self.converters,
            "conversions": self.conversions,
            "conversion_rate": self.conversion_rate,
            "of_visitors": self.of_visitors,
            "low": self.low,
            "high": self.high,
            "revenue": to_builtins(list(self.revenue)),
            "certainty": self.certainty,
            "flags": list(self.flags),
            "not_shown_days": self.not_shown_days,
            "of_days": self.of_days,
            "counted_since": self.counted_since.isoformat() if self.counted_since else None,
        }


class GoalDay(Struct, frozen=True):
    """A goal on one day that tells of it. visitors: how many could have reached it."""

    day: dt.date
    goal: str
    converters: int
    conversions: int
    visitors: int
    conversion_rate: float | None
    certainty: Certainty
    flags: tuple[Flag, ...]

    def row(self) -> dict[str, Any]:
        """The day as a row of `footfall stats`."""
        return {
            "value": self.day.isoformat(),
            "goal": self.goal,
            "visitors": self.converters,
            "conversions": self.conversions,
            "conversion_rate": self.conversion_rate,
            "of_visitors": self.visitors,
            "certainty": self.certainty,
            "flags": list(self.flags),
        }


def days_in(
    rows: Iterable[Row], visitors: Mapping[dt.date, int], sure_of: Callable[[dt.date], Sureness]
) -> list[GoalDay]:
    """Each goal's days in their order, the most reached goal first. rows: of days alone."""
    found: dict[str, dict[dt.date, tuple[int, int]]] = {}
    for day, goal, currency, converters, conversions, *_ in rows:
        if not currency:
            found.setdefault(goal, {})[day] = (converters, conversions)
    size = {goal: sum(converters for converters, _ in days.values()) for goal, days in found.items()}
    return [
        GoalDay(
            day,
            goal,
            *reached,
            visitors.get(day, 0),
            percent(reached[0], visitors.get(day, 0)),
            sure_of(day).certainty(False),
            sure_of(day).flags(False),
        )
        for goal in sorted(found, key=lambda goal: (-size[goal], goal))
        for day, reached in sorted(found[goal].items())
    ]


class _Day(Struct):
    """A goal on one day. paid: by currency how much, and by how many people."""

    converters: int = 0
    conversions: int = 0
    paid: dict[str, tuple[int, int]] = field(default_factory=dict)


def goals_in(
    rows: Iterable[Row],
    k: int,
    of_days: int,
    in_part: bool = False,
    sure: Sureness = EXACT,
    counted: Mapping[str, Counted] | None = None,
) -> list[Goal]:
    """The goals of such rows, added up, without a rate. of_days: how many days have data. in_part: rows of values, of
    which some may be hidden on every day. sure: what there is to know of the days. counted: on which of them a goal
    was counted, where not on all."""
    by_goal: dict[str, dict[dt.date, _Day]] = {}
    for day, goal, currency, converters, conversions, amount, payers in rows:
        of_day = by_goal.setdefault(goal, {}).setdefault(day, _Day())
        if currency:
            # Of a block, too, which has the day with which it begins.
            before = of_day.paid.get(currency, (0, 0))
            of_day.paid[currency] = (before[0] + amount, before[1] + payers)
        else:
            of_day.converters += converters
            of_day.conversions += conversions
    goals = [
        _goal(goal, list(days.values()), k, of_days, in_part, sure, (counted or {}).get(goal, ALWAYS))
        for goal, days in by_goal.items()
    ]
    return sorted(goals, key=lambda goal: (-goal.converters, goal.goal))


def _goal(name: str, days: list[_Day], k: int, of_days: int, in_part: bool, sure: Sureness, counted: Counted) -> Goal:
    shown = sum(day.converters > 0 for day in days)
    # Where everything is shown, a day without the goal is one on which nobody reached it, if it was counted.
    missing = max(0, of_days - shown) if k > 1 else counted.not_on
    not_shown = missing or (in_part and k > 1)
    converters, conversions = sum(day.converters for day in days), sum(day.conversions for day in days)
    revenue = []
    for currency in sorted({currency for day in days for currency in day.paid}):
        paying = [day for day in days if currency in day.paid]
        amount, payers = map(sum, zip(*(day.paid[currency] for day in paying), strict=True))
        # How many orders an amount is from is told of days on which all who ordered paid, and in this currency. Counted
        # elsewhere it would tell, subtracted, what fewer than k others did.
        alone = all(len(day.paid) == 1 and day.paid[currency][1] == day.converters for day in paying)
        orders = sum(day.conversions for day in paying) if alone else None
        whole = not not_shown and (k == 1 or orders == conversions)
        value = decimal_of(amount, currency)
        certainty = sure.certainty(not whole)
        revenue.append(Revenue(currency, amount, value, payers, converters, orders, conversions, certainty))
    certainty, flags = sure.certainty(not_shown), sure.flags(not_shown)
    amounts = tuple(revenue)
    return Goal(
        name,
        converters,
        conversions,
        conversion_rate=None,
        revenue=amounts,
        certainty=certainty,
        flags=flags,
        not_shown_days=missing,
        of_days=of_days,
        counted_since=counted.since,
    )


def decimal_of(amount: int, currency: str) -> str:
    """Minor units as a decimal number: 412050 is 4120.50 of pounds and 412050 of yen."""
    decimals = DECIMALS.get(currency, 2)
    return f"{Decimal(amount).scaleb(-decimals):.{decimals}f}"


def rated(goals: list[Goal], visitors: int) -> list[Goal]:
    """The goals with their rates. visitors: how many people could have reached them."""
    if not visitors:
        return goals
    told = []
    for goal in goals:
        low, high = wilson(goal.converters, visitors)
        rate = percent(goal.converters, visitors)
        # Who is not shown may have reached it, too.
        end = None if goal.certainty == "at least" else round(high, 2)
        told.append(replace(goal, conversion_rate=rate, of_visitors=visitors, low=round(low, 2), high=end))
    return told
