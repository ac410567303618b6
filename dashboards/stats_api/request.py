"""What is asked at /api/v2/query: the JSON that Plausible publishes for its Stats API v2.

In: the bytes of a request. Out: a frozen `Asked`. Promises: what cannot be read is refused with the place where it
stands; /api/openapi.json is drawn from these structs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..stats.query import MAX_ROWS
from ..stats.refused import BadQuery, Code, alike
from .filters import DONE, JOINS
from .names import METRIC_NAMES, OPERATORS, dimension_names

MAX_BYTES = 65_536
_DEEPEST = 20
_TOO_DEEP = f"filters are nested too deep: {_DEEPEST} levels are allowed"
_FILTER = (
    "`[operator, dimension, clauses]` or `[operator, dimension, clauses, {case_sensitive: false}]`, or `and`, `or` "
    "with a list of such, `not`, `has_done`, `has_not_done` with one."
)


class Pagination(Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the rows are told."""

    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS, description="At most so many rows.")] = MAX_ROWS
    offset: Annotated[int, Meta(ge=0, lt=MAX_ROWS, description="Leave out so many rows before them.")] = 0


_TwoDays = Annotated[list[str], Meta(min_length=2, max_length=2)]


class Comparisons(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The days that each row is held against."""

    mode: Annotated[
        Literal["previous_period", "year_over_year", "custom"],
        Meta(description="As many days before; the same days a year before; or those of `date_range`."),
    ]
    date_range: Annotated[_TwoDays | None, Meta(description="Of custom: the first and the last day.")] = None
    match_day_of_week: Annotated[
        bool, Meta(description="Whole weeks before, so that a Sunday is held against a Sunday.")
    ] = False


class Include(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is told besides, in `meta`, or of comparisons in each row."""

    imports: Annotated[bool, Meta(description="Whether imported days are among them. They are counted anyway.")] = False
    time_labels: Annotated[bool, Meta(description="Every label that the time dimension could have.")] = False
    total_rows: Annotated[bool, Meta(description="How many rows there are without pagination.")] = False
    trim_relative_date_range: Annotated[
        bool, Meta(description="Ranges such as `month` end today. They always do; taken for programs that say so.")
    ] = False
    comparisons: Annotated[
        Comparisons | None, Meta(description="Tell beside each row what it was before, and how it changed.")
    ] = None


Metric = Annotated[str, Meta(extra_json_schema={"enum": list(METRIC_NAMES)})]
Dimension = Annotated[
    str,
    Meta(
        extra_json_schema={
            "anyOf": [{"enum": list(dimension_names())}, {"pattern": "^event:props:.+"}],
        }
    ),
]


Dimensions = Annotated[list[Dimension], Meta(max_length=10, description="What each row is of. None: one row.")]
Filters = Annotated[
    list[Any],
    Meta(
        max_length=50,
        description=_FILTER,
        examples=[[["is", "visit:country", ["DE", "AT"]]]],
        extra_json_schema={
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 4,
                "prefixItems": [{"enum": [*OPERATORS, *JOINS, *DONE]}],
            }
        },
    ),
]
OrderBy = Annotated[
    list[tuple[str, Literal["asc", "desc"]]],
    Meta(max_length=30, description="By which metrics and dimensions rows are ordered."),
]
DateRange = Annotated[
    str | _TwoDays,
    Meta(
        description="`day`, `7d`, `28d` … (full days before today), `month`, `6mo`, `12mo` (full months before this), "
        "`year`, `all`, or the first and the last day.",
        examples=["7d", ["2026-11-01", "2026-11-30"]],
    ),
]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """A question about a site."""

    site_id: Annotated[
        str, Meta(max_length=300, description="A domain of the site, or its key.", examples=["example.com"])
    ]
    metrics: Annotated[
        list[Metric], Meta(min_length=1, max_length=30, description="The numbers of each row, in this order.")
    ]
    date_range: DateRange
    dimensions: Dimensions | None = None
    filters: Filters | None = None
    order_by: OrderBy | None = None
    include: Include | None = None
    pagination: Pagination | None = None

    @property
    def page(self) -> Pagination:
        return self.pagination or Pagination()

    @property
    def includes(self) -> Include:
        return self.include or Include()


def read(body: bytes) -> Asked:
    """Raises BadQuery."""
    try:
        return checked(msgspec.json.decode(body, type=Asked))
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise BadQuery(f"the question cannot be read: {problem}") from None
    except RecursionError:
        raise BadQuery(_TOO_DEEP, Code.TOO_MUCH) from None


def of(question: Any) -> Asked:
    """The same of what is read already. Raises BadQuery."""
    try:
        return checked(msgspec.convert(question, Asked))
    except msgspec.MsgspecError as problem:
        raise BadQuery(f"the question cannot be read: {problem}") from None


def checked(asked: Asked) -> Asked:
    """Raises BadQuery for what is given twice or is not known."""
    _refuse_deep(asked.filters or [])
    for what, given in (("metric", asked.metrics), ("dimension", asked.dimensions or [])):
        twice = [name for name in given if given.count(name) > 1]
        if twice:
            raise BadQuery(f"{what} {twice[0][:100]!r} is given twice: give it once")
    unknown = [name for name in asked.metrics if name not in METRIC_NAMES]
    if unknown:
        allowed = f"{alike(unknown[0], METRIC_NAMES)}allowed are {', '.join(METRIC_NAMES)}"
        raise BadQuery(f"metric {unknown[0][:100]!r} is not known: {allowed}", Code.UNKNOWN_METRIC)
    others = [name for name, _ in asked.order_by or [] if name not in (*asked.metrics, *(asked.dimensions or []))]
    if others:
        raise BadQuery(
            f"order_by {others[0][:100]!r} is neither among the metrics nor among the dimensions: ask for it"
        )
    return asked


def _refuse_deep(filters: list[Any]) -> None:
    """Raises BadQuery. Level by level: what is nested without end must not take the stack."""
    level, depth = filters, 0
    while level:
        level, depth = [one for node in level if isinstance(node, list) for one in node], depth + 1
        if depth > _DEEPEST:
            raise BadQuery(_TOO_DEEP, Code.TOO_MUCH)
