"""Who may have a visitor's day deleted: the visitor, on every site; no page that he looks at, no neighbour at will."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.edge.own_pages import OwnPages

from .collecting import EVIL, FOREIGN, HERE, Attacked, browser, visit

OWN = {"origin": HERE, "referer": f"{HERE}/opt-out"}
SITES = ("shop.example", "blog.example")


def day_of(attacked: Attacked) -> set[tuple[str, int]]:
    return {(event.site, event.visitor) for event in attacked.stored}


@pytest.mark.parametrize("says", [OWN, OWN | {"sec-fetch-site": "same-origin"}])
def test_on_our_own_page_he_deletes_his_day_on_every_site(says: dict[str, str], tmp_path: Path) -> None:
    """On a site with `hosts` it deleted nothing, and said that it did."""
    attacked = Attacked(tmp_path)
    with attacked.open() as he:
        for site in SITES:
            assert visit(he, site, browser(1)).status_code == 202
        assert he.post("/privacy/object", headers=browser(1) | says).status_code == 202
    assert len(day_of(attacked)) == 2
    assert attacked.erased == day_of(attacked)


FOREIGN_PAGES = [
    FOREIGN,
    {"origin": EVIL},
    {"origin": "null", "sec-fetch-site": "cross-site"},
    # A form, sent by an older browser; a page of a site that is counted here, too.
    {"referer": f"{EVIL}/form"},
    {"origin": "https://blog.example", "sec-fetch-site": "same-site"},
]


def by_a_page(directory: Path, says: dict[str, str]) -> int:
    """How many days are deleted of a visitor who only looks at it."""
    attacked = Attacked(directory)
    with attacked.open() as he:
        for site in SITES:
            visit(he, site, browser(1))
        he.post("/privacy/object", headers=browser(1) | says)
        for site in SITES:
            wish = {"n": "consent", "u": f"https://{site}/", "d": site, "consent": "withdrawn"}
            if says.get("origin") != f"https://{site}":
                he.post("/api/event", json=wish, headers=browser(1) | says | {"sec-fetch-site": "cross-site"})
    return len(attacked.erased & day_of(attacked))


TWICE = [
    [("origin", HERE), ("origin", EVIL)],
    [("origin", EVIL), ("origin", HERE)],
    [("origin", EVIL), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    [("origin", EVIL), ("host", "evil.example"), ("host", "stats.example")],
]


@pytest.mark.parametrize("says", TWICE)
def test_a_request_that_says_two_things_of_its_page_deletes_nothing(
    says: list[tuple[str, str]], tmp_path: Path
) -> None:
    attacked = Attacked(tmp_path)
    with attacked.open() as he:
        assert he.post("/privacy/object", headers=[*browser(1).items(), *says]).status_code == 403
        wish = {"n": "consent", "u": "https://shop.example/", "d": "shop.example", "consent": "withdrawn"}
        he.post("/api/event", json=wish, headers=[*browser(1).items(), *says])
    assert attacked.erased == set()


@pytest.mark.parametrize("says", FOREIGN_PAGES)
def test_a_foreign_page_deletes_nothing_of_its_visitors(says: dict[str, str], tmp_path: Path) -> None:
    assert by_a_page(tmp_path, says) == 0


def test_the_same_page_deletes_everywhere_where_nobody_asks_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnPages, "ask", lambda self, headers: True)
    assert by_a_page(tmp_path, FOREIGN) == 2


def by_a_neighbour(directory: Path, limits: bool) -> tuple[int, int]:
    """How many of 60 browsers' days are deleted by somebody who names them all, and how often he was told so."""
    attacked = Attacked(directory, limits)
    with attacked.open() as he:
        codes = [he.post("/privacy/object?site=shop.example", headers=browser(n) | OWN).status_code for n in range(60)]
        for n in range(60):
            wish = {"n": "consent", "u": "https://shop.example/", "d": "shop.example", "consent": "withdrawn"}
            codes.append(he.post("/api/event", json=wish, headers=browser(60 + n)).status_code)
    assert set(codes) <= {202, 429}
    return len(attacked.erased), codes.count(202)


def test_a_neighbour_who_guesses_browsers_comes_to_an_end(tmp_path: Path) -> None:
    assert by_a_neighbour(tmp_path, limits=True) == (20, 20)


def test_the_same_neighbour_deletes_whom_he_names_where_there_is_no_limit(tmp_path: Path) -> None:
    assert by_a_neighbour(tmp_path, limits=False) == (120, 120)
