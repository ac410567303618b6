"""A question of Plausible's Stats API v2 as questions of our own.

In: `Asked`, a site, and what time it is there. Out: a `Translated`: which `Query`s to ask, and of what the rows are.
Promises: what can be asked is decided by `Query`; what numbers mean something is decided by the registries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from msgspec.structs import replace

from schema.dimensions import DIMENSIONS
from schema.engagement import ENGAGED
from schema.metrics import METRICS, metrics_of
from schema.pairs import TOLD
from schema.properties import PROPERTIES
from schema.site import Site

from ..stats.filter import ALTERNATIVES, Filter
from ..stats.grains import GRAINS
from ..stats.period import Period
from ..stats.query import MAX_ROWS, Query
from ..stats.refused import BadQuery, Code
from .dates import Bucket, buckets, grain_of, period_of
from .done import segment_of
from .filters import Condition, conditions_of, filters_of, split_done
from .names import OF_GOALS, REVENUE, TIMES, ApiDimension, dimension_called
from .request import Asked
from .translated import Order, Subject, Translated

# A bucket of time with rows of its own is a question of its own.
MOST_BUCKETS = 100


def translate(asked: Asked, site: Site, now: dt.datetime, since: Callable[[], dt.date | None]) -> Translated:
    """Raises BadQuery. since: the first day that has data."""
    period = period_of(asked.date_range, now, since() if asked.date_range == "all" else None)
    dimensions = [dimension_called(name) for name in asked.dimensions or []]
    times = [one for one in dimensions if one.kind == "time"]
    if len(times) > 1:
        raise BadQuery(f"{times[0].name} and {times[1].name}: time is split one way at a time", Code.NOT_CROSSED)
    grain = grain_of(times[0].of, period) if times else ""
    if asked.includes.time_labels and not grain:
        raise BadQuery("include.time_labels needs a time dimension: ask for time:day, too")
    others = tuple(one for one in dimensions if one.kind != "time")
    if any(one.kind == "segment" for one in others):
        raise BadQuery('segment is a filter: ask ["is", "segment", ["NAME"]]', Code.NOT_KEPT)
    rest, done = split_done(asked.filters or [])
    return _Translation(asked, site, period, grain, others, conditions_of(rest), segment_of(done, site)).plan()


class _Translation:
    def __init__(
        self,
        asked: Asked,
        site: Site,
        period: Period,
        grain: str,
        others: tuple[ApiDimension, ...],
        conditions: list[Condition],
        segment: str = "",
    ) -> None:
        self._asked = asked
        self._site = site
        self._period = period
        self._grain = grain
        self._others = others
        self._conditions = [one for one in conditions if one.dimension.kind != "segment"]
        self._segment = _segment_of(conditions, segment)
        self._event = ""

    def plan(self) -> Translated:
        """Raises BadQuery."""
        asked, order, subject = self._asked, self._order(), self._subject()
        filters = self._filters(subject)
        by = self._by(subject)
        goals = self._each_goal(subject, by)
        if goals:
            by = by[1:]
            filters = tuple(one for one in filters if one.dimension != "goal")
        own = not self._others and subject == "cells" and bool(self._grain)
        # Of a goal the store has no order.
        has_order = subject == "cells" and len(by) == 1 and not any(one.dimension == "goal" for one in filters)
        in_order = has_order and not self._grain and self._is_natural(order)
        self._refuse_metrics(subject, by)
        limit, offset = (asked.page.limit, asked.page.offset) if in_order else (MAX_ROWS, 0)
        limit = min(limit, MAX_ROWS - offset)
        first = {"percentage": "visitors"}.get(order[0][0], order[0][0]) if in_order else "visitors"

        def ask(bucket: Bucket) -> Query:
            dimensions = (self._grain,) if own else by
            of_goal = (Filter.of("goal", "==", bucket.goal),) if bucket.goal else ()
            rows = ((*filters, *of_goal), limit, (), first, False, offset, self._segment)
            return Query((self._site.key,), bucket.period, dimensions, *rows)

        apart = [Bucket("", self._period)] if own or not self._grain else self._buckets()
        apart = [replace(bucket, goal=goal) for bucket in apart for goal in goals or [""]]
        if len(apart) > MOST_BUCKETS:
            raise BadQuery(f"{len(apart)} parts are too many: at most {MOST_BUCKETS} are answered", Code.TOO_MUCH)
        return Translated(
            asked,
            self._site,
            self._period,
            subject,
            self._grain,
            self._others,
            tuple(self._grained(name) for name in asked.dimensions or []),
            order,
            tuple(map(ask, apart)),
            tuple(apart),
            self._of_one(subject, filters),
            tuple(self._depth(bucket.period) for bucket in apart) if "scroll_depth" in asked.metrics else (),
            self._event,
            in_order,
        )

    # -- of what -----------------------------------------------------------------------------------------------------

    def _subject(self) -> Subject:
        kinds = {one.kind for one in self._others}
        filtered = {one.dimension.kind for one in self._conditions}
        if "property" in kinds | filtered:
            return "property"
        # By other dimensions a goal is a filter among others.
        return "goal" if "goal" in kinds or ("goal" in filtered and not kinds) else "cells"

    def _by(self, subject: Subject) -> tuple[str, ...]:
        first = {"cells": (), "goal": ("goal",), "property": (PROPERTIES.name,)}[subject]
        names = (one.of for one in self._others if one.kind != ("goal" if subject == "goal" else "property"))
        return (*first, *dict.fromkeys(names))

    def _filters(self, subject: Subject) -> tuple[Filter, ...]:
        found: list[Filter] = []
        for condition in self._conditions:
            if condition.dimension.kind == "goal":
                found += self._goals(condition, subject)
            elif condition.dimension.kind == "property":
                found += filters_of(condition, "property_value")
            else:
                found += filters_of(condition)
        if subject == "property":
            found.append(Filter.of("property", "==", self._property()))
            events = [one for one in found if one.dimension == "event" and one.operator == "=="]
            self._event = self._event or next((one.value for one in events if ALTERNATIVES not in one.value), "")
        return tuple(found)

    def _property(self) -> str:
        named = [
            one.of for one in (*self._others, *(one.dimension for one in self._conditions)) if one.kind == "property"
        ]
        if len(set(named)) > 1:
            raise BadQuery(
                f"properties {' and '.join(dict.fromkeys(named))} are not counted together", Code.NOT_CROSSED
            )
        if ALTERNATIVES in named[0]:
            raise BadQuery(
                f"property {named[0][:100]!r} has a | in its name, which cannot be asked for", Code.BAD_FILTER
            )
        return named[0]

    def _goals(self, condition: Condition, subject: Subject) -> list[Filter]:
        """A filter on the goals that it means."""
        name = condition.dimension.name
        if condition.negated:
            raise BadQuery(f"{name}: of goals is and contains are answered", Code.BAD_FILTER)
        unknown = set(condition.values or ()) - {goal.name for goal in self._site.goals}
        if unknown:
            known = ", ".join(goal.name for goal in self._site.goals) or "none"
            told = min(unknown)[:100]
            raise BadQuery(f"the goal {told!r} is not one of this site's: there are {known}", Code.BAD_FILTER)
        goals = [goal for goal in self._site.goals if condition.keeps(goal.name)]
        if subject == "property":
            return self._event_of(name, [goal.event for goal in goals if goal.kind == "event" and not goal.properties])
        if len(goals) > 1 and not any(one.kind == "goal" for one in self._others):
            raise BadQuery(
                f"{name}: who reached one of several goals is not kept; ask for one, or by {name}", Code.NOT_KEPT
            )
        return filters_of(condition)

    def _each_goal(self, subject: Subject, by: tuple[str, ...]) -> list[str]:
        """The goals that are asked one by one, where they are told by the values of a dimension."""
        if subject != "goal" or len(by) != 2 or by[1] not in DIMENSIONS:
            return []
        wanted = [one for one in self._conditions if one.dimension.kind == "goal"]
        found = [goal.name for goal in self._site.goals if all(one.keeps(goal.name) for one in wanted)]
        if not found:
            raise BadQuery("event:goal: this site has no such goal", Code.NOT_KEPT)
        return found

    def _event_of(self, name: str, events: list[str]) -> list[Filter]:
        if len(events) != 1:
            raise BadQuery(
                f"{name}: properties are kept of one event at a time; name a goal that is one", Code.NOT_CROSSED
            )
        self._event = events[0]
        return [Filter.of("event", "==", self._event)]

    # -- which numbers -----------------------------------------------------------------------------------------------

    def _refuse_metrics(self, subject: Subject, by: tuple[str, ...]) -> None:
        """Raises BadQuery for a number that means nothing, or is not kept, of what is asked for."""
        fitting = self._fitting(subject, by)
        wrong = [name for name in self._asked.metrics if name not in fitting]
        if wrong:
            filtered = self._filtered_on() or (self._segment and "a segment")
            what = " and ".join(one.name for one in self._others) or filtered or "the whole site"
            raise BadQuery(f"{wrong[0]} is not kept of {what}: there are {', '.join(fitting)}", Code.NOT_KEPT)

    def _fitting(self, subject: Subject, by: tuple[str, ...]) -> list[str]:
        split = ["percentage"] if self._asked.dimensions else []
        if subject == "goal" and by == ("goal",):
            return ["visitors", "events", *split, *OF_GOALS]
        if subject == "goal" or (by and any(one.dimension.kind == "goal" for one in self._conditions)):
            return ["visitors", "events", *OF_GOALS]
        if subject == "property":
            rates = ("conversion_rate",) if self._event else ()
            return ["visitors", "events", *(split if self._others else []), *rates, *REVENUE]
        scope = DIMENSIONS[by[0]].scope if by and by[0] in DIMENSIONS else "site"
        # Of one page there is what there is of pages.
        alone = self._several() if not by and not self._grain else ""
        names = metrics_of(DIMENSIONS[alone].scope if alone else scope)
        if self._segment or len(by) > 1 or (by and self._kept() - {*by}):
            # Of pairs and segments there is less.
            names = [name for name in names if name in TOLD]
        if self._segment:
            return [*names, *split]
        depth = ["scroll_depth"] if "page" in (*by, alone) and not (self._grain and not by) else []
        # Without a goal there is no revenue, which is told rather than refused.
        return [*names, *split, *depth, *REVENUE]

    def _filtered_on(self) -> str:
        return " and ".join(dict.fromkeys(one.dimension.name for one in self._conditions))

    def _kept(self) -> set[str]:
        """The dimensions that are filtered."""
        return {one.dimension.of for one in self._conditions if one.dimension.kind == "dimension"}

    def _several(self) -> str:
        """The dimension that is filtered, of which a visit may have several values; "" where there is none."""
        names = self._kept()
        return next((name for name in names if len(names) == 1 and DIMENSIONS[name].scope != "visit"), "")

    def _of_one(self, subject: Subject, filters: tuple[Filter, ...]) -> Query | None:
        name = self._several()
        if subject != "cells" or self._others or not name:
            return None
        return Query((self._site.key,), self._period, (name,), filters, 2, segment=self._segment)

    def _depth(self, period: Period) -> Query:
        pages = [
            one for condition in self._conditions if condition.dimension.of == "page" for one in filters_of(condition)
        ]
        scrolled = Filter.parse("report==scroll")
        return Query((self._site.key,), period, (ENGAGED.name,), (*pages, scrolled), MAX_ROWS)

    # -- in which order ----------------------------------------------------------------------------------------------

    def _order(self) -> Order:
        given = tuple((self._grained(name), direction) for name, direction in self._asked.order_by or [])
        if given:
            return given
        first = (self._asked.metrics[0], "desc")
        times = [name for name in self._asked.dimensions or [] if name in TIMES]
        return ((self._grained(times[0]), "asc"), first) if times else (first,)

    def _grained(self, name: str) -> str:
        """A dimension by the name of its grain."""
        return f"time:{self._grain}" if name == "time" else name

    def _is_natural(self, order: Order) -> bool:
        """Whether the store has the rows in this order."""
        (name, direction), *more = order
        return (
            not more
            and direction == "desc"
            and name in (*METRICS, "percentage")
            and not self._asked.includes.total_rows
        )

    def _buckets(self) -> list[Bucket]:
        if self._grain not in GRAINS:
            raise BadQuery("hours are kept for the whole site only: ask time:day", Code.NOT_KEPT)
        return buckets(self._grain, self._period)


def _segment_of(conditions: list[Condition], of_done: str) -> str:
    """The segment that is asked about; "" where none is. of_done: that of what visits did. Raises BadQuery."""
    named = [name for one in conditions if one.dimension.kind == "segment" for name in one.values or ()]
    named += [of_done] * bool(of_done)
    if len({*named}) > 1:
        raise BadQuery("segment: who is in several segments is not kept; ask for one", Code.NOT_KEPT)
    return named[0] if named else ""
