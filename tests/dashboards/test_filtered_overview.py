"""An overview of what filters keep: what the rollups tell of it, and what they do not."""

from __future__ import annotations

import re
import tomllib
from html import escape, unescape
from typing import Any, get_args
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from msgspec import structs

from dashboards.stats.filter import Filter, Operator
from dashboards.stats.notes import SUM_OF_VALUES
from dashboards.stats.overview import Overview
from dashboards.stats.part import SEVERAL
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery, Code
from dashboards.stats.report import Reports
from dashboards.web.links import besides
from schema.dimensions import CARDS, DIMENSIONS
from schema.site import Site
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def look(reports: Reports, rollups: Any, ago: Any) -> Any:
    """Three days of which the last is open; /a is hidden on the second, /b is there on the first only."""
    for days, released in ((3, True), (2, True), (1, False)):
        rollups.cell(ago(days), visitors=100, released=released)
        rollups.cell(ago(days), "country", "DE", visitors=90, released=released)
        rollups.cell(ago(days), "page", "(other)", visitors=9, released=released)
    rollups.cell(ago(3), "page", "/a", visitors=30, pageviews=60, released=True)
    rollups.cell(ago(3), "page", "/b", visitors=20, released=True)
    rollups.cell(ago(1), "page", "/a", visitors=12, pageviews=13)
    rollups.goal(ago(1), "Signup", 40, 41)
    rollups.goal(ago(1), "Signup", 6, 7, dimension="page", value="/a")
    rollups.vital(ago(1), "lcp", [1000, 1100, 1200], people=6)
    rollups.vital(ago(1), "lcp", [3000, 3100], people=5, dimension="page", value="/a")
    rollups.vital(ago(1), "lcp", [9000], people=5, dimension="page", value="/b")
    for days in (3, 2):
        rollups.release(ago(days))
    return lambda *filters: reports.overview(
        rollups.site, Period(ago(3), ago(1), ""), filters=tuple(map(Filter.parse, filters))
    )


def test_totals_days_goals_and_vitals_are_those_of_what_is_kept(look: Any, ago: Any) -> None:
    overview: Overview = look("page==/a")
    assert (overview.totals.visitors, overview.totals.pageviews, overview.certainty) == (42, 73, "at least")
    assert [(point.state, point.visitors) for point in overview.series] == [
        ("measured", 30),
        ("hidden", 0),  # the site has data, so few or none came to it
        ("measured", 12),
    ]
    assert [(cell.value, cell.visitors) for cell in overview.tables["page"]] == [("/a", 42)]
    assert [(goal.goal, goal.converters, goal.conversion_rate) for goal in overview.goals] == [("Signup", 6, 14.3)]
    assert [(cell.dimension, cell.value, cell.rating) for cell in overview.vitals] == [("", "", "needs improvement")]
    assert [cell.visitors for cell in look("page==/a|/b").tables["page"]] == [42, 20]
    assert (overview.since, overview.until) == (ago(3), ago(1))


@pytest.mark.parametrize(("page", "certainty"), [("/every", "exact"), ("/rare", "at least")])
def test_the_total_of_one_value_is_as_sure_as_its_row(
    reports: Reports, rollups: Any, ago: Any, page: str, certainty: str
) -> None:
    for days in (3, 2, 1):
        rollups.release(ago(days))
        rollups.cell(ago(days), visitors=100, released=True)
        rollups.cell(ago(days), "page", "/every", visitors=80, released=True)
        rollups.cell(ago(days), "page", "(other)", visitors=9, released=True)
    rollups.cell(ago(2), "page", "/rare", visitors=11, released=True)
    kept = Filter("page", "==", page)
    overview = reports.overview(rollups.site, Period(ago(3), ago(1), ""), filters=(kept,))
    answer = reports.stats(Query.of(rollups.site.key, ago(3), ago(1), "page", [kept.text]))
    assert [one.certainty for one in (overview, *overview.tables["page"])] == [certainty] * 2
    assert [one["certainty"] for one in (answer, *answer["rows"])] == [certainty] * 2
    several = reports.stats(Query.of(rollups.site.key, ago(3), ago(1), "page", ["page=~^/every$"]))
    assert several["certainty"] == "at least", "what is folded may be like it"


def test_it_is_what_the_questions_say_one_by_one(look: Any, reports: Reports, rollups: Any, ago: Any) -> None:
    overview = look("page~/")
    for by in ("day", "page", "goal"):
        answer = reports.stats(Query.of(rollups.site.key, ago(3), ago(1), by, ["page~/"]))
        assert answer["totals"]["visitors"] == overview.totals.visitors
        assert answer["certainty"] == overview.certainty
    assert [row["visitors"] for row in answer["rows"]] == [goal.converters for goal in overview.goals]


