"""What changed, in three sentences at most, and what came with a note.

In: a `WhatChanged`, an `Effect`. Out: text. Promises: no number is computed here, only worded.
"""

from __future__ import annotations

from itertools import groupby

from schema.dimensions import DIMENSIONS

from ..stats.effects import Effect
from ..stats.overview import Overview
from ..stats.usual import FEWEST_WEEKS, WEEKS
from ..stats.what_changed import MOST_DAYS, Contributor, WhatChanged
from . import format as names

_MOST_DIMENSIONS = 2
_TOO_FEW_WEEKS = f"What is usual is told once {FEWEST_WEEKS} of the {WEEKS} weeks before show the same days."


def sentences(overview: Overview) -> list[str]:
    """Of the visitors of a day or a week; [] where nothing is asked."""
    found = overview.changed
    if found is None:
        return [_TOO_FEW_WEEKS] if _is_asked(overview) else []
    days = f"{overview.period.first:%A}s" if overview.period.days == 1 else "the same days"
    usual = f"{found.low:,.0f}–{found.high:,.0f}, by {days} of {found.weeks} weeks before"
    if found.is_usual:
        return [f"As usual: {usual}."]
    told = [f"{_more(found)} than usual ({usual})."]
    return told + _behind(found)


def _is_asked(overview: Overview) -> bool:
    """Whether it is a day or a week that is over, and has all its data."""
    if overview.ongoing or overview.empty:
        return False
    return overview.data_days == overview.period.days <= MOST_DAYS


def effect_of(effect: Effect) -> str:
    """What came with a note."""
    days = "that day" if effect.days == 1 else f"the {effect.days} days from it"
    change, low, high = (f"{names.change(one)}%" for one in (effect.change, effect.low, effect.high))
    usual = ", within the usual" if effect.is_usual else ""
    return f"visitors of {days}: {change} ({low} to {high}) against the same days of {effect.weeks} weeks before{usual}"


def _more(found: WhatChanged) -> str:
    difference = found.visitors - found.usually
    return f"{names.counted(round(abs(difference)), 'visitor')} {'more' if difference > 0 else 'fewer'}"


def _behind(found: WhatChanged) -> list[str]:
    told = []
    for name, some in groupby(found.by, key=lambda one: one.dimension):
        told.append(f"By {DIMENSIONS[name].label.lower()}: {', '.join(map(_of, some))}.")
    return told[:_MOST_DIMENSIONS]


def _of(one: Contributor) -> str:
    what = f"{names.name_of(one.dimension, one.value)} {one.visitors:,}"
    if not one.shown:
        return f"{what} (usually too few to show, or nobody)"
    at_least = "at least " if one.shown < one.of else ""
    return f"{what} (usually {at_least}{one.usually:,.0f})"
