"""How far an open day trails behind what has come (rule N7).

In: raw rows of site-days. Out: a `Trail` for each set of rules. Promises: who is new, and whether they are enough, the
pipeline says (pipeline/rollup/open_days/shown.py): at each full quarter of an hour what is shown is the snapshot
before, and what there is is the next one.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.open_days.newcomers import QUARTER_S
from pipeline.rollup.open_days.shown import enough, newcomers
from pipeline.rollup.visits.snapshot import Key
from schema.site import day_bounds, day_number
from schema.store import Store

# The last ones tell as much as all of them.
DAYS = 7

Name = TypeVar("Name")


class Behind(Struct, frozen=True):
    """What is shown at one time, minute of the local day. minutes: since it was so; people: who have come since. None:
    nothing is shown yet."""

    minute: int
    minutes: float | None
    people: int


class Trail(Struct, frozen=True):
    """As of full quarter hours, right after what is shown has gone on, if somebody came in that quarter. looks: how
    many; nothing: at how many of them nothing is shown yet; begins: at which minute of the day something is, by the
    median; the other figures are of those at which something is. by_hour: medians, (minutes, people)."""

    looks: int = 0
    nothing: int = 0
    begins: float = 0.0
    minutes: float = 0.0
    worst_minutes: float = 0.0
    people: float = 0.0
    worst_people: int = 0
    by_hour: dict[int, tuple[float, float]] = field(default_factory=dict)


def trails_of(store: Store, source: str, days: Mapping[Name, Sequence[SiteDay]]) -> dict[Name, Trail]:
    """source: the table of raw rows. days: of each set of rules, in their order; the last few are looked at."""
    behind: dict[Key, list[Behind]] = {}
    together: dict[dt.date, list[SiteDay]] = defaultdict(list)
    for mine in days.values():
        for of in mine[-DAYS:]:
            together[of.day].append(of)
    for of_day in together.values():
        behind |= _behind(store, source, tuple(of_day))
    return {name: trail_of([behind[of.key] for of in mine[-DAYS:]]) for name, mine in days.items()}


def trail_of(days: Sequence[Sequence[Behind]]) -> Trail:
    """The figures of what was seen, day by day."""
    looks = [(one.minute // 60, one.minutes, one.people) for day in days for one in day if one.minutes is not None]
    many = sum(map(len, days))
    if not looks:
        return Trail(many, many)
    begins = [
        one.minute for day in days for one in [next((one for one in day if one.minutes is not None), None)] if one
    ]
    by_hour: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for hour, minutes, people in looks:
        by_hour[hour].append((minutes, people))
    everything = [at for hour in by_hour.values() for at in hour]
    return Trail(
        *(many, many - len(looks), statistics.median(begins)),
        *(statistics.median(minutes for minutes, _ in everything), max(minutes for minutes, _ in everything)),
        *(statistics.median(people for _, people in everything), max(people for _, people in everything)),
        {hour: _medians(at) for hour, at in sorted(by_hour.items())},
    )


def _medians(looks: Sequence[tuple[float, int]]) -> tuple[float, float]:
    return statistics.median(minutes for minutes, _ in looks), statistics.median(people for _, people in looks)


def _behind(store: Store, source: str, days: tuple[SiteDay, ...]) -> dict[Key, list[Behind]]:
    """Go through one day of several sites. days: all of one date and time zone."""
    day = day_bounds(days[0].site.timezone, day_number(days[0].day))
    start = day.start
    zone = ZoneInfo(days[0].site.timezone)
    found: dict[Key, list[Behind]] = {of.key: [] for of in days}
    # When what is shown, and the next snapshot, were taken; how many had come by each quarter of an hour.
    shown, following = dict.fromkeys(found, start), dict.fromkeys(found, start)
    came: dict[tuple[Key, int], int] = {(key, start): 0 for key in found}
    for quarter in _quarters(store, source, days):
        counted = newcomers(store, days, {}, quarter, source)
        came |= {(key, quarter): counted.get(key, (0, 0))[0] for key in found}
        # Of how many networks they are matters only of those who are enough.
        asked = (of for of in days if came[of.key, quarter] - came[of.key, following[of.key]] >= max(2, of.rules.k))
        new = newcomers(store, tuple(asked), following, quarter, source)
        at = dt.datetime.fromtimestamp(min(quarter, day.end - 60), zone)
        for of in days:
            key = of.key
            if of.rules.k == 1:
                shown[key] = quarter
            elif enough(of.rules, *new.get(key, (0, 0))):
                shown[key], following[key] = following[key], quarter
            people = came[key, quarter] - came[key, shown[key]]
            minutes = (quarter - shown[key]) / 60 if shown[key] > start else None
            found[key].append(Behind(at.hour * 60 + at.minute, minutes, people))
    return found


def _quarters(store: Store, source: str, days: tuple[SiteDay, ...]) -> list[int]:
    """The ends of the quarters of an hour in which somebody came."""
    of = Batch(store, days, "", source)
    rows = store.rows(
        f"""SELECT DISTINCT (intDiv(toUnixTimestamp(received), {QUARTER_S}) + 1) * {QUARTER_S} AS quarter
        FROM {source} WHERE {of.mine} ORDER BY quarter""",
        of.named,
    )
    return [quarter for (quarter,) in rows]
