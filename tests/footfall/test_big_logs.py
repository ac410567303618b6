"""A big log is read in pieces, by processes of their own: they come to the same, and nothing of a line gets out."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path

import pytest

from collector.enrich.asn import NO_DATACENTERS
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Client
from collector.privacy.address import Proxies
from collector.wire.access_log import lines as of_lines
from collector.wire.access_log.reader import Log, Reading
from collector.wire.access_log.tally import Tally
from collector.wire.access_log.verdict import Crowd
from footfall.control.engine import Engine
from footfall.errors import CannotDo
from footfall.importing import processes, readers
from footfall.importing.access_log import import_access_log
from footfall.importing.anonymize import Anonymizer
from footfall.importing.messages import Failed, Setup
from footfall.importing.piece import LineFailed, Part, PieceReader
from footfall.importing.processes import Processes
from footfall.importing.reading_process import _read
from footfall.settings import Settings, load
from schema.store import Store

pytestmark = pytest.mark.process

SITE = "x.test"
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Version/17.1 Mobile/15E148 Safari",
    "Mozilla/5.0 (compatible; GPTBot/1.2; +https://example.com/about)",
    "-",
)
_PATHS = (
    "/",
    "/a",
    "/b?utm_source=x&id=3",
    "/caf%C3%A9",
    r"/caf\xe9",
    "/a.css",
    "/anna@example.com/x",
    "//c",
    "/d?e=%zz",
)


def generated(chance: random.Random, count: int, form: str) -> list[str]:
    """Lines of three days around the night in which Berlin's clocks go forward; some cannot be read, some are empty."""
    moment = dt.datetime(2024, 3, 29, 22, tzinfo=dt.UTC)
    found = []
    for number in range(count):
        moment += dt.timedelta(seconds=chance.randrange(2 * 72 * 3600 // count))
        address = f"198.51.{chance.randrange(9)}.{chance.randrange(99)}"
        request = f"{chance.choice(('GET',) * 9 + ('POST',))} {chance.choice(_PATHS)} HTTP/1.1"
        status = chance.choice((200, 200, 200, 304, 404, 301))
        time = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        rest = f'"https://other.example/{number % 7}" "{chance.choice(_AGENTS)}"'
        line = f'{address} - - [{time}] "{request}" {status} 9 {rest}'
        if form == "behind a proxy":
            line = f'{line.replace(address, "203.0.113.1", 1)} "{address}"'
        if form == "vhost":
            line = f"{chance.choice((SITE, f'www.{SITE}', 'other.test'))} {line}"
        found.append(chance.choice(("", "no line of a log", "# a comment", line[:40])) if number % 50 == 49 else line)
    return found


def written(place: Path) -> list[str]:
    """Logs of every kind, of which no two are in one format; the last line of one has no end."""
    chance, files = random.Random(7), []
    for name, end in (("combined", "\n"), ("vhost", "\r\n"), ("behind a proxy", "\n")):
        path = place / f"{name}.log"
        text = end.join(generated(chance, 600, name)) + (end if name == "vhost" else "")
        path.write_bytes(text.encode() + (b"" if name == "vhost" else b'\n198.51.100.7 - - "GET /caf\xe9'))
        files.append(str(path))
    return files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    sites = f'sites=[{{key="{SITE}", timezone="Europe/Berlin"}}]'
    return load(sets=(f'data="{tmp_path}"', sites, "release.k=1"), environment={})


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every log is big, and has many pieces."""
    monkeypatch.setattr(of_lines, "PIECE", 9_000)
    monkeypatch.setattr(readers, "ALONE", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def reading_of(settings: Settings) -> Reading:
    return Reading(settings.collector_rules()[SITE], proxies=Proxies(()))


def line_by_line(log: Log, reading: Reading, keys: EphemeralKeys) -> Part:
    """The log as one piece."""
    crowd = Crowd()
    anonymizer = Anonymizer(reading.rules, keys, GeoDatabase(None), NO_DATACENTERS)
    return Part(anonymizer.take(log, crowd.add), log.tally, crowd)


def together(parts: list[Part]) -> Part:
    def add(one: Part, other: Part) -> Part:
        one.taken.tried += other.taken.tried
        one.taken.rows += other.taken.rows
        one.tally.add(other.tally)
        one.crowd.add_all(other.crowd)
        return one

    return reduce(add, parts)


@pytest.mark.usefixtures("_small")
def test_several_processes_come_to_what_one_does_line_by_line(tmp_path: Path, settings: Settings) -> None:
    reading, keys = reading_of(settings), EphemeralKeys()
    here = PieceReader(reading, keys, GeoDatabase(None), NO_DATACENTERS)
    beside = Processes(Setup(settings, SITE, True, False, ""), keys, 2)
    try:
        for file in written(tmp_path):
            log = Log(file, reading)
            here.begin(log.sample)
            alone = list(map(here.read, log.pieces))
            log = Log(file, reading)
            parts = list(beside.parts(log.sample, log.pieces))
            assert len(parts) > 10
            assert parts == alone
            whole, each = line_by_line(Log(file, reading), reading, keys), together(alone)
            assert each.taken.rows == whole.taken.rows
            assert len(whole.taken.rows) > 50
            assert each.tally == whole.tally
            assert whole.tally.bad
            assert (each.crowd.views, each.crowd.problem()) == (whole.crowd.views, whole.crowd.problem())
            assert bool(whole.crowd.problem()) is file.endswith("proxy.log")
    finally:
        beside.close()


def test_votes_of_pieces_are_those_of_the_whole() -> None:
    for seed in range(200):
        chance = random.Random(seed)
        addresses = [
            f"10.0.{chance.choice((0, 0, 0, seed % 2))}.{chance.choice((1, 1, 1, 1, 2, 3, 4, 5))}" for _ in range(40)
        ]
        piece, whole, joined = Crowd(), Crowd(), Crowd()
        for address in addresses:
            for one in (piece, whole):
                one.add(_client(address))
            if chance.random() < 0.2:
                joined.add_all(piece)
                piece = Crowd()
        joined.add_all(piece)
        # Who leads is told of whoever has more than half; of others there is nothing to tell.
        if 2 * addresses.count(whole.leader) > len(addresses):
            assert (joined.leader, joined.views) == (whole.leader, whole.views)
            assert joined.lead >= 2 * addresses.count(whole.leader) - len(addresses)
        assert joined.is_one_network == whole.is_one_network
        if whole.is_one_network:
            assert min(len(joined.few), 4) == min(len(whole.few), 4)


def _client(address: str) -> Client:
    return Client(address, "agent")


def test_of_a_line_on_which_the_program_fails_the_number_is_told_and_nothing_of_it(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path)[0]
    log = Log(file, reading_of(settings))
    reader = PieceReader(reading_of(settings), EphemeralKeys(), GeoDatabase(None), NO_DATACENTERS)
    reader.begin(log.sample)
    piece = next(log.pieces)

    def fails(line: str) -> None:
        raise ValueError(line)

    monkeypatch.setattr(reader._reader, "read", fails)
    with pytest.raises(LineFailed) as failed:
        reader.read(b"\n" + piece)
    assert str(failed.value) == "line 2: ValueError"
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert _read(reader, b"\n" + piece) == Failed(2, "ValueError")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that were started."""
    found: list[int] = []
    begin = processes._Process.__init__

    def beginning(self: processes._Process, keys: EphemeralKeys) -> None:
        begin(self, keys)
        found.append(self._process.pid)

    monkeypatch.setattr(processes._Process, "__init__", beginning)
    return found


def _interrupt(_: list[int]) -> None:
    raise KeyboardInterrupt


def _kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(("ending", "raised"), [(_interrupt, KeyboardInterrupt), (_kill, CannotDo)])
def test_an_import_that_is_cut_off_leaves_neither_rows_nor_processes(
    store: Store,
    tmp_path: Path,
    settings: Settings,
    started: list[int],
    ending: Callable[[list[int]], None],
    raised: type,
) -> None:
    def progress(_: str, __: int, lines: int) -> None:
        if lines > 300:
            ending(started)

    with pytest.raises(raised) as told:
        import_access_log(Engine(settings, store), SITE, written(tmp_path)[:2], GeoDatabase(None), progress)
    assert raised is KeyboardInterrupt or "was killed by signal 9" in str(told.value)
    assert len(started) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert not store.rows("SELECT name FROM system.tables WHERE startsWith(name, 'import_')")
    assert not store.rows("SELECT day FROM manifest WHERE site = {site:String}", {"site": SITE})


@pytest.mark.usefixtures("_small")
def test_no_key_is_on_the_command_line_or_in_the_environment(
    settings: Settings, tmp_path: Path, started: list[int]
) -> None:
    keys, told = EphemeralKeys(), list[bytes]()
    beside = Processes(Setup(settings, SITE, True, False, ""), keys, 1)
    try:
        log = Log(written(tmp_path)[0], reading_of(settings))
        list(beside.parts(log.sample, log.pieces))
        told += [Path(f"/proc/{started[0]}/{name}").read_bytes() for name in ("cmdline", "environ")]
    finally:
        beside.close()
    made = list(_held(keys))
    assert len(made) > 2
    assert not any(key in text or key.hex().encode() in text for key in made for text in told)


def _held(keys: EphemeralKeys) -> Iterator[bytes]:
    yield from map(bytes, keys._keys.values())


def test_a_tally_goes_on_where_the_one_before_ended() -> None:
    first, second = Tally(numbered=10, lines=9), Tally(numbered=5, lines=5, bad=1, first_bad=(3, "why"), ends_cut=True)
    first.add(second)
    assert (first.numbered, first.lines, first.bad, first.first_bad, first.ends_cut) == (15, 14, 1, (13, "why"), True)
