"""Sections: the first folder of a page, or what the site's settings name; people in one are counted once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from footfall.errors import SettingsError
from footfall.settings import load
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up, roll_up_together
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 9)
START = day_bounds("UTC", day_number(DAY)).start
EVERYTHING = SiteRules(1, 30, "balanced")
NAMED = {"Blog": "/blog/**", "Guides": "/*/guide", "News": "/blog/news/**"}


def come(store: Store, site: Site, *paths: str, **given: Any) -> None:
    """One visitor, who views these pages."""
    visitor = given.pop("visitor", 1)
    insert(
        store,
        [
            make_event(site.key, START + 10 * step, DAY, visitor=visitor, path=path, **given)
            for step, path in enumerate(paths)
        ],
    )


def sections(store: Store, site: Site, what: str = "visitors, visits, pageviews, entries, exits") -> dict[str, Any]:
    rows = store.rows(
        f"SELECT value, {what} FROM open_cells WHERE site = {{s:String}} AND dimension = 'section'", {"s": site.key}
    )
    return {value: tuple(rest) for value, *rest in rows}


@pytest.mark.slow
def test_a_section_is_the_first_folder_and_people_in_it_are_counted_once(store: Store) -> None:
    site = Site("sections-1")
    come(store, site, "/", "/docs/a", "/docs/b/c", "/docs/a", "/about")
    come(store, site, "/docs/", visitor=2)
    # Somebody left a page there that he did not open in this visit: his time counts, he does not.
    come(store, site, "/blog/a", "/docs/a", visitor=3, name="pageview")
    insert(store, [make_event(site.key, START + 60, DAY, visitor=2, path="/shop/x", name=ENGAGEMENT, engaged_ms=5)])
    roll_up(store, site, DAY, EVERYTHING)
    assert sections(store, site) == {
        "/": (1, 1, 2, 1, 1),
        "/docs/": (3, 3, 5, 1, 2),
        "/blog/": (1, 1, 1, 1, 0),
    }
    assert sections(store, site, "bounces") == {"/": (0,), "/docs/": (1,), "/blog/": (0,)}


@pytest.mark.slow
def test_sections_have_the_names_of_the_settings_each_site_its_own(store: Store) -> None:
    named, plain = Site("sections-2", sections=NAMED), Site("sections-3")
    for site in (plain, named):
        come(store, site, "/blog/news/1", "/blog", "/shop/guide", "/shop/x")
    roll_up_together(store, [SiteDay(site, DAY, EVERYTHING) for site in (plain, named)])
    assert sections(store, plain, "pageviews") == {"/blog/": (1,), "/": (1,), "/shop/": (2,)}
    # Of several that fit the first one holds.
    assert sections(store, named, "pageviews") == {"Blog": (2,), "Guides": (1,), "/shop/": (1,)}
    assert [named.section_of(path) for path in ("/blog/news/1", "/blog", "/shop/guide", "/shop/x", "/x")] == [
        *("Blog", "Blog", "Guides", "/shop/", "/")
    ]


@pytest.mark.slow
def test_goals_and_revenue_are_kept_by_section(store: Store) -> None:
    site = Site("sections-4", goals=(Goal("Buy", event="buy"),), sections=NAMED)
    come(store, site, "/blog/a", "/blog/b")
    come(store, site, "/blog/a", "/blog/b", name="buy", currency="EUR", amount=250)
    roll_up(store, site, DAY, EVERYTHING)
    rows = store.rows(
        "SELECT value, currency, converters, conversions, amount, payers FROM open_conversions "
        "WHERE site = {s:String} AND dimension = 'section' ORDER BY currency",
        {"s": site.key},
    )
    assert rows == [("Blog", "", 1, 2, 0, 0), ("Blog", "EUR", 0, 0, 500, 1)]


def test_names_of_sections_are_not_like_folders() -> None:
    for name in ("/blog/", "(other)"):
        with pytest.raises(SettingsError, match="does not begin with"):
            load(sets=(f'sites=[{{key="a.example", sections={{"{name}"="/x/**"}}}}]',), environment={})
    settings = load(sets=('sites=[{key="a.example", sections={Blog="/blog/**"}}]',), environment={})
    assert settings.sites[0].sections == {"Blog": "/blog/**"}
