"""The dashboards over rollup rows made by hand, with every card filled, served to a real browser.

In: a store. Out: `served`, the address and a sign-in link. Promises: one process, one engine, a port of its own; the
clock stands still, so that pages are the same from run to run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette

from collector.enrich.geo import GeoDatabase
from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.delivery.outbox import Outbox
from dashboards.editing.desk import Draft, digest_of
from dashboards.settings import DashboardSettings
from dashboards.sharing.shares import Shares
from dashboards.stats.report import Reports
from dashboards.web.engineers import Checked, Compared, Missing, Sent, Told
from footfall.about_site import teller
from footfall.control.editing import EditDesk
from footfall.control.engine import Engine
from footfall.notebook import EngineNotes
from footfall.settings import load
from schema.site import Goal, Site
from schema.store import Store
from tests.conftest import CHEAP
from tests.dashboards.conftest import NOW, Rollups

GOALS = (Goal("Signup", event="signup"), Goal("Purchase", event="purchase"), Goal("Never", event="never"))
LONG = "/a/path/of/many/words/that-fits-into-no-column-of-a-telephone/whatever-is-done-about-it"
VALUES = {
    "source": ("", "Google", "Mastodon", "A newsletter with a rather long name indeed"),
    "channel": ("Direct", "Organic Search"),
    "referrer": ("google.com", "mastodon.example/deep/page"),
    "page": ("/", "/pricing", LONG, "/u/:email"),
    "entry_page": ("/", LONG),
    "exit_page": ("/thanks",),
    "hostname": ("shop.example",),
    "country": ("DE", "AT", "GB", "(other)"),
    "region": ("DE-BE",),
    "city": ("Berlin, DE-BE",),
    "language": ("de", "en"),
    "served_language": ("de → en", "en → en", "fr → und"),
    "utm_campaign": ("summer",),
    "device": ("desktop", "mobile"),
    "browser": ("Firefox", "Chrome"),
    "browser_version": ("Firefox 142", "Chrome 143"),
    "os": ("Linux",),
    "os_version": ("Linux",),
    "screen": ("1440",),
    "event": ("signup", "file_download"),
}
MISSING = Missing("20 or more", "shop.example", "plausible", "host", "the host is not one of the site's", "evil.test/a")


class Served(Struct, frozen=True):
    """base: the address. The rest is for tests that change what is shown."""

    base: str
    app: Starlette
    accounts: Accounts
    reports: Reports
    rollups: Rollups
    shares: Shares
    outbox: Outbox

    def link(self) -> str:
        return f"{self.base}/sign-in/{self.accounts.create_sign_in_link_token()}"


def fill(rollups: Rollups, days: int = 40) -> None:
    """Rows for every card, of so many days up to today."""
    today = NOW.date()
    for back in range(days, -1, -1):
        day = today - dt.timedelta(days=back)
        people = 1200 + 37 * (back % 7)
        released = back > 0
        rollups.cell(day, visitors=people, pageviews=3 * people, bounces=people // 3, released=released)
        for dimension, values in VALUES.items():
            for rank, value in enumerate(values):
                rollups.cell(day, dimension, value, visitors=people // (rank + 2), released=released)
        if released:
            rollups.release(day)
    rollups.goal(today, "Purchase", 30, 31)
    rollups.revenue(today, "Purchase", "EUR", 123_450, 8)
    for metric, values in (("lcp", [2000, 3000, 5000]), ("inp", [100, 300, 700]), ("cls", [0.05, 0.2, 0.4])):
        rollups.vital(today, metric, values, people=30)
        for dimension, value in (("page", LONG), ("device", "mobile"), ("country", "DE")):
            rollups.vital(today, metric, values, people=20, dimension=dimension, value=value)
    yesterday, key = today - dt.timedelta(days=1), rollups.site.key
    crawlers = [(key, yesterday, name, section, 1200) for name in ("GPTBot", "Googlebot") for section in ("/", LONG)]
    rollups.store.insert("crawlers", ("site", "day", "crawler", "section", "views"), list(zip(*crawlers, strict=True)))
    dropped = [(key, yesterday, reason, 30) for reason in ("bot", "referrer_spam")]
    rollups.store.insert("outcomes", ("site", "day", "reason", "count"), list(zip(*dropped, strict=True)))
    rollups.bare_total(today - dt.timedelta(days=40), 0)


def declare(desk: EditDesk, key: str) -> None:
    """A goal of an editor's, beside those of the settings."""
    draft = Draft(0, "goals", "", {"name": "Read to the end", "page": LONG})
    desk.apply(key, draft, digest_of(draft), "ada")


@contextlib.contextmanager
def served(store: Store, room: Path, key: str = "shop.example") -> Iterator[Served]:
    """Two sites, one of them without anything; an engineer's pages; a server in a thread. key: the site with numbers;
    one store lives as long as the process, so each file takes its own."""
    full = Rollups(store, Site(key, (key,), timezone="Europe/Berlin", goals=GOALS))
    with full.together():
        fill(full)
    empty = Site("empty.example", ("empty.example",), timezone="UTC")
    accounts = Accounts(room / "accounts.sqlite", hasher=CHEAP)
    reports = Reports(store, [full.site, empty], clock=NOW.timestamp)
    shares = Shares(room / "shares.sqlite", hasher=CHEAP)
    outbox = Outbox(room / "deliveries.sqlite")
    shown = Compared(("strict", "balanced"), (Sent("URL", "https://example.com/u/anna", (("page", ("", "/u/a")),)),))
    in_force = load(None, flags={"sites": [msgspec.to_builtins(site) for site in (full.site, empty)]}, environment={})
    told = Told((("shop.example", "host", "fewer than 10"),), (MISSING,))
    house = msgspec.structs.replace(in_force, data=str(room))
    desk = EditDesk(lambda: house, lambda _: 3, clock=NOW.timestamp)
    declare(desk, full.site.key)
    app = create_app(
        reports,
        accounts,
        DashboardSettings(refresh_seconds=1),
        "https://collect.example",
        compare=lambda scope, asked: shown,
        why=lambda: told,
        health=lambda: [Checked("disk", "bad", "2 GB free", "make room"), Checked("clock", "ok", "in step", "")],
        about_site=teller(lambda: in_force, store, GeoDatabase()),
        outbox=outbox,
        shares=shares,
        closed=Reports(store, [full.site, empty], clock=NOW.timestamp, closed_only=True),
        desk=desk,
        notebook=EngineNotes(Engine(house, store)),
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", app, accounts, reports, full, shares, outbox)
        finally:
            server.should_exit = True
            thread.join()
            accounts.close()
            shares.close()
            outbox.close()
