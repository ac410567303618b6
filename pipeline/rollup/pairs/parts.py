"""Which goals pairs do not tell because a segment is nearly a part of who reached it, or who reached it of that.

In: visits, segments and goals by their definitions. Out: of each site-day the goals. Promises: of a goal that is not
among them enough people reached it outside of each segment, enough are in each and did not, and enough are in neither;
or the two are twins, of which a segment tells what the goal tells (segments/known.py).

A segment that has nobody else than who reached the goal tells by a value how many these are at least. Where all of it
reached the goal at some values, and not at others, that is the row which the goal hides, and on which circles of hidden
cells rely (reached.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.segment import Did, text_of

from ..batch import Batch
from ..rule import Rule, Who
from ..segments.membership import marks
from ..suppression.parity import Masks, grouped

# A mask has so many bits.
_BITS = 63


def parts(of: Batch, segments: Sequence[Sequence[str]], goals: Sequence[Sequence[str]]) -> list[set[str]]:
    """By site-day the definitions of these goals."""
    asked = [_asked(*one) for one in zip(segments, goals, strict=True)]
    crowds = _crowds(of, asked) if any(asked) else {}
    found: list[set[str]] = []
    for d, (mine, its) in enumerate(zip(segments, goals, strict=True)):
        rule = Rule.of(of.days[d].rules)
        found.append({one for bit, one in enumerate(its, len(mine)) if _is_part(crowds.get(d, {}), mine, bit, rule)})
    return found


def _asked(segments: Sequence[str], goals: Sequence[str]) -> list[str]:
    return [*segments, *(text_of(Did(one)) for one in goals)][:_BITS] if segments and goals else []


def _crowds(of: Batch, asked: Sequence[Sequence[str]]) -> dict[int, dict[int, list[Who]]]:
    """By site-day and mask who made the visits, as far as so many are asked for."""
    mask, named = marks(asked)
    people = max(one.rules.k for one in of.days)
    networks = max(one.rules.least_networks for one in of.days)
    found: dict[int, dict[int, list[Who]]] = {}
    sql = f"""
        SELECT d, {mask} AS mask, groupUniqArray({people})(visitor), groupUniqArray({networks})(network_number)
        FROM {{visits}} WHERE came GROUP BY d, mask"""
    for d, held, who, theirs in of.store.rows(of.naming(sql), of.named | named):
        found.setdefault(d, {})[held] = [Who(frozenset(who), frozenset(theirs))]
    return found


def _is_part(masks: Masks, segments: Sequence[str], goal: int, rule: Rule) -> bool:
    """Whether one of them nearly is, or it nearly of that; what nobody looks up may be."""
    return bool(segments) and (goal >= _BITS or any(_is_one(masks, bit, goal, rule) for bit in range(len(segments))))


def _is_one(masks: Masks, segment: int, goal: int, rule: Rule) -> bool:
    found = grouped(masks, 1 << segment | 1 << goal)
    outside, short, neither, both = (
        not rule.are_enough(found.get(inside << segment | reached << goal, ()))
        for inside, reached in ((0, 1), (1, 0), (0, 0), (1, 1))
    )
    return outside != short or (neither and not both)
