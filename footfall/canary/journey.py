"""The canary's journey: marked visitors through everything that can happen to them, then a search of what is left.

In: a settings file of the operator's, a place for scratch files. Out: a `Finding` with every hit.
Promises: it runs on an instance of its own with the operator's settings, never on his data; the search proves on
planted marks that it can find before it is believed that there is nothing.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field, structs

from collector.enrich.geo import GeoDatabase
from collector.keys.keeper import KeyKeeper
from collector.keys.key import EphemeralKeys
from collector.model import Client, Draft
from collector.outcome import Refused
from collector.steps import anonymize
from collector.wire.plausible import decode
from pipeline.spool.file import CHUNK_ROWS, Header, OpenFile, seal
from schema.event import Event
from schema.site import local_day

from ..settings import Settings, load
from ..supervisor.paths import key_directory
from .marked import SITE, bodies, headers, marks_of, server_bodies, write_log
from .scratch import Scratch, rows
from .search import Marks, forms, fresh, search

_DAY_S = 86_400
_PATIENCE_S = 60.0


class Finding(Struct):
    """What the journey came to. hits: (mark, where); searched: bytes."""

    events: int = 0
    marks: int = 0
    forms_planted: int = 0
    forms_found: int = 0
    searched: int = 0
    phases: list[str] = field(default_factory=list)
    hits: list[tuple[str, str]] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Nothing was found, by a search that finds what is planted."""
        return not self.hits and self.events > 0 and self.forms_found == self.forms_planted > 0


def run(place: Path, config: str | None, sets: Sequence[str], seed: int, tell: Callable[[str], None]) -> Finding:
    """The whole journey below an empty directory."""
    chance, finding = random.Random(seed), Finding()  # noqa: S311 - marks must repeat for a seed, not be secret
    data = place / "data"
    # Behind the public addresses is another instance.
    here = ('collector.public_url=""', 'dashboards.public_url=""')
    ours = (*sets, *here, 'store.dsn=""', 'collector.trusted_proxies=["127.0.0.0/8"]', 'keys.directory=""')
    arguments = [word for text in ours for word in ("--set", text)]
    if config:
        arguments += ["--config", config]
    settings = load(config, ours, {"data": str(data), "sites": [{"key": SITE}]}, {})
    everybody = [fresh(chance) for _ in range(5)]
    finding.forms_planted, finding.forms_found = _search_finds_what_is_planted(place, everybody[0])

    def phase(name: str) -> None:
        finding.phases.append(name)
        tell(name)

    instance = Scratch(data, *arguments, sites=(SITE,)).start()
    token = instance.command("token", "create", SITE).stdout.strip()
    try:
        _live(instance, settings, place, everybody, token, phase)
    finally:
        instance.stop()
    phase("search")
    [[[finding.events]]] = rows(data, "SELECT count() FROM events")
    places = [data, instance.log, key_directory(settings), place / "backup.zip", place / "backup"]
    finding.searched = sum(path.stat().st_size for path in _files(places))
    marks = [*marks_of(everybody), token]
    finding.marks = len(marks)
    # Four bytes can stand somewhere by chance: a hit counts only if marks that nobody has sent are not found, too.
    finding.hits = _hits(places, dump(data), marks, marks_of([fresh(chance) for _ in everybody]))
    return finding


def _live(
    instance: Scratch,
    settings: Settings,
    place: Path,
    everybody: Sequence[Marks],
    token: str,
    phase: Callable[[str], None],
) -> None:
    """All that happens to an instance, from its first beacons to a backup. phase: told what comes."""
    data = place / "data"
    phase("load and bodies that cannot be read")
    _load(instance, everybody[0], token)
    phase("kill -9 and restart")
    instance.kill()
    instance.start()
    _load(instance, everybody[1], token)
    phase("consent withdrawn, rows erased")
    _withdraw(instance, everybody[1])
    phase("an access log refused, and imported")
    log = place / "outside" / "access.log.gz"
    log.parent.mkdir()
    write_log(everybody[2], log)
    _import(instance, log)
    _wait_until(lambda: not list((data / "spool").glob("*/*.sealed")))
    instance.stop()
    phase("a row that the store refuses")
    _poison(settings, data, everybody[3])
    instance.start()
    _wait_until(lambda: list((data / "quarantine").glob("*.event")))
    instance.stop()
    phase("keys rotated")
    _rotate(settings, data)
    phase("restart and load")
    instance.start()
    _load(instance, everybody[4], token)
    phase("backup")
    _back_up(instance, place / "backup.zip", place / "backup")
    _wait_until(lambda: not list((data / "spool").glob("*/*.sealed")))


