"""Rules of dashboards/delivery: digests are the page's numbers, come once, from released days; alerts tell no more than
pages do."""

from __future__ import annotations

import datetime as dt
import json
import re
import smtplib
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.delivery import deliver
from dashboards.delivery.deliver import TROUBLE_AFTER_S, Deliveries, SecretMissing, Trouble, Wanted
from dashboards.delivery.digest import last_before, period_of
from dashboards.delivery.outbox import Outbox
from dashboards.delivery.settings import Alert, AlertSettings, Digest, MailSettings
from dashboards.stats.report import Reports
from tests.dashboards.conftest import NOW, Rollups, TestClient
from tests.dashboards.test_webhook import Hook
from tests.dashboards.test_webhook import serving as serving_hook
from tests.mail_server import Inbox, serving

BOSS, ANN = "boss@example.com", "ann@example.com"
BASE = "https://stats.example/figures"
MONDAY = dt.date(2031, 6, 9)
DAY = dt.timedelta(days=1)


class House:
    """What is sent of one site. at: the time there."""

    def __init__(self, rollups: Rollups, outbox: Outbox, inbox: Inbox, folder: Path) -> None:
        self.rollups, self.outbox, self.inbox, self.folder = rollups, outbox, inbox, folder
        self.at = NOW

    def deliver(
        self, digests: Sequence[Digest] = (), alerts: Sequence[Alert] = (), trouble: tuple[str, ...] = (), **more: Any
    ) -> Deliveries:
        """What sends; each run looks at the same house."""
        secret = self.folder / "secret"
        secret.write_text("0123456789abcdef")
        mail = MailSettings(
            server="127.0.0.1", port=self.inbox.port, security="none", sender="stats@shop.example", hour=8
        )
        wanted = [Wanted(self.rollups.site, tuple(digests), tuple(alerts))]
        told = AlertSettings(str(secret), trouble)
        return Deliveries(self.reports, self.outbox, mail, told, BASE, lambda: wanted, clock=self.now, **more)

    @property
    def reports(self) -> Reports:
        return Reports(self.rollups.store, [self.rollups.site], clock=self.now)

    def now(self) -> float:
        return self.at.timestamp()

    def mails(self) -> list[EmailMessage]:
        """Those that came since the last look."""
        found = [mail for _, mail in self.inbox.mails]
        self.inbox.mails.clear()
        return found


@pytest.fixture
def house(rollups: Rollups, tmp_path: Path) -> Iterator[House]:
    with serving(Inbox()) as inbox:
        found = House(rollups, Outbox(tmp_path / "deliveries.sqlite"), inbox, tmp_path)
        yield found
        found.outbox.close()


def week(rollups: Rollups, released: int = 7, first: dt.date = MONDAY) -> None:
    """A week of days, each of 100 visitors and one more than the day before."""
    with rollups.together():
        for n in range(7):
            day, over = first + n * DAY, n < released
            rollups.cell(day, visitors=100 + n, pageviews=300, bounces=20, visit_seconds=6000, released=over)
            rollups.cell(day, "source", "Größe & <b>", visitors=60, released=over)
            rollups.cell(day, "page", "/", visitors=90, released=over)
            rollups.goal(day, "Signup", 10, 12, released=over)
            if over:
                rollups.release(day)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_when_a_digest_is_due() -> None:
    def due(every: Any, text: str) -> str:
        period = period_of(every, dt.datetime.fromisoformat(text), 8)
        return f"{period.first} {period.last}" if period else ""

    assert due("week", "2031-06-16T07:59") == ""
    assert due("week", "2031-06-16T08:00") == "2031-06-09 2031-06-15"
    assert due("week", "2031-06-18T00:10") == "2031-06-09 2031-06-15"
    assert due("week", "2031-06-19T12:00") == ""
    assert due("month", "2031-06-01T08:00") == "2031-05-01 2031-05-31"
    assert due("month", "2031-06-06T08:00") == ""
    assert str(last_before("month", dt.date(2031, 1, 31)).first) == "2030-12-01"


