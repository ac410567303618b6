"""The language of questions: one site, some days, one way to split, filters on one dimension.

In: text from a query string or a command line. Out: a frozen `Query`. Promises: identifiers come from the registries
only; what the rollups cannot answer is refused with a way out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from schema.dimensions import DIMENSIONS, EVERY
from schema.families import DECLARED
from schema.metrics import METRICS
from schema.pair import CROSSED, Pair, paired
from schema.pairs import TOLD

from .filter import ALTERNATIVES, Filter
from .grains import GRAINS
from .inside import PATHS, SECTION, section_kept
from .of_segment import refuse_beside_segment
from .period import Period, between
from .refused import BadQuery, Code, alike
from .splits import APART, KEPT_BY, KEYS_OF, SPLITS

MAX_ROWS = 10_000
MAX_DAYS_BY_HOUR = 366
MAX_FILTERS = 20


def one_site(sites: Sequence[str]) -> str:
    """The site that a question is about. Raises BadQuery where there are several: whoever came to two of them would be
    two visitors, and each has its own k and time zone."""
    if len(sites) != 1:
        what = f"{len(sites)} sites ({', '.join(sites)[:200]})"
        raise BadQuery(f"{what} are not added up: ask for one at a time", Code.NOT_CROSSED)
    return sites[0]


class Query(Struct, frozen=True):
    """One question. sites: one, as long as nothing adds sites up. dimensions: () for totals only; one that the rows
    are of, or one of SPLITS; two of a pair: the rows are of both; or ("vital", dimension): web vitals of each of its
    values. metrics: () for every one that fits. order: the metric by which the largest values come first; days, weeks,
    months and hours come in their own order, and whole. segment: whose visits alone are counted. limit: at most that
    many rows, offset: after so many. compare: the whole site with the days before, too."""

    sites: tuple[str, ...]
    period: Period
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    limit: int = 100
    metrics: tuple[str, ...] = ()
    order: str = "visitors"
    compare: bool = False
    offset: int = 0
    segment: str = ""

    def __post_init__(self) -> None:
        one_site(self.sites)
        if self.by and self.by not in DIMENSIONS and self.by not in SPLITS:
            known, meant = ", ".join((*DIMENSIONS, *SPLITS)), alike(self.by, (*DIMENSIONS, *SPLITS))
            raise BadQuery(f"by={self.by!r} is not known: {meant}allowed are {known}", Code.UNKNOWN_DIMENSION)
        if len(self.dimensions) > 2 or (len(self.dimensions) > 1 and self.by != "vital" and not self.crossed):
            what = ", ".join(self.dimensions)
            beside = sorted({one.dimension for one in self.on_dimensions} - {*self.dimensions})
            filtered = f" beside a filter on {' and '.join(beside)}" * bool(beside)
            raise BadQuery(
                f"by={what!r}{filtered}: at most two dimensions of a visit are counted together, so ask about two",
                Code.NOT_CROSSED,
            )
        if not 1 <= self.limit <= MAX_ROWS:
            raise BadQuery(f"limit={self.limit} is out of bounds: allowed is 1 to {MAX_ROWS}", Code.TOO_MUCH)
        if not 0 <= self.offset <= MAX_ROWS - self.limit:
            most = f"offset and limit are {MAX_ROWS} together at most"
            raise BadQuery(f"offset={self.offset} is out of bounds with limit={self.limit}: {most}", Code.TOO_MUCH)
        if self.offset and self.by in (*GRAINS, "hour"):
            raise BadQuery(f"offset={self.offset}: rows by {self.by} are told whole, leave it out", Code.BAD_ARGUMENT)
        if len(self.filters) > MAX_FILTERS:
            raise BadQuery(f"{len(self.filters)} filters are too many: allowed are {MAX_FILTERS}", Code.TOO_MUCH)
        unknown = [name for name in (*self.metrics, self.order) if name not in METRICS]
        if unknown:
            known, meant = ", ".join(METRICS), alike(unknown[0], METRICS)
            raise BadQuery(f"metric {unknown[0]!r} is not known: {meant}allowed are {known}", Code.UNKNOWN_METRIC)
        self._refuse_crossings()
        if self.segment:
            others = [name for name, given in (("compare", self.compare), ("goal", self.goal)) if given]
            refuse_beside_segment(self.segment, self.by, self.dimension, (*self.metrics, self.order), others)

    @classmethod
    def of(
        cls,
        site: str,
        first: dt.date,
        last: dt.date,
        by: str = "",
        filters: Sequence[str] = (),
        limit: int = 100,
        metrics: Sequence[str] = (),
        order: str = "visitors",
        compare: bool = False,
        offset: int = 0,
        segment: str = "",
    ) -> Query:
        """The query whose parts are given as text."""
        try:
            period = Period(first, last, between(first, last))
        except ValueError as error:
            raise BadQuery(str(error), Code.BAD_PERIOD) from None
        parsed = tuple(Filter.parse(text) for text in filters if text.strip())
        dimensions = tuple(name.strip() for name in by.split(",")) if by else ()
        if len(dimensions) > 1 and dimensions[0] != "vital" and not {*dimensions} <= {*CROSSED}:
            raise BadQuery(f"by={by!r}: two can be dimensions of a visit: {', '.join(CROSSED)}", Code.NOT_CROSSED)
        return cls((site,), period, dimensions, parsed, limit, tuple(metrics), order, compare, offset, segment)

    @property
    def site(self) -> str:
        return self.sites[0]

    @property
    def first(self) -> dt.date:
        return self.period.first

    @property
    def last(self) -> dt.date:
        return self.period.last

    @property
    def rows(self) -> slice:
        """Which of the rows are told."""
        return slice(self.offset, self.offset + self.limit)

    @property
    def by(self) -> str:
        """What the rows are of; "" where there are none."""
        return self.dimensions[0] if self.dimensions else ""

    @property
    def each(self) -> str:
        """The dimension of whose values each has rows of its own; "" where they are together."""
        return self.dimensions[1] if len(self.dimensions) > 1 and self.by == "vital" else ""

    @property
    def beside(self) -> str:
        """The second dimension of rows that are of two; "" where they are of one."""
        return self.dimensions[1] if len(self.dimensions) > 1 and self.by != "vital" else ""

    @property
    def dimension(self) -> str:
        """The dimension whose rows answer the question; "" is the whole site."""
        if (self.by in DIMENSIONS and not self.crossed) or self.each:
            return self.each or self.by
        return next((item.dimension for item in self.on_dimensions), "")

    @property
    def crossed(self) -> Pair | None:
        """The pair that answers it, where the rows are of two dimensions, or of one and what is kept is of another."""
        names = {item.dimension for item in self.on_dimensions}
        both = {*self.dimensions} if self.beside else {self.by, *names}
        fits = len(both) == 2 and len(self.dimensions) <= 2 and names <= both <= {*CROSSED} and len(names) < 2
        return paired(*both) if fits and not self.segment else None

    @property
    def goal(self) -> str:
        """The goal that is told of each value of a dimension; "" where the rows are of something else."""
        return next((one.value for one in self.filters if one.dimension == "goal" and self.by in DIMENSIONS), "")

    @property
    def filtered(self) -> bool:
        """Whether the totals, too, are those of some values only."""
        return bool(self.on_dimensions or self.segment)

    @property
    def kept_by(self) -> str:
        """The dimension whose rows its totals are of: of a segment it has one of its own."""
        if self.segment and not self.on_dimensions:
            return ""
        return SECTION if self.inside and not self.its_own else self.dimension

    @property
    def inside(self) -> str:
        """The section that is kept, where the rows are of the pages in it; else ""."""
        others = [one for one in self.on_dimensions if one.dimension != self.by]
        return section_kept(others) if self.by in PATHS and not (self.beside or self.segment or self.goal) else ""

    @property
    def its_own(self) -> tuple[Filter, ...]:
        """The filters on what the rows are of."""
        return tuple(one for one in self.on_dimensions if one.dimension == self.by)

    @property
    def on_dimensions(self) -> tuple[Filter, ...]:
        """The filters that keep values of a dimension, not keys of a family."""
        keys = DECLARED[self.by].key_names if self.by in DECLARED else ()
        return tuple(one for one in self.filters if one.dimension in DIMENSIONS and one.dimension not in keys)

    def _refuse_crossings(self) -> None:
        names = sorted({item.dimension for item in self.filters if item.dimension in DIMENSIONS})
        if self.by in APART and names:
            raise BadQuery(f"by={self.by} is kept by nothing else: drop the filter on {names[0]}", Code.NOT_KEPT)
        wanted = sorted({*self.dimensions, *names} & EVERY.keys())
        if len(wanted) > 1 and not self.crossed and not self.inside:
            kept = self.by if self.by in EVERY else names[0]
            raise BadQuery(
                f"{' and '.join(wanted)} are not crossed: two dimensions of a visit are counted together where they "
                "are a pair of the site, and no others, so that no combination of attributes can single somebody out. "
                f"Ask by={kept} with filters on {kept} only, or on one dimension that makes a pair with it, or by=day, "
                "by=goal or no by with filters on one dimension.",
                Code.NOT_CROSSED,
            )
        lacking = [name for name in (*self.metrics, self.order) if name not in TOLD] if self.crossed else []
        if lacking:
            raise BadQuery(f"{lacking[0]} is not kept of pairs: there are {', '.join(TOLD)}", Code.NOT_KEPT)
        if self.goal:
            self._refuse_goals()
        for item in () if self.goal else self.filters:
            needed = KEYS_OF.get(item.dimension, (self.by,))
            if self.by not in needed:
                allowed = " or ".join(f"by={one}" for one in needed)
                raise BadQuery(f"a filter on {item.dimension} needs {allowed}, not by={self.by!r}", Code.NOT_CROSSED)
        if self.by == "hour" and names:
            instead = f"drop the filter on {names[0]}, or ask by=day"
            raise BadQuery(f"hours are kept for the whole site only: {instead}", Code.NOT_KEPT)
        if self.by == "hour" and self.period.days > MAX_DAYS_BY_HOUR:
            raise BadQuery(f"by=hour answers at most {MAX_DAYS_BY_HOUR} days: ask for fewer, or by=day", Code.TOO_MUCH)
        family = KEPT_BY.get(self.by)
        if family and self.dimension not in family.dimensions:
            allowed = ", ".join(name for name in family.dimensions if name)
            instead = f"filter on {allowed}, or on nothing" if allowed else f"drop the filter on {self.dimension}"
            raise BadQuery(f"{family.label} are not kept by {self.dimension}: {instead}", Code.NOT_KEPT)

    def _refuse_goals(self) -> None:
        """Of each value there are those who reached one goal."""
        goals = [one for one in self.filters if one.dimension == "goal"]
        if len(goals) > 1 or goals[0].operator != "==" or ALTERNATIVES in goals[0].value:
            raise BadQuery(f"by={self.by} is told of one goal at a time: filter goal==NAME", Code.NOT_CROSSED)
        pair = {self.crossed.one, self.crossed.other} if self.crossed and not self.beside else set[str]()
        for other in sorted({self.beside, *(item.dimension for item in self.filters)} - {"", "goal", self.by} - pair):
            what = f"goals are not kept of {self.by} and {other} together"
            raise BadQuery(f"{what}: drop the filter on {other}, or ask by=goal", Code.NOT_CROSSED)
