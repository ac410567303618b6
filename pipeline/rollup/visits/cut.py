"""The statement that makes visits: the events of a day, visitor after visitor, are cut where a visit begins.

In: raw rows of a batch. Out: SQL. Promises: the definitions of visit, bounce and duration in docs/metrics.md; what a
visit has is the same in whatever parts its raw rows are read.

Raw rows are stored in the order in which visits need them. So nothing is grouped or joined: each column becomes one
long list, which is cut into those of visits where a flag says that one begins. That is half the work of a group for
each visit.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.visits import OF_FIRST_EVENT, OF_FIRST_OF_ALL, RAW_OF_FIRST_EVENT, VISIT
from schema.vitals import OF_ELEMENTS, VITALS

from ...insert import insert
from ..batch import NETWORK, Batch, zones
from .properties import sent
from .visit import READ, escaped

_VIEWED, _ACTED = f"name = '{PAGEVIEW}'", f"name != '{ENGAGEMENT}'"
# What a visit has of each of its events, not in their order: `place` tells that.
_OF_HITS = tuple(name.removeprefix("hits.") for name in VISIT if name.startswith("hits."))
# No selector has such a character.
_NAMED = ", '\\n', ".join(f"elements['{name}']" for name in OF_ELEMENTS)
_SPLIT = "if(text = '', [], splitByChar('\\n', text))"
# Lists by name: what visits have of each of their events; of where they begin; and of their first event but for
# reports. Each visit has one of the last two: where there are reports only, the last of them.
_EACH = {
    **{f"{name}s": name for name in _OF_HITS},
    "names": escaped("name"),
    "paths": escaped("path"),
    "hostnames": escaped("hostname"),
    "places": "toUInt32(place)",
    "propss": "sent",
    "times": "received",
    "deaths": "toDate(received) + lifetime",
    "views": _VIEWED,
    "acts": _ACTED,
    "interactions": f"{_ACTED} AND NOT ({_VIEWED}) AND interactive",
    "measuring": f"arrayExists(sample -> sample >= 0, [{', '.join(VITALS)}])",
    **{f"{vital}s": vital for vital in VITALS},
    # As one text: an array of each event would take longer, and hardly one has any.
    "named": f"if(empty(elements), '', concat({_NAMED}))",
}
_BEGINNING = {
    "its_visitor": "visitor",
    "its_visit": "visit",
    "others": "again",
    "its_network": NETWORK,
    **{f"first_{name}": escaped(name) for name in OF_FIRST_OF_ALL},
}
_OPENING = {f"its_{name}": name for name in RAW_OF_FIRST_EVENT}
_READ = ", ".join(name for name in READ if name not in ("visitor", "props"))
_SAMPLES = f"arrayMap(({', '.join(VITALS)}) -> [{', '.join(VITALS)}], {', '.join(f'{vital}s' for vital in VITALS)})"


def _those(which: str, values: str) -> str:
    return f"arrayFilter((value, is_one) -> is_one, {values}, {which})"


def _end(which: str, values: str) -> str:
    """SQL for the value of the first or last page view. which: First or Last."""
    return f"array{which}((value, is_one) -> is_one, {values}, views)"


_MADE = {
    "visitor": "its_visitor",
    "network_number": "its_network",
    "visit": "its_visit",
    "again": "others",
    "expires": "arrayMin(deaths)",
    "received": "toDate(times[1])",
    "viewed": "arraySum(views) AS viewed",
    "acted": "arraySum(acts) AS acted",
    "came": "acted > 0 AS came",
    "seconds": "if(came, dateDiff('second', times[1], times[-1]), 0)",
    "bounced": "viewed = 1 AND NOT has(interactions, 1)",
    "engaged_ms": "arraySum(engaged_mss)",
    **{f"first_{name}": f"first_{name}" for name in OF_FIRST_OF_ALL},
    **{f"{end}_page": f"{_end(which, 'paths')} AS {end}_page" for end, which in (("entry", "First"), ("exit", "Last"))},
    **{f"{end}_host": _end(which, "hostnames") for end, which in (("entry", "First"), ("exit", "Last"))},
    **{f"hits.{name}": f"{name}s" for name in _OF_HITS},
    "measured.path": _those("measuring", "paths"),
    "measured.vitals": _those("measuring", _SAMPLES),
    "measured.elements": f"arrayMap(text -> {_SPLIT}, {_those('measuring', 'named')})",
    **{
        name: f"if(came, {escaped(sql.format_map({raw: f'its_{raw}' for raw in RAW_OF_FIRST_EVENT}))}, '')"
        for name, sql in OF_FIRST_EVENT.items()
    },
}


def _gathered(of: Batch) -> str:
    """SQL for the long lists: `all_…`, with a value for every event, or for every visit."""
    lists = {"beginnings": "groupArray(begins)"}
    lists |= {name: f"groupArray({sql})" for name, sql in _EACH.items()}
    beginning = _BEGINNING | {"its_d": of.which}
    lists |= {name: f"groupArrayIf({sql}, begins)" for name, sql in beginning.items()}
    lists |= {name: f"groupArrayIf({sql}, opens)" for name, sql in _OPENING.items()}
    return ", ".join(f"{sql} AS all_{name}" for name, sql in lists.items())


def _cut() -> str:
    """SQL for what a visit has of the long lists."""
    cut = [f"arraySplit((value, begins) -> begins, all_{name}, all_beginnings) AS {name}" for name in _EACH]
    return ", ".join((*cut, *(f"all_{name} AS {name}" for name in (*_BEGINNING, *_OPENING)), "all_its_d AS d"))


def visits_of(of: Batch, into: str, rows: str, properties: bool, columns: dict[str, str]) -> str:
    """SQL that makes visits of raw rows. rows: of which; properties: whether they have some. columns: what is made
    beside those of every visit."""
    made = {"d": "d"} | _MADE | {"hour": _hour(of)} | columns
    # One thread: several would leave the order of the windows, by which all lists are alike.
    # acted: the last visit, counted from 1 on, in which the visitor did something before.
    return f"""
    {insert(into, made)}
    FROM
    (
        SELECT {_gathered(of)}
        FROM
        (
            SELECT *, place = 1 OR pause AS begins, acted != visit + 1 AND ({_ACTED} OR ends) AS opens
            FROM
            (
                SELECT *,
                    maxIf(visit + 1, {_ACTED}) OVER (visitor_events ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                        AS acted,
                    leadInFrame(pause, 1, 1)
                        OVER (visitor_events ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ends
                FROM
                (
                    SELECT *, sum(pause) OVER visitor_events AS visit,
                        max(pause) OVER (PARTITION BY {of.apart}visitor) AS again
                    FROM
                    (
                        SELECT
                            {of.apart}visitor, {_READ},
                            {sent(of) if properties else "''"} AS sent,
                            row_number() OVER visitor_events AS place,
                            received - lagInFrame(received, 1, received) OVER visitor_events
                                > {{gap:UInt32}} + least(intDiv(engaged_ms, 1000), {{gap:UInt32}}) AS pause
                        FROM {rows}
                        WINDOW visitor_events AS (PARTITION BY {of.apart}visitor ORDER BY received, sequence)
                    )
                    WINDOW visitor_events AS (PARTITION BY {of.apart}visitor ORDER BY received, sequence)
                )
                WINDOW visitor_events AS (PARTITION BY {of.apart}visitor ORDER BY received, sequence)
            )
        )
    )
    ARRAY JOIN {_cut()}
    SETTINGS max_threads = 1"""


def _hour(of: Batch) -> str:
    """SQL for the second at which the local hour of a visit's start began."""
    by_zone = zones(of.days)
    hours = [
        f"toUnixTimestamp(toStartOfHour(toTimeZone(times[1], {{zone_{index}:String}})))"
        for index in range(len(by_zone))
    ]
    if len(hours) == 1:
        return hours[0]
    tests = (f"d IN ({', '.join(map(str, mine))})" for mine in by_zone.values())
    return f"multiIf({', '.join(f'{test}, {hour}' for test, hour in zip(tests, hours, strict=True))}, 0)"
