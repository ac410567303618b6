"""Every measure there is: what is added up in a row of a rollup, by family.

In: nothing. Out: the measures of a cell, of a goal and of a web vital, each as a struct whose fields are its columns,
and as `Measure`s. Promises: whatever names all columns of a family has them from here.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from .event import ENGAGEMENT, PAGEVIEW

# distinct: of people, who cannot be added up over values, but over days. sum: of anything else.
Aggregate = Literal["sum", "distinct"]
# Whose number it is that the threshold k is held against (rule N1). everybody: who is counted in the row at all;
# entrant: whose visit began there; leaver: whose visit ended there; reporter: of whom engaged time is known; actor: who
# sent an event beside page views; converter: who reached the goal; payer: who paid; measured: of whom a vital is known.
Contributor = Literal["everybody", "entrant", "leaver", "reporter", "actor", "converter", "payer", "measured"]
# Of these the ones who may be fewer than those who are counted in a row of cells.
KINDS: tuple[Contributor, ...] = ("reporter", "actor", "entrant", "leaver")
# What an open day is rounded by where it is rounded at all (rule H4): multiples of k, of k minutes.
Unit = Literal["", "s", "ms", "minor"]


class Measure(Struct, frozen=True):
    """A column that is added up. label: what it is called as a metric of its own, "" where it is only a part of others;
    head, tile: as of a metric. type: in ClickHouse. default: SQL for rows that are older than the column.

    How it is counted, as SQL: visit: of a visit, by its columns (schema/visits.py); hit: of an event of a visit in a
    row of its page, host name or name, by `name`, `engaged` and `first`, whether it is the visit's first there; begins,
    ends: of a visit in the row where it began or ended. Without `visit` it is no number of its own, but that of
    `default`. less: what is told instead where fewer than k people contributed to it; known: of pages and
    sections, the measure that is 0 there."""

    definition: str
    label: str = ""
    aggregate: Aggregate = "sum"
    contributor: Contributor = "everybody"
    unit: Unit = ""
    type: str = "UInt64"
    default: str = ""
    head: str = ""
    tile: bool = False
    visit: str = ""
    hit: str = ""
    begins: str = ""
    ends: str = ""
    less: str = "0"
    known: str = ""
    name: str = ""


class Measures(Struct, gc=False):
    """Of a cell. exit_views, timed_visits: page views and visits of the days on which exits and engaged time are known,
    because at least k people contributed to them."""

    visitors: Annotated[
        int,
        Measure(
            "Distinct visitor numbers per site and day; a longer period is a sum of days.",
            "Visitors",
            "distinct",
            tile=True,
        ),
    ] = 0
    visits: Annotated[
        int,
        Measure(
            "Runs of one visitor's events with gaps of at most 30 minutes, within the site's local day, that hold a "
            "pageview or a custom event.",
            "Visits",
            tile=True,
            visit="came",
            hit="first",
        ),
    ] = 0
    pageviews: Annotated[
        int,
        Measure(
            "Events named `pageview`.",
            "Pageviews",
            head="Views",
            tile=True,
            visit="viewed",
            hit=f"name = '{PAGEVIEW}'",
        ),
    ] = 0
    events: Annotated[
        int,
        Measure(
            "Pageviews, and custom events where enough people sent any; engagement reports are not counted.",
            "Events",
            contributor="actor",
            less="pageviews",
            visit="acted",
            hit=f"name != '{ENGAGEMENT}'",
        ),
    ] = 0
    entries: Annotated[int, Measure("Visits that began there.", contributor="entrant", visit="came", begins="1")] = 0
    exits: Annotated[
        int,
        Measure(
            "Visits that ended there, on the days on which the exit pages tell it; empty where on none.",
            "Exits",
            contributor="leaver",
            visit="came",
            ends="1",
            known="exit_views",
        ),
    ] = 0
    bounces: Annotated[
        int,
        Measure(
            "Visits with one page view and nothing else.", contributor="entrant", visit="bounced", begins="bounced"
        ),
    ] = 0
    visit_seconds: Annotated[
        int,
        Measure("Seconds of all visits together.", contributor="entrant", unit="s", visit="seconds", begins="seconds"),
    ] = 0
    engaged_ms: Annotated[
        int,
        Measure(
            "Milliseconds in which a page was visible and in focus, together.",
            contributor="reporter",
            unit="ms",
            visit="engaged_ms",
            hit="engaged",
        ),
    ] = 0
    exit_views: Annotated[
        int,
        Measure(
            "Page views to divide exits by: 0 where too few people contributed.",
            contributor="leaver",
            default="pageviews",
        ),
    ] = 0
    timed_visits: Annotated[
        int,
        Measure(
            "Visits to divide engaged time by: 0 where too few people contributed.",
            contributor="reporter",
            default="visits",
        ),
    ] = 0


class Conversions(Struct, gc=False):
    """Of a goal: in a row without a currency who reached it, in one with a currency what was paid in it."""

    converters: Annotated[
        int, Measure("Distinct visitors who reached the goal.", aggregate="distinct", contributor="converter")
    ] = 0
    conversions: Annotated[int, Measure("How often it was reached.", contributor="converter")] = 0
    amount: Annotated[
        int, Measure("Revenue in the currency's minor unit.", contributor="payer", unit="minor", type="Int64")
    ] = 0
    payers: Annotated[
        int, Measure("Distinct visitors behind the revenue.", aggregate="distinct", contributor="payer")
    ] = 0


class Samples(Struct, gc=False):
    """Of a web vital."""

    samples: Annotated[int, Measure("Measurements in the bucket.", contributor="measured")] = 0
    good: Annotated[int, Measure("Of these the good ones.", contributor="measured")] = 0
    poor: Annotated[int, Measure("Of these the poor ones.", contributor="measured")] = 0
    people: Annotated[
        int,
        Measure("Distinct visitors measured, in the row of bucket -1.", aggregate="distinct", contributor="measured"),
    ] = 0


def declared(struct: type[Struct]) -> tuple[Measure, ...]:
    """The measures that are the fields of a struct, each by its name."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(replace(get_args(hints[name])[1], name=name) for name in struct.__struct_fields__)


OF_CELLS = declared(Measures)
OF_CONVERSIONS = declared(Conversions)
OF_VITALS = declared(Samples)

# The columns of a cell.
MEASURES = Measures.__struct_fields__
# Those that everybody contributes to who has a visit of a group of visits, so that who are enough to be shown are
# enough for each of them (rule N1): what is counted of pairs and segments. What is divided by visits that began there
# is divided by all: each is in one group.
OF_GROUPS = ("visitors", "visits", "pageviews", "bounces", "visit_seconds")
