"""Visits → the numbers of every value, not suppressed yet.

In: the scratch table `visits`. Out: rows to be added up in `cells`, `conversions` and `vitals`. Promises: people are
counted distinctly for each value; what a value's rows add up to does not depend on how the visits were made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from schema.families import DECLARED
from schema.family import Family
from schema.measures import KINDS
from schema.visits import OF_VISITS, VISIT

from ...insert import insert
from ...parallel import Statement, at_once
from ..batch import NETWORKS, Batch
from ..contributors import OF_HIT, OF_VISIT, networks_of
from ..shape import (
    BEGINS,
    ENDS,
    VISIT_VALUES,
    Select,
    by_each,
    count_distinct,
    count_networks,
    count_people,
)
from ..visits.elements import fill_elements
from ..visits.engagement import fill_spent
from ..visits.funnel_progress import filling_passed
from ..visits.goals_reached import OF_REACHED, filling_reached
from ..visits.hits import OF_HITS, filling_hits
from ..visits.measurements import filling_samples
from ..visits.properties import fill_told
from ..visits.warm import SUMS, empty, renewing
from . import declared, vitals
from .sums import COUNTED, FAR, go_on

# By family and column what is added, and of which rows.
_Selects = tuple[tuple[str, Mapping[str, str], str], ...]


def families(of: Batch) -> Collection[str]:
    """The families that have rows of that batch, once `samples` and `reached` are filled: planning a statement takes
    longer than reading a small day."""
    declared_ones = (name for name, family in DECLARED.items() if is_counted(of, family))
    # Sums that go on may have goals that nobody has reached any more.
    reached = of.has_goals and (of.adds or of.has_rows("reached"))
    own = (("conversions", reached), ("vitals", of.has_rows("samples")))
    return ("cells", *(name for name, is_there in own if is_there), *declared_ones)


def is_asked(of: Batch, family: Family) -> bool:
    """Whether a site asks for it."""
    return not (family.counting and family.counting.setting) or of.has(family.counting.setting)


def is_counted(of: Batch, family: Family) -> bool:
    """Whether a site asks for it, and there is some of it: once `aggregate` has looked."""
    if of.live and not family.live:
        return False
    return is_asked(of, family) and (
        not (family.counting and family.counting.source) or of.has_rows(family.counting.source)
    )


def aggregate(of: Batch) -> None:
    """Fill `hits`, `samples`, `reached`, `passed`, `told` and `spent`, and of these and visits the families' tables."""
    fill_told(of)
    some = renewing(of)
    at_once(of.store, [*_reached_and_hits(some), filling_samples(some), *filling_passed(some)])
    fill_spent(of)
    fill_elements(of)
    counted = {*families(of)}
    if of.adds and not go_on(of, counted.intersection(SUMS), _count):
        empty(of, SUMS)
    elif of.adds:
        counted.difference_update(SUMS)
    _count(of, counted)


def _reached_and_hits(of: Batch) -> list[Statement]:
    return [*([filling_reached(of)] if of.has_goals else []), filling_hits(of)]


def _count(of: Batch, counted: Collection[str]) -> None:
    selects = _selects(() if of.alone else ("d",), of.is_small, of.plain)
    if "vitals" in counted and of.has_rows("elements"):
        selects = (*selects, ("vitals", *vitals.of_elements(() if of.alone else ("d",))))
    paid = "conversions" in counted and _is_paid(of)
    some = [select for select in selects if select[0] in counted and (paid or "paid" not in select[1])]
    at_once(of.store, [_adding(of, *select) for select in some])


def _is_paid(of: Batch) -> bool:
    """Whether a goal has revenue."""
    return bool(of.store.rows(f"SELECT 1 FROM {of.scratch('reached')} WHERE currency != '' LIMIT 1"))


def _adding(of: Batch, family: str, columns: Mapping[str, str], rows: str) -> Statement:
    """One statement. columns: SQL for what is added to each. rows: of which rows, from FROM on."""
    # They are several, so each has enough of one thread.
    inserted = insert(f"{{{family}}}", {"d": "0" if of.alone else "d", **columns})
    if of.live and family in SUMS:
        inserted = inserted.replace("{networks}", str(max(FAR, of.most.networks)))
    return of.naming(f"{inserted} {rows} SETTINGS max_threads = 1"), of.named


