"""Where to go from a page of a site: its other pages, of the same days, and of the same visits where they tell of some.

In: a site and the arguments of an address. Out: `Place`s in their order. Promises: no link asks for what its page
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.datastructures import QueryParams

from schema.dimensions import DIMENSIONS
from schema.site import Site

from .arguments import CARRIED, PERIOD

ACQUISITION, PAGES, GOALS, SPEED, LOCALIZATION = "/acquisition", "/pages", "/goals", "/speed", "/localization"
LIVE = "/live"
CAMPAIGN_LINK = f"{ACQUISITION}/link"
SETTINGS, PRIVACY, EDIT = "/settings", "/privacy", "/edit"
# By what follows the site's path: what the page is called, and what it takes.
_PLACES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("Overview", CARRIED),
    ACQUISITION: ("Acquisition", CARRIED),
    PAGES: ("Pages", CARRIED),
    GOALS: ("Goals", CARRIED),
    SPEED: ("Speed", CARRIED),
    LOCALIZATION: ("Localization", CARRIED),
    LIVE: ("Live", CARRIED),
    "/quality": ("Quality", PERIOD),
    SETTINGS: ("Settings", CARRIED),
    PRIVACY: ("Privacy", CARRIED),
}
# By the card of a dimension, or the name of another table, which page its table belongs to.
_OF_TABLES = {"Sources": ACQUISITION, "Campaigns": ACQUISITION, "Pages": PAGES, "Goals": GOALS, "Places": LOCALIZATION}
_OF_TABLES |= dict.fromkeys(("goal", "properties", "funnels", "journeys"), GOALS)
_OF_TABLES |= {
    "engagement": PAGES,
    "experience": SPEED,
    "vital": SPEED,
    "crawler": "/quality",
    "dropped": "/quality",
    "leak": "/quality",
}
# So many fit beside each other at the foot of a telephone; the others are in a menu.
FIRST = 4


class Place(Struct, frozen=True):
    """A page of a site. address: its path and arguments, below the base. chosen: `page` where it is the one that is
    shown, `true` where that belongs to it, else ""."""

    label: str
    address: str
    chosen: str


def places(site: Site, path: str, arguments: QueryParams, has_about: bool = True) -> tuple[Place, ...]:
    """All of them. path: of the page that is shown. has_about: whether there are those that tell of the site itself."""
    own = f"/sites/{site.key}"
    its = _page_of(path.removeprefix(own))
    found = []
    for below, (label, takes) in _PLACES.items():
        if below in (SETTINGS, PRIVACY) and not has_about:
            continue
        kept = [(name, value) for name, value in arguments.multi_items() if name in takes and value]
        address = f"/sites/{quote(site.key)}{below}{'?' if kept else ''}{urlencode(kept)}"
        found.append(Place(label, address, "page" if path == own + below else "true" if below == its else ""))
    return tuple(found)


def _page_of(below: str) -> str | None:
    """The page to which what is below a site's path belongs: a table, the form of a campaign's link, what is edited."""
    if below.startswith(EDIT):
        return SETTINGS
    if below == CAMPAIGN_LINK:
        return ACQUISITION
    name = below.removeprefix("/by/")
    return _OF_TABLES.get(DIMENSIONS[name].card if name in DIMENSIONS else name)
