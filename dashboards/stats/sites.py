"""How each of many sites does: its last full days, against the days before, and what today shows.

In: sites, each with its local time. Out: a `SiteDays` for each. Promises: the numbers are those of the site's own page;
as many statements for a hundred sites as for one; nothing of an open day but what is shown of it (rule N7).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from schema.dimensions import OTHER
from schema.manifest import WEEK, grain_of, standing, standing_blocks
from schema.measures import Measures
from schema.site import Site
from schema.store import Row, Store

from .certainty import Certainty
from .comparison import Comparison, compare
from .period import Period, between
from .released import Released
from .snapshots import as_shown
from .source import Span
from .timeline import State, Timeline, days_of
from .times import Times
from .usual import first_read

FULL_DAYS, DRAWN_DAYS = 7, 28
_DAY = dt.timedelta(days=1)


class Day(Struct, frozen=True):
    """A day of the picture. visitors: None where none are known."""

    date: dt.date
    state: State
    visitors: int | None


class SiteDays(Struct, frozen=True):
    """visitors: of the last full days, None where none are shown; days: how many of these have data. as_of: when what
    is shown of today was put in place; None where nothing is shown yet. last: the last day with data of the picture,
    None where there is none."""

    site: Site
    visitors: int | None
    certainty: Certainty
    days: int
    comparison: Comparison
    series: tuple[Day, ...]
    as_of: dt.datetime | None
    last: dt.date | None


class _Known(Struct):
    """What the store has of one site. entries: of the manifest. late: by grain and first day
    visitors, and in the place of how many days."""

    entries: list[Row] = field(default_factory=list)
    released: dict[dt.date, int] = field(default_factory=dict)
    open: dict[dt.date, int] = field(default_factory=dict)
    late: dict[tuple[str, dt.date], tuple[int, int]] = field(default_factory=dict)
    shown: dict[dt.date, int] = field(default_factory=dict)


def sites_days(store: Store, sites: Sequence[Site], now: Callable[[Site], dt.datetime], k: int) -> dict[str, SiteDays]:
    """By key. k: that of sites that set none."""
    if not sites:
        return {}
    at = {site.key: now(site) for site in sites}
    dates = [moment.date() for moment in at.values()]
    known = _read(store, [site.key for site in sites], _first(min(dates)), max(dates))
    return {site.key: _days_of(site, known.get(site.key, _Known()), at[site.key], k) for site in sites}


def _read(store: Store, keys: list[str], first: dt.date, last: dt.date) -> dict[str, _Known]:
    found = {key: _Known() for key in keys}
    given = {"sites": keys, "first": first, "last": last}
    mine = "site IN {sites:Array(String)} AND day BETWEEN {first:Date} AND {last:Date}"
    whole = f"{mine} AND dimension = '' AND by_dimension = '' AND value != '{OTHER}'"
    for site, *entry in store.rows(
        f"SELECT site, day, number, origin, span, rows, complete, over_counted, k FROM manifest WHERE {mine}",
        given,
        **store.brief,
    ):
        found[site].entries.append(tuple(entry))
    for state in ("released", "open"):
        sums = f"SELECT site, day, sum(visitors) FROM {state}_cells WHERE {whole} AND grain = 'day' GROUP BY site, day"
        for site, day, visitors in store.rows(sums, given, **store.brief):
            getattr(found[site], state)[day] = visitors
    sums = (
        f"SELECT site, toString(grain) AS g, day, sum(visitors), sum(days) FROM late_cells WHERE {whole} GROUP BY ALL"
    )
    for site, grain, day, visitors, days in store.rows(sums, given, **store.brief):
        found[site].late[grain, day] = (visitors, days)
    shown = f"SELECT site, day, toUnixTimestamp(as_of) FROM open_through WHERE {mine}"
    for site, day, second in store.rows(shown, given, **store.brief):
        found[site].shown[day] = max(second, found[site].shown.get(day, 0))
    return found


def _days_of(site: Site, known: _Known, now: dt.datetime, k: int) -> SiteDays:
    today = now.date()
    full = _last(FULL_DAYS, today)
    timeline = _timeline(site, known, now, k)
    drawn = days_of(_last(DRAWN_DAYS, today))
    with_data = [day for day in days_of(full) if day in timeline.times.days]
    late, late_days = _late(known, full)
    hidden = [day for day in days_of(full) if timeline.is_hidden(day)]
    told = bool(with_data or late)
    visitors = sum(timeline.of(day).visitors for day in with_data) + late
    sure = timeline.released.sure
    second = 0 if today in timeline.released.span.released else known.shown.get(today, 0)
    return SiteDays(
        site,
        visitors if told else None,
        sure.certainty(len(hidden) > late_days),
        len(with_data) + len(hidden),
        compare(timeline, full, full.previous(today)),
        tuple(_day(timeline, day) for day in drawn),
        as_shown(second, site),
        max((day for day in (*drawn, today) if day in timeline.times.days or timeline.is_hidden(day)), default=None),
    )


def _timeline(site: Site, known: _Known, now: dt.datetime, k: int) -> Timeline:
    """Its days, as its own page knows them."""
    standing_days = standing([entry for entry in known.entries if entry[3] == 1], day=0, number=1, origin=2)
    released = {entry[0] for entry in standing_days}
    days = {day: visitors for day, visitors in known.released.items() if day in released}
    days |= {day: visitors for day, visitors in known.open.items() if day not in released}
    full = [entry for entry in standing_days if now.date() - FULL_DAYS * _DAY <= entry[0]]
    within = Released(
        max((entry[7] for entry in full), default=0) or site.release_k or k,
        Span(site.key, _first(now.date()), now.date(), frozenset(released)),
        since=min(released, default=None),
        through=max(released, default=None),
        partial=tuple(entry[0] for entry in full if not entry[5]),
        over_counted=tuple(entry[0] for entry in full if entry[6]),
        small=frozenset(entry[0] for entry in standing_days if not entry[4]),
        odd=frozenset(entry[0] for entry in standing_days if not entry[5] or entry[6]),
        networks=site.release_networks or 1,
    )
    sums = {day: Measures(visitors=visitors) for day, visitors in days.items()}
    return Timeline(Times(sums, {}, {}), within, now, ZoneInfo(site.timezone))


def _late(known: _Known, full: Period) -> tuple[int, int]:
    """What was released with a week that is these days: visitors, and in the place of how many days."""
    weeks = [one for one in standing_blocks(known.entries, origin=2, span=3) if one[3] == WEEK and one[4]]
    grains = [grain_of(one[2], one[3]) for one in weeks if one[0] == full.first]
    found = [known.late[grain, full.first] for grain in grains if (grain, full.first) in known.late]
    return sum(visitors for visitors, _ in found), sum(days for _, days in found)


def _day(timeline: Timeline, day: dt.date) -> Day:
    state = timeline.state(day)
    return Day(day, state, timeline.of(day).visitors if state == "measured" else None)


def _last(days: int, today: dt.date) -> Period:
    """So many full days."""
    first, last = today - days * _DAY, today - _DAY
    return Period(first, last, between(first, last))


def _first(today: dt.date) -> dt.date:
    """The first of the days that are read: more than are drawn tell what is usual."""
    return first_read(today - FULL_DAYS * _DAY)


def together(found: Iterable[SiteDays]) -> tuple[int, Certainty, int]:
    """A sum of sites' visitors, how sure it is, and of how many sites it is."""
    known = [one for one in found if one.visitors is not None]
    sure = [one.certainty for one in known]
    certainty: Certainty = "about" if "about" in sure else "at least" if "at least" in sure else "exact"
    return sum(one.visitors or 0 for one in known), certainty, len(known)
