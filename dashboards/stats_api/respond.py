"""The answer to a question of the Stats API v2, or why there is none.

In: `Asked`, a site, who answers. Out: `QueryAnswer`, or `QueryRefused` with the nearest question that is answered.
Promises: no refusal has anything in it that a visitor typed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from schema.site import Site

from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from .answer import QueryAnswer, QueryRefused
from .ask import Asking
from .compared import compared
from .filters import dimensions_in
from .names import TIMES
from .request import Asked
from .translate import translate


def answer(reports: Reports, site: Site, asked: Asked) -> QueryAnswer | QueryRefused:
    """The answer, or why there is none."""
    try:
        return _answer(reports, site, asked)
    except BadQuery as refused:
        return QueryRefused(_in_its_words(refused, asked), refused.code, _nearest(reports, site, asked, refused.code))


def _answer(reports: Reports, site: Site, asked: Asked) -> QueryAnswer:
    """Raises BadQuery."""
    now = reports.now(site)
    plan = translate(asked, site, now, lambda: reports.since(site))
    told = Asking(plan, reports.stats).answer()
    return compared(told, plan, now, lambda earlier: _answer(reports, site, earlier))


def _in_its_words(refused: BadQuery, asked: Asked) -> str:
    """Our own questions name dimensions otherwise."""
    text = str(refused)
    is_ours = "by=" in text or ("crossed" in text and "pairs = [" not in text)
    if refused.code is not Code.NOT_CROSSED or not is_ours:
        return text
    names = dict.fromkeys((*(asked.dimensions or []), *dimensions_in(asked.filters)))
    return (
        f"{' and '.join(names)} are not counted together: only pairs are that the site has in its settings, so that no "
        "combination of attributes can single somebody out. Ask for one of them, with filters on it only"
    )


def _nearest(reports: Reports, site: Site, asked: Asked, code: Code) -> dict[str, Any] | None:
    """The first question like it that can be asked."""
    if code not in (Code.NOT_CROSSED, Code.NOT_KEPT):
        return None
    for dimensions, filtered in _likely(asked):
        kept = [one for one in asked.filters or [] if set(dimensions_in([one])) <= {filtered}]
        order = [entry for entry in asked.order_by or [] if entry[0] in (*asked.metrics, *dimensions)]
        like = replace(asked, dimensions=dimensions or None, filters=kept or None, order_by=order or None)
        if like == replace(asked, dimensions=asked.dimensions or None, filters=asked.filters or None):
            continue
        with contextlib.suppress(BadQuery):
            asking = translate(like, site, reports.now(site), lambda: None)
            if any(query.crossed and query.crossed not in site.crossed for query in asking.queries):
                continue
            return {name: value for name, value in msgspec.to_builtins(like).items() if value}
    return None


def _likely(asked: Asked) -> Iterator[tuple[list[str], str]]:
    """Dimensions, and the one on which filters are kept: what is nearest to the question first."""
    dimensions = asked.dimensions or []
    times = [name for name in dimensions if name in TIMES]
    if len(dimensions) - len(times) > 1:
        for filtered in (*dimensions, ""):
            yield dimensions, filtered
    for name in dimensions:
        if name not in TIMES:
            yield [*times, name], name
            yield [name], name
    for name in dict.fromkeys(dimensions_in(asked.filters)):
        yield times, name
        yield [name], name
    yield times, ""
    yield [], ""
