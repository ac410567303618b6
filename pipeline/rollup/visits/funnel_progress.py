"""How far visits went through funnels.

In: the scratch table `visits`. Out: `passed`, a row for each visit and funnel of which it did any step. Funnels are
looked up anew in every run, as goals are.

A step is a bit. Of each event it is known which steps it is (its mask), and all that may have been reached by then is
one number: after an event, step n + 1 is reached where n was before and the event is n + 1. So an event that is several
steps is the right one of them, and none is two steps at once (Baeza-Yates, Gonnet: A New Approach to Text Searching,
CACM 1992, which matches patterns so). `loose`: what was reached stays. `strict`: it stays only while each event is the
next step, or once more the one that was reached.

Events come in the order in which they were received; within a second in that of their places in the spool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schema.dimensions import OTHER
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.funnel import Funnel
from schema.goal import JSON, goal_of
from schema.pattern import pattern_regex
from schema.visits import VISIT

from ...insert import insert
from ...parallel import Statement
from ..batch import Batch
from .goals_reached import reaching
from .visit import OUTSIDE_OTHER

# The dimensions that funnels are kept by; a row is of the visit in which the first step was.
_KEPT_BY = ("channel", "device", "country")
COLUMNS = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number", "again", *_KEPT_BY)},
    "funnel": VISIT["channel"],
    # How many steps the visit reached; of `day` together with those behind it, which may be of any value.
    "reached": "UInt8",
    # A bit for each step that happened in it at all, whatever was before.
    "met": "UInt8",
}
# An event is one number, which sorts them: its place, its index (of visits that have no places), its mask.
_CODED = "bitShiftLeft(toUInt64(place), 32) + bitShiftLeft(toUInt64(nth), 8)"
_MASKS = "arrayMap(event -> toUInt16(bitAnd(event, 255)), events)"
# In a visit that begins the funnel each event has this bit, too: a first step counts.
_OWN = 256
_ENTERS, _MASK = "bitShiftRight(event, 8)", "bitAnd(event, 255)"
_LOOSE = f"bitOr(before, bitAnd(bitOr(bitShiftLeft(before, 1), {_ENTERS}), {_MASK}))"
# The lower byte is what goes on, the upper one what was reached ever.
_GOING = f"bitAnd(bitOr(bitOr(bitShiftLeft(bitAnd(before, 255), 1), {_ENTERS}), bitAnd(before, 255)), {_MASK})"
_STRICT = f"bitOr({_GOING}, bitShiftLeft(bitOr(bitShiftRight(before, 8), {_GOING}), 8))"


def filling_passed(of: Batch) -> list[Statement]:
    """The statements that fill `passed`."""
    # A year of one site has its funnels once, as with goals.
    places: dict[tuple[Funnel, tuple[tuple[str, str], ...]], list[int]] = {}
    for place, site_day in enumerate(of.days):
        for funnel in site_day.site.funnels:
            steps = funnel.resolved(site_day.site.goal_definitions)
            places.setdefault((funnel, steps), []).append(place)
    return [_filling(of, funnel, steps, mine) for (funnel, steps), mine in places.items()]


def _filling(of: Batch, funnel: Funnel, steps: Sequence[tuple[str, str]], places: Sequence[int]) -> Statement:
    mask, named = _mask(of, steps)
    # Goals may ask for more of an event than its name and path.
    goals = any(kind == JSON for kind, _ in steps)
    also, lists = (", currency, sent", ", hits.currency, hits.props") if goals else ("", "")
    strict, day = funnel.order == "strict", funnel.within == "day"
    # Between steps that have to follow each other any event counts, also those of visits without a step.
    kept = f"bitAnd(event, 255) > 0 OR name != '{ENGAGEMENT}'" if strict else "bitAnd(event, 255) > 0"
    mine = "" if len(places) == len(of.days) else f" AND has({[*places]}, d)"
    own = f"arrayMap(event -> toUInt16(event + {_OWN}), {_MASKS})"
    later = (
        f"groupArrayArray({_MASKS}) OVER (PARTITION BY d, visitor ORDER BY visit "
        "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    )
    events = f"arrayConcat({own}, {later})" if day else own
    reached = f"arrayFold((before, event) -> toUInt16({_STRICT if strict else _LOOSE}), events, toUInt16(0))"
    columns = {name: name for name in COLUMNS}
    columns |= {
        "funnel": "{funnel:String}",
        "reached": f"bitCount({f'bitShiftRight({reached}, 8)' if strict else reached})",
    }
    whose = ", ".join(("d", "visitor", "network_number", "again", "visit", *_KEPT_BY))
    return (
        of.naming(
            f"""{insert("{passed}", columns)}
            FROM
            (
                SELECT {whose}, met, if(bitTest(met, 0), {events}, []) AS events
                FROM
                (
                    SELECT {whose}, arraySort(arrayFilter((event, name) -> {kept}, coded, names)) AS events,
                        toUInt8(arrayReduce('groupBitOr', {_MASKS})) AS met
                    FROM
                    (
                        SELECT {whose}, hits.name AS names,
                            arrayMap((name, path, place, nth{also}) -> {_CODED} + {mask},
                                hits.name, hits.path, hits.place, arrayEnumerate(hits.name){lists}) AS coded
                        FROM {{visits}} WHERE came{mine}
                    )
                    {"" if strict and day else "WHERE met > 0"}
                )
            )
            WHERE met > 0 SETTINGS max_threads = 1"""
        ),
        of.named | named | {"funnel": funnel.name},
    )


def _mask(of: Batch, steps: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """SQL for the steps that an event is, by `name`, `path` and what goals ask for, and what it is bound to."""
    named: dict[str, Any] = {}
    bits = []
    for index, (kind, wanted) in enumerate(steps):
        bound = f"{{step_{index}:String}}"
        if kind == "event":
            named[f"step_{index}"], is_it = OUTSIDE_OTHER if wanted == OTHER else wanted, f"name = {bound}"
        elif kind == "page":
            named[f"step_{index}"], is_it = pattern_regex(wanted), f"name = '{PAGEVIEW}' AND match(path, {bound})"
        elif kind == JSON:
            is_it, asked = reaching(goal_of("", f"{JSON}:{wanted}"), f"step_{index}")
            named |= asked
        else:
            named[f"step_{index}"], is_it = wanted, f"name = '{PAGEVIEW}' AND {of.section_of('path')} = {bound}"
        bits.append(f"{2**index} * ({is_it})")
    return f"({' + '.join(bits)})", named
