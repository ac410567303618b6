"""Properties of events: by event, property and value who sent it, how often, and what was paid.

In: sums by day, event, property and value. Out: a `Property` for each value, those of most visitors first.
Promises: money is never added over currencies; what may be more says so.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field, to_builtins

from .certainty import Certainty, Flag
from .conversions import Revenue, decimal_of
from .execute import Groups
from .figures import Coverage
from .goal_days import ALWAYS, Counted


class Property(Struct, frozen=True):
    """One value. visitors are people. not_shown_days: on how many days, of_days of which there is data, few or none
    sent it, or the property was not counted. counted_since: the first day on which that was, where those before were
    not."""

    event: str
    property: str
    value: str
    visitors: int
    events: int
    revenue: tuple[Revenue, ...]
    certainty: Certainty
    flags: tuple[Flag, ...]
    not_shown_days: int
    of_days: int
    counted_since: dt.date | None = None

    def row(self) -> dict[str, Any]:
        """The value as a row of `footfall stats`."""
        row: dict[str, Any] = to_builtins(self)
        return {"value": row.pop("value"), **row}


class _Sums(Struct):
    """shown: on how many days. paid: by currency how much, and by how many people."""

    visitors: int = 0
    events: int = 0
    shown: int = 0
    paid: dict[str, tuple[int, int]] = field(default_factory=dict)


def properties_in(
    groups: Groups, k: int, coverage: Coverage, counted: Mapping[str, Counted] | None = None
) -> list[Property]:
    """coverage: of the whole site. counted: of properties that were not counted on all days, on how many, and since
    when."""
    found: defaultdict[tuple[str, str, str], _Sums] = defaultdict(_Sums)
    for group in groups.values():
        for (_, of_block, event, name, currency, value), (visitors, events, amount) in group.by_key.items():
            sums = found[event, name, value]
            if currency:
                before = sums.paid.get(currency, (0, 0))
                sums.paid[currency] = (before[0] + amount, before[1] + visitors)
            else:
                sums.visitors += visitors
                sums.events += events
                sums.shown += of_block or 1
    days = counted or {}
    rows = [_property(*key, sums, k, coverage, days.get(key[1], ALWAYS)) for key, sums in found.items()]
    return sorted(rows, key=lambda row: (-row.visitors, row.event, row.property, row.value))


def _property(event: str, name: str, value: str, sums: _Sums, k: int, coverage: Coverage, counted: Counted) -> Property:
    # Where everything is shown, a day without the value is one on which nobody sent it, if it was counted.
    missing = max(0, coverage.days - sums.shown) if k > 1 else counted.not_on
    revenue = []
    for currency, (amount, payers) in sorted(sums.paid.items()):
        # Of how many orders it is can be told where all have paid, and in this currency.
        alone = len(sums.paid) == 1 and payers == sums.visitors
        whole = not missing and (k == 1 or alone)
        told = (currency, amount, decimal_of(amount, currency), payers, sums.visitors)
        orders = sums.events if alone else None
        revenue.append(Revenue(*told, orders, sums.events, coverage.sure.certainty(not whole)))
    sure = coverage.sure.certainty(missing), coverage.sure.flags(missing)
    whose = (event, name, value, sums.visitors, sums.events, tuple(revenue), *sure)
    return Property(*whose, not_shown_days=missing, of_days=coverage.days, counted_since=counted.since)