def test_what_it_cannot_be_answered_for_is_told(look: Any) -> None:
    assert look().unanswered == ()
    assert set(look("page==/a").unanswered) == DIMENSIONS.keys() - {"page"}
    assert set(look("source==Google").unanswered) == (DIMENSIONS.keys() | {"vital"}) - {"source"}
    overview = look("page==/a")
    assert overview.count_only is None


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        (("page==/a", "country==DE"), Code.NOT_CROSSED),
        (("goal==Signup",), Code.NOT_CROSSED),
        (("colour==red",), Code.UNKNOWN_DIMENSION),
        (("page",), Code.BAD_FILTER),
    ],
)
def test_filters_that_nothing_is_kept_by_are_refused(look: Any, filters: tuple[str, ...], code: Code) -> None:
    with pytest.raises(BadQuery) as refused:
        look(*filters)
    assert refused.value.code is code


def test_a_filtered_page_keeps_itself_up_to_date_by_the_version_of_the_site(
    look: Any, reports: Reports, rollups: Any, ago: Any
) -> None:
    assert look("page==/a").version == reports.version(rollups.site, Period(ago(3), ago(1), ""))


@pytest.mark.parametrize("operator", get_args(Operator))
def test_the_page_words_every_operator(look: Any, client: Any, rollups: Any, ago: Any, operator: str) -> None:
    asked = urlencode({"period": "custom", "from": ago(3), "to": ago(1), "filter": f"page{operator}a"})
    page = client.get(f"/sites/{rollups.site.key}?{asked}").text
    assert re.search(r"Page (is|contains|lacks)( not)?( like)? (“a”|a)", page)


def test_the_table_of_a_goal_and_its_csv_are_told(client: Any, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), "source", "Google", visitors=50)
    rollups.goal(ago(1), "Signup", 10, 12, dimension="source", value="Google")
    days = f"from={ago(3)}&to={ago(1)}"
    assert "Google" in client.get(f"/sites/{rollups.site.key}/by/source?period=custom&{days}&filter=goal==Signup").text
    csv = client.get(f"/api/sites/{rollups.site.key}/stats.csv?{days}&by=source&filter=goal==Signup").text
    assert csv.splitlines()[1].startswith("Google,10,12,20.0,")


@pytest.mark.slow
def test_the_page_says_what_is_kept_and_what_is_not_told(look: Any, client: Any, rollups: Any, ago: Any) -> None:
    period = f"period=custom&from={ago(3)}&to={ago(1)}"
    page = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/a&filter=page!=/b").text
    assert "Page is /a" in page
    assert "Page is not /b" in page
    assert f'?{escape(period)}&amp;filter=page%3D%3D%2Fa"' in page  # without the other
    assert "period=7d&amp;filter=page%3D%3D/a&amp;filter=page%21%3D/b" in page
    # Where some table of a card answers the others say why they do not; where none does it is said once.
    of_card = len(CARDS["Pages"]) - 1
    assert page.count("Not counted together with page") == of_card + len(["events", "all other cards"])
    assert "<h2>Sources, Places, Campaigns, Devices, Versions</h2>" in page
    assert f"not compared: {SEVERAL}" in page
    assert SUM_OF_VALUES in page
    assert SUM_OF_VALUES not in client.get(f"/sites/{rollups.site.key}?{period}&filter=country==DE").text
    answer = client.get(f"/api/sites/{rollups.site.key}/overview?{period}&filter=page==/a").json()
    assert answer["filters"] == [{"dimension": "page", "operator": "==", "value": "/a"}]
    assert list(answer["tables"]) == ["page"]
    refused = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/a&filter=country==DE")
    assert refused.status_code == 200
    assert "by=" not in refused.text.partition("<main")[2]
    assert "Not counted together: Page is /a and Country is Germany" in refused.text
    assert (
        f'{rollups.site.key}?period=custom&amp;from={ago(3)}&amp;to={ago(1)}&amp;filter=country%3D%3DDE"'
        in refused.text
    )
    assert "Stay with Page is /a" in refused.text
    # The other pages, and other days, are of the first, too.
    assert f"/goals?period=custom&amp;from={ago(3)}&amp;to={ago(1)}&amp;filter=page%3D%3D%2Fa" in refused.text
    assert "period=7d&amp;filter=page%3D%3D/a" in refused.text
    assert "Only Country is Germany" in refused.text
    assert "is a row of a table" not in refused.text
    paired = client.get(f"/sites/{rollups.site.key}?{period}&filter=country==DE&filter=source==Google").text
    table = f"/sites/{rollups.site.key}/by/source?{escape(period)}&amp;filter=country%3D%3DDE"
    assert (
        f'How many had both is a row of a table: <a href="{table}">Source, only where Country is Germany</a>' in paired
    )
    assert client.get(unescape(table)).status_code == 200
    assert (
        client.get(
            refused.url.path.replace("/sites/", "/api/sites/") + f"/overview?{refused.url.query.decode()}"
        ).json()["code"]
        == "not_crossed"
    )
    (lines,) = re.findall(r"<pre><code>(.*?)</code>", refused.text, re.DOTALL)
    segment = tomllib.loads(unescape(lines))["sites"]["segments"][0]
    assert segment == {"name": "Page is /a and Country is Germany", "where": {"page": "/a", "country": "DE"}}
    nothing = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/nothing").text
    assert "Nothing to show of what the filters keep" in nothing


