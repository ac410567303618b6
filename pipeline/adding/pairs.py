"""Counts pairs on days that were released before they were declared, as a release of their own beside the day's (rule
N6).

In: released days of which visits are left, the pairs of the settings. Out: rows in `late_pairs`, of a grain that names
the pairs, then one entry of the manifest for them. Promises: nothing that was released changes; a pair is looked at
once for each day, whatever comes of it; rows are those of a pair that was there from the start, by the stricter of the
day's rules and those of now; there are none where what is left of the day shows other values than it did, nor where
sums of the new pair would be those of a pair that is told already, nor where a block tells one of its parents: nobody
has looked then what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog
from msgspec import Struct, structs

from schema.manifest import FOUR_WEEKS, span_of
from schema.pair import Pair, above, exclude, is_above, pair_of
from schema.site import Site
from schema.store import Store

from ..manifest import RELEASING, Entry
from ..rollup.added.recounted import unlike
from ..rollup.added.twins import told_of_day
from ..rollup.batch import Batch, SiteDay
from ..rollup.pairs.stage import cross_later
from ..rollup.stages import stage_again
from ..settings import SiteRules
from .as_counted import as_counted, asks_for_raw, segments_of, stricter
from .release import add_to_day, days_left, each_in_time, entry_beside, into_late

log = structlog.get_logger("added_pairs")

_FAMILY = "pairs"


class Due(Struct, frozen=True):
    """A released day, the pairs that it was counted with, those that it was not, and the grains of rows beside it.
    added: the entries that have added something to it."""

    entry: Entry
    told: tuple[Pair, ...]
    pairs: tuple[Pair, ...]
    grains: tuple[str, ...]
    added: tuple[Entry, ...]


def add_pairs(store: Store, site: Site, rules: SiteRules, now: float, longest_s: float = 2.0) -> bool:
    """Count what is due, the newest days first; whether that is all. longest_s: begin no other day after so long,
    because other work waits."""
    if not site.pairs:
        return True
    return each_in_time(_due(store, site), lambda due: _add(store, site, rules, due, now), longest_s)


def _due(store: Store, site: Site) -> Iterator[Due]:
    for entry, added in days_left(store, site.key):
        mine = [one for one in added if one.pairs]
        seen = {name for one in (entry, *mine) for name in one.pairs}
        missing = tuple(pair for pair in site.crossed if pair.name not in seen)
        if missing:
            told = {name for one in (entry, *mine) if one is entry or one.complete for name in one.pairs}
            yield Due(entry, tuple(map(pair_of, sorted(told))), missing, tuple(one.grain for one in mine), added)


def _add(store: Store, site: Site, rules: SiteRules, due: Due, now: float) -> None:
    entry = due.entry
    # A table whose sums are those of one that is told stays untold.
    refused = [pair for pair in due.pairs if any(is_above(pair, one) or exclude(pair, one) for one in due.told)]
    # Nor one of whose parent a block tells what the day hides: that was held against the children that there were.
    refused += [pair for pair in due.pairs for one in _told_by_blocks(store, entry) if is_above(one, pair)]
    # Nor any beside who of a segment reached a goal, which was held against the cells that there were.
    if stricter(rules, entry).k > 1 and _tells_goals_of_segments(store, entry):
        refused = [*due.pairs]
    # Nor any beside a segment that was added of which visits do not tell who is in it.
    added = [definition for _, grain, definition in segments_of(entry, due.added) if grain]
    if stricter(rules, entry).k > 1 and asks_for_raw(added):
        refused = [*due.pairs]
    counted = as_counted(site, entry, due.added)

    def release(of: Batch) -> None:
        then = unlike(of)
        unlike_then = then.dimensions | then.folded
        gone = [pair for pair in due.pairs if then.whole or not unlike_then.isdisjoint(_dimensions(pair))]
        new = [pair for pair in due.pairs if pair not in (*refused, *gone)]
        if new:
            cross_later(of, new, due.grains, told_of_day(counted.goals, segments_of(entry, due.added)))
            _release(of, entry, new, now, is_told=True)
        if without := [pair for pair in due.pairs if pair not in new]:
            _release(of, entry, without, now, is_told=False)

    with RELEASING:
        # Funnels and properties are not asked for.
        declared = structs.replace(counted.site, funnels=(), properties=())
        stage_again(store, SiteDay(declared, entry.day, stricter(rules, entry)), release)


def _tells_goals_of_segments(store: Store, entry: Entry) -> bool:
    of_day = "WHERE site = {site:String} AND day = {day:Date} LIMIT 1"
    tables = ("released_segment_goals", "late_segment_goals")
    return any(store.rows(f"SELECT 1 FROM {one} {of_day}", {"site": entry.site, "day": entry.day}) for one in tables)


def _told_by_blocks(store: Store, day: Entry) -> list[Pair]:
    """The pairs of which blocks that the day is in tell something."""
    rows = store.rows(_TOLD_BY_BLOCKS, {"site": day.site, "day": day.day, "most": FOUR_WEEKS})
    return [Pair(*names) for grain, first, *names in rows if (day.day - first).days < span_of(grain)]


_TOLD_BY_BLOCKS = """
    SELECT DISTINCT grain, day, dimension, by_dimension FROM late_pairs
    WHERE site = {site:String} AND day > {day:Date} - {most:UInt8} AND day <= {day:Date}"""


def _dimensions(pair: Pair) -> tuple[str, ...]:
    """Those that a pair is judged by."""
    return tuple(name for one in (pair.one, pair.other) for name in (one, *above(one)))


def _release(of: Batch, day: Entry, pairs: Sequence[Pair], now: float, is_told: bool) -> None:
    """Release pairs together: their rows, then their entry; is_told: false of those of which there are none."""
    rules = of.days[0].rules
    entry = entry_beside(day, rules, now, not is_told, pairs=[pair.name for pair in pairs])
    rows = add_to_day(of.store, _FAMILY, entry, _COPYING if is_told else "", {})
    log.info("pairs_added", site=day.site, day=day.day.isoformat(), pairs=len(pairs), told=is_told, rows=rows)


_COPYING = f"""
    {into_late(_FAMILY)}
    WHERE site = {{site:String}} AND day = {{day:Date}}"""
