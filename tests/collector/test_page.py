"""Rules U1 and U2 on the URL: what is not kept is gone, what is kept is scrubbed, errors tell nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import page as pages
from collector.page import MAX_PATH, MAX_URL, MAX_VALUE, BadUrl, Page, parse_page

STRICT = frozenset(("utm_source", "utm_medium", "utm_campaign"))
BALANCED = STRICT | {"utm_term", "utm_content", "ref"}


@pytest.mark.parametrize(
    ("url", "hostname", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://www.Example.COM.:8443/A/b", "example.com", "/A/b"),
        ("HTTPS://example.com/a#frag", "example.com", "/a"),
        ("https://example.com/caf%C3%A9", "example.com", "/café"),
        ("https://example.com/a%20%20", "example.com", "/a"),
        ("https://example.com/a;jsessionid=1A2B", "example.com", "/a;jsessionid=:secret"),
        ("https://example.com/u/anna%40example.org/edit", "example.com", "/u/:email/edit"),
        ("https://bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("//example.com/x", "example.com", "/x"),
        ("/just/a/path", "(none)", "/just/a/path"),
        ("start", "(none)", "/start"),
        ("app://main/screen", "main", "/screen"),
        ("http://[2001:db8::1]:80/x", "2001:db8::1", "/x"),
        (" https://example.com/a ", "example.com", "/a"),
    ],
)
def test_a_url_becomes_a_host_and_a_readable_path(url: str, hostname: str, path: str) -> None:
    page = parse_page(url, BALANCED, False)
    assert (page.hostname, page.path) == (hostname, path)


@pytest.mark.parametrize(
    ("query", "keep", "kept"),
    [
        ("utm_source=x&b=2&a=1", STRICT, "utm_source=x"),
        ("utm_term=t&utm_source=x", STRICT, "utm_source=x"),
        ("utm_term=t&utm_source=x", BALANCED, "utm_source=x&utm_term=t"),
        ("UTM_Source=x", STRICT, "utm_source=x"),
        ("b=2&a=1", frozenset("ab"), "a=1&b=2"),
        ("a=1&a=2", frozenset("a"), "a=1"),
        ("a=&a=2", frozenset("a"), "a=2"),
        ("a", frozenset("a"), ""),
        ("a=x%26y%3Dz", frozenset("a"), "a=x%26y=z"),
        ("a=red+shoes", frozenset("a"), "a=red shoes"),
        ("a=anna+news@example.com", frozenset("a"), "a=:email"),
        ("a=anna%2Bnews%40example.com", frozenset("a"), "a=:email"),
        ("token=abc&a=1", frozenset(("a", "token")), "a=1"),
        ("access_token=abc", frozenset(("access_token",)), ""),
        ("a=%00%00", frozenset("a"), ""),
    ],
)
def test_u1_only_kept_parameters_remain_sorted_and_scrubbed(query: str, keep: frozenset[str], kept: str) -> None:
    assert parse_page(f"https://example.com/?{query}", keep, False).query == kept


def test_campaign_parameters_are_filled_as_far_as_they_are_kept() -> None:
    url = "https://example.com/?utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=o&ref=r"
    assert parse_page(url, BALANCED, False) == Page(
        "example.com",
        "/",
        "ref=r&utm_campaign=c&utm_content=o&utm_medium=m&utm_source=s&utm_term=t",
        *("s", "m", "c", "t", "o", "r"),
    )
    strict = parse_page(url, STRICT, False)
    assert (strict.utm_campaign, strict.utm_term, strict.utm_content, strict.ref) == ("c", "", "", "")


def test_source_is_another_name_of_ref() -> None:
    assert parse_page("https://example.com/?source=hn", BALANCED, False).ref == "hn"
    assert parse_page("https://example.com/?source=hn", STRICT, False).ref == ""


@pytest.mark.parametrize(
    ("query", "click_id"),
    [
        ("gclid=Cj0abc", "gclid"), ("fbclid=x&GCLID=y", "gclid"), ("fbclid=x", "fbclid"), ("msclkid=1", "msclkid"),
        ("gclid=", ""), ("a=gclid", ""), ("", ""),
    ],
)  # fmt: skip
def test_u1_of_a_click_id_only_the_name_remains(query: str, click_id: str) -> None:
    page = parse_page(f"https://example.com/?{query}", STRICT, False)
    assert page.click_id == click_id
    assert page.query == ""


@pytest.mark.parametrize(
    ("fragment", "path", "query"),
    [
        ("/settings", "/app#/settings", ""),
        ("/u/anna@example.com", "/app#/u/:email", ""),
        ("/a?x=1&utm_source=s", "/app#/a", "utm_source=s"),
        ("access_token=abc&state=1", "/app", ""),
        ("", "/app", ""),
    ],
)
def test_u1_where_a_site_routes_by_hash_the_fragment_is_part_of_the_path(fragment: str, path: str, query: str) -> None:
    page = parse_page(f"https://example.com/app#{fragment}", STRICT, True)
    assert (page.path, page.query) == (path, query)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("https://example.com/" + "canary" * 400, "longer"),
        ("data:text/html,canary", "data:"),
        ("JavaScript:canary()", "javascript:"),
        ("java\tscript:canary()", "javascript:"),
        ("file:///home/canary", "file:"),
        ("blob:https://example.com/canary", "blob:"),
        ("https://canary:secret@example.com/", "user name"),
        ("https://canary@example.com/", "user name"),
        ("https:/canary@example.com/", "user name"),
        ("https:\\\\canary@example.com/", "user name"),
        ("http://[canary/", "parsed"),
        ("http://exa mple.com/canary", "host"),
        ("http://canary<script>.com/", "host"),
    ],
)
def test_what_is_no_page_is_refused_without_telling_the_url(url: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason) as refused:
        parse_page(url, BALANCED, False)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_long_parts_are_cut() -> None:
    page = parse_page("https://example.com/" + "ab/" * 300 + "?utm_source=" + "c d " * 70, STRICT, False)
    assert len(page.path) == MAX_PATH
    assert len(page.utm_source) <= MAX_VALUE


@given(st.text(max_size=300) | st.text(alphabet="htps:/@#?&=%.[]ab \\", max_size=80).map("http://".__add__))
def test_any_text_is_a_page_or_a_bad_url(url: str) -> None:
    try:
        page = parse_page(url, BALANCED, True)
    except BadUrl:
        return
    assert page.path.startswith("/")
    assert len(page.path) <= MAX_PATH
    assert len(url) <= MAX_URL


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/u/anna@example.org", "https://a.example/x?token=abc", "https://a.example/x#part",
        "https://a.example/x?utm_source=y", "https://a.example/01794447/5559987123", "http://a.example/x",
    ],
)  # fmt: skip
def test_a_url_that_lost_anything_is_not_kept_in_memory(url: str) -> None:
    pages._pages.clear()
    page = parse_page(url, frozenset(("utm_source",)))
    assert parse_page(url, frozenset(("utm_source",))) == page
    assert not pages._pages


def test_a_url_that_passed_unchanged_is_read_once_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pages._pages.clear()
    monkeypatch.setattr(pages, "PAGES_CACHED", 3)
    first = parse_page("https://www.a.example/x", frozenset())
    assert parse_page("https://www.a.example/x", frozenset()) is first
    for number in range(9):
        assert parse_page(f"https://a.example/x/{number}", frozenset()).path == f"/x/{number}"
        assert len(pages._pages) <= 3
