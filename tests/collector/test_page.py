"""Rules U1 and U2 on the URL: what is not kept is gone, what is kept is scrubbed, errors tell nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.enrich import page as pages
from collector.enrich.page import MAX_PATH, MAX_VALUE, BadUrl, Page, parse_page

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
        ("https://example.com/a;jsessionid=1A2B", "example.com", "/a"),
        ("https://example.com/a;JSESSIONID=1A2B/b;v=2?c=d", "example.com", "/a/b;v=2"),
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
        ("a=anna+news%2540example.com", frozenset("a"), "a=:email"),
        ("a=anna%26commat%3Bexample.com", frozenset("a"), "a=:email"),
        ("a=+49+30+1234567", frozenset("a"), "a=:phone"),
        ("a=4111+1111+1111+1111", frozenset("a"), "a=:card"),
        ("a=DE89%203704%200044%200532%200130%2000", frozenset("a"), "a=:iban"),
        (
            "user[email]=anna&customerEmail=anna&sort_key=x",
            frozenset(("user[email]", "customerEmail", "sort_key")),
            "sort_key=x",
        ),
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


def test_u1_where_a_site_does_not_the_fragment_is_no_part_whoever_said_so_before() -> None:
    for by_hash in (False, True, False):
        page = parse_page("https://example.com/app#one", STRICT, by_hash)
        assert page.path == ("/app#one" if by_hash else "/app")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("data:text/html,canary", "data:"),
        ("JavaScript:canary()", "javascript:"),
        ("java\tscript:canary()", "javascript:"),
        ("file:///home/canary", "file:"),
        ("blob:https://example.com/canary", "blob:"),
        ("about:srcdoc", "about:"),
        ("view-source:https://example.com/canary", "view-source:"),
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


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/u/anna@example.org", "https://a.example/x?token=abc", "https://a.example/x#part",
        "https://a.example/x?utm_source=y", "https://a.example/01794447/5559987123", "http://a.example/x",
    ],
)  # fmt: skip
def test_a_url_that_lost_anything_is_not_kept_in_memory(url: str) -> None:
    pages._pages[False].clear()
    page = parse_page(url, frozenset(("utm_source",)))
    assert parse_page(url, frozenset(("utm_source",))) == page
    assert not pages._pages[False]


def test_a_url_that_passed_unchanged_is_read_once_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pages._pages[False].clear()
    monkeypatch.setattr(pages, "PAGES_CACHED", 3)
    first = parse_page("https://www.a.example/x", frozenset())
    assert parse_page("https://www.a.example/x", frozenset()) is first
    for number in range(9):
        assert parse_page(f"https://a.example/x/{number}", frozenset()).path == f"/x/{number}"
        assert len(pages._pages[False]) <= 3


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (f"utm_source=google&utm_medium=cpc&gclid={LONG}", "utm_medium=cpc&utm_source=google"),
        (f"gclid={LONG}&utm_source=google&utm_medium=cpc", "utm_medium=cpc&utm_source=google"),
        (f"data={'%7B%22a%22%3A' * 3000}&utm_source=google", "utm_source=google"),
        ("&".join(f"p{number}=v" for number in range(900)) + "&utm_source=google", "utm_source=google"),
        (f"utm_campaign={'many+words+' * 500}", f"utm_campaign={'many words ' * 18}ma"),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_is_thrown_away_costs_no_landing_its_campaign(query: str, kept: str) -> None:
    page = parse_page(f"https://example.com/landing?{query}", STRICT)
    assert (page.path, page.query) == ("/landing", kept)


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/" + "ab/" * 1000, "/" + ("ab/" * 1000)[:499]),
        ("/" + "ä" * 3000, "/" + "ä" * 499),
        ("/" + "%C3%A4" * 3000, "/" + "ä" * 499),
        ("/日本/" + "日本/" * 3000, ("/日本" * 200)[:500]),
        ("/" * 70_000 + "a", "/a"),
    ],
    ids=lambda text: text[:30],
)
def test_a_path_over_its_limit_loses_the_excess(path: str, stored: str) -> None:
    assert parse_page(f"https://example.com{path}", STRICT).path == stored


def test_no_cut_within_a_path_lays_half_an_address_bare() -> None:
    # Marks that are seen nowhere: of what is read, the end is stored.
    for marks in range(970, 1001):
        path = parse_page(f"https://example.com/a/{'%C2%AD' * marks}anna.schmidt%40example.com{LONG}", STRICT).path
        assert path in ("/a/", "/a/:email"), marks


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/100%25", "/100%"),
        ("/100%", "/100%"),
        ("/sale-50%-off", "/sale-50%-off"),
        ("/50%25/off", "/50%/off"),
        ("/50%25-off%20now", "/50%-off now"),
        ("/100%25/caf%C3%A9", "/100%/café"),
        # Pages older than UTF-8.
        ("/caf%E9", "/café"),
        ("/%80-preis", "/€-preis"),
        ("/a%2Fb", "/a/b"),
        ("/a%2F/b", "/a/b"),
        ("/%", "/%"),
    ],
)
def test_a_percent_sign_in_a_path_is_text(url: str, path: str) -> None:
    assert parse_page(f"https://example.com{url}", STRICT).path == path


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("50%25+off", "50% off"),
        ("50%25%20off", "50% off"),
        ("50%+off", "50% off"),
        ("100%25", "100%"),
        ("100%", "100%"),
        ("%25", "%"),
        ("5%25-10%25", "5%-10%"),
        ("M%C3%BCnchen", "München"),
        ("M%FCnchen", "München"),
        ("a%26b%3Dc", "a&b=c"),
        ("anna%2Bnews%2540example.com", ":email"),
    ],
)
def test_a_percent_sign_in_a_campaign_is_text(value: str, stored: str) -> None:
    assert parse_page(f"https://example.com/?utm_campaign={value}", STRICT).utm_campaign == stored


@pytest.mark.parametrize(
    ("path", "kept", "stripped"),
    [
        ("/about", "/about", "/about"),
        ("/about/", "/about/", "/about"),
        ("/dup//about", "/dup/about", "/dup/about"),
        ("//dup/about", "/dup/about", "/dup/about"),
        ("/dup/about//", "/dup/about/", "/dup/about"),
        ("///", "/", "/"),
        ("", "/", "/"),
        ("/about/index.html", "/about/index.html", "/about/index.html"),
        ("/about/?a=1", "/about/", "/about"),
        ("/about/%20", "/about/", "/about"),
    ],
)
def test_a_slash_at_the_end_is_the_sites_choice_and_two_are_always_one(path: str, kept: str, stripped: str) -> None:
    for _ in range(2):
        assert parse_page(f"https://example.com{path}", STRICT).path == kept
        assert parse_page(f"https://example.com{path}", STRICT, strip_slash=True).path == stripped
    routed = parse_page(f"https://example.com/app/#{path}", STRICT, True, strip_slash=True).path
    assert routed in ("/app", f"/app#{stripped}", "/app#")
