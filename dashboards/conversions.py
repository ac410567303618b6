"""Goals reached and money earned.

In: a condition over the conversions rollup. Out: one `Goal` for each goal, the most reached first.
Promises: money is never added over currencies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from schema.store import Row, Store

from .source import Span, open_rows, rows_of

# Open days of more rows are added up by the store.
_MOST_OPEN = 1_000


class Revenue(Struct, frozen=True):
    """amount is in the currency's minor units; payers are people."""

    currency: str
    amount: int
    payers: int


class Goal(Struct, frozen=True):
    """converters are people, conversions are how often; conversion_rate is in percent of all visitors."""

    goal: str
    converters: int
    conversions: int
    conversion_rate: float | None
    revenue: tuple[Revenue, ...] = ()

    def row(self) -> dict[str, Any]:
        """The goal as a row of `footfall stats`."""
        return {
            "value": self.goal,
            "visitors": self.converters,
            "conversions": self.conversions,
            "conversion_rate": self.conversion_rate,
            "revenue": to_builtins(list(self.revenue)),
        }


def goals_of(store: Store, span: Span, condition: str, parameters: dict[str, Any] | None = None) -> list[Goal]:
    """The goals of the rows that meet the condition, without a rate."""
    return goals_in(goal_rows(store, span, condition, parameters))


def goal_rows(store: Store, span: Span, condition: str, parameters: dict[str, Any] | None = None) -> list[Row]:
    """What goals and currencies add up to: rows of goal, currency, converters, conversions, amount, payers."""
    columns = "goal, currency, converters, conversions, amount, payers"
    source = rows_of("conversions", columns, condition, span)
    sql = (
        "SELECT goal, currency, sum(converters), sum(conversions), sum(amount), sum(payers) "
        f"FROM {source} GROUP BY goal, currency"
    )
    return store.rows(sql, span.parameters | (parameters or {}), **store.brief) if source else []


def open_goal_rows(store: Store, span: Span) -> list[Row]:
    """Such rows of the whole site on the open days of the span."""
    columns = "goal, currency, converters, conversions, amount, payers"
    rows = open_rows(store, "conversions", columns, span, _MOST_OPEN, "dimension = ''")
    if rows is None:
        return goal_rows(store, span.open(), "dimension = ''")
    return [row[2:] for row in rows if row[1] == "day"]


def summed_rows(rows: Iterable[Row]) -> list[Row]:
    """Such rows, each goal and currency once, in their order."""
    counted: dict[tuple[str, str], list[list[int]]] = {}
    for goal, currency, *counts in rows:
        counted.setdefault((goal, currency), []).append(counts)
    return [(*key, *map(sum, zip(*counts, strict=True))) for key, counts in sorted(counted.items())]


def goals_in(rows: Iterable[Row]) -> list[Goal]:
    """The goals of such rows, added up, without a rate."""
    people: dict[str, tuple[int, int]] = {}
    revenue: dict[str, list[Revenue]] = {}
    for goal, currency, converters, conversions, amount, payers in summed_rows(rows):
        if currency:
            revenue.setdefault(goal, []).append(Revenue(currency, amount, payers))
        else:
            people[goal] = (converters, conversions)
    goals = [Goal(goal, *counts, None, tuple(revenue.get(goal, ()))) for goal, counts in people.items()]
    return sorted(goals, key=lambda goal: (-goal.converters, goal.goal))


def rated(goals: list[Goal], visitors: int) -> list[Goal]:
    """The goals with their rates. visitors: how many people could have reached them."""
    if not visitors:
        return goals
    return [replace(goal, conversion_rate=round(100 * goal.converters / visitors, 1)) for goal in goals]
