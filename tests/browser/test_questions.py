"""What somebody in marketing asks of the demo, answered by clicks in a real browser, against a recount of its beacons.

The recount knows the beacons and the definitions (docs/metrics.md), and nothing of the pipeline. Questions that need no
browser are in tests/dashboards/test_questions.py.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, BrowserContext, Page

from collector.model import Beacon
from footfall.demo import visits as beacons
from tests.browser.conftest import Watched, follow, signed_in_to
from tests.house import Running, eventually, running

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
GAP_S = 30 * 60
# Two whole weeks.
DAYS = 14
CAMPAIGN = "autumn"


@functools.cache
def until() -> dt.date:
    """The last Sunday, as the house has it: tests are collected long before they run."""
    today = dt.datetime.now(dt.UTC).date()
    return today - dt.timedelta(days=today.weekday() + 1)


class Done(Struct):
    """A page view of a page, or an event."""

    name: str
    page: str


class Visit(Struct):
    """Who it was, on which day, and what was done in which order."""

    visitor: tuple[str, str, str]
    day: dt.date
    beacons: list[Beacon]

    @property
    def views(self) -> list[str]:
        return [urlsplit(one.url).path for one in self.beacons if one.name == "pageview"]

    @property
    def campaign(self) -> str:
        return parse_qs(urlsplit(self.beacons[0].url).query).get("utm_campaign", [""])[0]

    @property
    def done(self) -> list[Done]:
        """Page views and events in their order."""
        return [Done(one.name, urlsplit(one.url).path if one.name == "pageview" else "") for one in self.beacons]

    @property
    def timed(self) -> list[Beacon]:
        """What told how fast a page was."""
        return [one for one in self.beacons if "lcp" in one.vitals]

    @property
    def is_phone(self) -> bool:
        return "Mobile" in self.visitor[1] and "iPad" not in self.visitor[1]

    @property
    def is_desk(self) -> bool:
        return "Mobile" not in self.visitor[1]

    @property
    def signups(self) -> list[int]:
        return [one.amount or 0 for one in self.beacons if one.name == "signup"]


def _recounted() -> list[Visit]:
    by_visitor = defaultdict(list)
    for beacon, client, at in beacons(1, DAYS, until(), "UTC"):
        who = (client.address, client.agent, client.languages)
        by_visitor[dt.datetime.fromtimestamp(at, dt.UTC).date(), who].append((at, beacon))
    found = []
    for (day, who), done in by_visitor.items():
        done.sort(key=lambda one: one[0])
        ends = [place for place, (one, other) in enumerate(pairwise(done), 1) if other[0] - one[0] > GAP_S]
        for first, last in pairwise([0, *ends, len(done)]):
            found.append(Visit(who, day, [beacon for _, beacon in done[first:last]]))
    return found


def _people(some: Iterable[Visit]) -> int:
    return len({(one.day, one.visitor) for one in some})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A house of its own: tests of other files look at a demo that has today alone."""
    with running(tmp_path_factory.mktemp("questions") / "data", sites=()) as started:
        yield started


@pytest.fixture(scope="module")
def signed_in(browser: Browser, house: Running) -> Iterator[BrowserContext]:
    with signed_in_to(browser, house) as context:
        yield context


@pytest.fixture(scope="module")
def visits(house: Running) -> list[Visit]:
    filled = house.command("demo", "--days", str(DAYS), "--until", until().isoformat())
    assert filled.returncode == 0, filled.stderr
    return _recounted()


@pytest.fixture(scope="module")
def week(visits: list[Visit]) -> list[Visit]:
    """The second one."""
    return [one for one in visits if one.day > until() - dt.timedelta(days=7)]


@pytest.fixture
def page(signed_in: BrowserContext, house: Running, watched: Watched, visits: list[Visit]) -> Iterator[Page]:
    """The overview of last week: two clicks."""
    opened = watched.watch(signed_in.new_page(), house)
    opened.goto(f"{house.told['dashboards']}/sites/demo")
    opened.click(".opens.period")
    follow(opened, "#menu-periods >> text='Last week'")
    yield opened
    opened.close()


def _rows(page: Page, card: str) -> list[dict[str, str]]:
    """The rows of a card's table, by the heads of its columns."""
    table = page.locator(f"#card-{card} table").first
    heads = table.locator("thead th").all_inner_texts()
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text.partition("\n")[0]))


def test_visitors_of_last_week_against_the_week_before(page: Page, visits: list[Visit], week: list[Visit]) -> None:
    tile = page.locator(".tiles > div").first
    now, before = _people(week), _people(visits) - _people(week)
    assert _number(tile.locator("b").inner_text()) == now
    told = tile.locator(".change .unseen").inner_text()
    change = 100 * (now - before) / before
    amount = re.search(r"(up|down) ([\d.]+) percent against", told)
    assert amount, told
    assert float(amount[2]) * (1 if amount[1] == "up" else -1) == pytest.approx(change, abs=0.5)


