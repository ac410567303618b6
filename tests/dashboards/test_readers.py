"""Who may read by a token: of which site, how long, how often; and what a token is never good for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from collector.tokens import EVERY_SITE, Tokens
from dashboards.accounts.failures import FAILURES_OF_A_NAME, FAILURES_OF_A_NETWORK, TooManyFailures
from dashboards.accounts.readers import NoSuchToken, Reader, Readers, TooOften
from tests.dashboards.conftest import Clock

HOUR = 3600


@pytest.fixture
def readers(clock: Clock) -> Readers:
    return Readers({"right": Reader("a.example", "ab", 3)}.get, clock)


def test_a_token_is_good_for_so_many_questions_an_hour(readers: Readers, clock: Clock) -> None:
    for _ in range(3):
        assert readers.who("right", "").site == "a.example"
        clock.now += 60
    with pytest.raises(TooOften, match=r"good for 3 an hour; ask again in 3420 seconds") as caught:
        readers.who("right", "")
    clock.now += caught.value.retry_after
    assert readers.who("right", "")
    with pytest.raises(TooOften):
        readers.who("right", "")


def test_tokens_that_do_not_hold_are_counted_by_token_and_network(readers: Readers, clock: Clock) -> None:
    for _ in range(FAILURES_OF_A_NAME):
        with pytest.raises(NoSuchToken):
            readers.who("expired", "203.0.113.0")
    with pytest.raises(TooManyFailures, match="requests with a token that does not hold"):
        readers.who("expired", "203.0.113.0")
    # A program that goes on with an old token shuts out neither others of its network nor itself elsewhere.
    assert readers.who("right", "203.0.113.0")
    with pytest.raises(NoSuchToken):
        readers.who("expired", "198.51.100.0")
    for number in range(FAILURES_OF_A_NETWORK):
        with pytest.raises((NoSuchToken, TooManyFailures)):
            readers.who(f"guess{number}", "203.0.113.0")
    with pytest.raises(TooManyFailures):
        readers.who("right", "203.0.113.0")
    clock.now += 601
    assert readers.who("right", "203.0.113.0")


# -- over HTTP, with the tokens of the file --------------------------------------------------------------------------


Ask = Callable[..., Any]


@pytest.fixture
def ask(program: TestClient) -> Ask:
    def get(path: str, token: str) -> Any:
        return program.get(path, headers={"Authorization": f"Bearer {token}"})

    return get


@pytest.mark.clickhouse
def test_a_token_reads_its_site_and_no_other(ask: Ask, tokens: Tokens, rollups: Any) -> None:
    key = rollups.site.key
    _, of_one = tokens.create_reading(key, "chart", 0, 600)
    _, of_all = tokens.create_reading(EVERY_SITE, "", 0, 600)
    for path in ("overview", "stats", "stats.csv", "by/page.json", "version"):
        assert ask(f"/api/sites/{key}/{path}", of_one).status_code == 200
        refused, unknown = (ask(f"/api/sites/{site}/{path}", of_one) for site in ("other.example", "not.example"))
        # He is told of a site that is not his what he is told of one that there is not.
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_site")
        assert refused.text.replace("other", "not") == unknown.text
        assert ask(f"/api/sites/other.example/{path}", of_all).status_code == 200
    assert [site["key"] for site in ask("/api/sites", of_one).json()] == [key]
    assert {site["key"] for site in ask("/api/sites", of_all).json()} == {key, "other.example"}


@pytest.mark.clickhouse
def test_what_is_no_token_that_reads_is_refused(ask: Ask, tokens: Tokens, rollups: Any) -> None:
    key = rollups.site.key
    sends = tokens.create(key, "shop")[1]
    gone, revoked = tokens.create_reading(key, "", 0, 600)
    tokens.revoke(gone)
    expired = Tokens(tokens._path, lambda: 0.0).create_reading(key, "", 60, 600)[1]
    for token in (sends, revoked, expired, "ffr_guess", "ffr_%00"):
        answer = ask("/api/sites", token)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_token"), token
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert token not in answer.text
    nothing = ask("/api/sites", "")
    assert (nothing.status_code, nothing.json()["code"]) == (401, "not_signed_in")
    # And one that reads sends nothing.
    reads = tokens.create_reading(EVERY_SITE, "", 0, 600)[1]
    tokens.refresh()
    assert tokens.site_of(reads) == ""


@pytest.mark.clickhouse
def test_a_token_that_is_taken_back_is_refused_at_once(ask: Ask, tokens: Tokens, rollups: Any) -> None:
    id_, token = tokens.create_reading(rollups.site.key, "", 0, 2)
    assert ask("/api/sites", token).status_code == 200
    assert ask("/api/sites", token).status_code == 200
    often = ask("/api/sites", token)
    assert (often.status_code, often.json()["code"]) == (429, "too_often")
    assert int(often.headers["retry-after"]) > 0
    tokens.revoke(id_)
    assert ask("/api/sites", token).status_code == 401


@pytest.mark.clickhouse
def test_a_token_opens_no_page_and_no_other_page_sends_one(program: TestClient, tokens: Tokens, rollups: Any) -> None:
    token = tokens.create_reading(EVERY_SITE, "", 0, 600)[1]
    bearer = {"Authorization": f"Bearer {token}"}
    pages = ("/", f"/sites/{rollups.site.key}", "/account", "/engineers/request", "/engineers/why", "/engineers/health")
    for path in pages:
        answer = program.get(path, headers=bearer)
        assert (answer.status_code, answer.headers["location"].startswith("/sign-in")) == (303, True), path
    assert program.post("/account", data={"name": "ada", "password": "x" * 12}, headers=bearer).status_code == 303
    # A page elsewhere would have to ask first, and is told nothing that allows it.
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "authorization"}
    preflight = program.options("/api/sites", headers=asked | {"Access-Control-Request-Method": "GET"})
    assert not [name for name in preflight.headers if name.startswith("access-control-")]
