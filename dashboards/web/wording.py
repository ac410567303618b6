"""How a page words numbers and filters, and why there is nothing where there is nothing.

In: metrics, filters, and how sure a number is. Out: text. Promises: no number is computed here; a number that is not
all of it, or may be too many, has its sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from schema.dimensions import DIMENSIONS, OTHER, SHARE
from schema.metrics import METRICS
from schema.vitals import VITALS

from ..stats.conversions import Revenue
from ..stats.filter import ALTERNATIVES, Filter, Operator
from ..stats.notes import AT_LEAST, SUM_OF_DAYS
from ..stats.overview import Overview
from . import format as names

_OPERATORS: dict[Operator, str] = {
    "==": "is",
    "!=": "is not",
    "~": "contains",
    "!~": "lacks",
    "=~": "is like",
    "=!~": "is not like",
}
# Before a number that is not all, or may be too many.
SIGNS = {"at least": "≥", "about": "≈"}
# What a table has where there is no row.
NOBODY = "Nobody, or too few people to show."
NO_CHANGE = "no change"
# A rate of fewer people is grey.
FEW = 30
# In a note: how the interface calls what it is about. Settings have a dot: these a reader may look up.
_FIELDS = re.compile(r" \([a-z]+_[a-z_]+(?: of [a-z_]+)?\)")
_UNITS = {"percent": "%", "points": " pts"}
# Not ▲, which says that a number has risen.
RATING_SIGNS = {"good": "●", "needs improvement": "◆", "poor": "■"}


def head(column: str) -> str:
    """A metric's name, short enough for a column."""
    return "Share" if column == SHARE else METRICS[column].head or METRICS[column].label


def worded(metric: str, value: float | None) -> str:
    """A metric's value as a page shows it."""
    match METRICS[metric].unit:
        case "%":
            return names.percent(value)
        case "s":
            return names.duration(value)
        case _:
            return names.count(value) if METRICS[metric].is_count else names.decimal(value)


def told_as(text: str, certainty: str) -> str:
    """A number with its sign."""
    return f"{SIGNS[certainty]} {text}" if certainty in SIGNS and text != "–" else text


def moved(change: float, unit: Literal["percent", "points"] = "percent") -> tuple[str, str]:
    """A change as it is read, and as it is spoken; NO_CHANGE where it is too small for a number."""
    amount = names.change(abs(change))[1:]
    if amount == "0":
        return NO_CHANGE, NO_CHANGE
    arrow, word = ("▲", "up") if change > 0 else ("▼", "down")
    return f"{arrow} {amount}{_UNITS[unit]}", f"{word} {amount} {unit}"


def between(low: float | None, high: float | None) -> str:
    """The ends of an interval, or its lower one where the upper one is not known; "" where there is none."""
    if low is None:
        return ""
    return f"from {names.percent(low)}" if high is None else f"{names.percent(low)} – {names.percent(high)}"


def not_shown(days: int, of: int) -> str:
    """On how many days a value or a goal is not shown; "" where on all."""
    return f"not shown on {days} of {names.counted(of, 'day')}: few or none" if days else ""


def of_orders(revenue: Revenue) -> str:
    """What a sum that may not be the whole is from; "" where it is the whole."""
    if revenue.certainty == "exact":
        return ""
    if revenue.orders is not None:
        return f"from {revenue.orders:,} of {names.counted(revenue.of_orders, 'order')}"
    # Not all of whom had to pay.
    return f"from {revenue.payers:,} of {revenue.of_payers:,} people"


def thresholds(name: str) -> str:
    """What counts as good and as poor for a vital."""
    vital = VITALS[name]
    good, poor = names.vital(vital.good, vital.unit), names.vital(vital.poor, vital.unit)
    return f"{vital.definition} Good up to {good}, poor above {poor}."


def in_words(one: Filter) -> str:
    """A filter, as a page says it."""
    label = DIMENSIONS[one.dimension].label if one.dimension in DIMENSIONS else one.dimension
    return f"{label} {_OPERATORS[one.operator]} {_values(one)}"


def _values(one: Filter) -> str:
    if one.operator not in ("==", "!="):
        return f"“{one.value}”"
    return " or ".join(names.name_of(one.dimension, value) for value in one.value.split(ALTERNATIVES))


def plain_notes(notes: Sequence[str]) -> list[str]:
    """What a page says of an answer besides: without the fields of the interface, and what every page says anyway."""
    return [_FIELDS.sub("", note) for note in notes if note not in (SUM_OF_DAYS, AT_LEAST)]


def not_told(overview: Overview) -> str:
    """Why something is not shown of what the filters keep, or of a segment."""
    if overview.segment:
        return (
            "Not counted of segments: these have visits by the dimensions of a visit, and of all their visits goals "
            "and web vitals."
        )
    kept = overview.filters[0].dimension
    beside = [_within(name) for name in DIMENSIONS if name != kept and name not in overview.unanswered]
    are = "is" if len(beside) == 1 else "are"
    told = f": only {_listed(beside)} {are}" if beside else ", which is counted by itself"
    return f"Not counted together with {_within(kept)}{told}."


def _within(dimension: str) -> str:
    """A dimension's name inside a sentence."""
    label = DIMENSIONS[dimension].label
    return label if label[:2].isupper() else label.lower()


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def no_table(dimension: str, values: Sequence[str], k: int, enough: str) -> str:
    """Why there is no table of these values of a dimension; "" where it tells something."""
    about = DIMENSIONS[dimension]
    few = f", or on each day fewer than {enough}" if k > 1 else ""
    if not values:
        return f"Nobody with a {about.label} came{few}."
    if all(value == OTHER for value in values):
        return f"No value of {about.label} had {enough} on a day, so none is shown by its name."
    # “Direct” says something, “(not set)” does not.
    if about.empty == "(not set)" and not any(value for value in values if value != OTHER):
        return f"No {about.label.lower()} is known of these visits{few}. {about.empty_because}".strip()
    return ""