@pytest.mark.slow
def test_a_week_is_mailed_once_to_each_with_the_numbers_of_the_page(
    house: House, rollups: Rollups, accounts: Accounts
) -> None:
    week(rollups)
    week(rollups, first=MONDAY - 7 * DAY)
    rollups.revenue(MONDAY, "Signup", "EUR", 123_450, 8, released=True)
    sender = house.deliver([Digest("week", (BOSS, ANN))])
    sender.run()
    sender.run()
    found = house.mails()
    assert sorted(mail["To"] for mail in found) == [ANN, BOSS]
    assert found[0]["Subject"] == f"{rollups.site.key}, week of 9–15 Jun 2031: 721 visitors (no change)"
    address = re.search(rf"{re.escape(BASE)}(/sites/\S+)", text_of(found[0]))
    assert address is not None
    with TestClient(create_app(house.reports, accounts), headers={"sec-fetch-site": "same-origin"}) as browser:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        page = browser.get(address[1]).text
    html = text_of(found[0], "html")
    for told in ("721", "58s", "Größe &amp; &lt;b&gt;", "420", "630", "70", "€1,234.50"):
        assert told in page, told
        assert told in html, told
    # Nothing in it asks anybody's network for anything.
    assert not re.search(r"<img|<script|<link|@import|url\(", html)
    assert re.findall(r'href="([^"]*)"', html)[-1].startswith(f"{BASE}/unsubscribe/")


def test_it_waits_until_the_last_day_is_released(house: House, rollups: Rollups) -> None:
    week(rollups, released=6)
    sender = house.deliver([Digest("week", (BOSS,))])
    sender.run()
    assert house.mails() == []
    assert house.outbox.all() == []
    rollups.cell(MONDAY + 6 * DAY, visitors=106, released=True)
    rollups.release(MONDAY + 6 * DAY)
    sender.run()
    assert len(house.mails()) == 1


def test_of_a_site_that_was_not_there_yet_nothing_is_sent(house: House) -> None:
    house.deliver([Digest("week", (BOSS,)), Digest("month", (BOSS,))]).run()
    assert house.mails() == []


def test_a_server_that_is_away_gets_it_later_and_a_defect_harms_no_other(
    house: House, rollups: Rollups, monkeypatch: pytest.MonkeyPatch
) -> None:
    week(rollups)
    port, house.inbox.port = house.inbox.port, 1
    house.deliver([Digest("week", (BOSS,))]).run()
    [waits] = house.outbox.all()
    assert (waits.state, waits.attempts) == ("due", 1)
    house.inbox.port = port
    house.outbox._clock = lambda: waits.at + 301  # as if five minutes had gone by
    again, quit_ = house.deliver([Digest("month", (ANN,)), Digest("week", (BOSS,))]), smtplib.SMTP.quit
    monkeypatch.setattr(smtplib.SMTP, "quit", lambda self: quit_(self) and 1 / 0)
    again.run()
    assert [mail["To"] for mail in house.mails()] == [BOSS]
    # What failed after it was given away may have arrived: never again.
    assert [one.state for one in house.outbox.all()] == ["handing over"]


def test_who_presses_the_button_gets_no_more_and_opening_the_page_does_nothing(
    house: House, rollups: Rollups, accounts: Accounts
) -> None:
    week(rollups)
    sender = house.deliver([Digest("week", (BOSS, ANN))])
    sender.run()
    mails = {mail["To"]: mail for mail in house.mails()}
    address = mails[BOSS]["List-Unsubscribe"].strip("<>").removeprefix(BASE)
    list_ = f"digest week {rollups.site.key}"
    app = create_app(house.reports, accounts, outbox=house.outbox)
    with TestClient(app, follow_redirects=False) as program:
        assert "No more mail?" in program.get(address).text
        assert house.outbox.wants(list_, BOSS)
        assert program.post(address.replace("week", "month"), data={"List-Unsubscribe": "One-Click"}).status_code == 404
        assert program.get(address[:40]).status_code == 404
        # As a mail program asks: from nowhere, without a cookie.
        done = program.post(address, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, "Done" in done.text) == (200, True)
        assert "Done" in program.get(address).text
        # It opens no other door.
        assert program.post("/sign-out").status_code == 403
    assert not house.outbox.wants(list_, BOSS)
    week(rollups, first=MONDAY + 7 * DAY)
    house.at += 7 * DAY
    sender.run()
    assert [mail["To"] for mail in house.mails()] == [ANN]


