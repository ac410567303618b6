"""What the columns of a table in full are: how each is called, worded and sorted.

In: rows as `Reports.stats` gives them. Out: `Column`s. Promises: no number is computed here; definitions of metrics
come from the registry; what is not known has no place in an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from schema.crawlers import PURPOSES
from schema.metrics import METRICS
from schema.placeholders import KINDS
from schema.vitals import VITALS

from . import format as names
from .wording import NO_CHANGE, head, moved, told_as, worded

Row = Mapping[str, Any]
# What a cell is, and so how it is worded.
Words = Literal["name", "text", "vital_name", "reason", "purpose", "kinds"]
Kind = Words | Literal["metric", "count", "%", "vital", "money", "change", "days"]


class Column(Struct, frozen=True):
    """name: of the field of a row. of: the dimension whose value it is. sure: the field that says how sure it is."""

    name: str
    label: str
    definition: str = ""
    kind: Kind = "count"
    of: str = ""
    sure: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is read, and sorted, as words."""
        return self.kind in get_args(Words)

    def lines(self, row: Row) -> tuple[str, ...]:
        """What its cell of a row says."""
        value = row.get(self.name)
        if self.kind == "money":
            return tuple(_money(one) for one in value or ()) or ("–",)
        if self.kind == "days":
            return (f"{value} of {row['of_days']}" if value else "0",)
        text = self._worded(value, row)
        return (told_as(text, row.get(self.sure) or "exact") if self.sure else text,)

    def place(self, row: Row) -> Any:
        """What a table is sorted by; None where nothing is known."""
        value = row.get(self.name)
        if self.is_text:
            return self._worded(value, row).casefold()
        if self.kind == "money":
            return max(((one["currency"], one["amount"]) for one in value or ()), default=None)
        return value

    def _worded(self, value: Any, row: Row) -> str:
        match self.kind:
            case "name":
                return names.name_of(self.of, value)
            case "metric":
                return worded(self.name, value)
            case "%":
                return names.percent(value)
            case "change":
                return _changed(value)
            case "vital":
                return "–" if value is None else names.vital(value, row["unit"])
            case "count":
                return names.count(value)
            case _:
                return _said(self.kind, str(value or ""))


def _said(kind: str, value: str) -> str:
    match kind:
        case "vital_name":
            return VITALS[value].label if value in VITALS else value
        case "reason":
            return names.REASONS.get(value, value)
        case "purpose":
            return PURPOSES.get(value, value)
        case "kinds":
            return ", ".join(KINDS[kind] for kind in value.split())
        case _:
            return value or "–"


def _money(one: Row) -> str:
    return told_as(names.money(one["amount"], one["currency"]), one["certainty"])


def _changed(percent: float | None) -> str:
    if percent is None:
        return "–"
    text, _ = moved(percent)
    return "0%" if text == NO_CHANGE else text


def of_metric(name: str) -> Column:
    """The column of a metric. Only counts are more, or fewer, by what is not shown."""
    metric = METRICS[name]
    sure = ("exits_certainty" if name == "exits" else "certainty") if metric.is_count else ""
    return Column(name, head(name), metric.definition, "metric", sure=sure)


DAYS = Column(
    "not_shown_days",
    "Days not shown",
    "On how many of the days with data few or none had it, or it was not counted.",
    "days",
)
