"""What is made of a beacon that a step ended: a page that a crawler asked for, or the wish to be forgotten.

In: a `Draft`, and why it ended. Out: a `CrawlerView`, an `Erasure`, or nothing. Promises: signals come first of all,
whatever somebody calls himself; nothing of the client is in either but the number that the visitor's events had.
"""

from __future__ import annotations

from typing import NamedTuple

from schema.event import PAGEVIEW, Erasure

from .enrich.crawlers import crawler_of, section_of
from .model import Draft
from .steps import (
    drop_bad_url,
    drop_denied,
    drop_excluded_page,
    drop_foreign_host,
    drop_gpc,
    drop_no_address,
    drop_opted_out,
    drop_withdrawn,
    put_key,
    put_language,
    put_network,
    put_screen,
    put_visitor,
)

# What ends a crawler's view.
_NO_CRAWLER = (
    *(drop_withdrawn, drop_opted_out, drop_denied, drop_gpc),
    *(drop_bad_url, drop_foreign_host, drop_excluded_page),
)


class CrawlerView(NamedTuple):
    """A page that a crawler asked for; the fields are those of schema/event.py, CrawlerViews."""

    site: str
    day: int
    crawler: str
    section: str


def crawler_view_of(draft: Draft) -> CrawlerView | None:
    """What is counted of a draft that ended as a machine's: nothing where it does not say whose it is, looked at no
    page of the site, or sends a signal that people send."""
    crawler = crawler_of(draft.client.agent) if draft.beacon.name == PAGEVIEW else ""
    if not crawler or any(step(draft) for step in _NO_CRAWLER):
        return None
    assert draft.page is not None
    site = draft.rules.site
    return CrawlerView(site.key, draft.day.number, crawler, section_of(site, draft.page.path))


def erasure_of(draft: Draft) -> Erasure | None:
    """Whose rows of today go, for a draft that ended as withdrawn: the number its events had. None where it cannot have
    had any. Raises NoKey."""
    put_network(draft)
    if drop_no_address(draft):
        return None
    for step in (put_language, put_screen, put_key, put_visitor):
        step(draft)
    return Erasure(draft.rules.site.key, draft.received, draft.day.number, draft.visitor)
