"""Which steps of a funnel are shown, so that no drop between two of them tells of fewer than k people.

In: the scratch tables `passed` and `kept`. Out: in `shown` the steps whose people are told exactly; in `least` those of
which is told how many they are at least.

Who reached a step is among those who reached the steps before it, and among all who did what the step is, with or
without the steps before: these have a number elsewhere, as a goal, a page, a section or an event. So of a step three
things have to be nobody's alone: who reached it, who dropped out since the last step that is shown, and who did what
the step is without being counted here. Each has to be k people of as many networks as rule N4 asks for; of the last,
nobody is enough.

- *Exact* are, from the first step on, those for which it holds against the last exact one.
- Where the difference to the least number that the step cannot exceed (w) is 0 to k - 1 people, it is told that at
  least w - k + 1 reached the step: with w it is one of k numbers, and nothing else says which. Nothing below k is told.
- Of *values of a dimension* exact steps alone are shown, the same ones for all of its values, because values and drops
  are a table of which both margins are known. Each entry (a drop, or who did a step otherwise, of one value) is of
  nobody or of k people; what the values that are not shown have of a column is nothing, or one of them has k people of
  it. So all that follows by adding and subtracting is made of entries of k people, and what is finer than these has
  neither a row nor a column of its own (tests/attacks/test_funnels.py).
- On *open days* values go on at their own times (rule N7), so what is told of one step by another would tell when
  that one goes on: exact ones alone are shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from schema.dimensions import OTHER
from schema.families import FAMILIES
from schema.goal import Goal
from schema.site import Site

from ..batch import Batch, K
from ..rule import Rule
from ..shape import by_each
from .parents import CELL

_FAMILY = FAMILIES["funnels"]
COLUMNS = {column.name: column.type for column in _FAMILY.keys} | {"people": "Int64", "unsure": "Int64"}
_DIMENSIONS = ", ".join(f"('{name}', {f'toString({name})' if name else repr('')})" for name in _FAMILY.dimensions)
_ALIKE = ", ".join(("d", "funnel", *filter(None, _FAMILY.dimensions), "reached", "met"))
_NETWORKS = "groupUniqArray({networks})(network_number)"
# Who came once is one person in each of his values, so those alike are counted before they are split by these.
_ONCE = f"""
    SELECT d, funnel, of_it.1 AS dimension, of_it.2 AS value, reached AS furthest, met AS did, many, networks
    FROM
    (
        SELECT {_ALIKE}, count() AS many, {_NETWORKS} AS networks
        FROM {{passed}} WHERE NOT again AND {K} > 1 GROUP BY {_ALIKE}
    )
    ARRAY JOIN [{_DIMENSIONS}] AS of_it"""
_BY, _EACH = by_each({name: name for name in _FAMILY.dimensions if name}, "d", "funnel", "visitor", whole=True)
_AGAIN = f"""
    SELECT d, funnel, dimension, value, furthest, did, count() AS many, {_NETWORKS} AS networks
    FROM
    (
        SELECT d, funnel, {_BY["dimension"]} AS dimension, {_BY["value"]} AS value, visitor,
            any(network_number) AS network_number, max(reached) AS furthest, groupBitOr(met) AS did
        FROM {{passed}} WHERE again AND {K} > 1
        GROUP BY {_EACH}
    )
    GROUP BY d, funnel, dimension, value, furthest, did"""
# How many people, by how far they got and which steps they did at all; the networks no further than is asked for.
_FIND = f"""
    SELECT d, funnel, dimension, value, furthest, did, sum(many), groupUniqArrayArray({{networks}})(networks)
    FROM ({_ONCE} UNION ALL {_AGAIN})
    GROUP BY d, funnel, dimension, value, furthest, did"""


class Group(Struct, frozen=True):
    """People who got equally far and did the same steps at all. reached: the last step, 0 for none. met: a bit for each
    step."""

    reached: int
    met: int
    people: int
    networks: frozenset[int]


# Some of the groups of a value: a difference that may be told.
Which = Callable[[Group], bool]


def _counted(groups: Iterable[Group], which: Which) -> tuple[int, int]:
    """How many people these are, and from how many networks."""
    mine = [group for group in groups if which(group)]
    return sum(group.people for group in mine), len(frozenset().union(*(group.networks for group in mine)))


def reaching(step: int) -> Which:
    return lambda group: group.reached >= step


def dropping(above: int, step: int) -> Which:
    """Who reached the one and not the other."""
    return lambda group: above <= group.reached < step


def otherwise(done: int, step: int) -> Which:
    """Who did what a step is and did not reach one that is the same or behind it."""
    return lambda group: bool(group.met >> (done - 1) & 1) and group.reached < step


class Told(Struct):
    """Of the whole site: exact steps, and how many reached the others at least."""

    exact: list[int]
    least: dict[int, int]


def of_whole(
    groups: Sequence[Group], steps: int, public: frozenset[int], rule: Rule, barred: Collection[int] = ()
) -> Told:
    """public: the steps of which it may be known how many people did them at all. barred: those that are not to be
    told exactly."""
    told = Told([], {})
    for step in range(1, steps + 1):
        people, networks = _counted(groups, reaching(step))
        if not rule.enough(people, networks):
            break
        drops = [dropping(told.exact[-1], step)] if told.exact else []
        others = [otherwise(done, step) for done in sorted(public) if done <= step]
        missing = [_counted(groups, which) for which in (*drops, *others)]
        safe = [rule.enough(*count) for count in missing[: len(drops)]]
        safe += [rule.enough(*count) or not count[0] for count in missing[len(drops) :]]
        if step not in barred and all(safe):
            told.exact.append(step)
            continue
        nearest = min((count for count, _ in missing), default=rule.k)
        at_least = people + nearest - rule.k + 1
        # Of 1 to k - 1 it would be known which, were k 2.
        if nearest < rule.k <= at_least and rule.k > 2:
            told.least[step] = at_least
    return told


def followed(groups: Sequence[Group], exact: Sequence[int], public: frozenset[int]) -> list[int]:
    """The steps that follow of each value: nobody at all did them otherwise, so who did them is who reached them."""
    return [step for step in exact if step in public and not _counted(groups, otherwise(step, step))[0]]


def of_funnel(
    by_dimension: Mapping[str, Mapping[str, Sequence[Group]]],
    steps: int,
    public: Mapping[str, frozenset[int]],
    rule: Rule,
) -> Told:
    """What is told of the whole site. Where a step follows of each value, so does who did one before it that has a
    number there and did not reach this one: where that is of too few, the step is not told exactly. public: by
    dimension."""
    barred: set[int] = set()
    while True:
        told = of_whole(by_dimension[""][""], steps, public[""], rule, barred)
        before = len(barred)
        for dimension, by_value in by_dimension.items():
            known = followed(by_dimension[""][""], told.exact, public[dimension]) if dimension else []
            for step in known:
                others = [otherwise(done, step) for done in public[dimension] if done < step]
                counts = (_counted(groups, which) for groups in by_value.values() for which in others)
                if any(count[0] and not rule.enough(*count) for count in counts):
                    barred.add(step)
        if len(barred) == before:
            return told


def of_values(
    by_value: Mapping[str, Sequence[Group]],
    named: frozenset[str],
    exact: Sequence[int],
    known: Collection[int],
    public: frozenset[int],
    rule: Rule,
) -> tuple[list[str], list[int]]:
    """Which values are shown, and which steps of them. named: those that have a row of their own. exact: the steps of
    the whole site that are; known: those of them that follow of each value anyway."""
    best: tuple[list[str], list[int]] = ([], [])
    steps = [*exact]
    while steps:
        shown = _values_of(by_value, named, steps, public, rule)
        if len(shown) * len(steps) > len(best[0]) * len(best[1]):
            best = shown, [*steps]
        # The step less that few drop out before, or reach at last, hides the fewest values.
        columns = [*(dropping(*pair) for pair in pairwise(steps)), reaching(steps[-1])]
        everybody = [group for groups in by_value.values() for group in groups]
        sizes = [_counted(everybody, which)[0] for which in columns]
        # Of the last column it is the last step, of a drop the one behind it.
        behind = {step: size for step, size in zip((*steps[1:], steps[-1]), sizes, strict=True) if step not in known}
        if not behind:
            return best
        steps.remove(min(behind, key=lambda step: (behind[step], -step)))
    return best


def _values_of(
    by_value: Mapping[str, Sequence[Group]],
    named: frozenset[str],
    steps: Sequence[int],
    public: frozenset[int],
    rule: Rule,
) -> list[str]:
    columns = [*(dropping(*pair) for pair in pairwise(steps)), reaching(steps[-1])]
    columns += [otherwise(done, step) for step in steps for done in sorted(public) if done <= step]
    table = {value: [_counted(groups, which) for which in columns] for value, groups in by_value.items()}
    sizes = {value: _counted(groups, reaching(steps[0]))[0] for value, groups in by_value.items()}
    shown = [
        value
        for value in sorted(table, key=lambda value: (sizes[value], value))
        if value in named and all(not count[0] or rule.enough(*count) for count in table[value])
    ]
    while shown:
        hidden = [table[value] for value in table if value not in shown]
        lacking = [
            place
            for place in range(len(columns))
            if any(row[place][0] for row in hidden) and not any(rule.enough(*row[place]) for row in hidden)
        ]
        if not lacking:
            return shown
        # The smallest one that has enough there goes along.
        company = next((value for value in shown if any(table[value][place][0] for place in lacking)), None)
        if company is None:
            return []
        shown.remove(company)
    return []


def public_steps(site: Site, funnel: str, dimension: str) -> frozenset[int]:
    """The steps of which it may be known how many people did them: goals, and on the whole site all."""
    (declared,) = (one for one in site.funnels if one.name == funnel)
    goals = {*site.goal_definitions.values()}
    steps = enumerate(declared.resolved(site.goal_definitions), start=1)
    return frozenset(step for step, (kind, wanted) in steps if not dimension or _as_goal(site, kind, wanted) in goals)


def _as_goal(site: Site, kind: str, wanted: str) -> str:
    """The definition of a goal that counts what a step does."""
    if kind == "section":
        return Goal(wanted, section=wanted).of_section(site.sections).definition
    return f"{kind}:{wanted}"


def show_steps(of: Batch) -> None:
    """Fill `shown` and `least`."""
    if not of.has("funnels"):
        return
    found: dict[tuple[int, str], dict[str, dict[str, list[Group]]]] = defaultdict(lambda: defaultdict(dict))
    for d, funnel, dimension, value, furthest, did, people, networks in of.store.rows(of.naming(_FIND), of.named):
        values = found[d, funnel][dimension]
        values.setdefault(value, []).append(Group(furthest, did, people, frozenset(networks)))
    kept: dict[tuple[int, str], set[str]] = defaultdict(set)
    asked = f"SELECT d, dimension, value FROM {{kept}} WHERE dimension IN {_FAMILY.dimensions} AND value != '{OTHER}'"
    for d, dimension, value in of.store.rows(of.naming(asked)):
        kept[d, dimension].add(value)
    shown: list[tuple[str, int, str, str, str, str]] = []
    least: list[tuple[int, str, str, str, int, int, int]] = []
    for (d, funnel), by_dimension in found.items():
        site_day = of.days[d]
        rule = Rule.of(site_day.rules)
        if not kept[d, ""]:
            continue
        (steps,) = (len(one.steps) for one in site_day.site.funnels if one.name == funnel)
        public = {dimension: public_steps(site_day.site, funnel, dimension) for dimension in by_dimension}
        told = of_funnel(by_dimension, steps, public, rule)
        shown += [(_FAMILY.name, d, "", funnel, str(step), "") for step in told.exact]
        if not of.live:
            least += [(d, "", "", funnel, step, people, rule.k - 1) for step, people in told.least.items()]
        for dimension, by_value in by_dimension.items():
            if dimension:
                known = followed(by_dimension[""][""], told.exact, public[dimension])
                named = frozenset(kept[d, dimension])
                of_these, exact = of_values(by_value, named, told.exact, known, public[dimension], rule)
                shown += [
                    (_FAMILY.name, d, dimension, funnel, str(step), value) for value in of_these for step in exact
                ]
    for table, columns, rows in (("shown", [*CELL], shown), ("least", ["d", "dimension", "value", *COLUMNS], least)):
        if rows:
            of.store.insert(of.scratch(table), columns, [list(column) for column in zip(*sorted(rows), strict=True)])
