"""Lines of access logs for tests, and how one is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from collector.model import Client, Rules
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.wire.access_log.reader import LineReader, Reading, reader_of
from footfall.settings import Settings, SiteSettings

NOON = int(dt.datetime(2015, 5, 17, 10, 5, 3, tzinfo=dt.UTC).timestamp())
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
ADDRESS = "198.51.100.7"
# Of processor time. A few lines as long as any take some milliseconds; if it grows with their square, many seconds.
LONG_S = 1.0


def line(
    address: str = ADDRESS,
    user: str = "- -",
    time: str = "17/May/2015:10:05:03 +0000",
    request: str = "GET /a?b=c HTTP/1.1",
    status: str = "200",
    size: str = "203023",
    rest: str = f' "https://example.org/from" "{AGENT}"',
) -> str:
    return f'{address} {user} [{time}] "{request}" {status} {size}{rest}'


def rules(key: str = "example.com", **site: Any) -> Rules:
    return Settings(sites=(SiteSettings(key, **site),)).collector_rules()[key]


def reading(site: Rules | None = None, proxies: tuple[str, ...] = (), **given: Any) -> Reading:
    return Reading(site or rules(), proxies=Proxies(proxies), **given)


def reader(sample: Sequence[str] = (), **given: Any) -> LineReader:
    """The reader of a log that begins so, of one in combined format if nothing is said."""
    return reader_of(sample or [line()], reading(**given))


def read(text: str, sample: Sequence[str] = (), **given: Any) -> tuple[str, str, Client, int]:
    """(url, referrer, client, moment) of a line that is a page view. sample: the log's first lines, if not this one."""
    outcome = reader(sample or [text], **given).read(text)
    assert not isinstance(outcome, Reason), outcome
    beacon, client, moment = outcome
    assert (beacon.name, beacon.domains) == ("pageview", ())
    return beacon.url, beacon.referrer, client, moment
