"""Asks what a plan says, and makes rows of it.

In: a `Translated`, and who answers. Out: a `QueryAnswer`. Promises: what cannot be added up is refused, never added up.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, to_builtins

from schema.dimensions import DIMENSIONS, OTHER
from schema.metrics import METRICS, TOTALS

from ..stats.filter import ALTERNATIVES, Filter
from ..stats.query import MAX_ROWS, Query
from ..stats.refused import BadQuery, Code
from .answer import About, QueryAnswer, Result, Sure, TakenQuery, footfall_of
from .dates import Bucket, ends_of, hour_label, labels
from .names import ApiDimension
from .numbers import Note, Numbers
from .translated import Translated

Told = dict[str, Any]
Stats = Callable[[Query], Told]

# Of all buckets together.
MOST_ROWS = 50_000
# What a visitor or a visit of several values is in more than once.
_OF_PEOPLE = (
    *("visitors", "visits", "percentage", "views_per_visit", "scroll_depth"),
    *(name for name in METRICS if name not in TOTALS),
)
_SUM = Note("sum_of_values", "Who came with several of these values on one day is counted under each.")
_ENTRIES = Note("of_entries", "Of a page it is that of the visits that enter there.")


class _Row(Struct, frozen=True):
    values: tuple[str, ...]
    metrics: list[Any]
    sure: Sure


class Asking:
    """stats: answers a query of ours."""

    def __init__(self, plan: Translated, stats: Stats) -> None:
        self._plan = plan
        self._stats = stats
        self._told = list(self._asked())
        self._warnings: dict[str, Note] = {}

    def _asked(self) -> Iterator[Told]:
        """Raises BadQuery for more rows in all than fit into memory well."""
        rows = 0
        for query in self._plan.queries:
            told = self._stats(query)
            rows += len(told["rows"])
            if rows > MOST_ROWS:
                raise BadQuery(f"these are more than {MOST_ROWS} rows: ask for fewer days, or filter", Code.TOO_MUCH)
            yield told

    def answer(self) -> QueryAnswer:
        """Raises BadQuery."""
        plan = self._plan
        self._refuse_cut_off()
        found: list[_Row] = []
        other: list[_Row] = []
        for told, bucket, depths in zip(self._told, self._plan.buckets, self._depths(), strict=True):
            for row in self._rows(told, bucket, depths):
                (other if OTHER in row.values else found).append(row)
        total = len(found)
        if not plan.in_order:
            found = self._paged(found)
        return QueryAnswer(
            [Result(list(row.values), row.metrics) for row in found],
            self._about([row.sure for row in found], [Result(list(row.values), row.metrics) for row in other], total),
            self._taken(),
        )

    # -- rows --------------------------------------------------------------------------------------------------------

    def _rows(self, told: Told, bucket: Bucket, depths: Mapping[str, float]) -> list[_Row]:
        """Of one answer."""
        numbers = Numbers(self._plan.asked.metrics, self._people(told), depths)
        rows = self._of_dimensions(told) if told["by"] and not self._is_one(told) else [self._one(told)]
        if bucket.label:  # of a bucket without anything there is no row
            rows = [row for row in rows if row["visitors"]]
        found = [
            _Row(self._values(row, bucket), numbers.of(row, told["totals"]["visitors"]), _sure_of(row, told))
            for row in rows
        ]
        if found:
            self._warnings |= numbers.warnings
        return found

    def _is_one(self, told: Told) -> bool:
        """Whether the answer has rows, and only one is asked for."""
        return not self._plan.others and told["by"] in ("goal", "properties")

    def _of_dimensions(self, told: Told) -> list[Told]:
        rows: list[Told] = told["rows"]
        if told["by"] == "properties":
            _refuse_several_events(rows, self._plan)
        if not self._plan.others:  # days, weeks, months, hours
            self._refuse_several()
        return rows

    def _one(self, told: Told) -> Told:
        """The one row of an answer that is not split."""
        if told["by"]:
            rows = told["rows"]
            if len(rows) > 1:
                raise BadQuery(
                    "who sent any of several values is not kept: ask for one, or by the property", Code.NOT_KEPT
                )
            return rows[0] if rows else _nobody(told)
        return self._refuse_several() or {**told["totals"], "certainty": told["certainty"], "flags": told["flags"]}

    def _refuse_several(self) -> Told | None:
        """The row of the only value that a filter keeps, if it keeps one. Raises BadQuery where it keeps several, in
        which one visitor may be several times."""
        plan = self._plan
        if plan.of_one is None:
            return None
        rows: list[Told] = self._stats(plan.of_one)["rows"]
        (dimension,) = plan.of_one.dimensions
        wrong = [name for name in plan.asked.metrics if name in _OF_PEOPLE]
        if len(rows) > 1 and wrong:
            raise BadQuery(
                f"{wrong[0]} of several values of {dimension} together is not kept, because one visitor may be in "
                "several: ask by it, or for one of them",
                Code.NOT_KEPT,
            )
        return rows[0] if len(rows) == 1 else None

    def _values(self, row: Told, bucket: Bucket) -> tuple[str, ...]:
        """In the order of the dimensions."""
        named = iter(self._plan.others)
        found = []
        for name in self._plan.names:
            if name.startswith("time:"):
                found.append(bucket.label or self._time(row["value"]))
            else:
                dimension = next(named)
                is_goal = dimension.kind == "goal" and bucket.goal
                found.append(bucket.goal if is_goal else _label(dimension, row, self._plan.queries[0].beside))
        return tuple(found)

    def _time(self, value: str) -> str:
        if self._plan.grain != "hour" or value == OTHER:
            return value
        return hour_label(dt.datetime.fromisoformat(value))

    def _depths(self) -> list[Mapping[str, float]]:
        asked = [self._stats(query)["rows"] for query in self._plan.depths]
        if any(len(rows) >= MAX_ROWS for rows in asked):
            raise BadQuery("scroll_depth of so many pages is too much: filter on event:page", Code.TOO_MUCH)
        return [{row["value"]: row["depth"] for row in rows} for rows in asked] or [{}] * len(self._told)

    def _people(self, told: Told) -> int:
        """Of how many people a share is: of all that the filters keep, over the whole period."""
        plan = self._plan
        if "percentage" not in plan.asked.metrics:
            return 0
        if plan.subject != "property":
            return sum(one["totals"]["visitors"] for one in self._told)
        events = {row["event"] for row in told["rows"]}
        event = plan.event or (min(events) if len(events) == 1 else "")
        query = Query((plan.site.key,), plan.period, ("event",), (Filter.of("event", "==", event),))
        return sum(row["visitors"] for row in self._stats(query)["rows"]) if event else 0

    # -- order and pages ---------------------------------------------------------------------------------------------

    def _refuse_cut_off(self) -> None:
        """Raises BadQuery where there are more rows than can be put in order."""
        if not self._plan.in_order and any(len(told["rows"]) >= MAX_ROWS for told in self._told):
            raise BadQuery(
                f"there are more than {MAX_ROWS} rows: order by one metric, the largest first, without total_rows, or "
                "filter",
                Code.TOO_MUCH,
            )

    def _paged(self, rows: list[_Row]) -> list[_Row]:
        plan, page = self._plan, self._plan.asked.page
        for name, direction in reversed(plan.order):
            rows.sort(key=lambda row, name=name: _place(self._at(row, name)), reverse=direction == "desc")  # type: ignore[misc]
            # What is not known comes last in either direction.
            rows.sort(key=lambda row, name=name: self._at(row, name) is None)  # type: ignore[misc]
        return rows[page.offset : page.offset + page.limit]

    def _at(self, row: _Row, name: str) -> Any:
        names, metrics = self._plan.names, self._plan.asked.metrics
        return row.values[names.index(name)] if name in names else row.metrics[metrics.index(name)]

    # -- what there is to know ---------------------------------------------------------------------------------------

    def _about(self, rows: list[Sure], other: list[Result], total: int) -> About:
        plan, includes = self._plan, self._plan.asked.includes
        footfall = footfall_of(self._told, rows, other, is_split=bool(plan.names))
        warnings = self._warnings | self._entries() | self._sums()
        zone = ZoneInfo(plan.site.timezone)
        return About(
            footfall,
            bool(footfall.imported_days) if includes.imports else None,
            warnings or None,
            labels(plan.grain, plan.period, zone) if includes.time_labels else None,
            total_rows=total if includes.total_rows else None,
        )

    def _entries(self) -> dict[str, Note]:
        pages = [one.of for one in self._plan.others if one.kind == "dimension" and DIMENSIONS[one.of].scope == "page"]
        rates = [name for name in self._plan.asked.metrics if name in ("bounce_rate", "visit_duration")]
        return dict.fromkeys(rates, _ENTRIES) if pages else {}

    def _sums(self) -> dict[str, Note]:
        """Of visitors of several values together, whom nothing is known of but how many each value has."""
        query = self._plan.queries[0]
        of_one = (
            len(query.filters) == 1 and query.filters[0].operator == "==" and ALTERNATIVES not in query.filters[0].value
        )
        is_sum = query.filtered and not of_one and not self._plan.others and "visitors" in self._plan.asked.metrics
        return {"visitors": _SUM} if is_sum else {}

    def _taken(self) -> TakenQuery:
        plan, asked = self._plan, self._plan.asked
        return TakenQuery(
            asked.site_id,
            asked.metrics,
            ends_of(plan.period, ZoneInfo(plan.site.timezone)),
            asked.filters or [],
            list(plan.names),
            list(plan.order),
            to_builtins(asked.includes),
            {"limit": asked.page.limit, "offset": asked.page.offset},
        )


def _label(dimension: ApiDimension, row: Told, beside: str) -> str:
    """What the row's value is called. beside: the second dimension of rows that are of two."""
    value: str = row["by_value" if beside and dimension.of == beside else "value"]
    return value if value == OTHER else dimension.label(value)