def test_which_campaign_converts_best(page: Page, week: list[Visit]) -> None:
    follow(page, ".site-nav >> text=Acquisition")
    told = {row["UTM campaign"]: row for row in _rows(page, "utm_campaign")}
    counted = {name: [one for one in week if one.campaign == name] for name in told}
    assert CAMPAIGN in told
    for name, of in counted.items():
        reached = _people(one for one in of if one.signups)
        assert (_number(told[name]["Visitors"]), _number(told[name]["Reached"])) == (_people(of), reached)
        rate, interval = told[name]["Rate"].split("\n")
        low, high = (float(one.strip(" %")) for one in interval.split("–"))
        assert low < 100 * reached / _people(of) < high
        assert float(rate.strip("%")) == pytest.approx(100 * reached / _people(of), abs=0.5)


def test_which_page_loses_most_people(page: Page, week: list[Visit]) -> None:
    follow(page, ".site-nav >> text=Pages")
    exits, views = Counter(one.views[-1] for one in week), Counter(path for one in week for path in one.views)
    worst = max(exits, key=lambda path: exits[path] ** 2 / views[path])
    first = _rows(page, "page")[0]
    assert (first["Page"], _number(first["Exits"])) == (worst, exits[worst])


def test_what_a_newsletter_of_one_day_brought(page: Page, week: list[Visit]) -> None:
    mine = [one for one in week if one.campaign == CAMPAIGN]
    day = Counter(one.day for one in mine if one.signups).most_common(1)[0][0]
    follow(page, f".chart a.mark[aria-label*='{day:%a} {day.day} {day:%b}'] rect")
    follow(page, f"#card-campaigns >> text={CAMPAIGN}")
    of = [one for one in mine if one.day == day]
    assert _number(page.locator(".tiles b").first.inner_text()) == _people(of)
    goal = next(row for row in _rows(page, "goals") if row["Goal"] == "Sign up")
    assert (_number(goal["Visitors"]), _number(goal["Times"])) == (
        _people(one for one in of if one.signups),
        sum(len(one.signups) for one in of),
    )
    revenue = sum(sum(one.signups) for one in of)
    assert goal["Revenue"] == (f"€{revenue / 100:,.2f}" if revenue else "–")


def test_what_is_on_the_screen_is_saved_as_csv(page: Page, week: list[Visit], tmp_path: Path) -> None:
    follow(page, "#card-campaigns .more a >> visible=true")
    with page.expect_download() as saving:
        page.click(".files >> text=CSV")
    saving.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(encoding="utf-8-sig", newline="") as file:
        saved = {row["value"]: int(row["visitors"]) for row in csv.DictReader(file)}
    campaigns = {one.campaign for one in week}
    assert saved == {name: _people(one for one in week if one.campaign == name) for name in campaigns}


def test_from_where_they_came(page: Page, week: list[Visit]) -> None:
    told = {row["Source"].strip(): row for row in _rows(page, "sources")}
    mine = [one for one in week if one.beacons[0].referrer.startswith("https://duckduckgo.com")]
    assert _number(told["DuckDuckGo"]["Visitors"]) == _people(mine)


def test_whether_it_is_fast_on_phones_and_which_page_is_not(page: Page, week: list[Visit]) -> None:
    follow(page, ".site-nav >> text=Speed")
    poor = Counter(urlsplit(one.url).path for visit in week for one in visit.timed if one.vitals["lcp"] > 4000)
    first = page.locator("table:has(th:text-is('Page')) tbody th").first.inner_text().strip()
    assert first == max(poor, key=poor.__getitem__)
    follow(page, "main >> text=Mobile")
    measured = sorted(one.vitals["lcp"] for visit in week for one in visit.timed if visit.is_phone)
    p75 = measured[int(0.75 * len(measured))]
    told = re.search(r"LCP\W+([\d.]+) s", page.inner_text("main"))
    assert told
    assert 1000 * float(told[1]) == pytest.approx(p75, rel=0.06)  # a histogram's buckets are so wide


def test_what_happened_on_the_peak_day(page: Page, week: list[Visit]) -> None:
    by_day = {day: _people(one for one in week if one.day == day) for day in {one.day for one in week}}
    peak = max(by_day, key=by_day.__getitem__)
    follow(page, f".chart a.mark[aria-label*='{peak:%a} {peak.day} {peak:%b}'] rect")
    assert _number(page.locator(".tiles b").first.inner_text()) == by_day[peak]
    assert page.locator(".changed").inner_text()


def test_everything_is_saved_in_one_file(page: Page, week: list[Visit], tmp_path: Path) -> None:
    with page.expect_download() as saving:
        page.click("text=All tables as CSV")
    saving.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        text = archive.read("entry_page.csv").decode("utf-8-sig")
    saved = {row["value"]: int(row["visitors"]) for row in csv.DictReader(text.splitlines())}
    entries = {one.views[0] for one in week}
    assert saved == {path: _people(one for one in week if one.views[0] == path) for path in entries}


