"""The collector beneath a path of another host, behind a real nginx that takes the path away, or hands it on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Response

from tests.browser.pages import Website, website
from tests.browser.proxy import nginx
from tests.house import Running, rows, running
from tests.ports import free_port

pytestmark = pytest.mark.process

SERVER = """
    server {{
        listen 127.0.0.1:{port};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        location / {{ proxy_pass {site}; }}
        location /handed-on/ {{ proxy_pass http://127.0.0.1:{collector}; }}
        location /taken-away/ {{ proxy_pass http://127.0.0.1:{collector}/; }}
    }}
"""


class Proxied(Struct):
    """A house behind the proxy, which has the website at its root."""

    house: Running
    web: Website
    origin: str


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    room = tmp_path_factory.mktemp("proxied")
    port, collector = free_port(), free_port()
    origin = f"http://localhost:{port}"
    (room / "footfall.toml").write_text(
        f'[collector]\npublic_url = "{origin}/handed-on"\ntrusted_proxies = ["127.0.0.1/32"]\n'
        '[release]\nk = 1\n[[sites]]\nkey = "lab"\ncount_automated = true\n'
    )
    arguments = ("--config", str(room / "footfall.toml"), "--port", str(collector))
    with running(room / "data", *arguments, sites=()) as house, website() as web:
        site = web.origin.replace("localhost", "127.0.0.1")
        with nginx(room, SERVER.format(port=port, collector=collector, site=site), port):
            yield Proxied(house, web, origin)


@pytest.mark.timeout(600)
def test_the_printed_tag_the_demo_and_the_opt_out_page_work_beneath_a_path(browser: Browser, proxied: Proxied) -> None:
    done = proxied.house.command("check", "site", "lab", "--json")
    tag = json.loads(done.stdout)["tag"]
    assert f'src="{proxied.origin}/handed-on/js/script.js"' in tag
    for folder in ("handed-on", "taken-away"):
        base = f"{proxied.origin}/{folder}"
        mine = tag.replace(f"{proxied.origin}/handed-on", base).replace(" src=", " data-local data-automated src=")
        proxied.web.page(f"/page/{folder}", mine)
        answers: list[Response] = []
        context = browser.new_context()
        page = context.new_page()
        page.on("response", lambda answer, to=answers: to.append(answer))
        for address in (f"{proxied.origin}/page/{folder}", f"{base}/demo/", f"{base}/demo"):
            with page.expect_response("**/api/event"):
                page.goto(address)
        page.goto(f"{base}/opt-out")
        with page.expect_response("**/privacy/object*"):
            page.click("#choice")
        context.close()
        found = {answer.url.removeprefix(base): answer.status for answer in answers if answer.url.startswith(base)}
        assert [path for path, status in found.items() if status >= 400] == []
        assert {"/js/script.js", "/demo/demo.js", "/opt-out/opt-out.js", "/opt-out/opt-out.css"} <= found.keys()
        assert found["/api/event"] == 202
        assert [status for path, status in found.items() if path.startswith("/privacy/object")] == [202]
        # Nothing of the collector's is looked for outside its path.
        elsewhere = {answer.url.removeprefix(proxied.origin) for answer in answers if not answer.url.startswith(base)}
        assert elsewhere == {f"/page/{folder}"}


@pytest.mark.timeout(600)
def test_beacons_beneath_a_path_are_stored(browser: Browser, proxied: Proxied) -> None:
    context = browser.new_context()
    for folder in ("handed-on", "taken-away"):
        source = f"{proxied.origin}/{folder}/js/script.js"
        tag = f'<script defer data-domain="lab" data-local data-automated src="{source}?ver=1"></script>'
        page = context.new_page()
        proxied.web.page(f"/stored/{folder}", tag)
        with page.expect_response("**/api/event"):
            page.goto(f"{proxied.origin}/stored/{folder}")
    context.close()
    proxied.house.stop()
    (found,) = rows(proxied.house.data, "SELECT path FROM events WHERE path LIKE '/stored/%' AND name = 'pageview'")
    assert sorted(path for (path,) in found) == ["/stored/handed-on", "/stored/taken-away"]
