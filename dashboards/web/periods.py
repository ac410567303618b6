"""The menu of periods.

In: a `Period` and the site's own date of today. Out: a `Picker` for the template. Promises: each choice is a link.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode

from msgspec import Struct

from ..stats.neighbours import after, before
from ..stats.period import PERIODS, Period
from .choices import Choice

# The keys of those that are asked for most.
_KEYS = ("today", "yesterday", "7d", "28d", "90d", "week", "month", "12mo", "all")
# Of a period that nobody has chosen.
NONE = "none"


class Picker(Struct, frozen=True):
    """Every period that has a name, and the ones beside the chosen one."""

    choices: tuple[Choice, ...]
    before: Choice | None
    after: Choice | None


def picker(period: Period, today: dt.date) -> Picker:
    """The menu while this period is chosen."""
    choices = tuple(
        Choice(label, f"period={name}", name == period.name, str(_KEYS.index(name) + 1) if name in _KEYS else "")
        for name, (label, _) in PERIODS.items()
    )
    if period.name == NONE:
        return Picker(choices, None, None)
    return Picker(choices, _choice(before(period, today)), _choice(after(period, today)))


def _choice(period: Period | None) -> Choice | None:
    return Choice(period.label, urlencode(period.arguments())) if period else None