def test_on_paper_are_all_tabs_and_no_card_is_cut(page: Page) -> None:
    page.emulate_media(media="print")
    hidden = "cards => cards.filter(one => one.querySelector('tbody') && !one.offsetHeight).length"
    assert page.locator(".tabs > section").evaluate_all(hidden) == 0
    cut = "cards => cards.filter(one => one.scrollHeight > one.clientHeight + 1).map(one => one.id)"
    assert page.locator("section.card").evaluate_all(cut) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen")


def test_only_the_blog(page: Page, week: list[Visit]) -> None:
    page.click("label:text-is('Sections')")
    follow(page, "#card-pages >> text='/blog/' >> visible=true")
    mine = [one for one in week if any(path.startswith("/blog/") for path in one.views)]
    assert _number(page.locator(".tiles b").first.inner_text()) == _people(mine)
    told = {row["Page"].strip(): _number(row["Visitors"]) for row in _rows(page, "pages")}
    read = {path for one in mine for path in one.views if path.startswith("/blog/")}
    assert told == {path: _people(one for one in mine if path in one.views) for path in read}


def test_phones_against_desktops_by_conversion(page: Page, week: list[Visit]) -> None:
    follow(page, ".site-nav >> text=Goals")
    of_devices = {"Mobile": [one for one in week if one.is_phone], "Desktop": [one for one in week if one.is_desk]}
    for name, mine in of_devices.items():
        told = page.locator("tr", has=page.locator(f"th:has-text('{name}')")).first.inner_text()
        found = re.search(r"([\d,]+)\s+of ([\d,]+)", told)
        assert found, told
        assert _number(found[1]) == _people(one for one in mine if one.signups)
        assert _number(found[2]) == _people(mine)


def test_how_far_they_got_in_a_funnel(page: Page, week: list[Visit]) -> None:
    follow(page, ".site-nav >> text=Goals")
    steps = (Done("pageview", "/demo/pricing.html"), Done("signup", ""), Done("pageview", "/demo/thanks.html"))
    people: list[set[tuple[dt.date, tuple[str, str, str]]]] = [set() for _ in steps]
    for visit in week:
        reached = 0
        for done in visit.done:
            if reached < len(steps) and done == steps[reached]:
                people[reached].add((visit.day, visit.visitor))
                reached += 1
    told = page.locator(".funnel").first.locator("li b").all_inner_texts()
    assert [_number(text.partition("·")[0]) for text in told] == [len(some) for some in people]


def test_who_is_there_right_now(page: Page, house: Running, browser: Browser) -> None:
    with browser.new_context() as anybody:
        visit = anybody.new_page()
        with visit.expect_response(lambda answer: "/api/event" in answer.url) as counted:
            visit.goto(house.told["demo"])
        assert counted.value.status == 202
    follow(page, ".site-nav >> text=Live")
    # Until somebody is shown there are no numbers at all.
    shown = page.locator(".tiles b")
    eventually(lambda: page.reload() and shown.count() and _number(f"0{shown.first.inner_text()}"))


def test_a_boss_without_an_account_has_the_week_by_a_link_and_in_a_mail(
    page: Page, house: Running, browser: Browser, week: list[Visit], watched: Watched
) -> None:
    days = ("--from", str(until() - dt.timedelta(days=6)), "--to", str(until()))
    shown = ("--title", "For the boss", "--panel", "chart", "--panel", "sources", "--panel", "goals")
    made = house.command("share", "create", "demo", *days, *shown)
    mailed = house.command("mail", "preview", "demo", "--html", "--before", str(until() + dt.timedelta(days=1)))
    assert (made.returncode, mailed.returncode) == (0, 0), (made.stderr, mailed.stderr)
    converters = _people(one for one in week if one.signups)
    with browser.new_context(viewport={"width": 375, "height": 800}) as anybody:
        boss = watched.watch(anybody.new_page(), house)
        boss.goto(made.stdout.strip())
        assert boss.locator("h1").inner_text().startswith("For the boss")
        assert _number(boss.locator(".tiles b").first.inner_text()) == _people(week)
        assert _number(_rows(boss, "goals")[0]["Visitors"]) == converters
        assert boss.locator("section.card").count() == 3
        # Nothing on it leads to where one has to sign in.
        links = [one.get_attribute("href") or "" for one in boss.locator("a").all()]
        assert all(one.startswith(("#", "/share/")) for one in links), links
        mail = anybody.new_page()
        mail.set_content(mailed.stdout)
        numbers = {one.locator("th").inner_text(): one.locator("td").last for one in mail.locator("tr:has(.big)").all()}
        assert _number(numbers["Visitors"].inner_text()) == _people(week)
        assert str(converters) in mail.locator("tr", has_text="Sign up").inner_text()
        whole = mail.get_by_text("All of it on the dashboard").get_attribute("href") or ""
        house.command("share", "revoke", re.search(r"share revoke (\w+)", made.stderr)[1])  # type: ignore[index]
        gone = anybody.request.get(made.stdout.strip())
        assert gone.status == 404
    page.goto(whole)
    assert _number(page.locator(".tiles b").first.inner_text()) == _people(week)
