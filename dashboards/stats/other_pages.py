"""What the sections of a site tell of pages that have no row of their own: “other pages in /docs/”.

In: the rows of pages and of sections of one period. Out: page views by section. Promises: it is told by the rows alone,
as anybody could subtract them; nothing is told
of a section that was not counted on all days, nor of a folder whose pages are in one that was declared since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schema.dimensions import OTHER
from schema.site import Site


def other_pages(
    site: Site, pages: Iterable[Mapping[str, Any]], sections: Iterable[Mapping[str, Any]]
) -> list[tuple[str, int]]:
    """By section the page views of its other pages, the most first."""
    left = {
        row["value"]: row["pageviews"]
        for row in sections
        if row["value"] != OTHER and not row.get("counted_since") and not _is_taken(site, row["value"])
    }
    for row in pages:
        section = site.section_of(row["value"])
        if row["value"] != OTHER and section in left:
            left[section] -= row["pageviews"]
    return sorted(((section, views) for section, views in left.items() if views > 0), key=lambda one: (-one[1], one[0]))


def _is_taken(site: Site, section: str) -> bool:
    """Whether it is a first folder whose pages are in a declared section now."""
    return section.startswith("/") and section != "/" and site.section_of(section) != section
