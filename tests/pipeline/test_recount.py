"""The same log counted twice: by Footfall, and by plain Python that shares nothing with it but the definitions.

The second count reads the lines with its own expression and knows ClickHouse, the spool and the steps not at all. Only
who is a bot is asked of the collector, because that is a list and not a definition.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from msgspec import Struct

from collector.enrich.device import device_of
from collector.enrich.geo import GeoDatabase
from collector.wire.access_log import lines as of_lines
from footfall.control.engine import Engine
from footfall.importing import readers
from footfall.importing.access_log import import_access_log
from footfall.importing.intake import Summary
from footfall.settings import load
from schema.store import Store

pytestmark = pytest.mark.slow

GAP_S = 30 * 60
_LINE = re.compile(r'^(\S+) \S+ \S+ \[(\S+) ([+-]\d{4})\] "([A-Z]+) (\S+) [^"]*" (\d+) \S+ "([^"]*)" "(.*)"$')
_FILES = re.compile(
    r"\.(css|js|mjs|map|json|xml|xsl|log|doc|rss|atom|txt|ico|png|jpe?g|gif|svgz?|webp|avif|bmp|tiff?|woff2?|ttf|otf|eot|mp3|mp4|m4a"
    r"|webm|ogg|ogv|wav|avi|mov|swf|pdf|zip|gz|tgz|bz2|xz|7z|rar|tar|jar|exe|dmg|iso|deb|rpm|apk|msi|bin|webmanifest|wasm)$",
    re.IGNORECASE,
)
_PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{0} like Mac OS X) AppleWebKit/605.1.15 Version/17.{0} Mobile/15E148 "
    "Safari/604.1"
)
_DESK = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1{0:02}.0.0.0 "
    "Safari/537.36"
)
_BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Seen(Struct, frozen=True):
    """A pageview: moment in Unix seconds, whose, where."""

    moment: int
    place: int
    visitor: tuple[str, str]
    path: str
    query: str
    referrer: str


class Counted(Struct):
    """The measures of one cell."""

    people: set[tuple[str, str]]
    visits: int = 0
    pageviews: int = 0
    entries: int = 0
    bounces: int = 0
    seconds: int = 0

    @property
    def measures(self) -> tuple[int, ...]:
        return len(self.people), self.visits, self.pageviews, self.entries, self.bounces, self.seconds


def read(lines: Iterable[str]) -> list[Seen]:
    """Pageviews of people in a log."""
    found = []
    for place, line in enumerate(lines):
        match = _LINE.match(line)
        if not match:
            continue
        address, stamp, offset, method, target, status, referrer, agent = match.groups()
        path, query = urlsplit("//h" + target)[2:4]
        if method != "GET" or not (status[0] == "2" or status == "304") or _FILES.search(path):
            continue
        if device_of("" if agent == "-" else agent).bot:
            continue
        moment = dt.datetime.strptime(f"{stamp} {offset}", "%d/%b/%Y:%H:%M:%S %z")
        network = ".".join(address.split(".")[:3])
        found.append(Seen(int(moment.timestamp()), place, (network, agent), unquote(path), query, referrer))
    return found


def recount(views: Iterable[Seen], goal: str) -> tuple[dict, dict, dict]:
    """(by day, by day and page, converters and conversions by day): the definitions of docs/metrics.md."""
    by_day: dict[str, Counted] = defaultdict(lambda: Counted(set()))
    by_page: dict[tuple[str, str], Counted] = defaultdict(lambda: Counted(set()))
    goals: dict[str, tuple[set, list]] = defaultdict(lambda: (set(), []))
    grouped: dict[tuple, list[Seen]] = defaultdict(list)
    for view in views:
        day = dt.datetime.fromtimestamp(view.moment, dt.UTC).date().isoformat()
        grouped[day, view.visitor].append(view)
    for (day, visitor), mine in grouped.items():
        mine.sort(key=lambda view: (view.moment, view.place))
        visits: list[list[Seen]] = []
        for view in mine:
            if visits and view.moment - visits[-1][-1].moment <= GAP_S:
                visits[-1].append(view)
            else:
                visits.append([view])
        for visit in visits:
            seconds = visit[-1].moment - visit[0].moment
            total = by_day[day]
            total.people.add(visitor)
            total.visits += 1
            total.pageviews += len(visit)
            total.entries += 1
            total.bounces += len(visit) == 1
            total.seconds += seconds
            for path in {view.path for view in visit}:
                cell = by_page[day, path]
                cell.people.add(visitor)
                cell.visits += 1
                cell.pageviews += sum(view.path == path for view in visit)
                if visit[0].path == path:
                    cell.entries += 1
                    cell.bounces += len(visit) == 1
                    cell.seconds += seconds
            for view in visit:
                if view.path == goal:
                    goals[day][0].add(visitor)
                    goals[day][1].append(view)
    converted = {day: (len(people), len(times)) for day, (people, times) in goals.items()}
    return {day: c.measures for day, c in by_day.items()}, {key: c.measures for key, c in by_page.items()}, converted


def footfall_count(store: Store, site: str) -> tuple[dict, dict, dict]:
    measures = "visitors, visits, pageviews, entries, bounces, visit_seconds"
    where = "WHERE site = {site:String} AND grain = 'day'"
    bound = {"site": site}
    day = {
        str(row[0]): row[1:]
        for row in store.rows(f"SELECT day, {measures} FROM released_cells {where} AND dimension = ''", bound)
    }
    page = {
        (str(row[0]), row[1]): row[2:]
        for row in store.rows(
            f"SELECT day, value, {measures} FROM released_cells {where} AND dimension = 'page'", bound
        )
    }
    goals = {
        str(row[0]): row[1:]
        for row in store.rows(
            f"SELECT day, converters, conversions FROM released_conversions {where} AND dimension = ''", bound
        )
    }
    return day, page, goals


def imported(store: Store, tmp_path: Path, site: str, log: Path, goal: str) -> Summary:
    settings = load(
        sets=(
            f'data="{tmp_path}"',
            f'sites=[{{key="{site}", goals=[{{name="Goal", page="{goal}"}}]}}]',
            "release.k=1",
        ),
        environment={},
    )
    return import_access_log(Engine(settings, store), site, [str(log)], GeoDatabase(None), lambda *_: None)


def generated_log(chance: random.Random, days: int = 3, lines: int = 3000) -> list[str]:
    """Lines around the edges of the definitions: gaps of 29:59 to 30:01, midnights, ties, bots, files, methods."""
    start = dt.datetime(2024, 2, 28, tzinfo=dt.UTC)
    people = [
        (f"198.51.{chance.randrange(4)}.{chance.randrange(256)}", agent.format(chance.randrange(5)))
        for agent in (_PHONE, _DESK)
        for _ in range(40)
    ]
    out = []
    moments = {person: start + dt.timedelta(seconds=chance.randrange(86_400 * days)) for person in people}
    for _ in range(lines):
        person = chance.choice(people)
        step = chance.choice((0, 1, 5, 60, 1799, 1800, 1801, 4000, 20_000))
        moment = moments[person] + dt.timedelta(seconds=step)
        if moment >= start + dt.timedelta(days=days):
            moment = start + dt.timedelta(seconds=chance.randrange(3600))
        moments[person] = moment
        path = chance.choice(
            ("/", "/pricing", "/blog/a", "/blog/b?utm_source=x&id=3", "/thanks", "/caf%C3%A9", "/a.css")
        )
        method, status = chance.choice((("GET", 200),) * 8 + (("GET", 404), ("POST", 200), ("GET", 304), ("HEAD", 200)))
        agent = _BOT if chance.random() < 0.05 else person[1]
        stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        out.append(f'{person[0]} - - [{stamp}] "{method} {path} HTTP/1.1" {status} 99 "-" "{agent}"')
        if chance.random() < 0.02:
            out.append("this is no log line")
    return out


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_a_generated_log_is_counted_alike(
    store: Store, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a big log is read: in many pieces, by two processes.
    monkeypatch.setattr(of_lines, "PIECE", 20_000)
    monkeypatch.setattr(readers, "ALONE", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    lines = generated_log(random.Random(seed))
    log = tmp_path / "access.log"
    log.write_text("\n".join(lines) + "\n")
    site = f"recount-{seed}.example"
    summary = imported(store, tmp_path, site, log, "/thanks")
    views = read(lines)
    assert summary.lines == len(lines)
    assert summary.events == len(views)
    assert summary.events + sum(summary.dropped.values()) == len(lines)
    assert summary.dropped["bad_line"] == lines.count("this is no log line")
    assert footfall_count(store, site) == recount(views, "/thanks")


def test_a_small_log_has_the_numbers_known_by_hand(store: Store, tmp_path: Path) -> None:
    agent, other = _DESK.format(1), _PHONE.format(1)

    def line(address: str, time: str, path: str, agent: str) -> str:
        return f'{address} - - [01/Mar/2024:{time} +0000] "GET {path} HTTP/1.1" 200 1 "-" "{agent}"'

    lines = [
        line("192.0.2.1", "10:00:00", "/", agent),
        line("192.0.2.9", "10:30:00", "/thanks", agent),  # the same /24 and agent: the same visitor, same visit
        line("192.0.2.1", "11:00:01", "/", agent),  # 30:01 later: another visit, a bounce
        line("192.0.2.1", "12:00:00", "/", other),  # another agent: another visitor, a bounce
    ]
    log = tmp_path / "access.log"
    log.write_text("\n".join(lines))
    imported(store, tmp_path, "byhand.example", log, "/thanks")
    day, page, goals = footfall_count(store, "byhand.example")
    assert day == {"2024-03-01": (2, 3, 4, 3, 2, 1800)}
    assert page == {("2024-03-01", "/"): (2, 3, 3, 3, 2, 1800), ("2024-03-01", "/thanks"): (1, 1, 1, 0, 0, 0)}
    assert goals == {"2024-03-01": (1, 1)}


def test_importing_the_same_log_again_changes_nothing_and_says_so(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(generated_log(random.Random(9), lines=200)))
    first = imported(store, tmp_path, "twice.example", log, "/thanks")
    before = footfall_count(store, "twice.example")
    again = imported(store, tmp_path, "twice.example", log, "/thanks")
    assert first.days_released
    assert again.changed_nothing
    assert set(again.days_skipped) == set(first.days_released)
    assert set(again.days_skipped.values()) == {"released already"}
    assert footfall_count(store, "twice.example") == before
    assert not store.rows("SELECT name FROM system.tables WHERE startsWith(name, 'import_')")


def test_live_and_future_days_are_skipped_with_their_reason(store: Store, tmp_path: Path) -> None:
    today = dt.datetime.now(dt.UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    log = tmp_path / "access.log"
    log.write_text(f'192.0.2.1 - - [{today}] "GET / HTTP/1.1" 200 1 "-" "{_DESK.format(1)}"\n')
    summary = imported(store, tmp_path, "live.example", log, "/thanks")
    assert list(summary.days_skipped.values()) == ["not over yet"]
    assert footfall_count(store, "live.example") == ({}, {}, {})
