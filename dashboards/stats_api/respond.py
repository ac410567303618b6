"""The answer to a question of the Stats API v2, or why there is none.

In: `Asked`, a site, who answers. Out: `QueryAnswer`, or `QueryRefused` with the nearest question that is answered.
Promises: no refusal has anything in it that a visitor typed.
"""

from __future__ import annotations

import re
from functools import partial

from schema.site import Site

from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from .answer import QueryAnswer, QueryRefused
from .ask import Asking
from .compared import compared
from .filters import dimensions_in
from .names import called
from .nearest import instead
from .request import Asked
from .translate import translate
from .translated import Translated

_BY = re.compile(r"\bby='?(\w+)'?")


def answer(reports: Reports, site: Site, asked: Asked) -> QueryAnswer | QueryRefused:
    """The answer, or why there is none."""
    reports = reports.at_one_moment()
    try:
        return _answer(reports, site, asked)
    except BadQuery as refused:
        reads, answers = partial(_reads, reports, site), partial(_answer, reports, site)
        return QueryRefused(
            _in_its_words(refused, asked), refused.code, *instead(asked, site, refused.code, reads, answers)
        )


def _answer(reports: Reports, site: Site, asked: Asked) -> QueryAnswer:
    """Raises BadQuery."""
    plan = _plan(reports, site, asked)
    told = Asking(plan, reports.stats).answer()
    return compared(told, plan, reports.now(site), partial(_answer, reports, site))


def _plan(reports: Reports, site: Site, asked: Asked) -> Translated:
    """Raises BadQuery."""
    return translate(asked, site, reports.now(site), lambda: reports.since(site))


def _reads(reports: Reports, site: Site, asked: Asked) -> None:
    """Raises BadQuery where it is known without asking that there is no answer."""
    pairs = {query.crossed for query in _plan(reports, site, asked).queries} - {None, *site.crossed}
    if pairs:
        raise BadQuery("no pair of the site", Code.NOT_CROSSED)


def _in_its_words(refused: BadQuery, asked: Asked) -> str:
    """Our own questions name dimensions otherwise."""
    text = str(refused)
    is_ours = "by=" in text or ("crossed" in text and "pairs = [" not in text)
    if refused.code is not Code.NOT_CROSSED or not is_ours:
        return _BY.sub(lambda found: called(found[1]), text)
    names = dict.fromkeys((*(asked.dimensions or []), *dimensions_in(asked.filters)))
    return (
        f"{' and '.join(names)} are not counted together: only pairs are that the site has in its settings, so that no "
        "combination of attributes can single somebody out. Ask for one of them, with filters on it only"
    )
