"""Visits → the numbers of every value, not folded yet. They can be added up, people too: a visitor is in one part only.

In: `work_visits`. Out: rows to be added up in `work_cells`, `work_conversions`, `work_vitals`, of a day that is kept in
`sums_*`; a visit of sign -1 takes away what it once added.
Promises: the sums of a day are those of its visits, in however many runs they came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.vitals import GAMMA, VITALS, Vital

from .insert import insert
from .parallel import Statement
from .rows import SiteDay
from .visits import HOUR, OF_VISITS

RUN = "run = {run:UInt64}"
# A bucket of a histogram is kept with its samples in one number, bucket * UNIT + samples, which is sorted in half the
# time of two. Samples that are taken away are below zero, but nearer to their bucket than to the one before.
UNIT = 2**40


def families(of: SiteDay) -> Collection[str]:
    """The families that have sums of that day: without goals there are no conversions, and planning a statement takes
    longer than reading a small day."""
    return ("cells", "conversions", "vitals") if of.site.goals else ("cells", "vitals")


def adding(of: SiteDay) -> list[Statement]:
    """The statements that add what is in `work_visits` to the day's sums."""
    return [adding_of(of, *select) for select in _SELECTS if select[0] in families(of)]


def adding_of(of: SiteDay, family: str, columns: Mapping[str, str], rows: str) -> Statement:
    """One such statement. columns: SQL for what is added to each. rows: of which rows, from FROM on."""
    # They are several, so each has enough of one thread.
    alone = "SETTINGS max_threads = 1"
    return f"{insert(f'{of.sums}_{family}', {'run': '{run:UInt64}', **columns})} {rows} {alone}", of.named


# -- the statements --------------------------------------------------------------------------------------------------

# Of each hit, whether its page was viewed in the visit: behind all viewed pages it comes once more than among the hits
# alone. Looking each up among the viewed ones takes the square of a visit's hits, in memory too.
VIEWED = f"arrayDistinct(arrayFilter((p, n) -> n = '{PAGEVIEW}', hits.path, hits.name))"
_BEHIND = f"arraySlice(arrayEnumerateUniq(arrayConcat({VIEWED}, hits.path)), 1 + length({VIEWED}))"
SEEN = f"arrayMap((behind, alone) -> behind > alone, {_BEHIND}, arrayEnumerateUniq(hits.path))"
METRICS = ", ".join(f"'{name}'" for name in VITALS)


def count_people(once: str, more: str) -> str:
    """SQL for the people of signed visits. Whoever came only once is one person and need not be compared with the
    others, which is what counting people costs."""
    several = (f"uniqExactIf(visitor, ({more}) AND sign {which} 0)" for which in "><")
    return f"sumIf(sign, {once}) + {' - '.join(several)}"


def _signed(**numbers: str) -> dict[str, str]:
    """By column of the sums, SQL for what signed visits add to it; a column that is not named gets nothing."""
    return {column: f"sum(sign * {number})" for column, number in numbers.items()}


def by_each(columns: Mapping[str, str], *keys: str, whole: bool = False) -> tuple[dict[str, str], str]:
    """(columns of the sums, GROUP BY) to count by each of these columns in one go. columns: and whose values they
    have. whole: and by none of them, which is the dimension ""."""
    index = f"indexOf([{', '.join(f'grouping({column})' for column in columns)}], 0)"
    dimensions = ", ".join(f"'{dimension}'" for dimension in columns.values())
    sets = [(*keys, column) for column in columns] + [keys] * whole
    grouped = ", ".join(f"({', '.join(each)})" for each in sets)
    # What is not grouped by is empty, and so is what no index leads to.
    selected = {"dimension": f"[{dimensions}][{index}]", "value": f"concat({', '.join(columns)}, '')"}
    return selected, f"GROUPING SETS ({grouped})"


_BY_VALUE, _EACH_VALUE = by_each({value: value for value in OF_VISITS})
VISIT_VALUES = ", ".join("toString(hour) AS hour" if value == HOUR else value for value in OF_VISITS)