def past(rollups: Rollups, day: dt.date, people: int, weeks: int = 8) -> None:
    """The same weekday of the weeks before, released."""
    with rollups.together():
        for n in range(1, weeks + 1):
            rollups.cell(day - 7 * n * DAY, visitors=people + n % 3, released=True)
            rollups.release(day - 7 * n * DAY)


@pytest.mark.parametrize(("visitors", "on"), [(1000, "spike"), (10, "drop"), (101, "")])
def test_a_day_that_is_not_usual_is_told_once(
    house: House,
    rollups: Rollups,
    ago: Callable[[int], dt.date],
    visitors: int,
    on: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    past(rollups, ago(1), 100)
    rollups.cell(ago(1), visitors=visitors, released=True)
    rollups.release(ago(1))
    sender = house.deliver(alerts=[Alert("spike", (BOSS,)), Alert("drop", (BOSS,))])
    sender.run()
    asked: list[tuple[str, dt.date]] = []
    monkeypatch.setattr(deliver, "alert_of", lambda look, alert, day: asked.append((alert.on, day)))
    sender.run()
    # What everybody has is not worked out again.
    every = [("spike", NOW.date()), ("spike", ago(1)), ("drop", ago(1))]
    assert asked == [one for one in every if one != (on, ago(1))]
    found = house.mails()
    assert len(found) == bool(on)
    for mail in found:
        word = {"spike": "more", "drop": "fewer"}[on]
        assert mail["Subject"].strip() == f"{rollups.site.key}: {visitors:,} visitors on 17 Jun 2031, {word} than usual"
        assert "Usual on Tuesdays: 99–103 (of eight weeks, 95%)." in text_of(mail).replace("\n", " ")
        assert f"{BASE}/sites/{rollups.site.key}?period=custom&from=2031-06-17&to=2031-06-17" in text_of(mail)


def test_a_day_that_is_not_shown_is_a_drop_without_a_number_and_never_a_spike(
    house: House, rollups: Rollups, ago: Callable[[int], dt.date]
) -> None:
    """Whoever wants to know that a site has fallen wants it most where it has fallen to few. The page says no more."""
    past(rollups, ago(1), 100)
    rollups.release(ago(1), rows=0)
    with serving_hook(Hook()) as hook:
        to = (BOSS, hook.address)
        house.deliver(alerts=[Alert("spike", to), Alert("drop", to)]).run()
    [mail] = house.mails()
    # Where the name of a site is longer its line is folded, before which a reader leaves a blank.
    assert mail["Subject"].strip() == f"{rollups.site.key}: fewer than 5 visitors on 17 Jun 2031, fewer than usual"
    [(_, body)] = hook.got
    assert json.loads(body)["visitors"] is None


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_site_of_which_nothing_arrives_is_a_drop_after_two_days(
    house: House, rollups: Rollups, ago: Callable[[int], dt.date], last: int
) -> None:
    past(rollups, ago(1), 100)
    rollups.cell(ago(last), visitors=100, released=last > 1)
    if last > 1:
        rollups.release(ago(last))
    house.deliver(alerts=[Alert("spike", (BOSS,)), Alert("drop", (BOSS,))]).run()
    told = [mail["Subject"] for mail in house.mails()]
    assert told == [f"{rollups.site.key}: no data since 15 Jun 2031"] * (last == 3)


def test_where_few_are_usual_a_day_that_is_not_shown_is_no_drop(
    house: House, rollups: Rollups, ago: Callable[[int], dt.date]
) -> None:
    with rollups.together():
        for n in range(1, 9):
            rollups.cell(ago(1 + 7 * n), visitors=5 + 15 * (n % 2), released=True)
            rollups.release(ago(1 + 7 * n))
        rollups.release(ago(1), rows=0)
    house.deliver(alerts=[Alert("spike", (BOSS,)), Alert("drop", (BOSS,))]).run()
    assert house.mails() == []


def test_today_may_be_a_spike_as_far_as_it_is_shown_and_never_a_drop(
    house: House, rollups: Rollups, today: dt.date
) -> None:
    past(rollups, today, 100)
    rollups.cell(today, visitors=3)
    sender = house.deliver(alerts=[Alert("spike", (BOSS,)), Alert("drop", (BOSS,))])
    sender.run()
    assert house.mails() == []
    rollups.cell(today, visitors=500)
    sender.run()
    [mail] = house.mails()
    assert "503 visitors on 18 Jun 2031 so far, more than usual" in mail["Subject"]


def test_too_few_weeks_alarm_nobody(house: House, rollups: Rollups, ago: Callable[[int], dt.date]) -> None:
    past(rollups, ago(1), 100, weeks=3)
    rollups.cell(ago(1), visitors=5, released=True)
    rollups.release(ago(1))
    house.deliver(alerts=[Alert("spike", (BOSS,)), Alert("drop", (BOSS,))]).run()
    assert house.mails() == []


def test_a_rate_alarms_below_its_limit_where_chance_does_not_explain_it(
    house: House, rollups: Rollups, ago: Callable[[int], dt.date]
) -> None:
    with rollups.together():
        for n in range(1, 8):
            rollups.cell(ago(n), visitors=1000, released=True)
            rollups.goal(ago(n), "Signup", 20, 20, released=True)
            rollups.release(ago(n))
    near, far = Alert("goal", (BOSS,), "Signup", 2.1), Alert("goal", (BOSS,), "Signup", 3.0)
    house.deliver(alerts=[near, Alert("goal", (BOSS,), "Purchase", 3.0)]).run()
    assert house.mails() == []
    house.deliver(alerts=[far]).run()
    [mail] = house.mails()
    assert mail["Subject"] == f"{rollups.site.key}: Signup 2%, below 3%"
    assert "Signup: 140 of 7,000 visitors, 2% (1.7% – 2.4%)" in text_of(mail).replace("\n", " ")


def test_slow_pages_and_leaks_are_told_and_a_webhook_gets_the_numbers(
    house: House, rollups: Rollups, ago: Callable[[int], dt.date]
) -> None:
    rollups.vital(ago(1), "lcp", [3000.0] * 40, 40)
    rollups.cell(ago(1), visitors=50)
    rollups.cell(ago(1), "page", "/reset/:email", visitors=8)
    with serving_hook(Hook()) as hook:
        alerts = [Alert("lcp", (hook.address,)), Alert("lcp", (hook.address,), above=4000), Alert("leak", (BOSS,))]
        sender = house.deliver(alerts=alerts)
        sender.run()
        sender.run()
    [(_, body)] = hook.got
    assert b'"on":"lcp"' in body
    assert b'"people":40' in body
    [mail] = house.mails()
    assert "/reset/:email (path: email)" in text_of(mail)


def test_trouble_that_stays_is_told_once_a_day(house: House) -> None:
    there = [Trouble("store", "does not answer", "start it")]
    house.outbox._clock = house.now
    sender = house.deliver(trouble=(BOSS,), troubles=lambda: there)
    sender.run()
    assert house.mails() == []
    house.at += dt.timedelta(seconds=TROUBLE_AFTER_S)
    sender.run()
    house.at += dt.timedelta(seconds=600)
    sender.run()
    [mail] = house.mails()
    assert mail["Subject"] == "Footfall: store is in trouble"
    assert text_of(mail).split("\n")[:2] == ["does not answer", "start it"]
    # What was over in between begins anew.
    there.clear()
    sender.run()
    there.append(Trouble("store", "does not answer"))
    house.at += DAY
    sender.run()
    assert house.mails() == []


def test_webhooks_are_signed_or_nothing_starts(house: House, tmp_path: Path) -> None:
    for content, why in (("short", "fewer than 16"), (None, "No such file")):
        path = tmp_path / "signs"
        path.unlink(missing_ok=True)
        if content:
            path.write_text(content)
        with pytest.raises(SecretMissing, match=why):
            Deliveries(house.reports, house.outbox, MailSettings(), AlertSettings(str(path)), BASE, list)


def test_nothing_that_a_stranger_sent_is_markup_or_a_header(house: House, rollups: Rollups) -> None:
    week(rollups)
    site = replace(rollups.site, key=rollups.site.key)
    made = house.deliver([Digest("week", (BOSS,))])
    made.run()
    [mail] = house.mails()
    assert "<b>" not in text_of(mail, "html")
    assert "Größe & <b>" in text_of(mail)
    assert site.key in mail["Subject"]
