"""The numbers of a row as Plausible's Stats API v2 tells them.

In: a row of our own answer. Out: its metrics. Promises: no number is made that is not in the row, but shares of people
who are; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from schema.metrics import METRICS

from ..stats.figures import percent
from ..web.format import money
from .names import REVENUE


class Revenue(Struct, frozen=True):
    """Money, in decimals and as text."""

    value: float
    currency: str
    short: str
    long: str


class Note(Struct, frozen=True):
    """Why a metric is null, or is to be read otherwise than Plausible's."""

    code: str
    warning: str


NO_REVENUE = Note(
    "no_revenue_goals_matching",
    "Revenue is null where nothing was sent with an amount, or too few people paid to show.",
)
CURRENCIES = Note(
    "no_single_revenue_currency", "Revenue is null where there are several currencies: /api/sites tells each."
)
ORDERS = Note("orders_not_known", "The average is null where it is not known of how many orders the amount is.")


class Numbers:
    """Of the rows of one answer. people: of how many a share is. depths: by page how far it was scrolled."""

    def __init__(self, metrics: list[str], people: int, depths: Mapping[str, float]) -> None:
        self._metrics = metrics
        self._people = people
        self._depths = depths
        self.warnings: dict[str, Note] = {}

    def of(self, row: Mapping[str, Any], of_people: int) -> list[Any]:
        """of_people: how many could have reached a goal."""
        return [self._one(name, row, of_people) for name in self._metrics]

    def _one(self, name: str, row: Mapping[str, Any], of_people: int) -> Any:
        if name in REVENUE:
            return self._revenue(name, row)
        if name == "percentage":
            return percent(row["visitors"], self._people)
        if name == "group_conversion_rate" and "conversion_rate" in row:
            return row["conversion_rate"]  # of the people of the value
        if name in ("conversion_rate", "group_conversion_rate"):
            return percent(row["visitors"], of_people)
        if name == "scroll_depth":
            depth = self._depths.get(row.get("value", ""))
            return None if depth is None else round(depth)
        if name == "events" and "conversions" in row:
            return row["conversions"]
        value = row.get(name)
        return round(value) if value is not None and METRICS[name].unit == "s" else value

    def _revenue(self, name: str, row: Mapping[str, Any]) -> Revenue | None:
        amounts: Sequence[Any] = row.get("revenue") or ()
        if len(amounts) != 1:
            self.warnings[name] = CURRENCIES if amounts else self.warnings.get(name, NO_REVENUE)
            return None
        told = amounts[0]
        if name == "total_revenue":
            return _money(float(told["value"]), told["amount"], told["currency"])
        if not told["orders"]:
            self.warnings[name] = ORDERS
            return None
        return _money(
            round(float(told["value"]) / told["orders"], 4), round(told["amount"] / told["orders"]), told["currency"]
        )


def _money(value: float, amount: int, currency: str) -> Revenue:
    return Revenue(value, currency, _short(value, amount, currency), money(amount, currency))


def _short(value: float, amount: int, currency: str) -> str:
    """€500.2M"""
    for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) >= size:
            whole = money(round(amount / size), currency)
            number = f"{abs(value) / size:.1f}"
            digits = "".join(one for one in whole if one.isdigit() or one in ".,")
            return whole.replace(digits, f"{number}{unit}")
    return money(amount, currency)
