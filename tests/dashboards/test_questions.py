"""What somebody in marketing asks, answered by following links of the pages, against sums of what was put in.

Those that need a browser are in tests/browser/test_questions.py.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from html import unescape
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.stats.interval import wilson
from schema.funnel import Funnel, Step
from schema.pair import DEFAULT_PAIRS
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse
# Monday to Sunday of the week that is over; the Friday is its peak.
WEEK = {dt.date(2031, 6, 9) + dt.timedelta(days=days): 40 + 3 * days + 50 * (days == 4) for days in range(7)}
PEAK = max(WEEK, key=WEEK.__getitem__)
PAGES = {"/": 3, "/blog/": 4, "/blog/feet": 5, "/old/blog": 9}
DEVICES = {"desktop": (2, 8), "mobile": (4, 4)}
_LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


@pytest.fixture
def rollups(rollups: Any) -> Any:
    """Shares of each day's people: of pages, of devices (and of those who signed up), of a campaign, of a funnel."""
    funnels = (Funnel("Buy", (Step(page="/basket"), Step(goal="Purchase"))),)
    rollups.site = structs.replace(rollups.site, funnels=funnels, pairs=DEFAULT_PAIRS)
    with rollups.together():
        for day, people in WEEK.items():
            rollups.cell(day, visitors=people, released=True)
            for page, part in PAGES.items():
                rollups.cell(day, "page", page, visitors=people // part, released=True)
            rollups.cell(day, "section", "/blog/", visitors=people // 3, released=True)
            rollups.cell(day, "utm_campaign", "autumn", visitors=people // 5, released=True)
            for device, (part, of) in DEVICES.items():
                rollups.cell(day, "device", device, visitors=people // part, released=True)
                rollups.goal(day, "Signup", people // of, people // of, True, dimension="device", value=device)
            rollups.goal(day, "Signup", people // 4, people // 4, True)
            for step, part in ((1, 2), (2, 6)):
                rollups.step(day, "Buy", step, people // part)
            rollups.release(day, k=1, funnels=rollups.site.funnel_definitions, pairs=list(DEFAULT_PAIRS))
    return rollups


class Walk:
    """Pages, opened one after the other by a link's text, as somebody reads it."""

    def __init__(self, client: TestClient, address: str) -> None:
        self._client = client
        self.open(address)

    def open(self, address: str) -> Walk:
        answer = self._client.get(address)
        assert answer.status_code == 200, answer.text
        self.address, self.page, self.content = address, answer.text, answer.content
        return self

    def click(self, text: str) -> Walk:
        for address, shown in _LINK.findall(self.page):
            if unescape(re.sub(r"<[^>]*>", "", shown)).strip() == text:
                path = self.address.partition("?")[0]
                return self.open(path + unescape(address) if address.startswith("?") else unescape(address))
        raise AssertionError(f"no link {text!r} on {self.address}")

    @property
    def text(self) -> str:
        return re.sub(
            r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", self.page.partition("<main")[2].replace("<wbr>", "")))
        )


@pytest.fixture
def walk(client: TestClient, rollups: Any) -> Walk:
    return Walk(client, f"/sites/{rollups.site.key}?period=last_week&compare=none")


def _sum(part: int) -> int:
    return sum(people // part for people in WEEK.values())


def test_the_peak_day_is_named_and_a_click_opens_it(walk: Walk) -> None:
    assert f"{_sum(1)} visitors; most on Fri 13 Jun 2031 with {WEEK[PEAK]}." in walk.text
    walk.click("Fri 13 Jun 2031")
    assert f"from={PEAK}&to={PEAK}" in walk.address
    # The weekday, and nothing after it where nothing is compared.
    assert "13 Jun 2031 Friday ‹" in walk.text
    assert f" Visitors {WEEK[PEAK]} :" in walk.text


def test_only_the_blog_has_its_visitors_and_its_pages(walk: Walk) -> None:
    walk.open(f"{walk.address}&filter=section==/blog/")
    assert f"Visitors {_sum(3)} " in walk.text
    assert "Not counted together with section: only page, entry page and exit page are." in walk.text
    assert 'name = "Section is /blog/" where = { section = "/blog/" }' in walk.text
    there = "Only what was reached there. Who went on from there to a goal, a funnel tells."
    assert there in walk.text
    card = walk.text.partition("Page Visitors")[2].partition("Details")[0]
    shown = {page: int(people) for page, people in re.findall(r"(/\S*) (\d+) ", card)}
    assert shown == {page: _sum(part) for page, part in PAGES.items() if page.startswith("/blog/")}


def test_what_a_campaign_is_counted_with_is_named(walk: Walk) -> None:
    walk.click("autumn")
    assert f"Visitors {_sum(5)} " in walk.text
    assert "reached there" not in walk.text
    assert "Not counted together with UTM campaign: only source, channel, entry page, country and device" in walk.text


def test_phones_and_desktops_stand_side_by_side_by_conversion(walk: Walk) -> None:
    walk.click("Goals")
    for device, (part, of) in DEVICES.items():
        people, reached = _sum(part), _sum(of)
        low, high = (f"{round(one)}%" for one in wilson(reached, people))
        told = f"{device.title()} {reached} of {people} {round(100 * reached / people)}% {low} – {high}"
        assert told in walk.text


def test_a_funnel_tells_each_step_and_who_went_no_further(walk: Walk) -> None:
    first, second = _sum(2), _sum(6)
    text = walk.click("Goals").text.partition("Funnels")[2]
    assert f"{second} · {100 * second / first:.0f}% of the first" in text
    assert f"{first - second} went no further" in text


def test_speed_of_phones_is_one_click_from_speed(client: TestClient, rollups: Any) -> None:
    rollups.cell(NOW.date(), visitors=41)
    rollups.cell(NOW.date(), "device", "mobile", visitors=19)
    for device, seconds in (("", 1.2), ("mobile", 4.8)):
        rollups.vital(NOW.date(), "lcp", [1000 * seconds], 9, device and "device", device)
    text = Walk(client, f"/sites/{rollups.site.key}/speed?period=today").click("Mobile").text
    assert "Only where Device is Mobile" in text
    # The whole site beside it.
    assert re.search(r"LCP ■ 4\.[78]\d s \(poor\) all: ● 1\.[12]\d s \(good\)", text)


@pytest.mark.slow
def test_everything_is_one_click_and_has_the_same_sums(walk: Walk) -> None:
    with zipfile.ZipFile(io.BytesIO(walk.click("All tables as CSV").content)) as archive:
        totals, pages = (archive.read(name).decode("utf-8-sig") for name in ("totals.csv", "page.csv"))
    names, values = (line.split(",") for line in totals.splitlines()[:2])
    assert dict(zip(names, values, strict=True))["visitors"] == str(_sum(1))
    assert f"/blog/feet,{_sum(5)}," in pages


def test_the_table_in_full_has_the_rates_of_the_goal_that_was_chosen(walk: Walk) -> None:
    for name in ("Acquisition", "Pages"):
        walk.click(name).click("Details of UTM campaign" if name == "Acquisition" else "Details of Pages")
        assert walk.address.endswith("&goal=Signup")
        assert "Reached goal" in walk.text


def test_live_says_what_moves_its_numbers_in_whole_words(client: TestClient, rollups: Any) -> None:
    rollups.cell(NOW.date(), visitors=41)
    walk = Walk(client, f"/sites/{rollups.site.key}").click("Live")
    assert "Visitors 41 " in walk.text
    assert "when at least 5 visitors are new in it, and" in walk.text


def test_whether_a_day_is_usual_says_when_that_will_be_told(walk: Walk) -> None:
    later = "What is usual is told once 4 of the 8 weeks before show the same days."
    assert later in walk.text
    assert later in walk.click("Fri 13 Jun 2031").text
    assert later not in walk.open(walk.address.replace(f"to={PEAK}", f"to={PEAK + dt.timedelta(days=9)}")).text
    assert later not in walk.open(f"{walk.address}&filter=device==mobile").text


def test_definitions_show_code_as_code(walk: Walk) -> None:
    assert "Events named <code>pageview</code>." in walk.page
    assert "`" not in walk.page


def test_one_site_with_numbers_is_no_sum(program: TestClient, accounts: Accounts) -> None:
    program.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    assert "</b> visitors of the last 7 full days, all of 1 site</small>" in Walk(program, "/").page