def _hits(places: Sequence[Path], dumped: bytes, marks: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Which marks are where. others: such as nobody has sent."""
    hits = search(places, dumped, marks)
    if hits and all(len(form) == 4 for _, form, _ in hits):
        hits = [] if search(places, b"", others) else hits
    return [(mark, where) for mark, _, where in hits]


def dump(data: Path) -> bytes:
    """Every column of every table of a stopped instance, as text: what compression hides from a search of files."""
    [tables] = rows(data, "SELECT name FROM system.tables WHERE database = currentDatabase()")
    statements = [f"SELECT toString(tuple(*)) FROM {name}" for (name,) in tables]
    return json.dumps(rows(data, *statements), ensure_ascii=False).encode()


def _import(instance: Scratch, log: Path) -> None:
    """Neither the refusal of a log that is one visitor's and half unreadable may quote it, nor its import."""
    accepted = ("--accept-one-address", "--accept-unreadable")
    refused = instance.command("import", "access-log", str(log), "--site", SITE)
    imported = instance.command("import", "access-log", str(log), "--site", SITE, *accepted)
    with instance.log.open("a") as told:
        told.write(refused.stdout + refused.stderr + imported.stdout + imported.stderr)
    if refused.returncode == 0 or imported.returncode:
        raise RuntimeError(f"the canary's log is not imported as it should be: {imported.stderr[-2000:]}")


def _load(instance: Scratch, marks: Marks, token: str) -> None:
    for round_ in range(2):
        for number, body in enumerate(bodies(marks)):
            instance.post(body, headers(marks, marks.address if (round_ + number) % 2 else marks.address6))
            if not round_:
                # The demo page's question, what became of it, is answered in memory: 404 where the demo is not served.
                instance.post(body, headers(marks, marks.address), "/demo/what")
    first, *others = server_bodies(marks)
    bearer = {"Authorization": f"Bearer {token}"}
    # A worker that has just started, or a token that was just made: it looks once a second.
    _wait_until(lambda: instance.post(first, bearer, "/api/events")[0] == 202)
    for body in others:
        instance.post(body, bearer, "/api/events")


def _withdraw(instance: Scratch, marks: Marks) -> None:
    # The events of before must have arrived, or there is nothing to erase.
    _wait_until(lambda: not list((instance.data / "spool").glob("*/*.sealed")))
    body = {"n": "pageview", "u": f"https://{SITE}/", "d": SITE, "consent": "withdrawn"}
    for address in (marks.address, marks.address6):
        instance.post(body, headers(marks, address))
    _wait_until(lambda: "visitors_erased" in instance.log.read_text())


def _poison(settings: Settings, data: Path, marks: Marks) -> None:
    """A sealed spool file with one row of a kind that no table takes: what the collector never writes."""
    rules, now = settings.collector_rules()[SITE], int(time.time())
    poisoned = []
    for body in bodies(marks):
        with contextlib.suppress(Refused):
            beacon, client = decode(body), Client(marks.address, marks.agent_string, "de")
            event = anonymize(
                Draft(beacon, client, rules, now, local_day("UTC", now), EphemeralKeys(), GeoDatabase(None))
            )
            if isinstance(event, Event) and beacon.domains == (SITE,):
                poisoned.append(structs.replace(event, visitor=-1))
    path = data / "spool" / "worker-0" / f"{now - 1:010d}-63.open"
    file = OpenFile(path, Header("canary", now - 1, 63, 0, CHUNK_ROWS))
    file.commit(poisoned, [])
    file.close()
    seal(path)


def _rotate(settings: Settings, data: Path) -> None:
    """Tomorrow: the keeper destroys today's keys."""
    keeper = KeyKeeper(
        key_directory(settings), data / "keys.jsonl", settings.all_sites, clock=lambda: time.time() + _DAY_S
    )
    keeper.turn()
    keeper.close()


def _back_up(instance: Scratch, file: Path, unpacked: Path) -> None:
    """A backup of the running instance, and what is in it as it was before it was packed."""
    done = instance.command("backup", str(file))
    if done.returncode:
        raise RuntimeError(f"the backup failed: {done.stderr}")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(unpacked)


def _search_finds_what_is_planted(place: Path, marks: Marks) -> tuple[int, int]:
    """(forms planted, forms found): a search that finds nothing proves nothing until it has found something."""
    planted = found = 0
    file = place / "planted"
    for mark in marks_of([marks]):
        for form in set(forms(mark)):
            file.write_bytes(b"\0before" + form + b"after\0")
            planted += 1
            found += any(hit[1] == form for hit in search([file], b"", [mark]))
    file.unlink()
    return planted, found


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the canary's instance did not come to rest")
        time.sleep(0.2)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from ([place] if place.is_file() else (path for path in place.rglob("*") if path.is_file()))
