"""Which crawler a request is of, where it is one that says its name, and in which section of a site it looks.

In: an agent string that is a machine's (bots.py); a path. Out: the name of a crawler of schema/crawlers.py, "" for any
other; the name of a section. Promises: linear time (RE2); of an agent string nothing but a name of that list comes out.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from schema.crawlers import CRAWLERS
from schema.site import Site, folder_of

from ..text.re2 import Pattern, regex
from .bots import MAX_AGENT

_REMEMBERED = 1024


@cache
def _known() -> tuple[dict[bytes, str], Pattern]:
    by_token = {one.token.encode(): one.name for one in CRAWLERS.values()}
    return by_token, regex(b"|".join(re.escape(token) for token in by_token))


@lru_cache(_REMEMBERED)
def crawler_of(agent: str) -> str:
    """Its name."""
    by_token, tokens = _known()
    said = agent[:MAX_AGENT].lower().encode(errors="replace")
    found = tokens.search(said)
    return by_token[said[slice(*found.span())]] if found else ""


@lru_cache(_REMEMBERED)
def _sections(site: Site) -> tuple[tuple[str, Pattern], ...]:
    return tuple((name, regex(pattern.encode())) for name, pattern in site.section_patterns.items())


def section_of(site: Site, path: str) -> str:
    """As `Site.section_of` tells it, but a machine may send any path, and a pattern may hold several `**`."""
    encoded = path.encode(errors="replace")
    return next((name for name, pattern in _sections(site) if pattern.search(encoded)), folder_of(path))
