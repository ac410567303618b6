"""Everything that may be asked of the Stats API v2: metrics, dimensions, ways to filter, ranges, and what is included.

In: the registries and the structs of a request. Out: `ENTRIES`, and of them the tables of docs/stats-api.md, which
`python -m dashboards.stats_api.listed docs/stats-api.md` writes anew. Promises: what a request takes is in the list,
with what it is; so is what Plausible publishes and is refused here, with what there is instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.metrics import METRICS
from schema.reference import table, with_tables

from .dates import NO_RANGES, RANGES
from .filters import DONE, JOINS
from .names import (
    GOAL,
    METRIC_NAMES,
    NOT_KEPT,
    OF_ANSWERS,
    OPERATORS,
    PROPERTY,
    SEGMENT,
    TIMES,
    dimension_called,
    dimension_names,
)
from .request import Comparisons, Include, Pagination

Kind = Literal["metric", "dimension", "filter", "range", "include", "order"]
_OF_A_PROPERTY = f"{PROPERTY}NAME"
CASE = '{"case_sensitive": false}'
_DAYS, _MOMENTS = '["2026-11-01", "2026-11-30"]', '["2026-11-01T00:00:00+01:00", "2026-11-30T23:59:59+01:00"]'

# What Plausible publishes, by the names that it has there.
PUBLISHED: dict[Kind, tuple[str, ...]] = {
    "metric": (
        *("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration", "events"),
        *("scroll_depth", "percentage", *(name for name in OF_ANSWERS if name.endswith(("_rate", "_revenue")))),
        "time_on_page",
    ),
    "dimension": (
        *(GOAL, "event:page", "event:hostname", "event:name", _OF_A_PROPERTY, SEGMENT, *TIMES),
        *(f"visit:{name}" for name in ("entry_page", "exit_page", "source", "referrer", "channel")),
        *(f"visit:utm_{name}" for name in ("medium", "source", "campaign", "content", "term")),
        *(f"visit:{name}" for name in ("device", "screen", "browser", "browser_version", "os", "os_version")),
        *(f"visit:{name}{end}" for name in ("country", "region", "city") for end in ("", "_name")),
        *(f"visit:{name}_page_hostname" for name in ("entry", "exit")),
    ),
    "filter": (*OPERATORS, CASE, *JOINS, *DONE),
    "range": (*RANGES, _DAYS, _MOMENTS, "realtime", "30m"),
    "include": ("imports", "time_labels", "total_rows", "comparisons", "trim_relative_date_range"),
    "order": ("metric", "dimension", "limit", "offset"),
}


class Entry(Struct, frozen=True):
    """name: as it is written. says: what it is; of what is refused, what to ask instead. published: by Plausible."""

    kind: Kind
    name: str
    says: str
    refused: bool = False

    @property
    def published(self) -> bool:
        return self.name.partition(".")[0] in PUBLISHED[self.kind]


def _metrics() -> Iterator[Entry]:
    for name in METRIC_NAMES:
        yield Entry("metric", name, METRICS[name].definition if name in METRICS else OF_ANSWERS[name])


def _dimensions() -> Iterator[Entry]:
    for name in dimension_names():
        one = dimension_called(name)
        if one.kind == "dimension":
            yield Entry("dimension", name, DIMENSIONS[one.of].definition)
    yield Entry("dimension", GOAL, "Goals of the site, by their names.")
    yield Entry("dimension", _OF_A_PROPERTY, "Values of a property of one event.")
    yield Entry("dimension", SEGMENT, "A segment of the site by its name; a filter only.")
    for name, says in TIMES.items():
        yield Entry("dimension", name, says)
    for name, instead in NOT_KEPT.items():
        yield Entry("dimension", name, instead, True)


def _filters() -> Iterator[Entry]:
    for name, says in (OPERATORS | JOINS | DONE).items():
        yield Entry("filter", name, says)
    yield Entry("filter", CASE, "As the fourth part of `is`, `contains` and their denials: in any case.")


def _ranges() -> Iterator[Entry]:
    for name, says in RANGES.items():
        yield Entry("range", name, says)
    yield Entry("range", _DAYS, "The first and the last day.")
    yield Entry("range", _MOMENTS, "Two moments at which days of the site begin and end.")
    for name, instead in NO_RANGES.items():
        yield Entry("range", name, instead, True)


def _rest() -> Iterator[Entry]:
    for name, says in _described(Include):
        yield Entry("include", name, says)
    for name, says in _described(Comparisons):
        yield Entry("include", f"comparisons.{name}", says)
    yield Entry("order", "metric", "`order_by`: by a metric that is asked for, `asc` or `desc`.")
    yield Entry("order", "dimension", "`order_by`: by a dimension that is asked for.")
    for name, says in _described(Pagination):
        yield Entry("order", name, f"`pagination`: {says[0].lower()}{says[1:]}")


def _described(struct: type[Struct]) -> Iterator[tuple[str, str]]:
    """The fields of a struct, and what it says of each."""
    told = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
    for name, about in told.items():
        yield name, about["description"]


ENTRIES: tuple[Entry, ...] = (*_metrics(), *_dimensions(), *_filters(), *_ranges(), *_rest())
_HEADINGS: dict[Kind, str] = {
    "metric": "metric",
    "dimension": "dimension",
    "filter": "filter",
    "range": "`date_range`",
    "include": "`include`",
    "order": "order and pages",
}


def tables() -> dict[str, list[str]]:
    """By heading the lines of each table of the page."""
    found = {}
    for kind in get_args(Kind):
        heading = f"| {_HEADINGS[kind]} | as Plausible | what it is |"
        found[heading] = table(heading, _rows(one for one in ENTRIES if one.kind == kind))
    return found


def _rows(entries: Iterable[Entry]) -> Iterator[tuple[str, ...]]:
    for one in entries:
        says = one.says.replace("|", "\\|")
        yield f"`{one.name}`", "yes" if one.published else "", f"**Refused:** {says}" if one.refused else says


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_tables(file.read_text(encoding="utf-8"), tables()), encoding="utf-8")
