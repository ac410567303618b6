"""A shop with three orders a day tells Footfall of them from its server, for weeks: what is said of revenue and orders,
of days, weeks and the whole, is true by its own certainty, against what was sent (rule N5). The clock is moved."""

from __future__ import annotations

import datetime as dt
import http.client
import itertools
import json
import random
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from footfall.control.instance import StatsRequest
from footfall.control.remote import remote
from pipeline.waiting_days import first_of
from schema.manifest import FOUR_WEEKS, WEEK
from tests.house import AGENT, Running, eventually, moved_clock, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(900)]

SITE = "shop.example"
GOALS = '[{name = "Buy", event = "purchase"}, {name = "Thanks", page = "/thanks/**"}]'
SOURCES = {"Google": "https://www.google.com/", "Bing": "https://www.bing.com/", "": ""}
SETTINGS = ("--set", f'sites=[{{key="{SITE}", goals={GOALS}}}]', "--set", "demo=false", "--set", "rollup.grace_s=15")
ORDERS_A_DAY, OTHERS_A_DAY = 3, 24


class Order(Struct, frozen=True):
    """day: counted from the first. amount: in minor units. source: of the visit in which it was made."""

    day: int
    buyer: int
    amount: int
    currency: str
    source: str


class Shop:
    """What its server sends, always the same; and what became of it."""

    def __init__(self, house: Running, token: str) -> None:
        self._house, self._token = house, token
        self._chance = random.Random(3)
        self._number = 0
        self._date = dt.date.min
        # Of few orders a third source would hide all: of what a week may release the smallest stays with what it hides.
        self._sources = itertools.cycle(("Google", ""))
        self.orders: list[Order] = []

    def trade(self, day: int) -> None:
        """Have it send a day's events, at once."""
        orders = [event for number in range(ORDERS_A_DAY) for event in self._bought(day, number)]
        events = orders + [event for _ in range(OTHERS_A_DAY) for event in self._looked()]
        # The token, or the new day's key, may be there only in a moment.
        status, answer = eventually(lambda: (told := self._asked("POST", events))[0] not in (401, 503) and told)
        assert (status, answer) == (202, {"accepted": len(events), "dropped": [], "refused": []})

    def between(self, first: int, last: int, source: str | None = None) -> list[Order]:
        """The orders of some days, of one source or of all."""
        return [one for one in self.orders if first <= one.day <= last and source in (None, one.source)]

    def date(self) -> dt.date:
        """Where the clock of the collector stands."""
        self._asked("GET", None)
        return self._date

    def _asked(self, method: str, events: list[dict[str, Any]] | None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._house.port, timeout=60)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, "/api/events", json.dumps(events), headers)
            answer = connection.getresponse()
            self._date = parsedate_to_datetime(answer.headers["date"]).date()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def _somebody(self) -> dict[str, Any]:
        self._number += 1
        address, agent = f"23.{self._number // 250}.{self._number % 250}.9", AGENT.format(100 + self._number % 40)
        return {"address": address, "agent": agent, "do_not_track": None, "global_privacy_control": None}

    def _looked(self) -> Iterator[dict[str, Any]]:
        page = f"https://{SITE}/{self._chance.choice(('', 'shoes', 'hats'))}"
        referrer = self._chance.choice(list(SOURCES.values()))
        yield {"name": "pageview", "url": page, "referrer": referrer, "visitor": self._somebody()}

    def _bought(self, day: int, number: int) -> Iterator[dict[str, Any]]:
        """Most orders are in euros; on every other day one is in pounds, or the buyer orders twice."""
        who, source = self._somebody(), next(self._sources)
        url, referrer = f"https://{SITE}/thanks/now", SOURCES[source]
        currency = "GBP" if number == 0 and day % 2 else "EUR"
        yield {"name": "pageview", "url": url, "referrer": referrer, "visitor": who}
        for again in range(2 if number == 1 and not day % 2 else 1):
            amount = self._chance.randint(500, 9900)
            self.orders.append(Order(day, self._number, amount, currency, source))
            paid = {"amount": f"{amount / 100:.2f}", "currency": currency}
            event = {"id": f"{day}-{number}-{again}", "name": "purchase", "url": url, "revenue": paid, "visitor": who}
            yield event
            # The shop's queue delivers some of them twice.
            if number == 2:
                yield event


