"""Rollup rows by hand, and browsers before and after they sign in.

In: the `store` of tests/conftest.py. Out: fixtures `rollups`, `reports`, `accounts`, `visitor`, `client`.
Promises: every test has a site of its own, because the one store lives as long as the process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.exceptions import StarletteDeprecationWarning

from collector.tokens import Tokens
from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.settings import DashboardSettings
from dashboards.stats.report import Reports
from dashboards.web.engineers import Compared, Told
from footfall.readers import finder
from footfall.settings import Settings, load
from schema.site import Goal, Site
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, VITALS
from tests.conftest import CHEAP
from tests.histogram import bucket_of

with warnings.catch_warnings():
    # It would rather have httpx2; httpx is what the whole house is tested with.
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

# A Wednesday, noon in Berlin; ahead of any real clock.
NOW = dt.datetime(2031, 6, 18, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
_KEY = ("site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value")
_MEASURES = {
    "cells": (
        "visitors",
        "visits",
        "pageviews",
        "events",
        "entries",
        "exits",
        "bounces",
        "visit_seconds",
        "engaged_ms",
    ),
    "conversions": ("goal", "currency", "converters", "conversions", "amount", "payers"),
    "funnels": ("funnel", "step", "people", "unsure"),
    "properties": ("event", "property", "in_currency", "property_value", "visitors", "events", "amount"),
    "engagement": ("page", "report", "band", "visitors", "visits", "depth"),
    "journeys": ("kind", "origin", "target", "people", "times"),
    "segments": ("segment", "visitors", "visits", "pageviews", "bounces", "visit_seconds"),
    "segment_goals": ("segment", "goal", "currency", "converters", "conversions", "amount", "payers"),
    "segment_vitals": ("segment", "metric", "bucket", "samples", "good", "poor", "people"),
    "experience": ("vital", "goal", "band", "people", "converters"),
    "vitals": ("metric", "buckets", "counts", "samples", "good", "poor", "people"),
}
_names = itertools.count(1)


class Rollups:
    """Puts rows of one site into the rollup tables."""

    def __init__(self, store: Store, site: Site) -> None:
        self.store = store
        self.site = site
        self._gathered: dict[tuple[str, tuple[str, ...]], list[Sequence[object]]] = {}
        self._waits = False

    def cell(
        self, day: dt.date, dimension: str = "", value: str = "", *, released: bool = False, **measures: int
    ) -> None:
        """A cell; measures left out follow from visitors, so that most tests name one number."""
        people = measures.setdefault("visitors", 0)
        for name, number in (("visits", people), ("pageviews", people), ("events", people), ("entries", people)):
            measures.setdefault(name, number)
        self._insert("cells", day, dimension, value, released, measures)

    def hour(self, day: dt.date, hour: int, *, folded: bool = False, **measures: int) -> None:
        """An hour; folded: what the day's small hours hold together."""
        period = None if folded else dt.datetime(day.year, day.month, day.day, hour, tzinfo=self._zone)
        self._insert("cells", day, "", "(other)" if folded else "", False, measures, "hour", period)

    def goal(
        self, day: dt.date, goal: str, converters: int, conversions: int, released: bool = False, **more: str
    ) -> None:
        measures = {"converters": converters, "conversions": conversions}
        key = (more.get("dimension", ""), more.get("value", ""))
        self._insert("conversions", day, *key, released, {"goal": goal, "currency": "", **measures})

    def revenue(self, day: dt.date, goal: str, currency: str, amount: int, payers: int, released: bool = False) -> None:
        measures = {"goal": goal, "currency": currency, "amount": amount, "payers": payers}
        self._insert("conversions", day, "", "", released, measures)

    def step(self, day: dt.date, funnel: str, step: int, people: int, unsure: int = 0, **more: str) -> None:
        """A released step."""
        key = (more.get("dimension", ""), more.get("value", ""))
        measures = {"funnel": funnel, "step": step, "people": people, "unsure": unsure}
        self._insert("funnels", day, *key, True, measures)

    def of_property(
        self, day: dt.date, event: str, name: str, value: str, visitors: int, events: int, **paid: object
    ) -> None:
        """A value, or with in_currency and amount who paid."""
        key = {"event": event, "property": name, "in_currency": "", "property_value": value}
        row = key | {"visitors": visitors, "events": events, "amount": 0} | paid
        self._insert("properties", day, "", "", False, row)

    def band(self, day: dt.date, page: str, report: str, band: int, visits: int, depth: int = 0) -> None:
        """Visits that are in a band of a page, each a visitor's."""
        key = {"page": page, "report": report, "band": band}
        row = key | {"visitors": visits, "visits": visits, "depth": depth}
        self._insert("engagement", day, "", "", False, row)

    def pair(self, day: dt.date, one: tuple[str, str], other: tuple[str, str], visits: int, bounces: int = 0) -> None:
        """A cell of two values, each with its dimension, in the order of the registry; each visit a visitor's."""
        start = int(dt.datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())
        row: dict[str, object] = dict(zip(_KEY, (self.site.key, "day", day, start, *one, *other), strict=True))
        row |= dict.fromkeys(("visitors", "visits", "pageviews"), visits) | {"bounces": bounces, "visit_seconds": 0}
        self._put("released_pairs", list(row), list(row.values()))

    def reached(
        self, day: dt.date, one: tuple[str, str], other: tuple[str, str], goal: str, converters: int, amount: int = 0
    ) -> None:
        """Who of a cell reached a goal, each of them once; amount: what they paid, in EUR."""
        start = int(dt.datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())
        key: dict[str, object] = dict(zip(_KEY, (self.site.key, "day", day, start, *one, *other), strict=True))
        rows: list[dict[str, object]] = [{"currency": "", "converters": converters, "conversions": converters}]
        rows += [{"currency": "EUR", "amount": amount, "payers": converters}] if amount else []
        for row in rows:
            its = key | {"goal": goal} | row
            self._put("released_pair_goals", list(its), list(its.values()))

    def way(self, day: dt.date, kind: str, origin: str, target: str, people: int, times: int) -> None:
        """From where to where people went."""
        row = {"kind": kind, "origin": origin, "target": target, "people": people, "times": times}
        self._insert("journeys", day, "", "", False, row)

    def segment(
        self, day: dt.date, name: str, visitors: int, dimension: str = "", value: str = "", bounces: int = 0
    ) -> None:
        """A released row of a segment; each visit a visitor's, of two page views."""
        row: dict[str, object] = {"segment": name, "bounces": bounces, "visit_seconds": 60 * visitors}
        row |= {"visitors": visitors, "visits": visitors, "pageviews": 2 * visitors}
        self._insert("segments", day, dimension, value, True, row)

    def goal_of(
        self,
        day: dt.date,
        segment: str,
        goal: str,
        converters: int,
        conversions: int,
        currency: str = "",
        amount: int = 0,
    ) -> None:
        """A released row of who of a segment reached a goal, or with a currency of what they paid."""
        row: dict[str, object] = {"segment": segment, "goal": goal, "currency": currency, "amount": amount}
        row |= {"payers": converters} if currency else {"converters": converters, "conversions": conversions}
        self._insert("segment_goals", day, "", "", True, row)

    def vital_of(self, day: dt.date, segment: str, metric: str, values: list[float], people: int) -> None:
        """The released histogram of these values of a segment, and how many people they came from."""
        vital = VITALS[metric]
        counts = Counter((bucket_of(vital, one), one <= vital.good, one > vital.poor) for one in values)
        for (bucket, good, poor), many in counts.items():
            row = {"segment": segment, "metric": metric, "bucket": bucket, "samples": many}
            self._insert("segment_vitals", day, "", "", True, row | {"good": many * good, "poor": many * poor})
        row = {"segment": segment, "metric": metric, "bucket": PEOPLE_BUCKET, "people": people}
        self._insert("segment_vitals", day, "", "", True, row)

    def rate(self, day: dt.date, vital: str, goal: str, band: str, people: int, converters: int, **more: str) -> None:
        """A released rate."""
        key = (more.get("dimension", ""), more.get("value", ""))
        row = {"vital": vital, "goal": goal, "band": band, "people": people, "converters": converters}
        self._insert("experience", day, *key, True, row)

    def vital(
        self, day: dt.date, metric: str, values: list[float], people: int, dimension: str = "", value: str = ""
    ) -> None:
        """The histogram of these values, and how many people they came from."""
        vital = VITALS[metric]
        counts = sorted(Counter(bucket_of(vital, one) for one in values).items())
        row = {
            "metric": metric,
            "buckets": [bucket for bucket, _ in counts],
            "counts": [count for _, count in counts],
            "samples": len(values),
            "good": sum(one <= vital.good for one in values),
            "poor": sum(one > vital.poor for one in values),
            "people": people,
        }
        self._insert("vitals", day, dimension, value, False, row)

    def snapshot(self, day: dt.date, at: dt.datetime) -> None:
        """That an open day is shown as of then."""
        second = int(at.timestamp())
        columns = {"site": self.site.key, "day": day, "version": second * 10**9, "k": 5, "as_of": second}
        self.store.insert("open_through", list(columns), [[value] for value in columns.values()])

    def release(self, day: dt.date, k: int = 5, rows: int = 1, **told: object) -> None:
        columns = {"site": self.site.key, "day": day, "k": k, "rows": rows, "complete": 1} | told
        self._put("manifest", list(columns), list(columns.values()))

    def bare_total(self, first: dt.date, pageviews: int, complete: bool = True) -> None:
        """What is published of four weeks."""
        row = {"site": self.site.key, "day": first, "pageviews": pageviews, "complete": complete}
        self.store.insert("bare_totals", list(row), [[value] for value in row.values()])

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.site.timezone)

    def _insert(
        self,
        family: str,
        day: dt.date,
        dimension: str,
        value: str,
        released: bool,
        measures: dict[str, object],
        grain: str = "day",
        period: dt.datetime | None = None,
    ) -> None:
        start = period or dt.datetime(day.year, day.month, day.day, tzinfo=self._zone)
        key = (self.site.key, grain, day, int(start.timestamp()), dimension, value, "", "")
        # What comes of others where it is not named is named only where a test gives it.
        names = (*_MEASURES[family], *(name for name in measures if name not in _MEASURES[family]))
        row = [*key, *(measures.get(name, "" if name in ("goal", "currency", "metric") else 0) for name in names)]
        self._put(f"{'released' if released else 'open'}_{family}", (*_KEY, *names), row)

    def _put(self, table: str, columns: Sequence[str], row: Sequence[object]) -> None:
        self._gathered.setdefault((table, tuple(columns)), []).append(row)
        if not self._waits:
            self._write()

    def _write(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for (table, columns), rows in gathered.items():
            self.store.insert(table, columns, [list(column) for column in zip(*rows, strict=True)])

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is put meanwhile is there at the end, by one insert a table: a thousand of them take 15 s."""
        before, self._waits = self._waits, True
        yield
        self._waits = before
        self._write()

    @contextlib.contextmanager
    def until_asked(self) -> Iterator[None]:
        """What is put meanwhile is there as soon as anybody asks the store anything."""
        asked, lock = self.store._run, threading.RLock()

        def run(call: Any) -> Any:
            with lock:
                self._write()
            return asked(call)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.store, "_run", run)
            self._waits = True
            yield


@pytest.fixture
def rollups(store: Store) -> Iterator[Rollups]:
    """A fresh site without any rows."""
    goals = (Goal("Signup", event="signup"), Goal("Purchase", event="purchase"))
    made = Rollups(store, Site(f"site{next(_names)}.example", timezone="Europe/Berlin", goals=goals))
    with made.until_asked():
        yield made


@pytest.fixture
def reports(rollups: Rollups) -> Reports:
    return Reports(rollups.store, [rollups.site], clock=NOW.timestamp)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    opened = Accounts(tmp_path / "accounts.sqlite", hasher=CHEAP)
    yield opened
    opened.close()


@pytest.fixture
def visitor(reports: Reports, accounts: Accounts) -> Iterator[TestClient]:
    """A browser that has not signed in."""
    app = create_app(reports, accounts, DashboardSettings(), "https://collect.example/")
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


@pytest.fixture
def client(visitor: TestClient, accounts: Accounts) -> TestClient:
    """A browser that has signed in."""
    assert visitor.get(f"/sign-in/{accounts.create_sign_in_link_token()}").status_code == 303
    return visitor


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, [], {"data": str(tmp_path)}, environment={})


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens.json")


@pytest.fixture
def program(rollups: Any, accounts: Accounts, settings: Settings) -> Iterator[TestClient]:
    """Not signed in. There is a second site, and there are engineers' pages."""
    both = Reports(rollups.store, [rollups.site, Site("other.example")], clock=NOW.timestamp)
    app = create_app(
        both,
        accounts,
        compare=lambda scope, form: Compared((), ()),
        why=lambda: Told((), ()),
        health=tuple,
        find_reader=finder(settings, accounts),
    )
    with TestClient(app, follow_redirects=False) as client:
        yield client


class Clock:
    """Unix seconds, as a test sets them."""

    now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def today() -> dt.date:
    return NOW.date()


@pytest.fixture
def ago() -> Callable[[int], dt.date]:
    """The date that many days before today."""
    return lambda days: NOW.date() - dt.timedelta(days=days)