def _sure_of(row: Told, told: Told) -> Sure:
    if "certainty" not in row:  # hours
        return Sure(told["certainty"], told["flags"])
    return Sure(row["certainty"], row["flags"], row.get("not_shown_days"), row.get("of_days"))


def _nobody(told: Told) -> Told:
    """Of a goal or a property that has no row: nobody, or too few to show."""
    days = told["of_days"]
    is_sure = told["k"] == 1 or not days
    certainty, flags = (told["certainty"], told["flags"]) if is_sure else ("at least", ["not_shown"])
    counts = {"visitors": 0, "conversions": 0, "events": 0, "revenue": []}
    return {**counts, "value": "", "certainty": certainty, "flags": flags, "not_shown_days": days, "of_days": days}


def _refuse_several_events(rows: list[Told], plan: Translated) -> None:
    """Raises BadQuery where several events have the same value: one visitor may have sent both."""
    many = [value for value, times in Counter(row["value"] for row in rows).items() if times > 1]
    if many:
        (name,) = {one.name for one in plan.others if one.kind == "property"}
        raise BadQuery(
            f"{name[:100]} is of several events, which cannot be added up: filter on event:goal or event:name",
            Code.NOT_KEPT,
        )


def _place(value: Any) -> Any:
    if value is None:
        return 0
    return getattr(value, "value", value)