@pytest.mark.parametrize(
    ("kept", "one", "both"),
    [
        (["device==mobile"], "source==Google", ["device==mobile", "source==Google"]),
        (["goal==Signup", "page~blog"], "page==/blog/a", ["goal==Signup", "page==/blog/a"]),
        # All with the value have what is left out, too.
        (["country==DE|AT"], "city==Berlin, DE-BE", ["city==Berlin, DE-BE"]),
        (["section==/blog/"], "entry_page==/blog/a", ["entry_page==/blog/a"]),
        (["region==DE-BE"], "country==DE", ["region==DE-BE", "country==DE"]),
    ],
)
def test_a_click_on_a_value_keeps_what_is_kept(kept: list[str], one: str, both: list[str]) -> None:
    assert besides([*map(Filter.parse, kept)], one) == both


def test_the_links_of_a_filtered_page_lead_to_both(look: Any, client: Any, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), "page", "/a", visitors=50)
    days = f"period=custom&from={ago(3)}&to={ago(1)}"
    page = client.get(f"/sites/{rollups.site.key}/pages?{days}&segment=&filter=page!=/b").text
    (link,) = re.findall(r'class="keeps" href="([^"]+)"', page)
    assert parse_qs(urlsplit(unescape(link)).query)["filter"] == ["page==/a"]


PAGES = ("/blog/", "/blog/feet", "/blog/news/old", "/old/blog/", "/about", "(other)")


@pytest.fixture
def sections(rollups: Any, ago: Any) -> Any:
    """Two closed days of a site that names a part of its blog. By section what its pages have, as `section_of` says."""
    rollups.site = structs.replace(rollups.site, sections={"News": "/blog/news/**"})
    found: dict[str, dict[str, int]] = {}
    with rollups.together():
        for days in (3, 2):
            rollups.cell(ago(days), visitors=100, released=True)
            for number, page in enumerate(PAGES, days):
                for dimension in ("page", "entry_page", "exit_page"):
                    rollups.cell(ago(days), dimension, page, visitors=10 * number, released=True)
                if page != "(other)":
                    of_section = found.setdefault(rollups.site.section_of(page), {})
                    of_section[page] = of_section.get(page, 0) + 10 * number
            for section in found:
                rollups.cell(ago(days), "section", section, visitors=20, released=True)
            rollups.release(ago(days), k=1, sections=rollups.site.section_definitions)
    return found


def test_a_section_has_its_pages_and_nobody_twice(rollups: Any, ago: Any, sections: Any) -> None:
    reports = Reports(rollups.store, [rollups.site], clock=NOW.timestamp)
    for section in ("News", "/blog/", "/old/", "/", "/blog", "/nothing/"):
        _has_its_pages(reports, rollups.site, ago, section, sections.get(section, {}))


def _has_its_pages(reports: Reports, site: Site, ago: Any, section: str, pages: dict[str, int]) -> None:
    kept, days = Filter("section", "==", section), Period(ago(3), ago(2), "")
    overview = reports.overview(site, days, filters=(kept,))
    assert overview.totals.visitors == (40 if pages else 0), f"people of {section}, once"
    for dimension in ("page", "entry_page", "exit_page"):
        assert {cell.value: cell.visitors for cell in overview.tables[dimension]} == pages
        answer = reports.stats(Query.of(site.key, ago(3), ago(2), dimension, [kept.text]))
        assert {row["value"]: row["visitors"] for row in answer["rows"]} == pages
        assert answer["totals"]["visitors"] == overview.totals.visitors
    found = reports.stats(Query.of(site.key, ago(3), ago(2), "page", [kept.text, "page~feet"]))
    feet = {page: visitors for page, visitors in pages.items() if "feet" in page}
    assert {row["value"]: row["visitors"] for row in found["rows"]} == feet
    assert found["totals"]["visitors"] == sum(feet.values())
    for refused in (["section!=/blog/"], ["section==/blog/|/old/"], [kept.text, "country==DE"]):
        with pytest.raises(BadQuery, match="are not crossed"):
            reports.stats(Query.of(site.key, ago(3), ago(2), "page", refused))


