"""Visits → the numbers of every value, not suppressed yet.

In: the scratch table `visits`. Out: rows to be added up in `cells`, `conversions` and `vitals`. Promises: people are
counted distinctly for each value; what a value's rows add up to does not depend on how the visits were made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from schema.event import ENGAGEMENT
from schema.families import DECLARED
from schema.measures import OF_CELLS
from schema.visits import OF_VISITS, VISIT
from schema.vitals import GAMMA, VITALS, Vital

from ..insert import insert
from ..parallel import Statement, at_once
from . import declared
from .batch import Batch
from .contributors import OF_HIT, OF_VISIT
from .reached import fill_reached
from .shape import BEGINS, BY_END, EACH_END, METRICS, SEEN, VISIT_VALUES, Select, by_each, count_people

# What is counted of visits; what rates are divided by is known in the end only.
COUNTED = tuple(one for one in OF_CELLS if one.visit)
# A bucket of a histogram is kept with its samples in one number, bucket * UNIT + samples, which is sorted in half the
# time of two.
UNIT = 2**40


def families(of: Batch) -> Collection[str]:
    """The families that have rows of that batch: without goals there are no conversions, and planning a statement takes
    longer than reading a small day."""
    return ("cells", *(("conversions",) if of.has_goals else ()), "vitals", *DECLARED)


def aggregate(of: Batch) -> None:
    """Fill the scratch tables of the families."""
    if of.has_goals:
        fill_reached(of)
    at_once(of.store, [_adding(of, *select) for select in _SELECTS if select[0] in families(of)])


def _adding(of: Batch, family: str, columns: Mapping[str, str], rows: str) -> Statement:
    """One statement. columns: SQL for what is added to each. rows: of which rows, from FROM on."""
    # They are several, so each has enough of one thread.
    return f"{insert(of.scratch(family), {'d': 'd', **columns})} {of.naming(rows)} SETTINGS max_threads = 1", of.named


# -- cells -----------------------------------------------------------------------------------------------------------

_PLAIN = ", ".join(name for name in VISIT if "." not in name and name not in OF_VISITS)


def _people(which: str) -> str:
    """SQL for the people of visits for which that holds."""
    return count_people(f"{which} AND NOT again", f"{which} AND again")


_OF_VISIT = {one.name: f"sum({one.visit})" for one in COUNTED} | {
    kind: _people(f"{is_one}") for kind, is_one in OF_VISIT.items()
}
_CELLS_OF_ALL = (
    {"dimension": "''", "value": "''", "people": _people("came")} | _OF_VISIT,
    "FROM {visits} GROUP BY d",
)
_BY_VALUE, _EACH_VALUE = by_each({value: value for value in OF_VISITS}, "d")
_CELLS_OF_VISITS = (
    {**_BY_VALUE, "people": count_people("NOT again", "again")} | _OF_VISIT,
    f"""
    FROM (SELECT d, {_PLAIN}, {VISIT_VALUES} FROM {{visits}} WHERE came)
    GROUP BY {_EACH_VALUE}""",
)
_EVERYBODY = count_people("NOT again", "again")
_CELLS_OF_ENDS = (
    BY_END
    | {"entrant": f"{BEGINS} * ({_EVERYBODY})", "leaver": f"(NOT {BEGINS}) * ({_EVERYBODY})"}
    | {one.name: f"{BEGINS} * sum({one.begins})" for one in COUNTED if one.begins}
    | {one.name: f"(NOT {BEGINS}) * sum({one.ends})" for one in COUNTED if one.ends},
    f"FROM {{visits}} WHERE viewed > 0 GROUP BY {EACH_END}",
)


def _cells_of_hits(dimension: str, part: str, if_: str, contributors: Mapping[str, str] = OF_HIT) -> Select:
    """Of a page, a host name or an event, whose first hit in a visit counts the visit. part: of a hit. if_: which hits
    are taken."""
    return (
        {"dimension": f"'{dimension}'", "value": "value", "people": _people("first")}
        | {kind: f"uniqExactIf(visitor, {is_one})" for kind, is_one in contributors.items()}
        | {one.name: f"sum({one.hit})" for one in COUNTED if one.hit},
        f"""
    FROM
    (
        SELECT d, visitor, again, value, came AND nth = 1 AS first, name, engaged
        FROM {{visits}}
        ARRAY JOIN hits.{part} AS value, hits.name AS name, hits.engaged_ms AS engaged,
            arrayEnumerateUniq(hits.{part}) AS nth, {SEEN if "seen" in if_ else "hits.engaged_ms"} AS seen
        WHERE {if_}
    )
    GROUP BY d, value""",
    )


# -- conversions -----------------------------------------------------------------------------------------------------

# In a dimension of visits whoever has one visit is one person however often the goal was reached in it.
_BY_REACHING, _EACH_REACHING = by_each({value: value for value in OF_VISITS}, "d", "goal")
_CONVERSIONS_OF_VISITS = (
    {**_BY_REACHING, "goal": "goal", "people": count_people("nth = 1 AND NOT again", "again"), "times": "count()"},
    f"FROM (SELECT d, visitor, again, goal, nth, {VISIT_VALUES} FROM {{reached}} WHERE came) GROUP BY {_EACH_REACHING}",
)
_BY_PART, _EACH_PART = by_each({"path": "page", "hostname": "hostname", "name": "event"}, "d", "goal", whole=True)
_CONVERSIONS_OF_HITS = (
    {**_BY_PART, "goal": "goal", "people": "uniqExact(visitor)", "times": "count()"},
    f"FROM {{reached}} GROUP BY {_EACH_PART}",
)

# What a visit of nothing but engagement reports adds, it adds to the whole only.
_PAIRS = ", ".join(f"('{value}', toString({value}))" for value in OF_VISITS)
_OF_HIT = "[('', ''), ('page', path), ('hostname', toString(hostname)), ('event', toString(name))]"
_REVENUE = (
    {"dimension": "one.1", "value": "one.2", "goal": "goal", "currency": "currency"}
    | {"people": "uniqExact(visitor)", "paid": "sum(amount)"},
    f"""
    FROM {{reached}} ARRAY JOIN arrayConcat(if(came, [{_PAIRS}], []), {_OF_HIT}) AS one
    WHERE currency != '' GROUP BY d, one.1, one.2, goal, currency""",
)


# -- vitals ----------------------------------------------------------------------------------------------------------


def _constants(of: Callable[[Vital], object], kind: str) -> str:
    return f"CAST([{', '.join(str(of(vital)) for vital in VITALS.values())}], 'Array({kind})')"


_NUMBERED = f"range(1, {len(VITALS) + 1})"
_METRIC = f"[{METRICS}][vital]"
_BY_MEASURED, _EACH_MEASURED = by_each(
    {"path": "page", "first_device": "device", "first_country": "country"}, "d", "vital", "bucket", whole=True
)
_SAMPLES = f"""
    SELECT d, path, first_device, first_country, vital, sample,
        sample * {_constants(lambda vital: vital.scale, "Float64")}[vital] AS scaled,
        toInt16(if(scaled <= 1, 0, ceil(log(scaled) / {math.log(GAMMA)!r}))) AS bucket,
        sample <= {_constants(lambda vital: vital.good, "Float32")}[vital] AS good,
        sample > {_constants(lambda vital: vital.poor, "Float32")}[vital] AS poor
    FROM (SELECT d, path, vitals, first_device, first_country
        FROM {{visits}} ARRAY JOIN measured.path AS path, measured.vitals AS vitals)
    ARRAY JOIN vitals AS sample, {_NUMBERED} AS vital
    WHERE sample >= 0"""
_BUCKETS = f"""
    SELECT d, {", ".join(f"{sql} AS {column}" for column, sql in _BY_MEASURED.items())}, {_METRIC} AS metric, bucket,
        count() AS n, sum(good) AS g, sum(poor) AS p
    FROM ({_SAMPLES}) GROUP BY {_EACH_MEASURED}"""
_HISTOGRAMS = (
    {"dimension": "dimension", "value": "value", "metric": "metric"}
    | {"histogram": f"groupArray(bucket * {UNIT} + n)"}
    | {"samples": "sum(n)", "good": "sum(g)", "poor": "sum(p)"},
    f"FROM ({_BUCKETS}) GROUP BY d, dimension, value, metric",
)

# In the visit's own dimensions one row per visit and metric.
_MEASURED = (
    f"arrayDistinct(arrayFlatten(arrayMap(v -> arrayFilter((i, one) -> one >= 0, {_NUMBERED}, v), measured.vitals)))"
)
_BY_OWN, _EACH_OWN = by_each({"first_device": "device", "first_country": "country"}, "d", "vital", whole=True)
_VITAL_PEOPLE = (
    {**_BY_OWN, "metric": _METRIC, "people": count_people("NOT again", "again")},
    f"""
    FROM (SELECT d, visitor, again, first_device, first_country, vital
        FROM {{visits}} ARRAY JOIN {_MEASURED} AS vital)
    GROUP BY {_EACH_OWN}""",
)
_PAGE_PEOPLE = (
    {"dimension": "'page'", "value": "path", "metric": _METRIC, "people": "uniqExact(visitor)"},
    f"""
    FROM (SELECT d, visitor, path, vitals FROM {{visits}} ARRAY JOIN measured.path AS path, measured.vitals AS vitals)
    ARRAY JOIN arrayFilter((i, one) -> one >= 0, {_NUMBERED}, vitals) AS vital
    GROUP BY d, path, vital""",
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
    ("cells", *_cells_of_hits("event", "name", f"came AND name != '{ENGAGEMENT}'", {})),
    ("cells", *_CELLS_OF_ENDS),
    ("cells", *_CELLS_OF_ALL),
    *declared.SELECTS,
)
