"""Tables in full: what is looked for, the order, the pages, the totals, what is beside; each figure by hand."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats import notes
from dashboards.stats.interval import wilson
from dashboards.web.tables_in_full import TABLES
from dashboards.web.wording import plain_notes
from tests.dashboards.conftest import Rollups

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], Any]
# Of a week and of the one before: visitors a day.
PAGES = {"/": (50, 40), "/blog/a": (20, 20), "/blog/b": (12, 6), "/new": (9, 0), "/ZOO": (7, 7)}


@pytest.fixture
def weeks(rollups: Rollups, ago: Ago) -> str:
    """Two weeks; the address of the site."""
    with rollups.together():
        for back in range(1, 15):
            rollups.release(ago(back))
            rollups.cell(ago(back), visitors=100, released=True)
            for number, (page, visitors) in enumerate(PAGES.items()):
                people = visitors[back > 7]
                if people:
                    rollups.cell(ago(back), "page", page, visitors=people, pageviews=people + number, released=True)
            rollups.cell(ago(back), "page", "(other)", visitors=8, released=True)
            rollups.cell(ago(back), "source", "Google", visitors=60, released=True)
            rollups.cell(ago(back), "source", "", visitors=30, released=True)
            if back <= 7:
                rollups.goal(ago(back), "Signup", 6, 7, released=True, dimension="source", value="Google")
                rollups.goal(ago(back), "Signup", 9, 9, released=True)
                rollups.goal(ago(back), "Purchase", 5, 30, released=True)
    return f"/sites/{rollups.site.key}"


def rows(client: TestClient, address: str) -> list[list[str]]:
    """The cells of a table, its last lines too."""
    page = client.get(address)
    assert page.status_code == 200, page.text
    table = re.search(r'<table class="sorted">.*?</table>', page.text, re.DOTALL)
    if table is None:
        return []
    lines = re.findall(r"<tr>(.*?)</tr>", table[0].partition("</thead>")[2], re.DOTALL)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL) for line in lines)
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in line] for line in cells]


def names(client: TestClient, address: str) -> list[str]:
    return [line[0] for line in rows(client, address)]


ORDERS = (
    ("", [*PAGES, "Other", "Whole site"]),
    ("&order=visitors&direction=asc", [*reversed(PAGES), "Other", "Whole site"]),
    ("&order=value", [*PAGES, "Other", "Whole site"]),
    ("&order=value&direction=desc", [*reversed(PAGES), "Other", "Whole site"]),
    ("&limit=2&offset=2", ["/blog/b", "/new", "Other", "Whole site"]),
    ("&limit=2&offset=4", ["/ZOO", "Other", "Whole site"]),
    ("&contains=BLOG", ["/blog/a", "/blog/b", "All that is kept"]),
    ("&contains=zoo", ["/ZOO", "All that is kept"]),
    ("&contains=nobody", []),
)
FOUND = {"&contains=BLOG": 2, "&contains=zoo": 1, "&contains=nobody": 0}


@pytest.mark.slow
def test_a_table_is_sorted_paged_and_searched_and_its_files_are_what_is_on_the_screen(
    client: TestClient, weeks: str
) -> None:
    for more, right in ORDERS:
        address = f"{weeks}/by/page?period=7d{more}"
        assert names(client, address) == right, more
        told = client.get(f"/api{address.replace('?', '.json?')}").json()
        assert told["of_rows"] == FOUND.get(more, len(PAGES)), more
        values = ["Other" if row["value"] == "(other)" else row["value"] for row in told["rows"]]
        assert values == [name for name in right if not name.startswith(("Whole", "All"))], more
        text = client.get(f"/api{address.replace('?', '.csv?')}").content.decode("utf-8-sig")
        saved = [row["value"] for row in csv.DictReader(io.StringIO(text))]
        assert saved == [row["value"] for row in told["rows"]], more


def test_the_last_lines_are_what_is_folded_and_the_whole(client: TestClient, weeks: str) -> None:
    *_, other, whole = rows(client, f"{weeks}/by/page?period=7d&limit=1")
    assert (other[:2], whole[:4]) == (["Other", "56"], ["Whole site", "700", "700", "700"])
    *_, kept = rows(client, f"{weeks}/by/page?period=7d&contains=blog")
    # Somebody who saw both is counted twice; what is folded says nothing of the text.
    assert kept[:4] == ["All that is kept", "≥ 224", "≥ 224", "≥ 245"]
    page = client.get(f"{weeks}/by/page?period=7d&limit=2&offset=2").text
    assert "<span>3–4 of 5</span>" in page
    before, after = re.findall(r'<a href="\?([^"#]+)#rows" rel="(?:prev|next)"', page)
    assert html.unescape(before) == "period=7d&limit=2"
    assert html.unescape(after) == "period=7d&limit=2&offset=4"
    assert "<dt>Other</dt><dd>Values of which on a day fewer than 5 visitors are known" in page


def test_heads_say_what_a_table_is_sorted_by_and_turn_it(client: TestClient, weeks: str) -> None:
    def heads(more: str) -> dict[str, tuple[str, str]]:
        page = client.get(f"{weeks}/by/page?period=7d{more}").text
        found = re.findall(r'<th scope="col"[^>]*?(?: aria-sort="(\w+)")?><a href="\?([^"]+)#rows">([^<]+)', page)
        return {label.strip(): (sort, html.unescape(link)) for sort, link, label in found}

    told = heads("&contains=o&limit=50")
    assert told["Visitors"] == ("descending", "period=7d&contains=o&order=visitors&direction=asc&limit=50")
    assert told["Page"] == ("", "period=7d&contains=o&order=value&limit=50")
    turned = heads("&order=value")
    assert turned["Page"] == ("ascending", "period=7d&order=value&direction=desc")
    assert turned["Visitors"] == ("", "period=7d&order=visitors")


def test_what_is_not_known_comes_last_in_both_directions(client: TestClient, rollups: Rollups, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=90)
    for page, seconds, visits in (("/a", 9000, 9), ("/b", 0, 0), ("/c", 90, 9)):
        rollups.cell(ago(1), "page", page, visitors=20, engaged_ms=seconds, timed_visits=visits)
    address = f"/sites/{rollups.site.key}/by/page?period=yesterday&order=time_on_page"
    assert names(client, address)[:-1] == ["/a", "/c", "/b"]
    assert names(client, f"{address}&direction=asc")[:-1] == ["/c", "/a", "/b"]


def test_a_change_is_of_full_days_that_all_have_data(client: TestClient, weeks: str, ago: Ago) -> None:
    address = f"{weeks}/by/page?period=7d&compare=previous&order=visitors_change"
    found = {line[0]: line[2:4] for line in rows(client, address)}
    assert found["/"] == ["280", "▲ 25%"]
    assert found["/blog/a"] == ["140", "0%"]
    assert found["/blog/b"] == ["42", "▲ 100%"]
    # It may have been there on days that hide it.
    assert found["/new"] == ["–not shown"] * 2
    assert names(client, address)[:3] == ["/blog/b", "/", "/blog/a"]
    page = client.get(address).text
    assert '<span class="change good">▲ 100%</span>' in page
    assert "11–17 Jun 2031 against 4–10 Jun 2031, 7 full days" in page
    # Today is left out; days without data are not zero.
    assert (
        "11–17 Jun 2031 against 4–10 Jun 2031"
        in client.get(f"{weeks}/by/page?from={ago(7)}&to={ago(0)}&compare=previous").text
    )
    assert (
        "Not compared: 0 of 14 days have data"
        in client.get(f"{weeks}/by/page?from={ago(14)}&to={ago(1)}&compare=previous").text
    )


@pytest.mark.slow
def test_a_table_is_compared_with_what_is_chosen(client: TestClient, weeks: str, ago: Ago) -> None:
    chosen = f"compare=custom&compare_from={ago(11)}&compare_to={ago(10)}"
    address = f"{weeks}/by/page?from={ago(3)}&to={ago(1)}&{chosen}"
    assert {line[0]: line[2:4] for line in rows(client, address)}["/"] == ["80", "▲ 25%"], "by averages a day"
    page = html.unescape(client.get(address).text)
    assert f'<option value="custom" selected>Against {ago(11)} to {ago(10)}</option>' in page
    assert f"&{chosen}&order=visits" in page
    # Whatever is chosen in its form instead, which sends the dates along.
    for other, told in (("", "Not compared"), ("none", "Not compared"), ("previous", "8–10 Jun 2031, 3 full days")):
        page = client.get(address.replace("compare=custom", f"compare={other}")).text
        assert told in page
        assert 'value="custom" selected' not in page
    overview = html.unescape(client.get(f"{weeks}?from={ago(3)}&to={ago(1)}&{chosen}").text)
    assert f"/by/page?period=custom&from={ago(3)}&to={ago(1)}&{chosen}" in overview
    assert '/by/page?period=7d"' in client.get(f"{weeks}?period=7d").text
    assert "0 of 7 days have data" in client.get(f"{weeks}/by/page?period=7d&compare=year").text


def test_the_rate_of_a_goal_stands_beside_each_value(client: TestClient, weeks: str) -> None:
    address = f"{weeks}/by/source?period=7d&goal=Signup&order=low"
    found = {line[0]: line[2:7] for line in rows(client, address)}
    low = f"{wilson(42, 420)[0]:.1f}%"
    assert found["Google"] == ["42", "10%", low, "13%", "–not shown"]
    assert all("–" in cell for cell in found["Direct / None"]), "nobody, or too few"
    lines = csv.DictReader(client.get("/api" + address.replace("/source?", "/source.csv?")).text.splitlines())
    ends = {line["\ufeffvalue"]: (line["low"], line["high"], line["currency"]) for line in lines}
    assert ends["Google"] == (*(str(round(one, 2)) for one in wilson(42, 420)), "")
    # The last line has it of all visits, as the table of goals tells it.
    (goal,) = [line for line in rows(client, f"{weeks}/by/goal?period=7d") if line[0] == "Signup"]
    assert found["Whole site"][:2] == goal[1:3]
    assert goal[1] not in ("", "–")
    page = client.get(f"{weeks}/by/source?period=7d").text
    assert '<option value="Signup">Goal: Signup</option>' in page
    assert 'name="goal"' in client.get(f"{weeks}/by/source?period=7d&filter=country==DE").text
    assert 'name="goal"' not in client.get(f"{weeks}/by/source?period=7d&filter=section==docs").text
    assert 'name="goal"' not in client.get(f"{weeks}/by/goal?period=7d").text


def test_goals_have_a_table_and_are_found_by_their_names(client: TestClient, weeks: str) -> None:
    address = f"{weeks}/by/goal?period=7d"
    assert [line[:4] for line in rows(client, address)] == [
        ["Signup", "63", "9%", "63"],
        ["Purchase", "35", "5%", "210"],
    ]
    assert names(client, f"{address}&order=conversions") == ["Purchase", "Signup"]
    assert names(client, f"{address}&contains=SIGN") == ["Signup"]
    assert "contains “nothing”" in client.get(f"{address}&contains=nothing").text


def test_vitals_are_told_of_the_site_and_of_each_value(client: TestClient, rollups: Rollups, today: Any) -> None:
    rollups.cell(today, visitors=90)
    rollups.vital(today, "lcp", [1000] * 20, people=20)
    for page, value in (("/slow", 5000), ("/fast", 900), ("/mid", 3000)):
        rollups.vital(today, "lcp", [value] * 20, people=20, dimension="page", value=page)
    address = f"/sites/{rollups.site.key}/by/vital?period=today"
    assert [line[0] for line in rows(client, address)] == ["LCP"]
    assert names(client, f"{address}&of=page&order=p75") == ["/slow", "/mid", "/fast"]
    assert names(client, f"{address}&of=page&contains=slow") == ["/slow"]
    assert [
        row["page"] for row in client.get(f"/api{address.replace('?', '.json?')}&of=page&order=p75").json()["rows"]
    ] == [
        "/slow",
        "/mid",
        "/fast",
    ]


def test_crawlers_are_added_up_over_all_that_is_found(client: TestClient, rollups: Rollups, ago: Ago) -> None:
    key = rollups.site.key
    some = [
        (key, ago(1), name, section, views)
        for name, section, views in (("GPTBot", "/docs/", 30), ("GPTBot", "/blog/", 20), ("Googlebot", "/docs/", 40))
    ]
    rollups.store.insert("crawlers", ("site", "day", "crawler", "section", "views"), list(zip(*some, strict=True)))
    address = f"/sites/{key}/by/crawler?period=7d"
    assert [(line[0], line[-1]) for line in rows(client, f"{address}&limit=1&order=pageviews")] == [
        ("Googlebot", "40"),
        ("All of it", "90"),
    ]
    assert [(line[0], line[-1]) for line in rows(client, f"{address}&contains=docs")][-1] == ("All of it", "70")
    assert names(client, f"{address}&order=section")[:3] == ["GPTBot", "Googlebot", "GPTBot"]


NAMED = {
    "region": ("germany", ("DE-BE", "AT-9"), ["DE-BE, Germany"]),
    "language": ("german", ("de", "fr"), ["German (de)"]),
    "served_language": (
        "french",
        ("de → fr", "fr → und", "en → de"),
        ["French (fr) → unknown (und)", "German (de) → French (fr)"],
    ),
    "device": ("MOB", ("mobile", "desktop"), ["Mobile"]),
    "country": ("germ", ("DE", "AT"), ["Germany"]),
}


def test_a_value_is_found_by_the_name_that_is_shown(client: TestClient, rollups: Rollups, today: Any) -> None:
    with rollups.together():
        rollups.cell(today, visitors=90)
        for dimension, (_, values, _) in NAMED.items():
            for value in values:
                rollups.cell(today, dimension, value, visitors=20)
    for dimension, (text, _, right) in NAMED.items():
        address = f"/sites/{rollups.site.key}/by/{dimension}?period=today&contains={text}"
        assert sorted(names(client, address)[:-1]) == right


REFUSED = (
    ("page?order=colour", "is no column of this table: there are value, visitors"),
    ("page?direction=up", "allowed are asc and desc"),
    ("page?limit=0", "out of bounds"),
    ("page?offset=x", "is not a number"),
    ("page?of=device", "are told of the values of none"),
    ("goal?compare=previous", "of the values of a dimension only"),
    ("goal?goal=Signup", "of the values of a dimension only"),
    ("page?compare=decade", "allowed are previous, year, custom, none"),
    ("page?compare=custom&compare_from=2031-06-01", "needs compare_from and compare_to"),
)


def test_what_cannot_be_told_is_refused_with_what_can(client: TestClient, rollups: Rollups) -> None:
    base = f"/sites/{rollups.site.key}/by"
    for question, told in REFUSED:
        for address in (f"{base}/{question}", f"/api{base}/{question.replace('?', '.json?')}"):
            answer = client.get(address)
            assert answer.status_code == 400
            assert told in html.unescape(answer.text)
    answer = client.get(f"/api{base}/colour.json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.slow
def test_every_table_opens_without_a_row(client: TestClient, rollups: Rollups) -> None:
    for name in ("event", *TABLES):
        page = client.get(f"/sites/{rollups.site.key}/by/{name}?period=7d")
        assert page.status_code == 200, name
        assert "<table" not in page.text, name


def test_files_need_a_session_or_a_token(visitor: TestClient, weeks: str) -> None:
    for kind in ("csv", "json"):
        assert visitor.get(f"/api{weeks}/by/page.{kind}").status_code == 401


def test_what_a_page_says_besides_its_numbers_is_one_line_and_the_rest_behind_a_word(
    client: TestClient, rollups: Rollups, weeks: str, ago: Ago
) -> None:
    rollups.cell(ago(3), "page", "/rare", visitors=9, released=True)
    page = client.get(f"{weeks}/by/page?from={ago(4)}&to={ago(2)}").text
    (foot,) = re.findall(r'<footer class="foot">(.*?)</footer>', page, re.DOTALL)
    assert re.sub(r"<[^>]+>", "", foot.split("<details")[0]).strip() == (
        "Visitors of several days are the sum of each day’s: nobody is recognized on another day. "
        "Fewer than 5 people are not shown (–), or are part of “Other”."
    )
    assert foot.count("<details") == 1
    assert "<dt>≥</dt><dd>At least: " in page


def test_a_page_names_no_field_of_the_interface() -> None:
    every = [text for name, text in vars(notes).items() if name.isupper() and isinstance(text, str)]
    assert any("(cuts_blocks)" in text for text in every)
    said = plain_notes(every)
    assert len(said) == len(every) - 2
    assert not any("_" in text or "  " in text for text in said)
