"""The pages of one question: their figures against those that were put in by hand, and what they say of gaps."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from dashboards.stats.figures import Cell
from dashboards.stats.interval import against, wilson
from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from dashboards.stats.served import served_in, together
from schema.funnel import Funnel, Step
from schema.pair import DEFAULT_PAIRS

pytestmark = pytest.mark.clickhouse
HOSTILE = "/<b>&\"'"


@pytest.fixture
def rollups(rollups: Any, ago: Any) -> Any:
    """Three released days, on the second of which nothing is told but the visitors."""
    steps = (Step(page="/basket"), Step(goal="Purchase"))
    rollups.site = structs.replace(
        rollups.site, funnels=(Funnel("Buy", steps),), pairs=(*DEFAULT_PAIRS, "country x language")
    )
    with rollups.together():
        for day in (1, 2, 3):
            rollups.cell(ago(day), visitors=200, released=True)
            for value, visitors in (("mobile", 120), ("desktop", 60), ("tablet", 20)):
                rollups.cell(ago(day), "device", value, visitors=visitors, released=True)
            for dimension, value, visitors in (("language", "de", 60), ("language", "en", 50), ("country", "DE", 60)):
                rollups.cell(ago(day), dimension, value, visitors=visitors, released=True)
            rollups.cell(ago(day), "country", "AT", visitors=50, released=True)
            rollups.cell(ago(day), "source", "Google", visitors=100, released=True)
            named = {"funnels": rollups.site.funnel_definitions, "pairs": ["country x language"]}
            rollups.release(ago(day), **named)
        for day, reached in ((1, 20), (3, 40)):
            rollups.goal(ago(day), "Purchase", reached, reached + 5, True)
            rollups.goal(ago(day), "Purchase", reached // 2, reached, True, dimension="source", value="Google")
            for value in ("", "mobile", "desktop"):
                for step, people in ((1, 80 if not value else 30), (2, 20 if not value else 15)):
                    more = {"dimension": "device", "value": value} if value else {}
                    rollups.step(ago(day), "Buy", step, people, **more)
            rollups.rate(ago(day), "lcp", "Purchase", "good", 100, 30)
            rollups.rate(ago(day), "lcp", "Purchase", "poor", 40, 2)
            rollups.rate(ago(day), "inp", "Purchase", "poor", 7, 1)
        for value, visits in (("de → de", 30), ("de → en", 60), ("en → en", 50), ("en → und", 10)):
            rollups.cell(ago(1), "served_language", value, visitors=visits, released=True)
        rollups.pair(ago(1), ("country", "DE"), ("language", "de"), 40)
        rollups.pair(ago(1), ("country", "AT"), ("language", "de"), 8)
    return rollups


@pytest.fixture
def measured(rollups: Any, today: Any) -> Any:
    """Vitals of today: of the pages the fast one is read by many, and the slowest one by fewer than another one."""
    for value, values, people in (
        ("", [2000, 3000, 5000], 60),
        ("/fast", [1000], 500),
        ("/slow", [5000, 1000], 80),
        (HOSTILE, [9000], 20),
    ):
        more = {"dimension": "page", "value": value} if value else {}
        rollups.vital(today, "lcp", values, people=people, **more)
        rollups.cell(today, **more, visitors=600)
    return rollups


def opened(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert " style=" not in answer.text
    return answer.text


def card(page: str, name: str) -> str:
    """The text of a card, in one line."""
    found = page.partition(f'id="card-{name}"')[2]
    own = re.split(r'<section class="card|</main>', found)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", own))


def test_the_days_of_a_goal_are_those_that_tell_of_it(reports: Reports, rollups: Any, ago: Any) -> None:
    def rows(*filters: str) -> list[tuple[Any, ...]]:
        answer = reports.stats(Query.of(rollups.site.key, ago(3), ago(1), "goal_day", filters))
        names = ("value", "goal", "visitors", "conversions", "of_visitors", "conversion_rate", "certainty")
        return [tuple(row[name] for name in names) for row in answer["rows"]]

    assert rows() == [
        (ago(3).isoformat(), "Purchase", 40, 45, 200, 20.0, "exact"),
        (ago(1).isoformat(), "Purchase", 20, 25, 200, 10.0, "exact"),
    ]
    assert rows("source==Google", "goal==Purchase") == [
        (ago(3).isoformat(), "Purchase", 20, 40, 100, 20.0, "exact"),
        (ago(1).isoformat(), "Purchase", 10, 20, 100, 10.0, "exact"),
    ]
    assert rows("goal==Signup") == []


def test_a_goal_has_its_rate_with_an_interval_by_day_and_by_source(client: TestClient, rollups: Any, ago: Any) -> None:
    base = f"/sites/{rollups.site.key}/goals?period=custom&from={ago(3)}&to={ago(1)}"
    page = opened(client, base)
    low, high = wilson(60, 600)
    assert (round(low, 1), round(high, 1)) == (7.8, 12.7)
    assert f"Purchase ≥ 60 , not shown on 1 of 3 days: few or none ≥ 10% from {low:.1f}% ≥ 70" in card(page, "goals")
    shown = card(page, "goal")
    assert "10% of 200 on" in shown
    assert "1 of 3 days tell nothing" in shown
    # 20 and 10 of 100 people of each of three days.
    assert "Google ≥ 30 of 300" in shown
    # The day without is a gap, and no zero: no line leads over it.
    assert '<path class="now"' not in page
    assert page.count('<circle class="dot"') == 4
    other = opened(client, f"{base}&goal=Signup")
    assert "no day of the period tells it" in other
    refused = client.get(f"{base}&goal=Nothing")
    assert refused.status_code == 400
    assert "is not known: there are Purchase, Signup" in refused.text


def test_funnels_are_drawn_with_what_is_lost_and_split_by_device(client: TestClient, rollups: Any, ago: Any) -> None:
    base = f"/sites/{rollups.site.key}/goals?period=custom&from={ago(1)}&to={ago(1)}"
    page = opened(client, base)
    assert "20 · 25% of the first 60 went no further (75%)" in card(page, "funnels")
    assert '<rect class="whole" width="25.0" height="1"/><rect class="lost" x="25.0" width="75.0" height="1"/>' in page
    split = opened(client, f"{base}&split=device")
    shown = card(split, "funnels")
    assert "Mobile page /basket" in shown
    assert "Desktop page /basket" in shown
    assert shown.count("≥ 15 · ≈ 50% of the first ≈ 15 went no further (≈ 50%)") == 2
    # Of a value that no day tells nothing is said to be lost.
    tablet = shown.partition("Tablet")[2]
    assert tablet.count("Few or none") == 2
    assert "went no further" not in tablet
    assert "is not known: there are channel, device, country" in client.get(f"{base}&split=colour").text
    # Of filters it is not split: that would be two dimensions.
    kept = opened(client, f"{base}&filter=device==mobile&split=device")
    assert "≥ 15 · ≈ 50%" not in card(kept, "funnels")
    assert "Not counted together with source" in card(opened(client, f"{base}&filter=source==Google"), "funnels")


def test_speed_puts_the_page_first_that_was_poor_for_most(client: TestClient, measured: Any) -> None:
    base = f"/sites/{measured.site.key}/speed"
    page = opened(client, f"{base}?period=today")
    shown = card(page, "pages")
    assert re.findall(r"/slow|/fast|/&lt;b", shown) == ["/slow", "/&lt;b", "/fast"]
    assert "≈ 40 50% 80" in shown
    assert "≈ 20 100% 20" in shown
    assert 'class="strip good"' in page
    assert "LCP: ■ 4.92 s (poor) on 18 Jun." in card(page, "trends")
    of_page = opened(client, f"{base}?period=today&filter=page==/slow")
    assert "Not counted together with page" in card(of_page, "pages")
    assert "LCP: ■ 4.92 s (poor) on 18 Jun." in card(of_page, "trends")
    assert "Not counted together with page" in card(of_page, "experience")


def test_speed_names_the_elements_of_slow_pages(client: TestClient, measured: Any, today: Any) -> None:
    of = {"/slow → main>img#cover": [5000], "/slow → (unknown)": [1000], "/a → b → p.intro": [900]}
    for value, values in of.items():
        measured.vital(today, "lcp", values, people=9, dimension="element", value=value)
    base, site = f"/sites/{measured.site.key}", measured.site.key
    shown = card(opened(client, f"{base}/speed?period=today"), "elements")
    assert "Element that was painted last" in shown
    assert "/slow main &gt; img#cover ■ 4.92 s (poor) 50% 1 (unknown) ● 993 ms (good) 50% 1" in shown
    # Of a page that is not among the slow ones nothing stands here.
    assert "p.intro" not in shown
    assert "that moved most is told" not in shown
    assert "moved most is told" in card(opened(client, f"{base}/speed?period=today&vital=cls"), "elements")
    filtered = opened(client, f"{base}/speed?period=today&filter=page==/slow")
    assert "Not counted together with page" in card(filtered, "elements")
    # The last mark is that between page and element.
    answer = client.get(f"/api/sites/{site}/stats?period=today&by=vital,element").json()
    assert [(row["page"], row["element"], row["samples"]) for row in answer["rows"]] == [
        ("/a → b", "p.intro", 1),
        ("/slow", "(unknown)", 1),
        ("/slow", "main>img#cover", 1),
    ]
    saved = client.get(f"/api/sites/{site}/by/vital.csv?of=element&period=today&contains=cover").text
    assert saved.count(",/slow,main>img#cover\r\n") == 1
    assert "p.intro" not in saved
    refused = client.get(f"/api/sites/{site}/stats?period=today&by=vital,element&filter=page==/slow")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_crossed")


def test_rates_by_band_have_intervals_and_few_are_grey(client: TestClient, rollups: Any, ago: Any) -> None:
    page = opened(client, f"/sites/{rollups.site.key}/speed?period=custom&from={ago(3)}&to={ago(1)}")
    shown = card(page, "experience")
    assert "● good 30% of ≥ 200" in shown
    assert "■ poor 5% of ≥ 80" in shown
    low, high = wilson(60, 200)
    assert f"{low:.0f}% – {high:.0f}%" in shown
    # The scale ends with what many did.
    widest = f'<rect class="whole" width="{100 * 30 / round(high, 2):.1f}"'
    assert widest in page
    assert page.count('<rect class="few"') == 1


def test_languages_that_are_not_served_are_counted_by_visits(client: TestClient, rollups: Any, ago: Any) -> None:
    base = f"/sites/{rollups.site.key}/localization?period=custom&from={ago(1)}&to={ago(1)}"
    page = opened(client, base)
    # 60 of the 140 visits whose page says its language.
    assert "43% of visits began on a page" in card(page, "served")
    assert "German (de) 90 67%" in card(page, "served")
    assert "English (en) 60 0%" in card(page, "served")
    grid = card(page, "languages")
    assert "Language Germany Austria German (de) 40 8 Visitors of" in grid
    assert "shade-4" in page
    assert "Not counted together with device" in card(opened(client, f"{base}&filter=device==mobile"), "served")


def test_a_pair_that_is_not_declared_is_said_with_the_setting_that_would(client: TestClient, rollups: Any) -> None:
    structs.force_setattr(rollups.site, "pairs", ("country x device",))
    page = opened(client, f"/sites/{rollups.site.key}/localization?period=7d")
    assert "pairs = [&#34;country x device&#34;, &#34;country x language&#34;]" in page


@pytest.mark.parametrize(
    ("one", "said"), [((7, 9), "better"), ((5, 9), ""), ((1, 3), "worse"), ((1, None), ""), ((7, None), "better")]
)
def test_a_rate_without_an_upper_end_is_never_worse(one: Any, said: str) -> None:
    assert against(one, (4.0, 6.0)) == said
    assert against(one, (4.0, None)) == ("worse" if said == "worse" else "")


def test_served_tells_what_is_unknown_and_what_is_folded_apart() -> None:
    cells = [
        Cell(value="de → de", visits=5),
        Cell(value="de-AT → de", visits=1),
        Cell(value="de → und", visits=2, certainty="at least"),
        Cell(value="fr → en", visits=4),
        Cell(value="(other)", visits=99),
        Cell(value="", visits=3),
    ]
    found = {one.language: one for one in served_in(cells)}
    assert list(found) == ["de", "fr", "de-AT"]
    assert (found["de"].served, found["de"].otherwise, found["de"].unknown, found["de"].not_served) == (5, 0, 2, 0.0)
    assert (found["de"].at_least, found["fr"].at_least) == (True, False)
    assert found["de-AT"].served == 1
    whole = together(found.values())
    assert (whole.visits, whole.not_served) == (12, 40.0)
    assert together([]).not_served is None


@pytest.mark.parametrize("page", ["acquisition", "pages", "goals", "speed"])
def test_tables_of_a_page_are_files_too(client: TestClient, measured: Any, ago: Any, page: str) -> None:
    days = f"period=custom&from={ago(3)}&to={ago(0)}"
    text = opened(client, f"/sites/{measured.site.key}/{page}?{days}")
    links = {unescape(one) for one in re.findall(r'<a href="(/api[^"]*)" download>CSV', text)}
    names = {one.partition("?")[0].rpartition("/")[2] for one in links}
    files = {one: client.get(one) for one in links}
    assert all(answer.status_code == 200 and answer.text.count("\n") > 1 for answer in files.values()), files
    assert (
        names
        == {
            "acquisition": {"source.csv"},
            "pages": {"page.csv"},
            "goals": {"goal.csv", "stats.csv"},
            "speed": {"vital.csv", "stats.csv", "experience.csv"},
        }[page]
    )


def test_a_long_path_breaks_at_its_slashes(client: TestClient, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), "page", "/blog/<b>/feet", visitors=30, released=True)
    page = opened(client, f"/sites/{rollups.site.key}/pages?period=custom&from={ago(3)}&to={ago(1)}")
    assert "/blog/<wbr>&lt;b&gt;/<wbr>feet" in page


def test_live_is_today_whatever_days_the_other_pages_are_of(client: TestClient, rollups: Any, today: Any) -> None:
    base = f"/sites/{rollups.site.key}"
    empty = opened(client, f"{base}/live?period=7d")
    assert "Nothing to show of today yet" in empty
    assert 'data-watch="/api/sites/' in empty
    with rollups.together():
        rollups.cell(today, visitors=41, pageviews=83)
        rollups.cell(today, "page", HOSTILE, visitors=31)
        rollups.cell(today, "source", "Google", visitors=23)
    page = opened(client, f"{base}/live?period=7d")
    assert re.search(r"<dt>.*?Visitors.*?</dt><dd><b>41</b>", page, re.DOTALL)
    assert "Google" in card(page, "source")
    assert "23" in card(page, "source")
    assert "/&lt;b&gt;" in page
    # A value leads to the overview of today; the bar to the days that one came from.
    assert f'href="{base}?period=today&amp;filter=source%3D%3DGoogle"' in page
    assert f'href="{base}/speed?period=7d"' in page
    assert f'data-watch="/api{base}/version?period=today"' in page
    assert 'id="menu-compare"' not in page, "it would leave the page"


@pytest.mark.slow
def test_navigation_keeps_days_and_filters_where_a_page_can_tell_of_them(client: TestClient, rollups: Any) -> None:
    base = f"/sites/{rollups.site.key}"
    page = opened(client, f"{base}?period=7d&filter=device==mobile")
    bar = page.partition('<nav class="site-nav"')[2].partition("</nav>")[0]
    links = dict(re.findall(r'href="([^"]*)"[^>]*>([A-Z]\w+)</a>', bar))
    kept = "period=7d&amp;filter=device%3D%3Dmobile"
    assert {name: link for link, name in links.items()} == {
        "Overview": f"{base}?{kept}",
        "Acquisition": f"{base}/acquisition?{kept}",
        "Pages": f"{base}/pages?{kept}",
        "Goals": f"{base}/goals?{kept}",
        "Speed": f"{base}/speed?{kept}",
        "Localization": f"{base}/localization?{kept}",
        "Live": f"{base}/live?{kept}",
        "Quality": f"{base}/quality?period=7d",
    }
    assert bar.count('aria-current="page"') == 1
    for link in links:
        opened(client, link.replace("&amp;", "&"))
    # A table belongs to one of them.
    for table, label in (("utm_campaign", "Acquisition"), ("exit_page", "Pages"), ("vital", "Speed")):
        assert re.search(rf'aria-current="true">{label}</a>', opened(client, f"{base}/by/{table}?period=7d"))
    compared = opened(client, f"{base}/speed?period=7d&compare=year")
    assert f'href="{base}?period=7d&amp;compare=year"' in compared
    assert "?period=7d&amp;filter=device%3D%3Dmobile&amp;compare=year" in compared
    assert client.get(f"{base}/speed?period=7d&compare=nonsense").status_code == 400
    # What is in the way is not carried on; the days are.
    wrong = client.get(f"{base}/speed?period=7d&filter=nonsense")
    assert wrong.status_code == 400
    assert f'href="{base}/goals?period=7d"' in wrong.text
    assert f'href="{base}/speed?period=7d" aria-current="page"' in wrong.text
    assert "nonsense" not in wrong.text.partition('<nav class="site-nav"')[2].partition("</nav>")[0]
    assert 'class="site-nav"' not in client.get("/account").text


def test_a_source_is_better_or_worse_only_where_intervals_do_not_overlap(
    client: TestClient, reports: Reports, rollups: Any, today: Any
) -> None:
    rollups.cell(today, visitors=1000)
    rollups.goal(today, "Signup", 100, 100)
    for source, visitors, reached in (("Far", 300, 60), ("Like", 300, 33), ("Below", 300, 7), ("Rare", 20, 9)):
        rollups.cell(today, "source", source, visitors=visitors)
        rollups.goal(today, "Signup", reached, reached, dimension="source", value=source)
    shown = card(opened(client, f"/sites/{rollups.site.key}/acquisition?period=today"), "source")
    (whole_low, whole_high), ends = wilson(100, 1000), {n: wilson(n, 300) for n in (60, 33, 7)}
    assert ends[60][0] > whole_high
    assert ends[33][0] < whole_high
    assert ends[33][1] > whole_low
    assert ends[7][1] < whole_low
    assert re.search(r"Far 300 20% 16% – 25% better 60", shown)
    assert re.search(r"Like 300 11% 7\.9% – 15% 33", shown)
    # What is told of days that may hide some may be less than it was: it is not called worse.
    whole = rollups.site.key
    assert {
        row["value"]: row["certainty"]
        for row in reports.stats(Query.of(whole, today, today, "source", ["goal==Signup"]))["rows"]
    }["Below"] == "exact"
    assert re.search(r"Below 300 2\.3% 1\.1% – 4\.7% worse 7", shown)
    assert '<tr class="few"><th scope="row">' in client.get(f"/sites/{whole}/acquisition?period=today").text


def test_hours_of_the_week_are_averages_of_days_by_the_sites_clocks(
    client: TestClient, reports: Reports, rollups: Any, today: Any, ago: Any
) -> None:
    # A Wednesday, the one before it, and a Tuesday.
    for day, hour, visitors in ((0, 9, 30), (7, 9, 10), (7, 15, 8), (8, 23, 12)):
        rollups.hour(ago(day), hour, visitors=visitors)
    for day in (0, 7, 8):
        rollups.cell(ago(day), visitors=50)
    rollups.hour(ago(8), 0, folded=True, visitors=7)
    base = f"/sites/{rollups.site.key}/acquisition?period=custom&to={today}&from="
    shown = card(opened(client, f"{base}{ago(8)}"), "week")
    assert "Most visitors come on Wednesday from 9:00 to 10:00, 20 an hour." in shown
    hours = [re.sub("– not shown", "0", row).split() for row in re.findall(r"(?:Tues|Wednes)day ([^A-Z]*)", shown)]
    told = [{n: text for n, text in enumerate(row) if text != "0"} for row in hours[1:]]
    assert told == [{23: "12"}, {9: "20", 15: "4"}]
    assert "Told of 7 to 366 days" in opened(client, f"{base}{ago(5)}")
    assert "Not counted together with device" in card(opened(client, f"{base}{ago(7)}&filter=device==mobile"), "week")


def test_pages_are_in_the_order_of_exits_by_exit_rate(client: TestClient, rollups: Any, today: Any) -> None:
    rollups.cell(today, visitors=900)
    for value, views, exits in (("/most", 1000, 300), ("/nearly-all", 100, 95), ("/half", 400, 200), (HOSTILE, 20, 4)):
        rollups.cell(today, "page", value, visitors=views // 2, pageviews=views, exits=exits, exit_views=views)
    rollups.vital(today, "lcp", [1000], people=50, dimension="page", value="/half")
    rollups.goal(today, "Signup", 50, 50)
    rollups.goal(today, "Signup", 50, 50, dimension="page", value="/half")
    page = opened(client, f"/sites/{rollups.site.key}/pages?period=today")
    shown = card(page, "page")
    # 200 × 50 %, 95 × 95 %, 300 × 30 %.
    assert re.findall(r"(/half|/nearly-all|/most|/&lt;b&gt;)", shown) == ["/half", "/nearly-all", "/most", "/&lt;b&gt;"]
    assert re.search(r"/half 200 25% 20% – 31% 400 200 50% .*? ● 993 ms", shown), shown
    assert "<b>&" not in page


def test_pages_of_a_site_without_anything_say_so(client: TestClient, rollups: Any) -> None:
    for name in ("acquisition", "pages", "goals", "speed", "localization"):
        assert "Nothing to show in this period" in opened(client, f"/sites/{rollups.site.key}/{name}?period=today")
