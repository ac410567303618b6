"""What /api/v2/query answers: rows, what there is to know of them, and the question as it was taken.

In: answers of `Reports.stats`. Out: structs, which become JSON. Promises: `results`, `meta` and `query` are as
Plausible publishes them; what it has no place for is in `meta.footfall`: how sure each number is, and the threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from ..stats.certainty import Certainty
from .numbers import Note

_WORST: tuple[Certainty, ...] = ("exact", "at least", "about")
_DAYS = ("suppressed_days", "incomplete_days", "over_counted_days", "bounded_days", "imported_days")


class Sure(Struct, frozen=True):
    """How sure the numbers of a row are, and why they are not. not_shown_days: on how many of the of_days days that
    have data few or none came, which is not shown; null where days are not told apart."""

    certainty: Certainty
    flags: list[str]
    not_shown_days: int | None = None
    of_days: int | None = None


class Earlier(Struct, frozen=True):
    """What a row was before. change: of each number, of rates in points, else in percent; null where either is not
    known, or there was nothing before. sure: of the numbers before; null where there is no row of then."""

    dimensions: list[str]
    metrics: list[Any]
    change: list[float | None]
    sure: Sure | None


class Result(Struct, frozen=True, omit_defaults=True):
    """A row: its values in the order of the dimensions, its numbers in the order of the metrics."""

    dimensions: list[str]
    metrics: list[Any]
    comparison: Earlier | None = None


class Footfall(Struct, frozen=True, kw_only=True):
    """What there is to know of the whole answer. rows: of each result. other: what is folded because too few came, of
    each time bucket or of all, as results; its numbers are in no result."""

    k: Annotated[int, Meta(description="Fewer people than these are not shown.")]
    networks: Annotated[int, Meta(description="Of how many networks they have to be.")]
    certainty: str
    flags: list[str]
    timezone: str
    as_of: Annotated[str | None, Meta(description="As of when days that are still open are shown.")]
    rows: list[Sure]
    other: list[Result]
    of_days: int
    suppressed_days: list[str]
    incomplete_days: list[str]
    over_counted_days: list[str]
    bounded_days: list[str]
    imported_days: list[str]
    notes: list[str]


class About(Struct, frozen=True, omit_defaults=True):
    """meta"""

    footfall: Footfall
    imports_included: bool | None = None
    metric_warnings: dict[str, Note] | None = None
    time_labels: list[str] | None = None
    comparison_time_labels: list[str] | None = None
    total_rows: int | None = None


class TakenQuery(Struct, frozen=True, omit_defaults=True):
    """The question, with what was left out."""

    site_id: str
    metrics: list[str]
    date_range: list[str]
    filters: list[Any]
    dimensions: list[str]
    order_by: list[tuple[str, str]]
    include: dict[str, Any]
    pagination: dict[str, int]
    comparison_date_range: list[str] | None = None


class QueryAnswer(Struct, frozen=True):
    """results, meta, query"""

    results: list[Result]
    meta: About
    query: TakenQuery


class QueryRefused(Struct, frozen=True, omit_defaults=True):
    """Why there is no answer. nearest: a question like it that has one. declare: lines of the settings that would have
    it answered."""

    error: str
    code: str
    nearest: dict[str, Any] | None = None
    declare: str | None = None


def footfall_of(
    told: Sequence[Mapping[str, Any]], rows: list[Sure], other: list[Result], is_split: bool = True
) -> Footfall:
    """told: the answers that the rows are from. is_split: what is not is no surer than its only row."""
    one = [] if is_split else rows
    first = told[0]
    days = {name: sorted({day for one in told for day in one[name]}) for name in _DAYS}
    return Footfall(
        k=max(one["k"] for one in told),
        networks=max(one["networks"] for one in told),
        certainty=_worst([*(each["certainty"] for each in told), *(each.certainty for each in one)]),
        flags=_together([*(each["flags"] for each in told), *(each.flags for each in one)]),
        timezone=first["timezone"],
        as_of=max((one["as_of"] for one in told if one["as_of"]), default=None),
        rows=rows,
        other=other,
        of_days=sum(one["of_days"] for one in told),
        notes=_together(one["notes"] for one in told),
        **days,
    )


def _worst(certainties: Iterable[Certainty]) -> Certainty:
    return max(certainties, key=_WORST.index)


def _together(texts: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(text for some in texts for text in some))
