"""What the query arguments of an address ask for, and the refusal of others.

Why: what is not understood must not be ignored: `?form=2031-06-01` would show other days than were asked for, and
`country=DE` everybody. In: a request and the names its route declares. Out: a `Period`, a `Query`, or `BadQuery`.
Promises: pages pass over what mail programs, search engines and social networks append to links that people pass on;
programs write their own addresses, so the API refuses these, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from starlette.datastructures import QueryParams

from schema.site import Site

from ..stats.filter import Filter
from ..stats.period import Period, date_of, parse
from ..stats.query import Query
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from ..stats.view import OF_COMPARISON, OF_VIEW, against_of

PERIOD = ("period", "from", "to")
PART = (*PERIOD, "filter", "segment")
# What pages hand on to each other.
CARRIED = (*PART, *OF_COMPARISON)
# What an overview takes.
OVERVIEW = (*PART, *OF_VIEW)
# Whose text may come back in the answer: such an answer is not compressed (see `compress`).
FREE_TEXT = frozenset(
    (
        "change",
        "contains",
        "filter",
        "segment",
        "goal",
        "next",
        "address",
        "source",
        "medium",
        "campaign",
        "content",
        "term",
    )
)
# May be given more than once; of all others a second one contradicts the first.
_SEVERAL = frozenset({"filter"})
_OF_LINKS = re.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|mc_[ce]id|_hs(enc|mi)|gad_(source|campaignid)|gclid|gbraid|wbraid|dclid|gclsrc"
    r"|_gl|fbclid|igshid|msclkid|ttclid|twclid|li_fat_id|yclid|epik|srsltid|sc?cid|vero_id|oly_\w+id|mkt_tok|si"
)


def refuse_unknown(given: QueryParams, allowed: Collection[str], from_links: bool = False) -> None:
    """Raises BadQuery for an argument that is not allowed or contradicts another. from_links: whether what others
    append to links is passed over."""
    for name in given:
        if name in allowed:
            if name not in _SEVERAL and len(given.getlist(name)) > 1:
                raise BadQuery(f"argument {name} is given {len(given.getlist(name))} times: give it once")
        elif not (from_links and is_appended(name)):
            known = f"allowed are {', '.join(allowed)}" if allowed else "this address takes none"
            raise BadQuery(f"argument {name[:100]!r} is not known: {known}")


def is_appended(name: str) -> bool:
    """Whether others append that argument to links that people pass on."""
    return _OF_LINKS.fullmatch(name) is not None


def query_of(site: Site, arguments: Mapping[str, str], filters: list[str], period: Period) -> Query:
    """The query in a query string: by, filter (several), limit, offset, metrics (comma-separated), order, compare,
    segment."""
    rows, offset = (number_of(arguments, name, default) for name, default in (("limit", "100"), ("offset", "0")))
    metrics = [name for name in arguments.get("metrics", "").split(",") if name]
    order, against = arguments.get("order") or "visitors", against_of(arguments, "none")
    if against not in ("none", "previous"):
        raise BadQuery(f"compare={against}: that is told by the overview and by tables; allowed here is previous")
    by, segment = arguments.get("by", ""), arguments.get("segment", "")
    first, last = period.first, period.last
    return Query.of(site.key, first, last, by, filters, rows, metrics, order, against != "none", offset, segment)


def number_of(arguments: Mapping[str, str], name: str, default: str) -> int:
    """An argument that is a number. Raises BadQuery."""
    text = arguments.get(name) or default
    if not text.isascii() or not text.isdigit():
        raise BadQuery(f"{name}={text[:100]!r} is not a number")
    return int(text[:9])


def part_of(arguments: QueryParams) -> tuple[tuple[Filter, ...], str]:
    """The filters in a query string, and the segment; () and "" are all visits."""
    filters = tuple(Filter.parse(text) for text in arguments.getlist("filter") if text.strip())
    return filters, arguments.get("segment", "")


def period_of(reports: Reports, site: Site, arguments: Mapping[str, str], usual: str = "") -> Period:
    """The period in a query string, by the site's own calendar. usual: what is shown where none is asked for, "" that
    which suits the site."""
    today = reports.now(site).date()
    try:
        if not arguments.get("period") and arguments.get("from") and not arguments.get("to"):
            first = date_of(arguments, "from", today)
            return parse({"from": first.isoformat(), "to": max(first, today).isoformat()}, today)
        asked = any(arguments.get(name) for name in PERIOD)
        default = usual or ("30d" if asked else reports.default_period(site))
        return parse(arguments, today, default, lambda: reports.since(site))
    except ValueError as error:
        raise BadQuery(str(error), Code.BAD_PERIOD) from None