_CELLS_OF_ALL = (
    {"dimension": "''", "value": "''", "people": count_people("came AND NOT again", "came AND again")}
    | _signed(
        visits="came",
        pageviews="viewed",
        events="acted",
        entries="came",
        exits="came",
        bounces="bounced",
        visit_seconds="seconds",
        engaged_ms="engaged_ms",
    ),
    "FROM work_visits",
)
_CELLS_OF_VISITS = (
    {**_BY_VALUE, "people": count_people("NOT again", "again")}
    | _signed(
        visits="1",
        pageviews="viewed",
        events="acted",
        entries="1",
        exits="1",
        bounces="bounced",
        visit_seconds="seconds",
        engaged_ms="engaged_ms",
    ),
    f"""
    FROM (SELECT sign, visitor, again, viewed, acted, bounced, seconds, engaged_ms, {VISIT_VALUES}
        FROM work_visits WHERE came)
    GROUP BY {_EACH_VALUE}""",
)

# Where visits begin and end.
_ENDS = {"entry_page": "page", "entry_host": "hostname", "exit_page": "page", "exit_host": "hostname"}
BY_END, EACH_END = by_each(_ENDS)
BEGINS = "(grouping(entry_page) = 0 OR grouping(entry_host) = 0)"
_CELLS_OF_ENDS = (
    {
        **BY_END,
        "entries": f"{BEGINS} * sum(sign)",
        "exits": f"(NOT {BEGINS}) * sum(sign)",
        "bounces": f"{BEGINS} * sum(sign * bounced)",
        "visit_seconds": f"{BEGINS} * sum(sign * seconds)",
    },
    f"FROM work_visits WHERE viewed > 0 GROUP BY {EACH_END}",
)


def _cells_of_hits(dimension: str, part: str, if_: str) -> tuple[dict[str, str], str]:
    """Of a page, a host name or an event, whose first hit in a visit counts the visit. part: of a hit. if_: which hits
    are taken."""
    return (
        {
            "dimension": f"'{dimension}'",
            "value": "value",
            "people": count_people("first AND NOT again", "first AND again"),
        }
        | _signed(
            visits="first",
            pageviews=f"(name = '{PAGEVIEW}')",
            events=f"(name != '{ENGAGEMENT}')",
            engaged_ms="engaged",
        ),
        f"""
    FROM
    (
        SELECT sign, visitor, again, value, came AND nth = 1 AS first, name, engaged
        FROM work_visits
        ARRAY JOIN hits.{part} AS value, hits.name AS name, hits.engaged_ms AS engaged,
            arrayEnumerateUniq(hits.{part}) AS nth, {SEEN if "seen" in if_ else "hits.engaged_ms"} AS seen
        WHERE {if_}
    )
    GROUP BY value""",
    )


_REACHING = "sign, visitor, again, came, goal, countEqual(reached.goal, goal) AS times"
_REACHED = "FROM work_visits ARRAY JOIN arrayDistinct(reached.goal) AS goal"
_BY_REACHING, _EACH_REACHING = by_each({value: value for value in OF_VISITS}, "goal")
_CONVERSIONS_OF_VISITS = (
    {**_BY_REACHING, "goal": "goal", "people": count_people("NOT again", "again")} | _signed(times="times"),
    f"FROM (SELECT {_REACHING}, {VISIT_VALUES} {_REACHED}) WHERE came GROUP BY {_EACH_REACHING}",
)
_BY_PART, _EACH_PART = by_each({"path": "page", "hostname": "hostname", "name": "event"}, "goal", whole=True)
_CONVERSIONS_OF_HITS = (
    {**_BY_PART, "goal": "goal", "people": count_people("false", "true")} | _signed(times="1"),
    f"""
    FROM (SELECT sign, visitor, r.goal AS goal, r.path AS path, r.hostname AS hostname, r.name AS name
        FROM work_visits ARRAY JOIN reached AS r)
    GROUP BY {_EACH_PART}""",
)

# What a visit of nothing but engagement reports adds, it adds to the whole only.
_OF_VISIT = ", ".join(f"('{value}', toString({value}))" for value in OF_VISITS)
_OF_HIT = "[('', ''), ('page', r.path), ('hostname', toString(r.hostname)), ('event', toString(r.name))]"
_REVENUE = (
    {"dimension": "d.1", "value": "d.2", "goal": "r.goal", "currency": "r.currency"}
    | {"people": count_people("false", "true")}
    | _signed(paid="r.amount"),
    f"""
    FROM (SELECT sign, visitor, came, reached, {", ".join(OF_VISITS)} FROM work_visits
        WHERE arrayExists(currency -> currency != '', reached.currency))
    ARRAY JOIN arrayFilter(one -> one.currency != '', reached) AS r
    ARRAY JOIN arrayConcat(if(came, [{_OF_VISIT}], []), {_OF_HIT}) AS d
    GROUP BY d.1, d.2, r.goal, r.currency""",
)