@cache
def _selects(apart: tuple[str, ...], small: bool, plain: bool) -> _Selects:
    """What is counted. small: of few visits. plain: nobody asks for networks. apart: the columns that tell the values
    of one site-day from those of another: one that is alone has none, because to group by one column takes half the
    time of two. The longest first, so that none is left to run alone; but the two that hold most are not in memory
    together: by the time the goals of visits are counted, so is what stands between."""
    selects = (
        ("conversions", *_conversions_of_visits(apart)),
        ("conversions", *_revenue(apart)),
        ("conversions", *_conversions_of_hits(apart)),
        ("vitals", *(vitals.of_few if small else vitals.of_many)(apart)),
        *(("cells", *one) for one in (_cells_of_few if small else _cells_of_many)(apart)),
        ("cells", *_cells_of_ends(apart)),
        ("cells", *_CELLS_OF_ALL),
        *declared.SELECTS,
    )
    return tuple((name, _plain(columns), rows) for name, columns, rows in selects) if plain else selects


def _plain(columns: Mapping[str, str]) -> dict[str, str]:
    """Networks as many as people: one or more where somebody is counted."""
    people = {networks_of(kind): kind or "people" for kind in ("", *KINDS)}
    return {name: columns[people.get(name, name)] for name in columns}


def _by(apart: tuple[str, ...], *keys: str) -> str:
    return f"GROUP BY {', '.join((*apart, *keys))}"


# -- cells -----------------------------------------------------------------------------------------------------------

_PLAIN = ", ".join(name for name in VISIT if "." not in name and name not in OF_VISITS)


def _people(which: str, name: str = "") -> dict[str, str]:
    """SQL for the people of visits for which that holds, and for their networks. name: of a kind of contributors."""
    counted = count_people(f"{which} AND NOT again", f"{which} AND again")
    return {name or "people": counted, networks_of(name): count_networks(which)}


_OF_VISIT = {one.name: f"sum({one.visit})" for one in COUNTED} | {
    column: sql for kind, is_one in OF_VISIT.items() for column, sql in _people(is_one, kind).items()
}
_CELLS_OF_ALL = (
    {"dimension": "''", "value": "''"} | _people("came") | _OF_VISIT,
    "FROM {visits} GROUP BY d",
)
# Of rows that are visits: the visitors.
EVERYBODY = count_people("NOT again", "again")


_PAIRS = ", ".join(f"('{value}', toString({value}))" for value in OF_VISITS)


def _cells_of_many(apart: tuple[str, ...]) -> tuple[Select, ...]:
    hits = [_cells_of_hits(apart, dimension) for dimension in ("section", "hostname")]
    return _cells_of_hits(apart, "page"), _cells_of_visits(apart), *hits, _cells_of_hits(apart, "event", {})


def _cells_of_few(apart: tuple[str, ...]) -> tuple[Select, ...]:
    """The same in half the time of planning, and twice that of counting."""
    return _cells_of_few_hits(apart), _cells_of_few_visits(apart)


def _cells_of_visits(apart: tuple[str, ...]) -> Select:
    by, each = by_each({value: value for value in OF_VISITS}, *apart)
    return (
        {**by, "people": EVERYBODY, "networks": NETWORKS} | _OF_VISIT,
        f"FROM (SELECT d, {_PLAIN}, {VISIT_VALUES} FROM {{visits}} WHERE came) GROUP BY {each}",
    )


def _cells_of_few_visits(apart: tuple[str, ...]) -> Select:
    by = {"dimension": "one.1", "value": "one.2"}
    rows = f"FROM {{visits}} ARRAY JOIN [{_PAIRS}] AS one WHERE came {_by(apart, 'one.1', 'one.2')}"
    return {**by, "people": EVERYBODY, "networks": NETWORKS} | _OF_VISIT, rows


