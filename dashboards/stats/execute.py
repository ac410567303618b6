"""Reads what a plan names and adds it up: the one place where cells, conversions and histograms become sums.

In: a `Plan`. Out: an `Answer`. Promises: what released days add up to is read once and cached, and the answer is
the same as if all was read; identifiers in statements come from the registries, values are bound.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor as Pool
from functools import partial
from heapq import nsmallest
from itertools import islice
from operator import add
from typing import Any, TypeVar

from msgspec import Struct

from schema.families import FAMILIES
from schema.store import Row, Store

from .crossed import Crossing, cells_of, reached_in
from .lru_cache import LruCache
from .plan import Plan, Read
from .shapes import SHAPES, Key, Shape, Sums
from .source import Span, open_rows, sources_of

T = TypeVar("T")


class Group(Struct, gc=False):
    """Sums by key. days: the most days that a value has, also one that is not among these."""

    by_key: dict[Key, Sums]
    days: int = 0


# By dimension; of vitals by dimension and metric.
Groups = dict[tuple[str, ...], Group]


class Answer(Struct, frozen=True):
    """What each read of a plan adds up to. goals: rows of day, goal, currency and the measures of conversions.
    declared: by family."""

    plan: Plan
    cells: Groups
    kept_days: Groups
    kept_values: Groups
    inside: Groups
    goals: list[Row]
    vitals: Groups
    declared: dict[str, Groups]
    crossed: Groups = {}


class Executor:
    """pool: where statements are asked side by side; None: one after the other."""

    def __init__(self, store: Store, cache: LruCache, pool: Pool | None = None) -> None:
        self._store = store
        self._cache = cache
        self._pool = pool

    def beside(self, ask: Callable[[], T]) -> Callable[[], T]:
        """Begin to ask what is needed later; what waits for it."""
        return self._pool.submit(ask).result if self._pool else ask

    def answer(self, plan: Plan) -> Answer:
        """Ask the store for what is not cached."""
        mark = plan.released.mark
        named = {name: getattr(plan, name) for name in ("vitals", "goals", "kept_days", "kept_values", "inside")}
        named |= {f"declared {read.family}": read for read in plan.declared}
        asked = [partial(self.sums, read, mark) for read in named.values() if read]
        others = [self.beside(ask) for ask in asked]
        cells = self.sums(plan.cells, mark)
        found = dict(zip((name for name, read in named.items() if read), (ask() for ask in others), strict=True))
        return Answer(
            plan,
            cells,
            found.get("kept_days", {}),
            found.get("kept_values", {}),
            found.get("inside", {}),
            self._reached(plan.crossed, mark) or _goal_rows(plan, found.get("goals", {})),
            found.get("vitals", {}),
            {read.family: found[f"declared {read.family}"] for read in plan.declared},
            self._crossed(plan.crossed, mark) if plan.crossed else {},
        )

    def _crossed(self, of: Crossing, mark: int) -> Groups:
        """What pairs have; of open days there is none of it."""
        found = self._cache.get(
            ("pairs", mark, of), lambda: cells_of(self._store, of), lambda each: sum(map(len, each.values()))
        )
        return {(across,): Group({**cells}) for across, cells in found.items()}

    def _reached(self, of: Crossing | None, mark: int) -> list[Row]:
        """Who of their cells reached the goal that is asked about."""
        if of is None or not of.goal:
            return []
        return self._cache.get(("pair goals", mark, of), lambda: reached_in(self._store, of), len)

    def sums(self, read: Read, mark: int) -> Groups:
        """What the rows add up to. mark: which releases those of the span are.

        Open days are read alone and joined in Python: planning a statement over both takes twice as long. Where they
        have too many rows for that, it is noted, and the store is asked for all from then on."""
        span, question = read.span, (mark, *read.question)
        weight = partial(_weight, SHAPES[read.family])
        if not self._cache.most or not span.has_open:
            key = (read.family, span, *question, read.most)
            return self._cache.get(key, lambda: self._add_up(read, span, read.most), weight)
        crowded = (f"crowded {read.family}", span.site, span.first, span.last)
        if crowded not in self._cache:
            known: Groups = {}
            if span.has_closed:
                closed = span.closed()
                key = (f"all {read.family}", closed, *question)
                known = self._cache.get(key, lambda: _in_order(read, self._add_up(read, closed)), weight)
            new = self._add_open(read)
            if new is not None and weight(known) < self._cache.most_of_one:
                return _joined(read, known, new)
            self._cache.get(crowded, lambda: True, int)
        return self._add_up(read, span, read.most)

    def _add_up(self, read: Read, span: Span, most: int = 0) -> Groups:
        """By the store. most: so many of the most visited values; 0: all, in any order, but not more than are
        cached."""
        shape = SHAPES[read.family]
        sql, bound = _statement(shape, read, span, most)
        if not sql:
            return {}
        bound |= {"most": most, "all": -(-self._cache.most_of_one // shape.weight)}
        found: Groups = {}
        groups, end = len(shape.group), 1 + len(shape.group) + len(shape.added)
        for row in self._store.rows(sql, span.parameters | bound, **self._store.brief):
            group = found.setdefault(tuple(row[:groups]), Group({}))
            _add(group, row[groups], tuple(row[groups + 1 : end]))
            if len(row) > end:
                group.days = row[end]
        if shape.days is not None and not most:
            for group in found.values():
                group.days = max(sums[shape.days] for sums in group.by_key.values())
        return found

    def _add_open(self, read: Read) -> Groups | None:
        """The same of the open days, row by row; None where there are too many."""
        shape = SHAPES[read.family]
        condition, bound = condition_of(read)
        columns = ", ".join(shape.plain)
        rows = open_rows(self._store, read.family, columns, read.span, shape.most_open, condition, bound)
        if rows is None:
            return None
        found: Groups = {}
        for row in rows:
            one = shape.of_plain(read, row)
            if one is not None:
                group, key, sums = one
                _add(found.setdefault(group, Group({})), key, sums)
        if shape.days is not None:
            for some in found.values():
                some.days = max(sums[shape.days] for sums in some.by_key.values())
        return found


def _add(group: Group, key: Key, sums: Sums) -> None:
    group.by_key[key] = _plus(group.by_key.get(key), sums)


def _plus(one: Sums | None, other: Sums) -> Sums:
    return tuple(map(add, one, other)) if one else other


# -- what is open joins what is closed -------------------------------------------------------------------------------


def _joined(read: Read, known: Groups, new: Groups) -> Groups:
    """Both together; of values the most visited. known: those that come first are first."""
    return {name: _both(read, name, known.get(name), new.get(name)) for name in known.keys() | new.keys()}


def _both(read: Read, name: tuple[str, ...], known: Group | None, new: Group | None) -> Group:
    shape = SHAPES[read.family]
    limited = name[0] in read.values
    if known is not None and new is None and (not limited or len(known.by_key) <= read.most):
        return known
    known, new = known or Group({}), new or Group({})
    both = Group({}, max(known.days, new.days))
    if not limited:
        both.by_key |= known.by_key
        for key, sums in new.by_key.items():
            _add(both, key, sums)
        return both
    places = [(shape.order(read, key, _plus(known.by_key.get(key), sums)), key) for key, sums in new.by_key.items()]
    # Of those that nothing is added to only the first can be among the first.
    others = ((key, sums) for key, sums in known.by_key.items() if key not in new.by_key)
    places += [(shape.order(read, key, sums), key) for key, sums in islice(others, read.most)]
    for _, key in nsmallest(read.most, places):
        for part in (known, new):
            if key in part.by_key:
                _add(both, key, part.by_key[key])
    if shape.days is not None:
        # What is not among the new has at most what was the most before.
        days = shape.days
        more = (sums[days] + known.by_key[key][days] for key, sums in new.by_key.items() if key in known.by_key)
        both.days = max([both.days, *more])
    return both


def _in_order(read: Read, groups: Groups) -> Groups:
    """With the most visited values first."""
    shape = SHAPES[read.family]
    for name, group in groups.items():
        if name[0] in read.values:
            cells = group.by_key.items()
            group.by_key = dict(sorted(cells, key=lambda cell: shape.order(read, *cell)))
    return groups


def _weight(shape: Shape, groups: Groups) -> int:
    return shape.weight * sum(len(group.by_key) for group in groups.values())


def _goal_rows(plan: Plan, groups: Groups) -> list[Row]:
    """What is read, and the days that months tell."""
    rows: list[Row] = [(*key, *sums) for group in groups.values() for key, sums in group.by_key.items()]
    if plan.goals and not plan.goals.filters and not plan.goals.daily:
        last = plan.goals.span.last
        former = {(day, goal) for grain, day, goal in plan.goals.span.former if grain == "day"}
        rows += [
            row
            for month in plan.known
            for row in month.goals
            if plan.goals.first <= row[0] <= last and (row[0], row[1]) not in former
        ]
    return rows


# -- statements ------------------------------------------------------------------------------------------------------


def condition_of(read: Read) -> tuple[str, dict[str, Any]]:
    """Which rows a read is of, and what that is bound to."""
    wanted = (*read.values, *(() if read.times is None else (read.times,)))
    every = set(FAMILIES[read.family].dimensions) <= set(wanted)
    named = ", ".join(f"'{name}'" for name in wanted)
    parts = [] if every else [f"dimension = {named}" if len(wanted) == 1 else f"dimension IN ({named})"]
    bound: dict[str, Any] = {}
    for number, one in enumerate(read.filters):
        column = SHAPES[read.family].filtered.get(one.dimension, "value")
        sql, parameters = one.sql(column, f"filter_{number}")
        parts.append(sql)
        bound |= parameters
    return " AND ".join(parts) or "true", bound


def _statement(shape: Shape, read: Read, span: Span, most: int) -> tuple[str, dict[str, Any]]:
    """SQL that adds the rows up, "" where there are none to read. A table alone is read without a subquery: planning
    one takes longer than reading the rows of some weeks."""
    condition, bound = condition_of(read)
    of_rows = condition
    if read.values and read.first > span.first:
        begun = "day >= {shown:Date}"
        of_rows += f" AND {begun}" if read.times is None else f" AND (dimension = '{read.times}' OR {begun})"
        bound["shown"] = read.first
    sources = sources_of(read.family, of_rows, condition, span, *(("day", "hour") if read.hourly else ("day",)))
    if not sources:
        return "", {}
    group = ", ".join(shape.group)
    if len(sources) == 1:
        ((state, source),) = sources.items()
        key, columns = shape.key(read, state), shape.columns(state)
    else:
        parts = (
            f"SELECT {group}, {shape.key(read, state)} AS key, "
            f"{', '.join(f'{sql} AS {name}' for sql, name in zip(shape.columns(state), shape.added, strict=True))} "
            f"FROM {source}"
            for state, source in sources.items()
        )
        source, key, columns = f"({' UNION ALL '.join(parts)})", "key", shape.added
    sums = (shape.final if most else shape.sums)(columns)
    selected = [group, f"{key} AS k", *sums]
    limit = "LIMIT {all:UInt32}"
    if most:
        limit = ""
        if read.values:
            if shape.days is not None:
                selected.append(f"max({sums[shape.days]}) OVER (PARTITION BY {group})")
            apart = f", if(dimension = '{read.times}', toString(k), '')" if read.times is not None else ""
            limit = f"ORDER BY {shape.order_sql(read, sums)} LIMIT {{most:UInt32}} BY {group}{apart}"
    return f"SELECT {', '.join(selected)} FROM {source} GROUP BY {group}, k {limit}", bound
