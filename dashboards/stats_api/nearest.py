"""What to ask in place of a question of the Stats API v2 that has no answer, and what to declare to have it answered.

In: the question, why it was refused. Out: the nearest question that is answered, the lines of a segment. Promises: what
is told was asked first, and it was answered; nothing is in it but what was asked, and names of the site's settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from schema.site import Site

from ..stats.likely import first_answered, is_taken, likely
from ..stats.refused import Code
from ..web.declare import ToDeclare
from .filters import dimensions_in
from .names import INSTEAD, SEGMENT, TIMES
from .request import Asked
from .where import to_declare

# To others no question is near.
_ABOUT = (Code.NOT_CROSSED, Code.NOT_KEPT, Code.TOO_MUCH)
_COARSER = {"time": "time:month", "time:hour": "time:day", "time:day": "time:week", "time:week": "time:month"}

# Raises BadQuery.
Try = Callable[[Asked], object]


def instead(asked: Asked, site: Site, code: Code, reads: Try, answers: Try) -> tuple[dict[str, Any] | None, str | None]:
    """The nearest question, and the lines of a segment; None where there is none. reads: whether a question can be
    asked as far as is known without asking it."""
    if code not in _ABOUT:
        return None, None
    declare = to_declare(site, asked.filters or []) if code != Code.TOO_MUCH else None
    if declare and not is_taken(reads, _of_segment(asked, declare)):
        declare = None
    found = first_answered(_candidates(asked, declare, code), reads, answers)
    told = {name: value for name, value in msgspec.to_builtins(found).items() if value} if found else None
    return told, declare.lines if declare and not declare.there else None


def _of_segment(asked: Asked, declare: ToDeclare) -> Asked:
    return replace(asked, filters=[["is", SEGMENT, [declare.name]]])


def _candidates(asked: Asked, declare: ToDeclare | None, code: Code) -> Iterator[Asked]:
    """What is like it, the nearest first."""
    if declare and declare.there:
        yield _of_segment(asked, declare)
    known = _with(asked, [INSTEAD.get(name, name) for name in asked.dimensions or []])
    if known.dimensions != (asked.dimensions or None):
        yield known
    if code == Code.TOO_MUCH:
        yield from _coarser(asked)
    yield from _fewer_metrics(known)
    times = [name for name in known.dimensions or [] if name in TIMES]
    others = [name for name in known.dimensions or [] if name not in TIMES]
    # No part is left of what is joined by or, where that is of several dimensions.
    apart = [one for one in known.filters or [] if one[0] != "or" or len({*dimensions_in([one])}) < 2]
    if len(apart) < len(known.filters or []):
        yield _with(known, known.dimensions or [], apart)
    filtered = list(dict.fromkeys(dimensions_in(apart)))
    if len(filtered) == 1 and not others and filtered != [SEGMENT]:
        # Of several values together some numbers are not known, of each they are.
        yield _with(known, [*times, *filtered])
    # What is in any time, too, is nearer.
    for timed in dict.fromkeys((tuple(times), ())):
        if times and not timed:
            yield _with(known, others)
        for rows, kept in likely(others, filtered):
            if timed and not {*rows} <= {*others}:
                continue  # whoever asks by time is told by time alone
            like = _with(
                known, [*timed, *rows], [one for one in known.filters or [] if {*dimensions_in([one])} <= kept]
            )
            yield like
            yield from _fewer_metrics(like)
    yield replace(known, metrics=["visitors"], order_by=None)


def _coarser(asked: Asked) -> Iterator[Asked]:
    names = asked.dimensions or []
    while any(name in _COARSER for name in names):
        names = [_COARSER.get(name, name) for name in names]
        yield _with(asked, names)


def _fewer_metrics(asked: Asked) -> Iterator[Asked]:
    """Of which one alone may be in the way."""
    for metric in asked.metrics if len(asked.metrics) > 1 else ():
        yield _ordered(replace(asked, metrics=[one for one in asked.metrics if one != metric]))


def _with(asked: Asked, dimensions: list[str], filters: list[Any] | None = None) -> Asked:
    kept = asked.filters if filters is None else filters
    return _ordered(replace(asked, dimensions=[*dict.fromkeys(dimensions)] or None, filters=kept or None))


def _ordered(asked: Asked) -> Asked:
    order = [one for one in asked.order_by or [] if one[0] in (*asked.metrics, *(asked.dimensions or []))]
    labelled = asked.include and asked.include.time_labels and not {*(asked.dimensions or [])} & TIMES.keys()
    include = replace(asked.include, time_labels=False) if asked.include and labelled else asked.include
    return replace(asked, order_by=order or None, include=include)
