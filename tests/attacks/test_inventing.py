"""Who may make visitors up: no foreign page, no machine as many as it likes; and the limit tells nobody who came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector import outcome as reason
from collector.outcome import Reason

from .collecting import EVIL, FOREIGN, Attacked, browser, visit


def invented(directory: Path, limits: bool) -> int:
    """How many visitors one machine makes in a minute by changing its browser's name."""
    attacked = Attacked(directory, limits)
    with attacked.open() as he:
        for number in range(400):
            assert visit(he, "blog.example", browser(number), page={}).status_code == 202
    return len({event.visitor for event in attacked.stored})


@pytest.mark.slow
def test_one_machine_invents_no_more_visitors_than_a_network_may_bring(tmp_path: Path) -> None:
    assert invented(tmp_path, limits=True) == 100


@pytest.mark.slow
def test_the_same_machine_invents_them_all_where_there_is_no_limit(tmp_path: Path) -> None:
    assert invented(tmp_path, limits=False) == 400


PICTURE = "/pixel.gif?d={0}&u=https://{0}/forged"
WAYS: dict[str, Any] = {
    "script": lambda he, site: visit(he, site, browser(1), page=FOREIGN),
    "older browser": lambda he, site: visit(he, site, browser(1), page={"origin": EVIL}),
    "sandboxed frame": lambda he, site: visit(he, site, browser(1), page={"origin": "null"}),
    "two sites": lambda he, site: he.post(
        "/api/event",
        json={"n": "pageview", "u": f"https://{site}/", "d": "shop.example,blog.example"},
        headers=browser(1) | FOREIGN,
    ),
    "picture": lambda he, site: he.get(
        PICTURE.format(site), headers=browser(1) | {"referer": f"{EVIL}/", "sec-fetch-site": "cross-site"}
    ),
    "picture without a referrer": lambda he, site: he.get(
        PICTURE.format(site), headers=browser(1) | {"sec-fetch-site": "cross-site"}
    ),
    "picture in an older browser": lambda he, site: he.get(
        PICTURE.format(site), headers=browser(1) | {"referer": f"{EVIL}/"}
    ),
    # One more for a bare total is something, too.
    "of one who asked not to be": lambda he, site: visit(he, site, browser(1) | {"sec-gpc": "1"}, page=FOREIGN),
}


def by_a_page(directory: Path, way: str, open_: bool = False) -> int:
    """How much a foreign page gets counted for either site."""
    attacked = Attacked(directory)
    if open_:
        rules = attacked.collector.rules
        attacked.collector.rules = {
            name: structs.replace(one, site_filter=one.site_filter.for_any_host()) for name, one in rules.items()
        }
    with attacked.open() as he:
        for site in ("shop.example", "blog.example"):
            WAYS[way](he, site)
    return len(attacked.stored) + attacked.signals


@pytest.mark.parametrize("way", WAYS)
def test_a_foreign_page_has_nothing_counted(way: str, tmp_path: Path) -> None:
    assert by_a_page(tmp_path, way) == 0


@pytest.mark.parametrize("way", WAYS)
def test_the_same_page_does_where_nobody_asks_who_it_is(way: str, tmp_path: Path) -> None:
    assert by_a_page(tmp_path, way, open_=True) >= 2


def known(directory: Path) -> list[bool]:
    """What a neighbour finds out of two browsers, one of which has been here: by using the limit up and asking."""
    attacked = Attacked(directory)
    victim, absent = browser(5000), browser(6000)
    with attacked.open() as he:
        visit(he, "blog.example", victim)
        for number in range(120):
            visit(he, "blog.example", browser(number))
        answers = [visit(he, "blog.example", who) for who in (victim, absent)]
    unlike = answers[0].headers.items() ^ answers[1].headers.items() or answers[0].content != answers[1].content
    return [bool(unlike), answers[0].status_code != answers[1].status_code]


def test_the_limit_tells_no_neighbour_who_has_been_here(tmp_path: Path) -> None:
    assert known(tmp_path) == [False, False]


def test_the_same_neighbour_reads_it_from_an_answer_that_names_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reason, "_SILENT", reason._SILENT - {Reason.NEW_VISITORS})
    assert known(tmp_path) == [True, False]
