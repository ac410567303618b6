"""The big numbers of a page, each with its change.

In: an `Overview`. Out: `Tile`s. Promises: no number is computed here, only worded.
"""

from __future__ import annotations

from msgspec import Struct

from schema.metrics import METRICS

from ..stats.overview import Overview
from .links import with_view
from .wording import NO_CHANGE, SIGNS, moved, worded


class Tile(Struct, frozen=True):
    """A big number. spelled: the number in words, where the sign before it needs some, else "". trend: good, bad, or
    even where it is neither; change is worded, "" where there is nothing to compare with. usual: what is said of a
    number that is no other than usual. link: the arguments of the page that draws it; chosen: whether this one does."""

    label: str
    definition: str
    value: str
    spelled: str
    change: str
    trend: str
    spoken: str
    usual: str
    link: str
    chosen: bool


def tiles(overview: Overview) -> list[Tile]:
    """The big numbers, each with its change."""
    return [_tile(name, overview) for name, metric in METRICS.items() if metric.tile]


def _tile(name: str, overview: Overview) -> Tile:
    metric, comparison = METRICS[name], overview.comparison
    value, spelled = _told(name, overview)
    change = comparison.change[name]
    text, trend, spoken, usual = "", "even", "nothing to compare with", ""
    if change is not None:
        text, spoken = moved(change, "points" if metric.unit == "%" else "percent")
        if text != NO_CHANGE:
            usual = "within the usual" if comparison.within_usual(name) else ""
            if not comparison.is_even(name):
                trend = "good" if (change > 0) != metric.less_is_better else "bad"
        if comparison.a_day:
            text += " a day"
    return Tile(
        label=metric.label,
        definition=metric.definition,
        value=value,
        spelled=spelled,
        change=text,
        trend=trend,
        spoken=spoken,
        usual=usual,
        link=with_view(overview, metric=name),
        chosen=name == overview.view.metric,
    )


def _told(name: str, overview: Overview) -> tuple[str, str]:
    """The number, and how it is said where there is a sign before it."""
    k, number = overview.released.k, getattr(overview.totals, name)
    is_count = isinstance(number, int)
    if not overview.empty:
        # Of days that are too small to tell some more came.
        shown = worded(name, number)
        sign = SIGNS.get(overview.certainty, "") if is_count else ""
        return (f"{sign} {shown}", f"{overview.certainty} {shown}") if sign else (shown, "")
    # Zero would be a claim: some may have come on days that are too small to tell.
    if overview.hidden_days and k > 1:
        if overview.released.networks > 1:  # of one network there may have been any number
            return "–", ""
        most = k * overview.hidden_days - overview.hidden_days + 1
        return (f"< {most}", f"fewer than {most}") if name == "visitors" else ("–", "")
    return ("0" if is_count and overview.hidden_days else "–"), ""
