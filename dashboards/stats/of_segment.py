"""Which questions a segment answers.

In: the parts of a question. Out: nothing, or `BadQuery`. Promises: what is not kept of segments is refused with what
is.
"""

from __future__ import annotations

from collections.abc import Iterable

from schema.pairs import TOLD
from schema.segments import SEGMENTS

from .grains import GRAINS
from .refused import BadQuery, Code
from .splits import OF_GOALS, OF_VITALS


def refuse_beside_segment(name: str, by: str, dimension: str, metrics: Iterable[str], others: Iterable[str]) -> None:
    """Raise BadQuery for what is not kept of it. dimension: whose rows answer the question. others: what is asked
    besides."""
    what = f"of the segment {name!r}"
    of_all = (*OF_GOALS, *OF_VITALS)
    if by in of_all and not dimension:
        return
    if by in of_all:
        raise BadQuery(f"{what} nothing is kept by {by} and {dimension}: drop the filter", Code.NOT_KEPT)
    if by and by not in (*GRAINS, *SEGMENTS.dimensions):
        known = ", ".join((*GRAINS, *of_all, *filter(None, SEGMENTS.dimensions)))
        raise BadQuery(f"{what} nothing is kept by {by}: ask by one of {known}", Code.NOT_KEPT)
    if dimension not in SEGMENTS.dimensions:
        raise BadQuery(f"{what} nothing is kept by {dimension}: drop the filter on it", Code.NOT_KEPT)
    for other in others:
        raise BadQuery(f"{what} there is no {other}: leave {other} out, or the segment", Code.NOT_KEPT)
    for metric in metrics:
        if metric not in TOLD:
            raise BadQuery(f"{metric} is not kept {what}: there are {', '.join(TOLD)}", Code.NOT_KEPT)