def _constants(of: Callable[[Vital], object], kind: str) -> str:
    return f"CAST([{', '.join(str(of(vital)) for vital in VITALS.values())}], 'Array({kind})')"


_NUMBERED = f"range(1, {len(VITALS) + 1})"
_METRIC = f"[{METRICS}][vital]"
_BY_MEASURED, _EACH_MEASURED = by_each(
    {"path": "page", "first_device": "device", "first_country": "country"}, "vital", "bucket", whole=True
)
_SAMPLES = f"""
    SELECT sign, m.path AS path, first_device, first_country, vital, sample,
        sample * {_constants(lambda vital: vital.scale, "Float64")}[vital] AS scaled,
        toInt16(if(scaled <= 1, 0, ceil(log(scaled) / {math.log(GAMMA)!r}))) AS bucket,
        sample <= {_constants(lambda vital: vital.good, "Float32")}[vital] AS good,
        sample > {_constants(lambda vital: vital.poor, "Float32")}[vital] AS poor
    FROM (SELECT sign, m, first_device, first_country FROM work_visits ARRAY JOIN measured AS m)
    ARRAY JOIN m.vitals AS sample, {_NUMBERED} AS vital
    WHERE sample >= 0"""
_BUCKETS = f"""
    SELECT {", ".join(f"{sql} AS {column}" for column, sql in _BY_MEASURED.items())}, {_METRIC} AS metric, bucket,
        sum(sign) AS n, sum(sign * good) AS g, sum(sign * poor) AS p
    FROM ({_SAMPLES}) GROUP BY {_EACH_MEASURED}"""
_HISTOGRAMS = (
    {"dimension": "dimension", "value": "value", "metric": "metric"}
    | {"histogram": f"groupArrayIf(bucket * {UNIT} + n, n != 0)"}
    | {"samples": "sum(n)", "good": "sum(g)", "poor": "sum(p)"},
    f"FROM ({_BUCKETS}) GROUP BY dimension, value, metric",
)

# In the visit's own dimensions one row per visit and metric.
_MEASURED = (
    f"arrayDistinct(arrayFlatten(arrayMap(v -> arrayFilter((i, one) -> one >= 0, {_NUMBERED}, v), measured.vitals)))"
)
_BY_OWN, _EACH_OWN = by_each({"first_device": "device", "first_country": "country"}, "vital", whole=True)
_VITAL_PEOPLE = (
    {**_BY_OWN, "metric": _METRIC, "people": count_people("NOT again", "again")},
    f"""
    FROM (SELECT sign, visitor, again, first_device, first_country, vital
        FROM work_visits ARRAY JOIN {_MEASURED} AS vital)
    GROUP BY {_EACH_OWN}""",
)
_PAGE_PEOPLE = (
    {"dimension": "'page'", "value": "path", "metric": _METRIC, "people": count_people("false", "true")},
    f"""
    FROM (SELECT sign, visitor, m.path AS path, m.vitals AS vitals
        FROM work_visits ARRAY JOIN measured AS m)
    ARRAY JOIN arrayFilter((i, one) -> one >= 0, {_NUMBERED}, vitals) AS vital
    GROUP BY path, vital""",
)

# Of each its family, by column what is added, and of which rows. The longest first, so that none is left to run alone.
_SELECTS = (
    ("conversions", *_CONVERSIONS_OF_VISITS),
    ("vitals", *_HISTOGRAMS),
    ("cells", *_CELLS_OF_VISITS),
    ("conversions", *_REVENUE),
    ("cells", *_cells_of_hits("page", "path", "seen OR NOT came")),
    ("vitals", *_PAGE_PEOPLE),
    ("vitals", *_VITAL_PEOPLE),
    ("conversions", *_CONVERSIONS_OF_HITS),
    ("cells", *_cells_of_hits("hostname", "hostname", "came")),
    ("cells", *_cells_of_hits("event", "name", f"came AND name != '{ENGAGEMENT}'")),
    ("cells", *_CELLS_OF_ENDS),
    ("cells", *_CELLS_OF_ALL),
)