@pytest.mark.parametrize("days", [WEEK, pytest.param(FOUR_WEEKS, marks=pytest.mark.long)])
def test_revenue_of_three_orders_a_day_is_what_its_certainty_says(data: Path, days: int) -> None:
    first = four_weeks_begin()

    def day(number: int) -> dt.date:
        return first + dt.timedelta(days=number)

    with moved_clock(data.parent / "clock") as move:

        def noon(number: int) -> None:
            move(dt.datetime.combine(day(number), dt.time(12), dt.UTC).timestamp() - time.time())

        noon(0)
        with running(data, *SETTINGS, sites=()) as house:
            told = house.command("token", "create", SITE, "--name", "shop").stdout
            shop = Shop(house, next(word for word in told.split() if len(word) > 30))
            for number in range(days):
                noon(number)
                eventually(lambda n=number: shop.date() == day(n))
                shop.trade(number)
            noon(days)
            asked = remote(data / "control.sock")
            blocks = days // WEEK + days // FOUR_WEEKS
            eventually(
                lambda: len(asked.release_log(SITE, str(day(0)), str(day(days)))["entries"]) == days + blocks, 150
            )

            def goals(begin: int, end: int, *filters: str) -> dict[str, dict[str, Any]]:
                answer = asked.stats(StatsRequest(SITE, str(day(begin)), str(day(end)), "goal", filters))
                return {row["value"]: row for row in answer["rows"]}

            periods = [(number, number) for number in range(days)] + [(n, n + 6) for n in range(0, days, WEEK)]
            for begin, end in (*periods, (0, days - 1), (2, days - 2)):
                for source in (None, *SOURCES):
                    filters = () if source is None else (f"source=={source}",)
                    hold(goals(begin, end, *filters), shop.between(begin, end, source))
            week, whole = goals(0, WEEK - 1)["Buy"], shop.between(0, WEEK - 1)
            [revenue] = week["revenue"]
            print(f"a week: {week['conversions']} of {len(whole)} orders, {revenue['value']} EUR, {week['certainty']}")
            assert week["conversions"] == len(whole)
            assert revenue["amount"] == sum(order.amount for order in whole if order.currency == "EUR")
            told = goals(0, WEEK - 1, "source==Google")["Buy"]
            assert told["conversions"] == len(shop.between(0, WEEK - 1, "Google"))
            assert goals(0, 0) == {}, "three orders of a day are nobody's to know"
            house.kill()


def hold(rows: dict[str, dict[str, Any]], orders: list[Order]) -> None:
    """What is called exact is exact, all else is a lower bound; of revenue in each currency, too."""
    for goal in rows.values():
        true(goal["certainty"], goal["conversions"], len(orders))
        true(goal["certainty"], goal["visitors"], len({order.buyer for order in orders}))
        for revenue in goal["revenue"]:
            mine = [order for order in orders if order.currency == revenue["currency"]]
            true(revenue["certainty"], revenue["amount"], sum(order.amount for order in mine))
            true(revenue["certainty"], revenue["payers"], len({order.buyer for order in mine}))


def true(certainty: str, told: int, sent: int) -> None:
    assert told == sent if certainty == "exact" else 0 < told <= sent, (certainty, told, sent)


def four_weeks_begin() -> dt.date:
    """The first day, from today on, with which four weeks begin."""
    today = dt.datetime.now(dt.UTC).date()
    begun = first_of(today, FOUR_WEEKS)
    return begun if begun == today else begun + dt.timedelta(days=FOUR_WEEKS)
