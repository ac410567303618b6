"""Rules of the pages and the API: who is let in, what is answered, how hostile text is shown."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.form_token import FORM_COOKIE, token_of
from dashboards.app import create_app
from dashboards.settings import DashboardSettings
from dashboards.stats.notes import ROUNDED
from dashboards.stats.report import Reports
from dashboards.web.forms import local_path
from schema.site import Site
from schema.store import StoreDown

pytestmark = pytest.mark.clickhouse
PASSWORD = "correct horse battery"
HOSTILE = "/<script>alert(1)</script>\"'&"


def test_a_printed_link_signs_in_once(visitor: TestClient, accounts: Accounts, rollups: Any) -> None:
    link = f"/sign-in/{accounts.create_sign_in_link_token()}"
    assert visitor.head(link).status_code == 204
    assert visitor.get(link, headers={"sec-purpose": "prefetch;prerender"}).status_code == 204
    first = visitor.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert re.match(r"footfall_session=[\w-]{43}; HttpOnly; Max-Age=1209600; Path=/; SameSite=lax$", cookie)
    assert visitor.get("/").headers["location"] == f"/sites/{rollups.site.key}"
    visitor.cookies.clear()
    second = visitor.get(link)
    assert second.status_code == 410
    assert "This link no longer works" in second.text


def test_without_a_session_pages_lead_to_sign_in_and_the_api_says_401(visitor: TestClient, rollups: Any) -> None:
    page = visitor.get(f"/sites/{rollups.site.key}?period=7d")
    assert page.status_code == 303
    assert page.headers["location"] == f"/sign-in?next=%2Fsites%2F{rollups.site.key}%3Fperiod%3D7d"
    for path in ("/api/sites", f"/api/sites/{rollups.site.key}/stats", "/api/sites/nowhere/overview"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert list(answer.json()) == ["error", "code"]
    assert visitor.get("/healthz").text == "ok\n"


def test_a_password_signs_in_and_leads_on(client: TestClient) -> None:
    assert client.post("/account", data={"name": "ada", "password": "short"}).status_code == 400
    saved = client.post("/account", data={"name": "ada", "password": PASSWORD})
    assert (saved.status_code, saved.headers["location"]) == (303, "/account?saved")
    assert "Saved" in client.get("/account?saved").text
    assert client.post("/sign-out").headers["location"] == "/sign-in"
    assert client.get("/account").status_code == 303
    wrong = client.post("/sign-in", data={"name": "ada", "password": "wrong wrong"})
    assert wrong.status_code == 401
    assert "do not match" in wrong.text
    right = client.post("/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/account"})
    assert (right.status_code, right.headers["location"]) == (303, "/account")


def test_too_many_failures_are_answered_429(client: TestClient, accounts: Accounts, monkeypatch: Any) -> None:
    monkeypatch.setattr(accounts.passwords, "verify", lambda stored, password: False)
    for _ in range(10):
        assert client.post("/sign-in", data={"name": "ada", "password": "x"}).status_code == 401
    answer = client.post("/sign-in", data={"name": "ada", "password": "x"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"origin": "http://testserver"}, 303),
        ({"origin": "http://testserver", "host": "testserver:80"}, 303),
        ({"origin": "https://testserver", "host": "testserver:443"}, 303),
        ({"origin": "http://TestServer"}, 303),
        ({"origin": "http://testserver:8131", "host": "testserver:8131"}, 303),
        ({"origin": "http://[::1]:8131", "host": "[::1]:8131"}, 303),
        ({"origin": "http://elsewhere.example"}, 403),
        ({"origin": "http://testserver.elsewhere.example"}, 403),
        ({"origin": "http://elsewhere.example/testserver"}, 403),
        ({"origin": "http://testserver@elsewhere.example"}, 403),
        ({"origin": "file://testserver"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver:8131"}, 403),
        ({}, 403),
    ],
)
def test_a_write_must_come_from_our_own_pages(client: TestClient, headers: dict[str, str], status: int) -> None:
    del client.headers["sec-fetch-site"]
    assert client.post("/sign-out", headers=headers).status_code == status


def token_in(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{128})"', page)
    assert found
    return found.group(1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "null"}, 303),
        ({}, 303),
        # As a proxy passes it on that drops the port of Host.
        ({"origin": "http://testserver:8131"}, 303),
        # Another origin never passes, whatever it has found out.
        ({"origin": "http://elsewhere.example"}, 403),
        ({"origin": "http://testserver:8131", "host": "testserver:8132"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "null"}, 403),
    ],
)
def test_a_write_of_no_known_origin_needs_the_token_of_its_form(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    token = token_in(client.get("/account").text)
    del client.headers["sec-fetch-site"]
    for wrong in ("", token[:-1], token[:-2], token[2:] + "00", "0" * 64, "0" * 128, "é"):
        assert client.post("/sign-out", headers=headers, data={"form_token": wrong}).status_code == 403
    assert client.post("/sign-out", headers=headers, data={"form_token": token}).status_code == status
    assert client.get("/account").status_code == (303 if status == 303 else 200)


def test_a_token_holds_for_the_browser_alone_that_it_was_shown_to(client: TestClient, accounts: Accounts) -> None:
    client.post("/account", data={"name": "ada", "password": PASSWORD})
    theirs = token_in(client.get("/account").text)
    client.cookies.clear()
    form = client.get("/sign-in")
    mine = token_in(form.text)
    assert re.match(r"footfall_form=[\w-]{43}; HttpOnly; Path=/; SameSite=lax$", form.headers["set-cookie"])
    # A second tab has one of the same worth, which looks different, and no other cookie.
    again = client.get("/sign-in")
    assert token_in(again.text) != mine
    assert "set-cookie" not in again.headers
    del client.headers["sec-fetch-site"]

    def sign_in(token: str) -> int:
        filled = {"name": "ada", "password": PASSWORD, "form_token": token}
        return client.post("/sign-in", headers={"origin": "null"}, data=filled).status_code

    assert (sign_in(theirs), sign_in(mine), sign_in(token_in(again.text))) == (403, 303, 303)
    # A tab that was opened before still works.
    assert sign_in(mine) == 303
    client.cookies.clear()
    assert sign_in(mine) == 403


def test_a_cookie_that_another_port_of_this_host_put_there_proves_nothing(client: TestClient) -> None:
    """Cookies know no ports: whatever else this host serves can put one here, whose token it can reckon."""
    client.cookies.set(FORM_COOKIE, "planted")
    del client.headers["sec-fetch-site"]
    for path in ("/account/sessions", "/people/invitations", "/sign-out"):
        form = {"form_token": token_of("planted"), "site": "*", "role": "owner"}
        assert client.post(path, headers={"origin": "null"}, data=form).status_code == 403
    assert client.get("/account").status_code == 200


def test_a_body_that_is_no_form_proves_nothing(client: TestClient) -> None:
    token = token_in(client.get("/account").text)
    del client.headers["sec-fetch-site"]
    for body in (f"form_token={token}&name={'x' * 20_000}", f"form_token={token}&é", "&".join(["form_token=a"] * 30)):
        answer = client.post("/sign-out", headers={"origin": "null"}, content=body.encode())
        assert (answer.status_code, answer.headers["referrer-policy"]) == (403, "same-origin")


def test_every_answer_carries_the_headers(client: TestClient, rollups: Any) -> None:
    paths = (
        "/",
        f"/sites/{rollups.site.key}",
        "/sites/nowhere",
        "/api/sites",
        "/healthz",
        "/nothing",
        "/static/nothing",
    )
    for path in paths:
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
    assert "immutable" in client.get("/static/footfall.css").headers["cache-control"]


def test_behind_https_cookies_are_secure_and_hsts_is_sent(reports: Reports, accounts: Accounts) -> None:
    app = create_app(reports, accounts, DashboardSettings(secure_cookies=True))
    with TestClient(app, follow_redirects=False) as client:
        answer = client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_the_page_shows_the_numbers(client: TestClient, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=1234, pageviews=4321, entries=1000, bounces=450)
    rollups.cell(today, "country", "DE", visitors=700)
    rollups.cell(today, "source", "", visitors=300)
    rollups.goal(today, "Purchase", 30, 31)
    rollups.revenue(today, "Purchase", "EUR", 123_450, 8)
    rollups.vital(today, "lcp", [2000, 2100], people=6)
    rollups.bare_total(today - dt.timedelta(days=40), 1_210)
    page = client.get(f"/sites/{rollups.site.key}?period=month").text
    for text in (
        "1,234",
        "4,321",
        "45%",
        "Germany",
        "Direct / None",
        "€1,234.50",
        "2.1",
        "About 1,210 more page views of 9 May – 5 Jun 2031 were counted without being recorded",
        "Signup",
    ):
        assert text in page, text
    assert 'src="/static/footfall.js?v=' in page
    assert "footfall.js" not in client.get(f"/sites/{rollups.site.key}?period=yesterday").text


def test_hostile_values_are_only_ever_text(client: TestClient, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=50)
    for dimension in ("page", "source", "utm_campaign", "event", "country"):
        rollups.cell(today, dimension, HOSTILE, visitors=20)
    rollups.goal(today, HOSTILE, 9, 9)
    rollups.vital(today, "lcp", [900], people=6, dimension="page", value=HOSTILE)
    base = f"/sites/{rollups.site.key}"
    for path in (base, f"{base}/by/page", f"{base}/by/page?contains=%3Cscript%3E%22"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    assert " style=" not in client.get(base).text


def test_a_table_takes_filters_and_an_order_as_the_interface_does(client: TestClient, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), visitors=90)
    for value, visitors, views in (("/blog/a", 30, 30), ("/blog/b", 20, 80), ("/x", 40, 40)):
        rollups.cell(ago(1), "page", value, visitors=visitors, pageviews=views)
    base = f"/sites/{rollups.site.key}/by/page?period=yesterday"

    def shown(more: str) -> list[str]:
        text = client.get(f"{base}{more}").text.replace("<wbr>", "")
        return re.findall(r'<a class="keeps"[^>]+>(/[^<]+)</a></span></th>', text)

    assert shown("") == ["/x", "/blog/a", "/blog/b"]
    assert shown("&filter=page~blog") == ["/blog/a", "/blog/b"]
    assert shown("&filter=page~blog&order=pageviews") == ["/blog/b", "/blog/a"]
    assert shown("&filter=page~blog&contains=a") == ["/blog/a"]
    page = client.get(f"{base}&filter=page~blog&order=pageviews").text
    [link, *_] = map(html.unescape, re.findall(r'href="([^"]+by/page\.csv[^"]+)"', page))
    assert [line.split(",")[0] for line in client.get(link).text.splitlines()[1:]] == ["/blog/b", "/blog/a"]
    assert '<input type="hidden" name="filter" value="page~blog">' in page
    assert "not crossed" in client.get(f"{base}&filter=country==DE").text
    assert "of what the filters keep" in client.get(f"{base}&filter=page==/nowhere").text


def test_the_table_of_pages_says_in_which_sections_the_other_ones_are(
    client: TestClient, rollups: Any, ago: Any
) -> None:
    rollups.cell(ago(1), visitors=90)
    for value, views in (("/docs/a", 30), ("/docs/b", 20), ("/x", 40), ("(other)", 17)):
        rollups.cell(ago(1), "page", value, visitors=15, pageviews=views)
    for value, views in (("/docs/", 62), ("/", 40), ("/blog/", 5)):
        rollups.cell(ago(1), "section", value, visitors=15, pageviews=views)
    base = f"/sites/{rollups.site.key}/by/page?period=yesterday"
    assert "Views of other pages: 12 in /docs/, 5 in /blog/." in client.get(base).text
    assert "Views of other pages" not in client.get(f"{base}&contains=docs").text


def test_no_page_needs_inline_code() -> None:
    folder = Path(__file__).parents[2] / "dashboards" / "web"
    for template in (folder / "templates").iterdir():
        source = template.read_text()
        assert not re.search(r"\bstyle=|\bon\w+=\"|<style|javascript:|\|\s*safe\b", source), template.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source)), template.name
    assert "innerHTML" not in (folder / "static" / "footfall.js").read_text()


def test_no_fact_stands_in_a_title_alone() -> None:
    """A title shows to a mouse only: not to a finger, a keyboard, or on paper."""
    for template in (Path(__file__).parents[2] / "dashboards" / "web" / "templates").iterdir():
        drawn = re.sub(r"&lt;.*?&gt;", "", template.read_text())  # without lines that are there to be copied
        assert not re.search(r"\stitle=", drawn), template.name


def test_an_empty_site_shows_the_tag_to_paste_and_no_zero(client: TestClient, rollups: Any) -> None:
    page = client.get(f"/sites/{rollups.site.key}").text
    assert rollups.site.script_tag("https://collect.example") in html.unescape(page)
    assert "<script defer data-domain" not in page
    assert '<b><span aria-hidden="true">&lt; 5</span><span class="unseen">fewer than 5</span></b>' in page


def test_where_networks_are_counted_nothing_is_said_of_how_few_came(
    client: TestClient, rollups: Any, reports: Reports
) -> None:
    """Of one network there may have been any number."""
    reports.sites[rollups.site.key] = structs.replace(rollups.site, release_networks=5)
    page = html.unescape(client.get(f"/sites/{rollups.site.key}").text)
    assert "What arrives is collected. A day shows numbers from 5 visitors from 5 networks on" in page
    assert "quarter hours, from twice as many on" in page
    assert "<code>release_networks = 1</code>, and 5 visitors are enough." in page
    assert "< 5" not in page
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?period=today").json()
    assert (answer["k"], answer["networks"]) == (5, 5)


def test_an_empty_site_offers_its_tag_its_past_and_the_demo_and_says_from_how_many_on_it_shows(
    client: TestClient, rollups: Any, reports: Reports
) -> None:
    key = rollups.site.key
    page = client.get(f"/sites/{key}").text
    copied = re.findall(r"<code>(.*)</code></pre><button", page)
    assert [text.partition(" ")[0] for text in copied] == ["footfall", "&lt;script", "footfall", "footfall"]
    assert copied[0] == f"footfall check site {key}"
    assert copied[2] == f"footfall import access-log --dry-run access.log --site {key}"
    assert "A day shows numbers from 5 visitors on" in page
    assert "<code>release_k = 1</code>" in page
    assert "release_networks" not in page, "of one network is enough already"
    reports.sites[key] = structs.replace(rollups.site, release_k=1)
    page = client.get(f"/sites/{key}").text
    assert "release_k" not in page
    assert "k = 1 every visit is shown at once, also of one person" in page
    # Without a demo site the command starts a house that has one.
    assert copied[3].startswith("footfall up --set demo=true")


def test_a_site_with_numbers_of_other_days_is_offered_no_tag(client: TestClient, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(60), visitors=20, released=True)
    rollups.release(ago(60))
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert "js/script.js" not in page
    assert "Nothing to show yet" not in page


def test_the_tag_of_a_site_names_a_domain_of_it() -> None:
    assert Site("shop", domains=("shop.example",)).script_tag("https://c.example") == (
        '<script defer data-domain="shop.example" src="https://c.example/js/script.js"></script>'
    )
    assert 'data-domain="shop.example"' in Site("shop.example").script_tag("https://c.example")
    # Not the first of its other domains, on the pages of which it stands as well.
    assert 'data-domain="shop.example"' in Site("shop.example", domains=("blog.example",)).script_tag(
        "https://c.example"
    )


def test_h4_where_open_days_are_rounded_down_the_page_and_the_answer_say_so(
    reports: Reports, accounts: Accounts, rollups: Any, today: dt.date
) -> None:
    rollups.cell(today, visitors=20)
    key = rollups.site.key
    rounded = Reports(rollups.store, [rollups.site], 10, reports._clock, rounded=[key])
    with TestClient(create_app(rounded, accounts)) as client:
        client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        page = client.get(f"/sites/{key}?period=month").text
        notes = client.get(f"/api/sites/{key}/stats?period=today").json()["notes"]
    assert "rounded down to multiples of 10" in page
    assert notes == [ROUNDED.format(10)]


def test_days_too_small_are_said_to_be(client: TestClient, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(3), visitors=20, released=True)
    rollups.release(ago(3))
    rollups.release(ago(2), rows=0)
    page = client.get(f"/sites/{rollups.site.key}").text
    assert re.search(r"1 day had fewer than 5 visitors and is not shown:\s+16 Jun 2031\.", page)


def test_the_api_gives_what_the_page_shows(client: TestClient, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=50)
    rollups.cell(today, "page", "/a", visitors=20)
    rollups.cell(today, "page", "=HYPERLINK(1)", visitors=10)
    base = f"/api/sites/{rollups.site.key}"
    assert client.get("/api/sites").json()[0]["key"] == rollups.site.key
    overview = client.get(f"{base}/overview?period=today").json()
    assert overview["totals"]["visitors"] == 50
    assert client.get(f"{base}/version?period=today").json() == {"version": overview["version"]}
    stats = client.get(f"{base}/stats?from={today}&to={today}&by=page&filter=page~/a").json()
    assert (stats["totals"]["visitors"], [row["value"] for row in stats["rows"]]) == (20, ["/a"])
    answer = client.get(f"{base}/stats.csv?period=today&by=page")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    # Or Excel shows é as Ã©.
    assert answer.content.startswith(b"\xef\xbb\xbfvalue,")
    assert [row[:2] for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))] == [
        ["value", "visitors"],
        ["/a", "20"],
        ["'=HYPERLINK(1)", "10"],
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=page&filter=country==DE", "not crossed"),
        ("period=fortnight", "is not known"),
        ("from=soon", "YYYY-MM-DD"),
        ("by=page&limit=many", "not a number"),
    ],
)
def test_a_question_without_an_answer_is_a_400_that_explains(
    client: TestClient, rollups: Any, query: str, told: str
) -> None:
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?{query}")
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    if query.startswith("period"):
        page = client.get(f"/sites/{rollups.site.key}?{query}")
        assert page.status_code == 400
        assert "That question has no answer" in page.text


def test_a_store_that_is_down_is_a_503_without_its_inside(
    client: TestClient, reports: Reports, monkeypatch: Any
) -> None:
    def down(*arguments: Any, **more: Any) -> None:
        raise StoreDown("http://user@secret-host:8123: refused")

    monkeypatch.setattr(reports, "overview", down)
    key = next(iter(reports.sites))
    for path in (f"/sites/{key}", f"/api/sites/{key}/overview"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "store does not answer" in answer.text
        assert "secret-host" not in answer.text
        assert answer.headers["retry-after"] == "5"


def test_a_form_of_any_size_is_not_read(client: TestClient) -> None:
    assert client.post("/sign-in", data={"name": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/sites/a?period=7d", "/sites/a?period=7d"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("https://elsewhere.example", "/"),
        ("/\t/elsewhere.example", "/"),
        ("", "/"),
    ],
)
def test_a_redirect_never_leaves_this_server(target: str, safe: str) -> None:
    assert local_path(target) == safe


def test_a_country_is_found_by_the_name_that_the_page_shows(client: TestClient, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=90)
    for code in ("GB", "DE"):
        rollups.cell(today, "country", code, visitors=40)
    page = client.get(f"/sites/{rollups.site.key}/by/country?period=today&contains=united+k").text
    assert (">United Kingdom</a>" in page, ">Germany</a>" in page) == (True, False)


def test_a_day_of_which_a_figure_was_lowered_says_so(client: TestClient, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), visitors=50, released=True)
    rollups.release(ago(1), bounded=["page views"])
    key = rollups.site.key
    page = client.get(f"/sites/{key}?period=7d").text
    assert "On 1 day few visitors did very much" in page
    assert "which lowered page views, so numbers are" in page
    told = client.get(f"/api/sites/{key}/stats?period=7d").json()
    assert (told["certainty"], told["flags"], told["bounded_days"]) == ("at least", ["bounded"], [ago(1).isoformat()])
    assert any("release.bound" in note for note in told["notes"])