def test_pages_of_a_section_have_their_goals_and_speed(
    client: Any, reports: Reports, rollups: Any, ago: Any, sections: Any
) -> None:
    reports.follow([rollups.site], ())
    for page in ("/blog/feet", "/about"):
        rollups.goal(ago(1), "Signup", 6, 6, dimension="page", value=page)
        rollups.cell(ago(1), "page", page, visitors=12)
        rollups.vital(ago(1), "lcp", [1000, 1100], people=6, dimension="page", value=page)
    rollups.cell(ago(1), visitors=30)
    rollups.cell(ago(1), "section", "/blog/", visitors=12)
    days = f"period=custom&from={ago(1)}&to={ago(1)}&goal=Signup"
    page = client.get(f"/sites/{rollups.site.key}/pages?{days}&filter=section==/blog/").text
    assert re.search(r"/blog/<wbr>feet</a>.*?>50%<.*?1\.[01]\d s", page, re.DOTALL)
    assert ">/about<" not in page


@pytest.fixture
def fortnight(rollups: Any, ago: Any) -> Any:
    """Fourteen closed days; /a is not shown on one of the last seven, and has twice as many on these. k: of them."""

    def release(k: int) -> Any:
        with rollups.together():
            for days in range(1, 15):
                rollups.cell(ago(days), visitors=200, released=True)
                if days != 3:
                    rollups.cell(ago(days), "page", "/a", visitors=40 if days < 8 else 20, released=True)
                rollups.cell(ago(days), "page", "(other)", visitors=90, released=True)
                rollups.release(ago(days), k=k)
        reports = Reports(rollups.store, [rollups.site], clock=NOW.timestamp)
        week = Period(ago(7), ago(1), "")
        return lambda *kept: reports.overview(rollups.site, week, filters=tuple(map(Filter.parse, kept)))

    return release


def test_what_is_kept_is_compared_as_the_whole_site_is(fortnight: Any, client: Any, rollups: Any, ago: Any) -> None:
    look = fortnight(1)
    compared = look("page==/a").comparison
    assert (compared.days, compared.of, compared.change["visitors"]) == (7, 7, round(100 * (240 / 140 - 1), 1))
    assert [point.visitors for point in look("page==/a").previous_series] == [20] * 7
    page = client.get(f"/sites/{rollups.site.key}?period=custom&from={ago(7)}&to={ago(1)}&filter=page==/a").text
    assert "▲ 71%" in page
    assert "compared with 4–10 Jun 2031" in page
    assert 'id="menu-compare"' in page


def test_a_day_that_hides_what_is_kept_is_no_day_to_compare(fortnight: Any) -> None:
    look = fortnight(5)
    compared = look("page==/a").comparison
    # Whom a hidden value was company for is not known, so neither is how many it had: the pair of days is left out.
    assert (compared.days, compared.of, compared.change["visitors"]) == (6, 7, 100.0)
    assert compared.why == "the other days have no data, or too few to show"
    several = look("page~a").comparison
    assert (several.previous, several.why) == (None, SEVERAL)


def test_days_that_counted_another_section_are_none_of_nobody(rollups: Any, ago: Any) -> None:
    site = structs.replace(rollups.site, sections={"News": "/news/**"})
    with rollups.together():
        for days in range(1, 15):
            rollups.cell(ago(days), visitors=200, released=True)
            if days != 3:
                rollups.cell(ago(days), "section", "News", visitors=20, released=True)
            counted = site.section_definitions if days < 8 else {"News": '["/old/**"]'}
            rollups.release(ago(days), k=1, version="5", sections=counted)
    reports = Reports(rollups.store, [site], clock=NOW.timestamp)
    kept = (Filter("section", "==", "News"),)
    week = reports.overview(site, Period(ago(7), ago(1), ""), filters=kept)
    assert [(point.state, point.visitors) for point in week.series][3:6] == [
        ("measured", 20),
        ("measured", 0),
        ("measured", 20),
    ]
    assert (week.comparison.previous, week.comparison.why) == (None, "there is no data of earlier days")
    assert {point.state for point in week.previous_series} == {"before"}
    both = reports.overview(site, Period(ago(14), ago(1), ""), filters=kept)
    assert [point.state for point in both.series] == ["before"] * 7 + ["measured"] * 7
    assert both.totals.visitors == 120


def test_what_somebody_writes_into_a_filter_is_text(look: Any, client: Any, rollups: Any) -> None:
    page = client.get(f"/sites/{rollups.site.key}", params={"filter": "page==<script>alert(1)</script>"}).text
    assert "<script>alert" not in page
    assert "Page is &lt;script&gt;alert(1)" in page
