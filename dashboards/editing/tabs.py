"""The pages on which a site is edited, beside each other.

In: a site. Out: where each is.
"""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct

from schema.site import Site

from ..web.navigation import EDIT

PATH = f"/sites/{{key}}{EDIT}"
_TABS = ("goals", "funnels", "sections", "segments", "notes", "versions")


class Tab(Struct, frozen=True):
    """A page. address: below the base."""

    label: str
    address: str
    chosen: bool


def path_of(key: str, what: str) -> str:
    """Of one of them; "" of what they have in common."""
    return f"/sites/{quote(key)}{EDIT}" + (f"/{what}" if what else "")


def tabs(site: Site, chosen: str) -> tuple[Tab, ...]:
    """All of them."""
    return tuple(Tab(name.capitalize(), path_of(site.key, name), name == chosen) for name in _TABS)
