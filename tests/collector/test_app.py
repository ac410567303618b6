"""The collector's addresses: no redirect where beacons come in, and the path of a public address in front of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import StarletteDeprecationWarning

from collector.edge.app import create_app
from collector.keys.files import KeyFile
from tests.collector.test_server_api import House, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

# Each is asked with an empty body: what is said of it tells which endpoint has read it.
INGEST = {
    "/api/event": "Unable to parse request body as json",
    "/api/send": "is not what Umami's trackers send",
    "/api/batch": "is not what Umami's trackers send",
    "/api/events": "needs a token of the site",
    "/count": "",
    "/count/a.example": "",
    "/matomo.php": "Matomo's trackers send here",
    "/piwik.php": "Matomo's trackers send here",
    "/pixel.gif": "",
}


def ask(directory: Path, use: Callable[[TestClient], Any], public_url: str = "") -> Any:
    async def within(house: House) -> Any:
        collector, spool, keys = house.page.collector, house.page.spool, KeyFile(directory / "keys")
        app = create_app(collector, keys, house.tokens, spool, lambda: "", demo=True, public_url=public_url)
        return use(TestClient(app, follow_redirects=False))

    return run(directory, within)


@pytest.mark.parametrize("written", ["{}", "{}/", "/{}", "/stats{}", "/stats{}/", "/stats/{}"])
def test_no_path_that_takes_beacons_is_answered_with_a_redirect(tmp_path: Path, written: str) -> None:
    def use(client: TestClient) -> None:
        for path, told in INGEST.items():
            for method in ("POST", "GET", "OPTIONS"):
                answer = client.request(method, "http://testserver" + written.format(path))
                assert answer.status_code not in (301, 302, 307, 308, 404), (method, path)
                if method == "POST":
                    assert told in answer.text, path
                if method == "OPTIONS" and path != "/api/events":
                    assert answer.headers["access-control-allow-methods"], path

    ask(tmp_path, use, "https://example.com/stats/")


@pytest.mark.parametrize(
    "path", ["/healthz", "/js/script.js", "/demo/", "/demo/demo.js", "/opt-out", "/opt-out/opt-out.js", "/privacy/me"]
)
def test_every_page_is_there_with_and_without_the_path_of_the_public_address(tmp_path: Path, path: str) -> None:
    def use(client: TestClient) -> None:
        bare, prefixed = client.get(path), client.get(f"/stats{path}")
        assert bare.status_code == prefixed.status_code == 200
        assert bare.content == prefixed.content
        assert client.get(f"/other{path}").status_code == 404

    ask(tmp_path, use, "https://example.com/stats")


def test_without_a_path_in_the_public_address_there_is_none_in_front(tmp_path: Path) -> None:
    def use(client: TestClient) -> None:
        assert client.get("/healthz").status_code == 200
        assert client.post("/stats/api/event").status_code == 404

    ask(tmp_path, use, "https://stats.example.com/")


@pytest.mark.parametrize(("path", "to"), [("/demo", "demo/"), ("/opt-out/", "../opt-out")])
def test_a_page_is_moved_to_an_address_that_holds_beneath_any_path(tmp_path: Path, path: str, to: str) -> None:
    answer = ask(tmp_path, lambda client: client.get(path))
    assert (answer.status_code, answer.headers["location"]) == (308, to)


def test_each_page_of_the_demo_is_whole_and_knows_where_it_is(tmp_path: Path) -> None:
    pages = {
        "/demo/": ("./", "Crumb &amp; Crust, bread by the week"),
        "/demo/pricing.html": ("pricing.html", "Prices, "),
        "/demo/thanks.html": ("thanks.html", "Thank you, "),
    }

    def use(client: TestClient) -> None:
        for path, (here, title) in pages.items():
            text = client.get(path).text
            assert f"<title>{title}" in text
            assert re.findall('<a href="([^"]+)" aria-current="page">', text) == [here]
            assert [text.count(mark) for mark in ("<h1>", "</main>", "</html>", "{")] == [1, 1, 1, 0]
        assert client.get("/demo/page.html").status_code == 404

    ask(tmp_path, use)


def test_the_collectors_own_pages_name_no_absolute_path(tmp_path: Path) -> None:
    def use(client: TestClient) -> None:
        for path in ("/demo/", "/demo/pricing.html", "/demo/thanks.html", "/demo/demo.js", "/opt-out"):
            assert not [mark for mark in ('="/', "'/", "`/") if mark in client.get(path).text], path
        assert "'/" not in client.get("/opt-out/opt-out.js").text
        assert "`/" not in client.get("/opt-out/opt-out.js").text

    ask(tmp_path, use)
