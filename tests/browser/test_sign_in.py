"""Signing in with a real Chromium where people really do: by the name of a machine in their own network, without TLS,
and behind a real nginx. No browser tells Sec-Fetch-Site there; a proxy may drop a port or write a policy of its own.

Which headers let a form in, one by one: tests/dashboards/test_pages.py; an attacker's: tests/faults/test_20_sign_in.py.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request
from pyotp import TOTP

from tests.browser.conftest import follow
from tests.browser.proxy import nginx
from tests.house import Running, running
from tests.ports import free_port

pytestmark = pytest.mark.process

# Its browser tells what it tells of a proxy that drops the port, and its server has more to go by.
_DIRECT = pytest.param("direct", marks=pytest.mark.long)
NAME, PASSWORD = "ada", "correct horse battery"
SERVERS = """
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    server {{
        listen 127.0.0.1:{without_port};
        location / {{ proxy_pass {dashboards}; proxy_set_header Host $host; }}
    }}
    server {{
        listen 127.0.0.1:{no_referrer};
        location / {{
            proxy_pass {dashboards}; proxy_set_header Host $http_host;
            proxy_hide_header Referrer-Policy; add_header Referrer-Policy no-referrer always;
        }}
    }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {room}/certificate.pem; ssl_certificate_key {room}/key.pem;
        location / {{ proxy_pass {dashboards}; proxy_set_header Host $host; }}
    }}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("house") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory, house: Running) -> Iterator[dict[str, str]]:
    """How the house is reached: the base of its addresses, by what is in between."""
    room = tmp_path_factory.mktemp("proxy")
    _make_certificate(room)
    ports = {name: free_port() for name in ("without_port", "no_referrer", "tls")}
    dashboards = house.told["dashboards"].replace("localhost", "127.0.0.1")
    with nginx(room, SERVERS.format(room=room, dashboards=dashboards, **ports), *ports.values()):
        yield {
            "direct": f"http://stats.lan:{dashboards.rpartition(':')[2]}",
            "without_port": f"http://stats.lan:{ports['without_port']}",
            "no_referrer": f"http://stats.lan:{ports['no_referrer']}",
            "tls": f"https://stats.lan:{ports['tls']}",
        }


def _make_certificate(room: Path) -> None:
    made = ("-keyout", f"{room}/key.pem", "-out", f"{room}/certificate.pem", "-days", "2", "-subj", "/CN=stats.lan")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run(["openssl", "req", "-x509", *key, *made], check=True, capture_output=True)


def is_signed_in(page: Page, base: str) -> bool:
    answer = page.goto(f"{base}/api/sites")
    return answer is not None and answer.status == 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [_DIRECT, "without_port", "no_referrer", "tls"])
def test_every_form_of_ours_works(browser: Browser, house: Running, ways: dict[str, str], way: str) -> None:
    base, own = ways[way], house.told["dashboards"]
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    page.goto(house.command("sign-in").stdout.strip().replace(own, base))
    page.goto(f"{base}/account")
    page.fill("[name=name]", NAME)
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    assert page.url == f"{base}/account?saved"
    page.goto(f"{base}/engineers/request")
    page.fill("[name=url]", "https://example.com/u/anna@example.org")
    follow(page, "main button")
    assert page.locator("td", has_text="/u/:email").count() >= 3
    page.click(".opens.who")
    follow(page, "text=Sign out")
    assert page.url == f"{base}/sign-in"
    page.fill("[name=name]", NAME)
    page.fill("[name=password]", "a wrong password")
    follow(page, "main button")
    assert "do not match" in page.inner_text("main")
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    assert is_signed_in(page, base)
    # What was to be tried has been tried.
    headers = [request.all_headers() for request in sent]
    assert len(headers) == 5
    origin = "null" if way == "no_referrer" else base
    near = "same-origin" if way == "tls" else None
    assert {(each["origin"], each.get("sec-fetch-site")) for each in headers} == {(origin, near)}
    context.close()


@pytest.mark.timeout(600)
def test_somebody_who_is_added_signs_in_by_a_code_without_scripts(browser: Browser, house: Running) -> None:
    base = house.told["dashboards"]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(house.command("user", "add", "eve", "--role", "viewer").stdout.strip())
    page.goto(f"{base}/account")
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    follow(page, "text=Second factor: off")
    secret = page.inner_text("code.secret").replace(" ", "")
    page.fill("[name=current]", PASSWORD)
    page.fill("[name=code]", TOTP(secret).now())
    follow(page, "main button")
    assert page.locator(".codes li").count() == 10
    recovery = page.inner_text(".codes li >> nth=0")
    page.goto(f"{base}/account/sessions")
    follow(page, "text=Sign out everywhere")
    assert page.url == f"{base}/sign-in"
    page.fill("[name=name]", "eve")
    page.fill("[name=password]", PASSWORD)
    follow(page, "main button")
    # The code that turned it on has been used; a telephone may be half a minute ahead.
    page.fill("[name=code]", TOTP(secret).at(time.time(), counter_offset=1))
    follow(page, "main button")
    assert is_signed_in(page, base)
    assert page.goto(f"{base}/people").status == 403  # type: ignore[union-attr]
    page.goto(f"{base}/account/second")
    page.fill("[name=current]", PASSWORD)
    page.fill("[name=code]", recovery)
    follow(page, "main button")
    assert "Off." in page.inner_text("main")
    context.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("policy", ["no-referrer", "unsafe-url"])
@pytest.mark.parametrize("way", [_DIRECT, "without_port", "no_referrer"])
def test_a_form_on_another_port_of_the_same_name_is_refused(
    browser: Browser, house: Running, ways: dict[str, str], way: str, policy: str
) -> None:
    """Its page has our cookies sent along, and behind a proxy that drops the port its Origin looks like ours."""
    base, own = ways[way], house.told["dashboards"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(house.command("sign-in").stdout.strip().replace(own, base))
    field = f'<input name="form_token" value="{"0" * 64}">'
    form = f'<form method="post" action="{base}/sign-out">{field}<button>Go</button></form>'
    head = f'<meta name="referrer" content="{policy}">'
    page.route("http://stats.lan:9/evil", lambda route: route.fulfill(content_type="text/html", body=head + form))
    page.goto("http://stats.lan:9/evil")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.click("button")
    assert answered.value.status == 403
    told = answered.value.request.all_headers()
    assert (told["origin"], "footfall_session" in told["cookie"]) == (
        "null" if policy == "no-referrer" else "http://stats.lan:9",
        True,
    )
    assert is_signed_in(page, base)
    context.close()
