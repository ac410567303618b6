"""The dashboards beneath a path of another host, by plain HTTP behind a real nginx that takes the path away (and the
port out of Host), or hands it on (and makes a Host of its own). In a real Chromium every address leads beneath it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Response

from tests.browser.conftest import follow
from tests.browser.proxy import nginx
from tests.conftest import times
from tests.house import Running, running
from tests.ports import free_port

pytestmark = pytest.mark.process

NAME, PASSWORD, BASE = "ada", "correct horse battery", "/zahlen/stats"
SERVERS = """
    server {{
        listen 127.0.0.1:{handed_on};
        location {base}/ {{ proxy_pass http://127.0.0.1:{dashboards}; }}
    }}
    server {{
        listen 127.0.0.1:{taken_away};
        location {base}/ {{ proxy_pass http://127.0.0.1:{dashboards}/; proxy_set_header Host $host; }}
    }}
"""


class Proxied(Struct):
    """The house, and where it is reached: by its public address, and where the path is taken away."""

    house: Running
    bases: dict[str, str]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    room = tmp_path_factory.mktemp("proxied")
    ports = {name: free_port() for name in ("handed_on", "taken_away", "dashboards")}
    bases = {name: f"http://stats.lan:{ports[name]}{BASE}" for name in ("handed_on", "taken_away")}
    arguments = ("--dashboard-port", str(ports["dashboards"]), "--set", f"dashboards.public_url={bases['handed_on']}")
    with (
        running(room / "data", *arguments, sites=("one.example", "two.example")) as house,
        nginx(room, SERVERS.format(base=BASE, **ports), ports["handed_on"], ports["taken_away"]),
    ):
        yield Proxied(house, bases)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["handed_on", "taken_away"])
def test_everything_works_beneath_the_path_and_nothing_is_looked_for_outside(
    browser: Browser, proxied: Proxied, way: str
) -> None:
    base, public = proxied.bases[way], proxied.bases["handed_on"]
    assert proxied.house.told["dashboards"] == public
    link = proxied.house.command("sign-in").stdout.strip()
    for one in (link, proxied.house.told["sign_in"]):
        assert one.startswith(f"{public}/sign-in/")
    context = browser.new_context()
    page = context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(link.replace(public, base))
    assert page.url == f"{base}/"
    page.goto(f"{base}/account")
    page.fill("[name=name]", NAME)
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    assert page.url == f"{base}/account?saved"
    page.click(".opens.who")
    follow(page, "text=Sign out")
    assert page.url == f"{base}/sign-in"
    page.goto(f"{base}/sites/one.example?period=today")
    assert page.url.startswith(f"{base}/sign-in?next=")
    page.fill("[name=name]", NAME)
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    assert page.url == f"{base}/sites/one.example?period=today"
    assert {cookie.get("path") for cookie in context.cookies()} == {BASE}
    with page.expect_response(lambda answer: "/version" in answer.url) as watched:
        pass
    assert (urlsplit(watched.value.url).path, watched.value.status) == (f"{BASE}/api/sites/one.example/version", 200)
    collectors = {proxied.house.told["collector"] + path for path in ("/js/script.js", "/demo/")}
    # From link to link, until there is nothing new; once, because pages are the same on both ways.
    is_walked = way == "handed_on" or times(1) > 1
    todo, seen = [f"{BASE}/", f"{BASE}/sites/one.example?period=today", f"{BASE}/sites/one.example/by/page"], set[str]()
    while todo:
        address = todo.pop()
        path = urlsplit(address).path
        # The tag to paste is no link, and the demo's pages are the collector's, which is elsewhere.
        if path in seen or address in collectors or address.startswith(("otpauth:", "data:")):
            continue
        seen.add(path)
        assert path.startswith(f"{BASE}/"), address
        text = page.evaluate(
            "async (url) => { const a = await fetch(url); return a.status + await a.text(); }", address
        )
        assert text.startswith("200"), (address, text[:200])
        if is_walked and text[3:].lstrip().startswith("<!doctype"):
            todo += map(html.unescape, re.findall(r'(?:href|src)="([^"#][^"]*)"', text))
    kinds = (
        "/by/page",
        "/stats.csv",
        "/account",
        "/engineers/request",
        "/engineers/why",
        "/health",
        ".css",
        ".js",
        ".svg",
    )
    assert not is_walked or all(any(path.endswith(kind) for path in seen) for kind in kinds), seen
    page.click(".opens.who")
    follow(page, "text=What is stored")
    follow(page, "main button")
    assert page.url == f"{base}/engineers/request"
    outside = [answer.url for answer in answers if not answer.url.startswith(f"{base}/")]
    assert outside == []
    assert {answer.status for answer in answers} <= {200, 303}
    context.close()