def _cells_of_ends(apart: tuple[str, ...]) -> Select:
    by, each = by_each(ENDS, *apart)
    return (
        by
        | {"entrant": f"{BEGINS} * ({EVERYBODY})", "leaver": f"(NOT {BEGINS}) * ({EVERYBODY})"}
        | {networks_of("entrant"): f"{BEGINS} * {NETWORKS}", networks_of("leaver"): f"(NOT {BEGINS}) * {NETWORKS}"}
        | {one.name: f"{BEGINS} * sum({one.begins})" for one in COUNTED if one.begins}
        | {one.name: f"(NOT {BEGINS}) * sum({one.ends})" for one in COUNTED if one.ends},
        f"FROM {{visits}} WHERE viewed > 0 GROUP BY {each}",
    )


def _cells_of_hits(apart: tuple[str, ...], dimension: str, contributors: Mapping[str, str] = OF_HIT) -> Select:
    """Of a page, a host name or an event, whose first hit in a visit counts the visit."""
    column, which = OF_HITS[dimension]
    return (
        {"dimension": f"'{dimension}'", "value": "value"}
        | _people("first")
        | {kind: count_distinct(is_one) for kind, is_one in contributors.items()}
        | {networks_of(kind): count_networks(is_one) for kind, is_one in contributors.items()}
        | {one.name: f"sum({one.hit})" for one in COUNTED if one.hit},
        f"""
    FROM (SELECT d, visitor, network_number, again, {column} AS value, first_{dimension} AS first, name, engaged
        FROM {{hits}} WHERE {which})
    {_by(apart, "value")}""",
    )


def _cells_of_few_hits(apart: tuple[str, ...]) -> Select:
    laid = ", ".join(
        f"('{one}', toString({column}), first_{one}, toUInt8({which}))" for one, (column, which) in OF_HITS.items()
    )
    contributors = {kind: count_distinct(is_one) for kind, is_one in OF_HIT.items()}
    contributors |= {networks_of(kind): count_networks(is_one) for kind, is_one in OF_HIT.items()}
    return (
        {"dimension": "dimension", "value": "value"}
        | _people("first")
        | {kind: f"(dimension != 'event') * ({counted})" for kind, counted in contributors.items()}
        | {one.name: f"sum({one.hit})" for one in COUNTED if one.hit},
        f"""
    FROM (SELECT d, visitor, network_number, again, one.1 AS dimension, one.2 AS value, one.3 AS first, name, engaged
        FROM {{hits}} ARRAY JOIN [{laid}] AS one WHERE one.4)
    {_by(apart, "dimension", "value")}""",
    )


# -- conversions -----------------------------------------------------------------------------------------------------


def _conversions_of_visits(apart: tuple[str, ...]) -> Select:
    # Whoever has one visit is one person however often the goal was reached in it.
    by, each = by_each({value: value for value in OF_VISITS}, *apart, "goal")
    rows = f"(SELECT d, visitor, network_number, again, goal, nth, {VISIT_VALUES} FROM {{reached}} WHERE came)"
    people = count_people("nth = 1 AND NOT again", "again")
    return (
        {**by, "goal": "goal", "people": people, "networks": NETWORKS, "times": "count()"},
        f"FROM {rows} GROUP BY {each}",
    )


def _conversions_of_hits(apart: tuple[str, ...]) -> Select:
    by, each = by_each({column: one for one, column in OF_REACHED.items()}, *apart, "goal", whole=True)
    people = {"people": count_distinct(), "networks": NETWORKS, "times": "count()"}
    return {**by, "goal": "goal", **people}, f"FROM {{reached}} GROUP BY {each}"


# What a visit of nothing but engagement reports adds, it adds to the whole only.
_OF_HIT = ", ".join(f"('{one}', toString({column}))" for one, column in OF_REACHED.items())


def _revenue(apart: tuple[str, ...]) -> Select:
    return (
        {"dimension": "one.1", "value": "one.2", "goal": "goal", "currency": "currency"}
        | {"people": count_distinct(), "networks": NETWORKS, "paid": "sum(amount)"},
        f"""
    FROM {{reached}} ARRAY JOIN arrayConcat(if(came, [{_PAIRS}], []), [('', ''), {_OF_HIT}]) AS one
    WHERE currency != '' {_by(apart, "one.1", "one.2", "goal", "currency")}""",
    )
