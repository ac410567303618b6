"""What is compressed, and what must not be: text of somebody's choice beside what he may not know."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts

pytestmark = pytest.mark.clickhouse


def encoding(client: TestClient, path: str, accepted: str = "gzip, deflate, br", **more: Any) -> str:
    answer = client.request(more.pop("method", "GET"), path, headers={"accept-encoding": accepted}, **more)
    return str(answer.headers.get("content-encoding", ""))


@pytest.mark.slow
def test_pages_answers_and_files_are_compressed_for_those_who_take_it(
    client: TestClient, rollups: Any, today: dt.date
) -> None:
    rollups.cell(today, visitors=99)
    for number in range(40):
        rollups.cell(today, "page", f"/{number}", visitors=9)
    site = rollups.site.key
    paths = [f"/sites/{site}?period=today", f"/sites/{site}/by/page?period=today", "/account"]
    paths += [f"/api/sites/{site}/overview?period=today", f"/api/sites/{site}/stats.csv?period=today&by=page"]
    for path in (*paths, "/static/footfall.css", "/static/footfall.js"):
        answer = client.get(path, headers={"accept-encoding": "gzip"})
        assert (answer.headers.get("content-encoding"), answer.headers["vary"]) == ("gzip", "Accept-Encoding"), path
        assert int(answer.headers.get("content-length", 0)) < len(answer.content)
        for refused in ("identity", "gzip;q=0", "br, gzip; q=0.0", ""):
            plain = client.get(path, headers={"accept-encoding": refused})
            assert "content-encoding" not in plain.headers
            unmasked = [re.sub(r"[0-9a-f]{128}", "", text.text) for text in (plain, answer)]
            assert unmasked[0] == unmasked[1]
    big = client.get(paths[0], headers={"accept-encoding": "identity"}).content
    assert len(gzip.compress(big)) < len(big) / 4


def test_what_gives_back_text_of_its_request_is_sent_as_it_is(
    client: TestClient, accounts: Accounts, rollups: Any, today: dt.date
) -> None:
    rollups.cell(today, visitors=99)
    site = rollups.site.key
    assert encoding(client, f"/sites/{site}") == "gzip"
    for path in (
        f"/sites/{site}/by/page?contains=anything",
        f"/sites/{site}/by/page?period=today&contains=",
        f"/sites/{site}/by/anything",
        f"/sites/{site}?period={'anything' * 100}",
        f"/sites/{'anything' * 100}",
        f"/{'anything' * 100}",
        f"/api/sites/{site}/stats?by={'anything' * 100}",
        f"/sign-in?next=/{'anything' * 100}",
    ):
        assert encoding(client, path) == "", path
    form = {"name": "anything" * 100, "password": "short"}
    assert encoding(client, "/account", method="POST", data=form) == ""
    assert encoding(client, "/sign-in", method="POST", data=form) == ""


def test_no_page_carries_a_secret_that_stays_the_same(client: TestClient, rollups: Any) -> None:
    client.post("/account", data={"name": "ada", "password": "correct horse battery"})
    for path in (f"/sites/{rollups.site.key}", "/account", "/sign-in", "/nothing"):
        first, second = (set(re.findall(r"[\w-]{20,}", client.get(path).text)) for _ in range(2))
        cookies = {value for _, value in client.cookies.items()}
        assert not cookies & (first | second)
        # Digests of files and long words may stay; what is as long as a token changes.
        assert {text for text in first & second if len(text) >= 64} == set(), path
        assert {text for text in first - second if len(text) == 128}


def test_a_file_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/static/footfall.css")
    assert first.headers["etag"].startswith('W/"')
    for accepted in ("gzip", "identity"):
        headers = {"if-none-match": first.headers["etag"], "accept-encoding": accepted}
        again = client.get("/static/footfall.css", headers=headers)
        assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
        assert again.headers["vary"] == "Accept-Encoding"
