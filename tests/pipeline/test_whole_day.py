"""Every number of a day against plain Python that shares nothing with the rollup but the definitions."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.release import as_released
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up_together
from pipeline.rollup.visits import sessionize
from pipeline.settings import SiteRules
from schema.dimensions import DIMENSIONS, EVERY, OTHER
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from schema.visits import RAW_OF_FIRST_EVENT
from schema.vitals import PEOPLE_BUCKET, VITALS
from tests.conftest import examples, insert, make_event
from tests.histogram import bucket_of
from tests.together import Test, rolled_up, together

pytestmark = pytest.mark.clickhouse

DAY = dt.date(2041, 3, 8)
START = day_bounds("UTC", day_number(DAY)).start
GAP_S = 30 * 60
# Every dimension of which a visit has one value, and that of its first event.
OF_VISIT = tuple(
    name for name, one in DIMENSIONS.items() if one.scope == "visit" and name not in ("entry_page", "exit_page")
)
_NUMBER = itertools.count(1)

Touched = dict[str, list[int]]  # value → visits, pageviews, events, entries, exits, bounces, seconds, engaged_ms
Table = dict[tuple[Any, ...], tuple[int, ...]]


def visits_of(events: Sequence[Event]) -> list[list[Event]]:
    """Runs of one visitor's events; of the same id the first that arrived. events: in the order of their arrival."""
    known: set[int] = set()
    mine: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.id == 0 or event.id not in known:
            known.add(event.id)
            mine[event.visitor].append(event)
    found = []
    for of_visitor in mine.values():
        of_visitor.sort(key=lambda event: event.received)
        found.append([of_visitor[0]])
        for before, event in itertools.pairwise(of_visitor):
            if event.received - before.received - min(event.engaged_ms // 1000, GAP_S) > GAP_S:
                found.append([])
            found[-1].append(event)
    return found


def section_of(path: str) -> str:
    """The first folder."""
    folder, slash, _ = path[1:].partition("/")
    return f"/{folder}/" if slash else "/"


def value_of(event: Event, dimension: str) -> str:
    """The value that a visit has which begins with it."""
    match dimension:
        case "browser_version":
            return f"{event.browser} {event.browser_version}".rstrip()
        case "os_version":
            return f"{event.os} {event.os_version}".rstrip()
        case "served_language":
            return f"{event.language} → {event.page_language or 'und'}" if event.language else ""
        case "city":
            return f"{event.city}, {event.region or event.country}" if event.city else ""
    value: str = getattr(event, dimension)
    return value


def touched(visit: Sequence[Event]) -> dict[str, Touched]:
    """dimension → what one visit adds to each value."""
    acted = [event for event in visit if event.name != ENGAGEMENT]
    views = [event for event in acted if event.name == PAGEVIEW]
    engaged = sum(event.engaged_ms for event in visit)
    if not acted:
        pages = {event.path for event in visit}
        reading = {path: sum(event.engaged_ms for event in visit if event.path == path) for path in pages}
        return {
            "": {"": [0, 0, 0, 0, 0, 0, 0, engaged]},
            "page": {path: [0, 0, 0, 0, 0, 0, 0, ms] for path, ms in reading.items()},
            "section": {
                section: [0, 0, 0, 0, 0, 0, 0, sum(ms for path, ms in reading.items() if section_of(path) == section)]
                for section in map(section_of, pages)
            },
        }
    bounced = len(views) == 1 and not any(event.interactive for event in acted if event.name != PAGEVIEW)
    seconds = visit[-1].received - visit[0].received
    whole = [1, len(views), len(acted), 1, 1, int(bounced), seconds, engaged]
    hour = str((visit[0].received) // 3600 * 3600)
    found: dict[str, Touched] = {"": {"": whole}, "hour": {hour: whole}}
    found["entry_page"] = {views[0].path if views else "": whole}
    found["exit_page"] = {views[-1].path if views else "": whole}
    for dimension in OF_VISIT:
        found[dimension] = {value_of(acted[0], dimension): whole}

    def parts(field: str, values: Collection[str], in_and_out: bool) -> Touched:
        cells = {}
        for value in values:
            here = [event for event in visit if getattr(event, field) == value]
            enters = int(in_and_out and bool(views) and getattr(views[0], field) == value)
            leaves = int(in_and_out and bool(views) and getattr(views[-1], field) == value)
            counts = [1, sum(e.name == PAGEVIEW for e in here), sum(e.name != ENGAGEMENT for e in here)]
            ends = [enters, leaves, enters * bounced, enters * seconds]
            cells[value] = [*counts, *ends, sum(event.engaged_ms for event in here)]
        return cells

    found["page"] = parts("path", {event.path for event in views}, True)
    found["section"] = {
        section: [1, *(sum(each) for each in zip(*(row[1:] for row in rows), strict=True))]
        for section in {section_of(event.path) for event in views}
        for rows in [[row for path, row in found["page"].items() if section_of(path) == section]]
    }
    found["hostname"] = parts("hostname", {event.hostname for event in visit}, True)
    found["event"] = parts("name", {event.name for event in acted}, False)
    return found


# By dimension and value the values of its parent that it was seen with.
Parents = dict[str, dict[str, set[str]]]
# Of a dimension, what belongs to another one comes after that.
_ORDER = ("", *(name for name, one in DIMENSIONS.items() if not one.parent), "hour", "page", "region", "source")
_ORDER = (*_ORDER, *(name for name, one in EVERY.items() if one.parent and name not in _ORDER))


def parents_of(visits: Sequence[Sequence[Event]]) -> Parents:
    """Of every value with a parent."""
    found: Parents = defaultdict(lambda: defaultdict(set))
    for visit in visits:
        acted = [event for event in visit if event.name != ENGAGEMENT]
        for name, one in DIMENSIONS.items():
            if name == "page":
                for event in visit:
                    found[name][event.path].add(section_of(event.path))
            elif one.parent and acted:
                found[name][value_of(acted[0], name)].add(value_of(acted[0], one.parent))
    return found


def staying(
    people: dict[str, set[int]],
    k: int,
    parents: dict[str, set[str]] | None = None,
    above: Collection[str] = (),
    beside: dict[str, set[int]] | None = None,
) -> set[str] | None:
    """The values that are shown; None where nothing of them may be (rules R3 and N3). parents: where they have some;
    above: which of these are shown. beside: who is hidden by parent, where that is not who is rare among these."""
    few = {value: who for value, who in people.items() if len(who) < k}
    enough = {value: len(who) for value, who in people.items() if len(who) >= k}

    def cover(rare: Collection[str]) -> bool:
        return beside is None and len(rare) > 1 and len(set().union(*(few[value] for value in rare))) >= k

    if parents is None:
        order = sorted((beside is None and value in ("", PAGEVIEW), size, value) for value, size in enough.items())
        if few and not cover(few):
            # Who has no campaign is no rare campaign: alone with these he is not shown, and neither are they.
            if order and beside is None and not order[0][2]:
                return None
            order = order[1:]
        return {value for *_, value in order}

    labels: dict[str, set[str]] = defaultdict(set)
    spread: dict[str, set[str]] = defaultdict(set)
    for value in people.keys() - {OTHER}:
        for parent in parents[value]:
            labels[parent if parent in above else OTHER].add(value)
            spread[parent if parent in above else OTHER].add(parent)
    children = {value for value in people if value and value != OTHER and len(parents[value]) == 1}
    goes, possible = set(), []
    for label, values in labels.items():
        # Of a parent of which nobody is shown there is nothing to take away.
        rest = [who for parent, who in (beside or {}).items() if parent in spread[label]]
        # Of parents that are one together each may cover the others.
        own = [{one for one in values & children & few.keys() if parent in parents[one]} for parent in spread[label]]
        covered = any(map(cover, own)) or any(len(who) >= k for who in rest)
        order = sorted((enough[value], value) for value in values & children & enough.keys())
        if order and not covered and (values & few.keys() or rest or label == OTHER):
            goes.add(order[0][1])
        if order and len(values) > 1:
            possible.append(order)
    if few and not goes and not cover(few):
        if not possible:
            return None
        goes = {value for _, value in min(possible)[:2]}
    return enough.keys() - goes


def kept_values(everything: Sequence[tuple[int, dict[str, Touched]]], k: int, parents: Parents) -> dict[str, set[str]]:
    """dimension → the values shown by name (rule R3)."""
    people: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for visitor, found in everything:
        for dimension, cells in found.items():
            for value, measures in cells.items():
                if measures[0]:
                    people[dimension][value].add(visitor)
    kept: dict[str, set[str]] = {}
    for dimension in sorted(people, key=_ORDER.index):
        above = kept.get(DIMENSIONS[dimension].parent, set()) if dimension in parents else set()
        if dimension == "":
            kept[""] = {value for value, who in people[""].items() if len(who) >= k}
        elif (stay := staying(people[dimension], k, parents.get(dimension), above)) is not None:
            kept[dimension] = stay
    return kept


def in_company(
    who: dict[tuple[Any, ...], set[int]],
    least: int,
    kept: dict[str, set[str]],
    parents: Parents,
) -> set[tuple[Any, ...]]:
    """Keys (dimension, value, …) with enough people, of values as they are named; where others have too few, not the
    smallest of them. who: by values as they came."""
    groups: dict[tuple[Any, ...], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    beside: dict[tuple[Any, ...], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for (dimension, value, *rest), visitors in who.items():
        if dimension not in kept:
            continue
        hidden = value not in kept[dimension]
        groups[dimension, *rest][OTHER if hidden else value] |= visitors
        of = parents[dimension][value] if dimension in parents else ()
        if hidden and value and len(of) == 1:
            beside[dimension, *rest][min(of)] |= visitors
    shown: dict[tuple[Any, ...], set[str]] = {}
    for group in sorted(groups, key=lambda group: _ORDER.index(group[0])):
        dimension, *rest = group
        its = parents.get(dimension)
        above = shown.get((EVERY[dimension].parent, *rest), set()) if its is not None else set()
        shown[group] = staying(groups[group], least, its, above, beside[group]) or set()
    return {(dimension, value, *rest) for (dimension, *rest), values in shown.items() for value in values}


# The place of a measure in `Touched`, by who contributes to it.
_BY = {"entrant": 3, "leaver": 4, "reporter": 7}


def contributions(
    everything: Sequence[tuple[int, dict[str, Touched]]], kept: dict[str, set[str]], parents: Parents, k: int
) -> set[tuple[Any, ...]]:
    """(dimension, value, kind) of measures that enough people contributed to (rule N1)."""
    who: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for visitor, found in everything:
        for dimension, values in found.items():
            for value, measures in values.items():
                # The time of an event other than a report is told nowhere.
                kinds = [kind for kind, place in _BY.items() if measures[place] and dimension != "event"]
                kinds += ["actor"] if measures[2] > measures[1] else []
                for kind in kinds:
                    if kind not in _OF_END or dimension not in ("page", "section"):
                        who[dimension, value, kind].add(visitor)
    # Where everybody who is counted enters, leaves and acts, the cell has enough of them.
    everybody = {key for key in who if key[2] in _OF_EVERYBODY.get(key[0], ("entrant", "leaver"))}
    others = {key: people for key, people in who.items() if key not in everybody}
    named = {(of, value if value in kept.get(of, ()) else OTHER, kind) for of, value, kind in everybody}
    at_ends = {end for kind, page in _OF_END.items() for end in ends_of(everything, kept, kind, page, k)}
    return in_company(others, k, kept, parents) | named | at_ends


# By who contributes the dimension that tells the same visits.
_OF_END = {"entrant": "entry_page", "leaver": "exit_page"}


def ends_of(
    everything: Sequence[tuple[int, dict[str, Touched]]], kept: dict[str, set[str]], kind: str, by: str, k: int
) -> set[tuple[str, str, str]]:
    """(dimension, value, kind) of pages and sections of which it is told how many visits ended (began) there."""
    there, hidden = defaultdict[str, set[str]](set), defaultdict[str, list[tuple[str, int]]](list)
    for visitor, found in everything:
        for page in found.get(by, ()):
            # Who viewed no page is of no section.
            section = section_of(page) if found["page"] else ""
            there[section].add(page)
            if page not in kept.get(by, ()):
                hidden[section].append((page, visitor))
    few = {
        section: len({page for page, _ in those}) < 2 or len({visitor for _, visitor in those}) < k
        for section, those in hidden.items()
    }
    shown = kept.get("section", set()) & there.keys() - {""}
    untold = {section for section in hidden if few[section] or section not in shown}
    rest = hidden.keys() - untold
    if rest and untold and all(few[section] for section in untold):
        untold.add(min(rest, key=lambda one: (len({visitor for _, visitor in hidden[one]}), one)))
    pages = {page for those in there.values() for page in those} & kept.get(by, set()) & kept.get("page", set())
    return {("page", page, kind) for page in pages} | {("section", section, kind) for section in shown - untold}


_OF_EVERYBODY: dict[str, tuple[str, ...]] = {"page": (), "section": (), "hostname": (), "event": ("actor",)}


def contributed_to(key: tuple[Any, ...], row: Sequence[int], contributed: set[tuple[Any, ...]], k: int) -> list[int]:
    """The measures of a cell as they are shown."""
    visits, views, events, entries, exits, bounces, seconds, engaged = row
    enters, leaves, reports, acts = (k == 1 or (*key, kind) in contributed for kind in (*_BY, "actor"))
    acts = acts and (k == 1 or key[:2] != ("event", OTHER) or not views)
    return [
        *(visits, views, events if acts else views, entries * enters, exits * leaves, bounces * enters),
        *(seconds * enters, engaged * reports, views * leaves, visits * reports),
    ]


def elements_of(found: Sequence[Sequence[Event]]) -> dict[tuple[str, str], dict[str, set[int]]]:
    """Of pages and vitals of which any element was named: by element, as it is told, who measured it."""
    who: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for event in itertools.chain.from_iterable(found):
        for metric in VITALS:
            if getattr(event, metric) >= 0:
                who[event.path, metric][element_of(event, metric)].add(event.visitor)
    return {of: each for of, each in who.items() if any(not value.endswith("(unknown)") for value in each)}


def element_of(event: Event, metric: str) -> str:
    return f"{event.path} → {event.elements.get(metric) or '(unknown)'}"


def expected(events: Sequence[Event], k: int) -> tuple[Table, Table, Table]:
    """(cells, conversions, vitals): key → measures, as the tables have them."""
    found = visits_of(events)
    everything = [(visit[0].visitor, touched(visit)) for visit in found]
    parents = parents_of(found)
    kept = kept_values(everything, k, parents)
    if not kept.get(""):
        return {}, {}, {}

    def named(dimension: str, value: str) -> str:
        return value if value in kept.get(dimension, ()) else OTHER

    people: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 8)
    for visitor, cells in everything:
        for dimension, values in cells.items():
            folded: dict[str, list[int]] = {}
            for value, measures in values.items():
                row = folded.setdefault(named(dimension, value), [0] * 8)
                row[:] = [max(row[0], measures[0]), *(a + b for a, b in zip(row[1:], measures[1:], strict=True))]
            for value, row in folded.items():
                people[dimension, value] |= {visitor} if row[0] else set()
                sums[dimension, value] = [a + b for a, b in zip(sums[dimension, value], row, strict=True)]
    contributed = contributions(everything, kept, parents, k)
    elements = elements_of(found)
    kept["element"] = {
        value
        for (page, _), each in elements.items()
        for value, who in each.items()
        if page in kept.get("page", ()) and len(who) >= k
    }
    parents["element"] = {value: {page} for (page, _), each in elements.items() for value in each}
    cells = {
        key: (len(people[key]), *contributed_to(key, sums[key], contributed, k))
        for key in sums
        if len(people[key]) >= k and key[0] in kept
    }

    converters: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    payers: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    times: dict[tuple[Any, ...], int] = defaultdict(int)
    paid: dict[tuple[Any, ...], int] = defaultdict(int)
    measurers: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    samples: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    # The same of values as they came.
    raw: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    raw_paid: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    raw_measured: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for visit, (visitor, mine) in zip(found, everything, strict=True):
        of_visit = [(dimension, *values) for dimension, values in mine.items() if dimension not in _OF_HIT]
        for event in visit:
            of_hit = [
                ("page", event.path),
                ("section", section_of(event.path)),
                ("hostname", event.hostname),
                ("event", event.name),
            ]
            reached = [goal for goal, yes in (("go", event.name == "go"), ("a", _is_a(event))) if yes]
            for (dimension, value), goal in itertools.product([*of_visit, *of_hit], reached):
                key = (dimension, named(dimension, value), goal)
                converters[key].add(visitor)
                raw[dimension, value, goal].add(visitor)
                times[key] += 1
                if event.currency:
                    payers[*key, event.currency].add(visitor)
                    raw_paid[dimension, value, goal, event.currency].add(visitor)
                    paid[*key, event.currency] += event.amount
            shown_by = [("", ""), ("page", event.path), ("section", section_of(event.path))]
            shown_by += [(name, getattr(visit[0], name)) for name in ("device", "country", "browser")]
            by_vital = [*itertools.product(shown_by, VITALS)]
            by_vital += [
                (("element", element_of(event, name)), name) for name in VITALS if (event.path, name) in elements
            ]
            for (dimension, value), metric in by_vital:
                if getattr(event, metric) >= 0:
                    measurers[dimension, named(dimension, value), metric].add(visitor)
                    raw_measured[dimension, value, metric].add(visitor)
                    samples[dimension, named(dimension, value), metric].append(getattr(event, metric))
    conversions: Table = {}
    goals = in_company(raw, k, kept, parents)
    for key in goals:
        conversions[*key, ""] = (len(converters[key]), times[key], 0, 0)
    for key in in_company(raw_paid, k, kept, parents):
        if key[:3] in goals:  # whoever has paid has reached it
            conversions[key] = (0, 0, paid[key], len(payers[key]))
    vitals: Table = {}
    shown_vitals = in_company(raw_measured, k, kept, parents)
    for key in shown_vitals:
        # Of a page that is not shown none of its elements is.
        if key[0] == "element" and ("page", key[1].rpartition(" → ")[0], key[2]) not in shown_vitals:
            continue
        vital = VITALS[key[2]]
        vitals[*key, PEOPLE_BUCKET] = (0, 0, 0, len(measurers[key]))
        for bucket, of_bucket in itertools.groupby(sorted(samples[key]), lambda value: bucket_of(vital, value)):  # noqa: B023
            taken = list(of_bucket)
            good, poor = sum(value <= vital.good for value in taken), sum(value > vital.poor for value in taken)
            vitals[*key, bucket] = (len(taken), good, poor, 0)
    tables = (cells, conversions, vitals)

    def of_cells(key: Any) -> bool:
        return key[:2] in cells or (key[0] == "element" and key[1] != OTHER)

    return tuple({key: row for key, row in table.items() if of_cells(key)} for table in tables)  # type: ignore[return-value]


_OF_HIT = ("page", "section", "hostname", "event")


def _is_a(event: Event) -> bool:
    return event.name == PAGEVIEW and event.path.startswith("/a")


# The families that `expected` counts, in its order, with their keys. Declared ones are counted where they are declared.
_COUNTED: dict[str, tuple[str, ...]] = {
    "cells": (),
    "conversions": ("goal", "currency"),
    "vitals": ("metric", "bucket"),
}


def shown(store: Store, site: Site, state: str = "open") -> tuple[Table, Table, Table]:
    """The day as `expected` tells it."""
    return shown_of(store, [site], state)[site.key]


def shown_of(store: Store, sites: Sequence[Site], state: str = "open") -> dict[str, tuple[Table, Table, Table]]:
    """The same of several sites, by their key."""
    tables: dict[str, tuple[Table, Table, Table]] = {site.key: ({}, {}, {}) for site in sites}
    for place, (family, keys) in enumerate(_COUNTED.items()):
        rows = store.rows(
            f"""SELECT site, if(grain = 'hour', 'hour', dimension) AS dimension,
                if(grain = 'hour' AND value = '', toString(toUnixTimestamp(period)), value) AS value,
                {", ".join((*keys, "* EXCEPT (site, grain, day, period, dimension, value, by_dimension, by_value)"))}
            FROM ({as_released(family, f"open_{family}") if state == "open" else f"SELECT * FROM {state}_{family}"})
            WHERE site IN {{sites:Array(String)}}""",
            {"sites": [site.key for site in sites]},
        )
        # The keys stand twice: in front, and among the columns.
        width = 2 + len(keys)
        for site, *row in rows:
            tables[site][place][tuple(row[:width])] = tuple(row[width + len(keys) :])
        assert sum(len(found[place]) for found in tables.values()) == len(rows), "two rows of one key"
    return tables


def of_each_its_own(mix: int) -> dict[str, str]:
    """A value of its own name for every column of a first event that a test has none for; some are empty."""
    return {
        name: f"{name}-{part}" if part or number % 4 else ""
        for number, name in enumerate(RAW_OF_FIRST_EVENT)
        for part in (mix * (number + 3) // 2 % (2 + number % 3),)
    }


def an_event(site: Site, at: int, mix: int, measured: tuple[float, ...], **given: Any) -> Event:
    return make_event(
        site.key, START + at, DAY, **of_each_its_own(mix) | dict(zip(VITALS, measured, strict=True)) | given
    )


_EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            # Spread over all numbers there are, because the day is read in parts of them.
            "visitor": st.integers(0, 11).map(lambda number: number * (2**64 - 1) // 11),
            "at": st.sampled_from((0, 60, 1799, 1800, 1801, 3600, 9000, 40_000)),
            "path": st.sampled_from(("/a", "/a/2", "/b", "/c", "/d")),
            "hostname": st.sampled_from(("one", "one", "two", "three")),
            "country": st.sampled_from(("DE", "FR", "")),
            "source": st.sampled_from(("", "Google", "Bing", "Yahoo")),
            "device": st.sampled_from(("desktop", "mobile")),
            "utm_term": st.sampled_from(("", "", "shoe")),
            "name": st.sampled_from((PAGEVIEW, PAGEVIEW, PAGEVIEW, "go", "rare", "rarer", ENGAGEMENT, ENGAGEMENT)),
            "interactive": st.booleans(),
            "id": st.sampled_from((0, 0, 0, 1, 2)),
            "engaged_ms": st.sampled_from((0, 0, 9, 999, 1000, 600_000, 5_400_000, 40_000_000)),
            "currency": st.sampled_from(("", "EUR")),
            "amount": st.integers(-5, 500),
            "mix": st.integers(0, 11),
            # In the order of VITALS.
            "measured": st.sampled_from(
                (
                    (-1.0, -1.0, -1.0, -1.0, -1.0),
                    (0.0, 40.0, 0.0, 100.0, 30.0),
                    (900.0, 201.0, 0.25, -1.0, 801.0),
                    (2500.0, -1.0, -1.0, 3001.0, -1.0),
                    (4001.0, 501.0, 0.5, 1801.0, 1801.0),
                )
            ),
            "elements": st.sampled_from(({}, {}, {"lcp": "img"}, {"lcp": "img", "cls": "p"}, {"lcp": "main>p"})),
        }
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.slow
@given(
    days=st.lists(st.tuples(_EVENTS, st.integers(1, 5)), min_size=1, max_size=9),
    at_a_time=st.sampled_from((20, 200_000)),
)
@settings(examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_day_has_exactly_the_numbers_of_the_definitions(
    store: Store, days: list[tuple[list[dict[str, Any]], int]], at_a_time: int
) -> None:
    """Days of several sites, each with a k of its own, or one alone."""
    goals = (Goal("go", event="go"), Goal("a", page="/a**"))
    sites = [Site(f"whole-{next(_NUMBER)}", goals=goals) for _ in days]
    events = [[an_event(site, **one) for one in given] for site, (given, _) in zip(sites, days, strict=True)]
    insert(store, [*itertools.chain.from_iterable(events)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessionize, "_EVENTS_AT_A_TIME", at_a_time)
        rules = [SiteRules(k, 30, "balanced") for _, k in days]
        roll_up_together(store, [SiteDay(site, DAY, rule) for site, rule in zip(sites, rules, strict=True)])
    found = shown_of(store, sites)
    for site, (_, k), its in zip(sites, days, events, strict=True):
        for of_store, of_definitions in zip(found[site.key], expected(its, k), strict=True):
            assert of_store == of_definitions
    for buckets, counts, samples in store.rows(
        "SELECT buckets, counts, samples FROM open_vitals WHERE site IN {sites:Array(String)}",
        {"sites": [site.key for site in sites]},
    ):
        assert list(buckets) == sorted(set(buckets))
        assert min(counts) > 0
        assert sum(counts) == samples


@pytest.mark.parametrize("field", ["path", "hostname", "name", "country"])
@together
def test_where_one_dimension_only_has_something_to_hide_it_is_folded_alone(store: Store, field: str) -> Test:
    site = Site(f"whole-{next(_NUMBER)}")
    values = ["/often"] * 6 + ["/rare-1", "/rare-2", "/rare-2", "/rare-3", "/rare-3"]
    fixed = {"path": "/", "name": PAGEVIEW}
    events = []
    for visitor, value in enumerate(values):
        events.append(make_event(site.key, START, DAY, visitor=visitor, **fixed))
        events.append(make_event(site.key, START + 9, DAY, visitor=visitor, **(fixed | {field: value})))
    # A country is that of the visit's first event.
    events = events[field == "country" :: 1 + (field == "country")]
    insert(store, events)
    yield rolled_up(SiteDay(site, DAY, SiteRules(5, 30, "balanced")))
    assert shown(store, site) == expected(events, 5)
    assert {key[0] for key in shown(store, site)[0] if key[1] == OTHER} <= {
        {"path": "page", "hostname": "hostname", "name": "event", "country": "country"}[field], "exit_page"
    }  # fmt: skip


@together
def test_of_the_folded_pages_only_the_visits_that_enter_and_leave_there_are_their_entries(store: Store) -> Test:
    """However often a hidden page is touched on the way, entries add up to visits, and durations to theirs."""
    site = Site(f"whole-{next(_NUMBER)}")
    events = [
        make_event(site.key, START + 10 * step, DAY, visitor=visitor, path=path)
        for visitor in range(6)
        for step, path in enumerate(("/home", f"/rare-{visitor}", "/home"))
    ]
    insert(store, events)
    yield rolled_up(SiteDay(site, DAY, SiteRules(5, 30, "balanced")))
    rows = store.rows(
        "SELECT value, visits, entries, exits, visit_seconds FROM open_cells WHERE site = {s:String} "
        "AND dimension = 'page' ORDER BY value",
        {"s": site.key},
    )
    assert rows == [(OTHER, 6, 0, 0, 0), ("/home", 6, 6, 6, 120)]
