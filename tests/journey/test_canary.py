"""The canary test of docs/promises.md: what a visitor sends is on no disk and in no log, in any form."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs

from collector import steps
from collector.address import Proxies
from collector.endpoint import Collector
from collector.keys import PassingKeys
from collector.place import Places
from footfall.serve import key_directory
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool import Spool
from schema.event import Event
from tests.house import Running, eventually, footfall, rows
from tests.journey.canary import Marks, fresh, search

SEED = 20261122
LOAD = 300


def _bodies(marks: Marks) -> list[bytes]:
    """Beacons that carry the marks wherever a page may put them, and bodies that cannot be read."""
    email = marks.email
    base = {"n": "pageview", "d": "example.com", "tz": "Europe/Berlin"}
    urls = (
        f"https://example.com/reset/{email}",
        f"https://example.com/reset/{email.replace('@', '%40')}?email={email}&utm_source={email}",
        f"https://example.com/search?q={marks.secret}&token={marks.secret}#{marks.secret}",
    )
    referrers = (
        f"https://twitter.com/@{marks.handle}",
        f"https://t.me/{marks.handle}",
        f"https://mail.example/?from={email}",
    )
    good = [{**base, "u": url, "r": referrer} for url in urls for referrer in referrers]
    good += [
        {**base, "n": "signup", "u": "https://example.com/", "p": {"who": email, "password": marks.secret}},
        {**base, "n": f"mailed {email}", "u": "https://example.com/"},
        {**base, "u": f"https://{marks.handle}:{marks.secret}@example.com/"},
        {**base, "u": f"javascript:alert('{marks.secret}')"},
        {**base, "u": "https://example.com/" + marks.secret * 400},
        {**base, "u": "https://example.com/", "id": marks.secret},
        {"n": "pageview", "u": f"https://{marks.secret}.example/", "d": f"{marks.secret}.example"},
    ]
    bad = [
        f'{{"n":"pageview","u":"{urls[0]}'.encode(),
        f"{email}\xff".encode("latin-1"),
        f'{{"n":"pageview","u":["{email}"],"p":{{"{marks.secret}":{"[" * 5000}'.encode(),
    ]
    return [json.dumps(body).encode() for body in good] + bad


def _headers(marks: Marks, address: str) -> dict[str, str]:
    return {"User-Agent": marks.agent_string, "X-Forwarded-For": address, "Cookie": f"session={marks.secret}"}


def _marks(marks: Sequence[Marks]) -> list[str]:
    return [str(value) for one in marks for value in structs.astuple(one)]


def _dump(data: Path) -> bytes:
    """Every column of every table as text."""
    [tables] = rows(data, "SELECT name FROM system.tables WHERE database = currentDatabase()")
    statements = [f"SELECT toString(tuple(*)) FROM {name}" for (name,) in tables]
    return json.dumps(rows(data, *statements), ensure_ascii=False).encode()


def _log_of(marks: Marks, path: Path) -> None:
    """An access log with the marks in it."""
    with gzip.open(path, "wt") as log:
        for number in range(50):
            log.write(
                f"{marks.address} - - [17/May/2015:10:{number:02}:00 +0000] "
                f'"GET /reset/{marks.email}?token={marks.secret} HTTP/1.1" 200 1 '
                f'"https://twitter.com/@{marks.handle}" "{marks.agent_string}"\n{marks.email} is no log line\n'
            )


@pytest.mark.timeout(180)
def test_nothing_a_visitor_sends_is_on_disk_after_load_restart_parse_errors_and_import(data: Path) -> None:
    chance = random.Random(SEED)
    house = Running(data, "--set", 'collector.trusted_proxies=["127.0.0.0/8"]').start()
    key_place = key_directory(load(sets=(f'data="{data}"',), environment={}))
    everybody = [fresh(chance) for _ in range(4)]
    accepted = 0
    for phase, marks in enumerate(everybody[:3]):
        bodies = _bodies(marks)
        for number in range(LOAD // 3):
            address = marks.address if number % 2 else marks.address6
            status, _ = house.post(bodies[number % len(bodies)], _headers(marks, address))
            assert status in (202, 400)
            accepted += status == 202
        if phase == 0:
            house.kill()
            house.start()
        elif phase == 1:
            assert house.stop() == 0
            house.start()
    log = data.parent / "access.log.gz"
    _log_of(everybody[3], log)
    done = house.command("import", "access-log", str(log), "--site", "example.com")
    assert done.returncode == 0, done.stderr
    assert footfall("import", "access-log", str(log), "--site", "n o", "--data", str(data)).returncode == 1
    eventually(lambda: not list((data / "spool").glob("*/*.sealed")))
    assert house.stop() == 0
    [[[events]], [[days]]] = rows(data, "SELECT count() FROM events", "SELECT count() FROM manifest")
    assert events > 100
    assert accepted >= events
    assert days == 1

    hits = search([data, house.log, key_place], _dump(data) + done.stdout.encode(), _marks(everybody))
    if hits and all(len(form) == 4 for _, form, _ in hits):
        # Four bytes can stand somewhere by chance: a hit counts only if marks that nobody has sent are not found, too.
        others = _marks([fresh(chance) for _ in everybody])
        assert search([data, house.log, key_place], b"", others), hits
        return
    assert not hits


@pytest.mark.parametrize("broken", ["scrub", "event_of"])
def test_the_search_speaks_when_a_step_is_broken(broken: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = fresh(random.Random(SEED + 1))
    if broken == "scrub":
        monkeypatch.setattr(steps, "scrub", lambda text: text)
        body = {"n": f"mailed {marks.email}", "u": "https://example.com/", "d": "example.com"}
        expected = marks.email
    else:
        whole = steps.event_of

        def leaking(draft: steps.Draft) -> Event:
            return structs.replace(whole(draft), network=draft.client.address)

        monkeypatch.setattr(steps, "event_of", leaking)
        body = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}
        expected = marks.address

    async def post() -> None:
        settings = load(sets=(f'data="{data}"', 'sites=[{key="example.com"}]'), environment={})
        spool = Spool(data / "spool", 0, SpoolSettings())
        spool.start()
        keys, places = PassingKeys(), Places(None)
        endpoint = Collector(settings.collector_rules(), spool, keys, places, Proxies(()))
        draft_headers = [(b"user-agent", marks.agent_string.encode())]
        scope = {"type": "http", "method": "POST", "headers": draft_headers, "client": (marks.address, 1)}
        messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
        answers: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            return messages.pop()

        async def send(message: dict[str, object]) -> None:
            answers.append(message)

        await endpoint(scope, receive, send)  # type: ignore[arg-type]
        assert answers[0]["status"] == 202
        spool.stop()

    asyncio.run(post())
    found = {mark for mark, _, _ in search([data], b"", _marks([marks]))}
    assert expected in found
