"""Shadow mode: the sketches are as exact as they say, what they tell is right, and nothing of them outlives the day."""

from __future__ import annotations

import json
import math
import random
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from collector.anonymization import PRESETS, AnonymizationSettings
from collector.diagnostics.hyperloglog import REGISTERS, STANDARD_ERROR, HyperLogLog
from collector.diagnostics.shadow import Shadow
from collector.diagnostics.shadow_publisher import ShadowPublisher, read_shadow
from collector.enrich.geo import GeoDatabase
from collector.keys.key import DESTROY_AFTER_S, EphemeralKeys, NoKey
from collector.model import Beacon, Client, Draft, Rules
from collector.settings import ShadowSettings
from collector.steps import anonymize
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import LocalDay, Site, local_day

SITE = Site("example.com", timezone="Europe/Berlin")
NOW = 1_709_290_000  # 2024-03-01
RULES = Rules(SITE, PRESETS["balanced"], 30, frozenset(), SITE.names)
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
CANDIDATES = {
    "wide": AnonymizationSettings(ipv4_bits=16),
    "family": AnonymizationSettings(visitor_agent="family", visitor_language=False),
    "whole": AnonymizationSettings(visitor_address="full", visitor_language=False),
}
# Two sketches are compared, and the result is rounded: three standard errors, and one half.
TOLERANCE = 300 * STANDARD_ERROR * math.sqrt(2) + 0.5


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def keydir(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "shadow.jsonl"


def day() -> LocalDay:
    return local_day(SITE.timezone, NOW)


def traffic(people: int, seed: int = 1) -> Iterator[Client]:
    """People in some networks, each seen up to three times."""
    chance = random.Random(seed)
    for _ in range(people):
        network = f"198.{18 + chance.randrange(2)}.{int(chance.paretovariate(0.6)) % 256}"
        client = Client(f"{network}.{chance.randrange(1, 255)}", AGENT.format(chance.randrange(100, 140)), "de")
        for _ in range(chance.randrange(1, 4)):
            yield client


def see(shadow: Shadow, clients: Iterator[Client], keys: EphemeralKeys, name: str = PAGEVIEW) -> set[int]:
    """Let shadow mode see them; the visitor numbers in force."""
    numbers = set()
    for client in clients:
        draft = Draft(Beacon(name, "https://example.com/", ()), client, RULES, NOW, day(), keys, GeoDatabase())
        event = anonymize(draft)
        assert isinstance(event, Event)
        numbers.add(event.visitor)
        shadow.see(draft)
    return numbers


def publisher(keydir: Path, journal: Path, clock: Clock, wanted: bool = True) -> ShadowPublisher:
    return ShadowPublisher(keydir, journal, [SITE], wanted, clock)


# -- the sketch ----------------------------------------------------------------------------------------------------


def counted(numbers: Iterable[int]) -> HyperLogLog:
    """A sketch that has seen these."""
    sketch = HyperLogLog()
    for number in numbers:
        sketch.add(number)
    return sketch


@pytest.mark.parametrize("count", [0, 1, 10, 1000, 10_000, 50_000, 200_000])
def test_a_sketch_counts_within_its_standard_error(count: int) -> None:
    errors = []
    for seed in range(4):
        chance = random.Random(seed * 1_000_003 + count)
        numbers = [chance.getrandbits(64) for _ in range(count)]
        errors.append(counted(numbers * 2 if count <= 1000 else numbers).estimate() / max(1, count) - (count > 0))
    assert all(abs(error) <= 4 * STANDARD_ERROR for error in errors)
    # No bias: the mean of four errs by half as much.
    assert abs(sum(errors) / 4) <= 2 * STANDARD_ERROR


def test_sketches_merge_into_the_sketch_of_all() -> None:
    chance = random.Random(1)
    first, second = ([chance.getrandbits(64) for _ in range(5000)] for _ in range(2))
    merged = counted(first)
    merged.merge(counted(second + first[:100]))
    assert merged.registers == counted(first + second).registers


def test_a_sketch_of_another_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision"):
        HyperLogLog(bytes(REGISTERS - 1))


# -- what it tells -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_candidates_errors_are_right_within_the_sketchs(keydir: Path, journal: Path, clock: Clock) -> None:
    keys, people = EphemeralKeys(), list(traffic(4000))
    # Two workers share the traffic, and a visitor may come to both.
    for worker, mine in enumerate((people[:5000], people[4000:])):
        shadow = Shadow(keydir, worker, CANDIDATES, clock)
        see(shadow, iter(mine), keys)
        shadow.turn()
    clock.now = day().end + DESTROY_AFTER_S
    publisher(keydir, journal, clock).turn()
    told = {entry["candidate"]: entry for entry in read_shadow(journal)}
    whole = len({(client.address, client.agent) for client in people})
    for name, seen in {
        "wide": {(client.address.rsplit(".", 2)[0], client.agent) for client in people},
        "family": {(client.address.rsplit(".", 1)[0], client.agent) for client in people},
        "whole": {(client.address, client.agent) for client in people},
    }.items():
        assert abs(told[name]["visitors_error_percent"] - 100 * (len(seen) / whole - 1)) <= TOLERANCE, name
        assert abs(told[name]["merged_percent"] - 100 * (1 - len(seen) / whole)) <= TOLERANCE, name
    assert told["wide"]["visitors_error_percent"] < told["whole"]["visitors_error_percent"]


@pytest.mark.slow
def test_splitting_is_not_taken_for_merging(keydir: Path, journal: Path, clock: Clock) -> None:
    shadow = Shadow(keydir, 0, {"tongues": AnonymizationSettings(visitor_address="full")}, clock)
    keys = EphemeralKeys()
    clients = list(traffic(800))
    for language in ("de", "fr"):
        see(shadow, (Client(c.address, c.agent, language) for c in clients), keys)
    shadow.turn()
    clock.now = day().end + DESTROY_AFTER_S
    publisher(keydir, journal, clock).turn()
    (entry,) = read_shadow(journal)
    assert abs(int(entry["visitors_error_percent"]) - 100) <= 2 * TOLERANCE
    assert int(entry["merged_percent"]) <= TOLERANCE


def test_the_number_in_force_is_untouched_and_engagement_makes_no_visitor(keydir: Path, clock: Clock) -> None:
    keys = EphemeralKeys()
    beside = see(Shadow(keydir, 0, CANDIDATES, clock), traffic(50), keys)
    assert beside == see(Shadow(keydir, 1, {}, clock), traffic(50), keys)
    left = Shadow(keydir, 2, CANDIDATES, clock)
    see(left, traffic(50), keys, name=ENGAGEMENT)
    left.turn()
    assert not list(keydir.glob("shadow-2-*"))


# -- where it is, and when it is gone ------------------------------------------------------------------------------


def test_files_are_in_the_key_directory_only_and_hold_no_number(keydir: Path, journal: Path, clock: Clock) -> None:
    keys, shadow = EphemeralKeys(), Shadow(keydir, 3, CANDIDATES, clock)
    numbers = see(shadow, traffic(300), keys)
    shadow.turn()
    (file,) = keydir.iterdir()
    assert file.name == f"shadow-3-{day().number}-example.com"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    for number in numbers:
        assert number.to_bytes(8, "big") not in content
        assert number.to_bytes(8, "little") not in content
    for client in traffic(300):
        assert client.address.encode() not in content
        assert client.agent.encode() not in content
    assert not list(journal.parent.iterdir())


def test_a_file_is_written_at_most_every_ten_seconds(keydir: Path, clock: Clock) -> None:
    keys, shadow = EphemeralKeys(), Shadow(keydir, 0, CANDIDATES, clock)
    see(shadow, traffic(5), keys)
    shadow.turn()
    (file,) = keydir.iterdir()
    first = file.read_bytes()
    see(shadow, traffic(200, seed=2), keys)
    clock.now += 5
    shadow.turn()
    assert file.read_bytes() == first
    clock.now += 5
    shadow.turn()
    assert file.read_bytes() != first


def test_after_the_day_only_rounded_percentages_are_left(keydir: Path, journal: Path, clock: Clock) -> None:
    keys, shadow, parent = EphemeralKeys(), Shadow(keydir, 0, CANDIDATES, clock), publisher(keydir, journal, clock)
    see(shadow, traffic(400), keys)
    shadow.turn()
    parent.turn()
    assert list(keydir.iterdir())
    # The last of the day, received before midnight, is in the file although ten seconds have not passed.
    clock.now = day().end - 0.5
    shadow.turn()
    before = next(keydir.iterdir()).read_bytes()
    see(shadow, traffic(200, seed=3), keys)
    clock.now = day().end + 1
    shadow.turn()
    assert next(keydir.iterdir()).read_bytes() != before
    clock.now = day().end + DESTROY_AFTER_S
    parent.turn()
    shadow.turn(whole=True)
    assert not list(keydir.iterdir())
    assert not shadow._sheets
    lines = journal.read_text().splitlines()
    assert len(lines) == len(CANDIDATES)
    for line in lines:
        entry = json.loads(line)
        assert entry.keys() == {"site", "day", "candidate", "visitors_error_percent", "merged_percent"}
        assert isinstance(entry["visitors_error_percent"], int)
        assert isinstance(entry["merged_percent"], int)
        assert (entry["site"], entry["day"]) == ("example.com", "2024-03-01")


def test_of_a_handful_nothing_is_told(keydir: Path, journal: Path, clock: Clock) -> None:
    shadow = Shadow(keydir, 0, CANDIDATES, clock)
    see(shadow, traffic(20), EphemeralKeys())
    shadow.turn()
    clock.now = day().end + DESTROY_AFTER_S
    publisher(keydir, journal, clock).turn()
    assert [entry["visitors_error_percent"] for entry in read_shadow(journal)] == [None] * 3


def test_a_restart_goes_on_where_it_was_unless_the_candidates_changed(keydir: Path, clock: Clock) -> None:
    keys = EphemeralKeys()
    first = Shadow(keydir, 0, CANDIDATES, clock)
    see(first, traffic(300), keys)
    first.turn()
    again = Shadow(keydir, 0, CANDIDATES, clock)
    see(again, traffic(1, seed=9), keys)
    assert next(iter(again._sheets.values())).whole.estimate() > 290
    other = Shadow(keydir, 0, {"wide": AnonymizationSettings(ipv4_bits=8)}, clock)
    see(other, traffic(1, seed=9), keys)
    assert next(iter(other._sheets.values())).whole.estimate() < 2


def test_a_day_is_published_once_even_by_a_parent_that_was_restarted(keydir: Path, journal: Path, clock: Clock) -> None:
    shadow = Shadow(keydir, 0, CANDIDATES, clock)
    see(shadow, traffic(200), EphemeralKeys())
    shadow.turn()
    (file,) = keydir.iterdir()
    content = file.read_bytes()
    clock.now = day().end + DESTROY_AFTER_S
    publisher(keydir, journal, clock).turn()
    file.write_bytes(content)  # as if the kill had come between publishing and removing
    publisher(keydir, journal, clock).turn()
    assert len(read_shadow(journal)) == len(CANDIDATES)
    assert not file.exists()


@pytest.mark.parametrize("wanted", [True, False])
def test_what_nobody_asks_for_any_more_is_removed(keydir: Path, journal: Path, clock: Clock, wanted: bool) -> None:
    gone = keydir / f"shadow-0-{day().number}-gone.example"
    half = keydir / f"shadow-0-{day().number - 1}-example.com.partial"
    for file in (gone, half, keydir / "keys"):
        file.write_bytes(b"x")
    publisher(keydir, journal, clock, wanted).turn()
    assert [file.name for file in keydir.iterdir()] == ["keys"]
    assert not journal.exists()


def test_a_key_that_is_gone_ends_no_request(keydir: Path, clock: Clock) -> None:
    class Gone:
        def key(self, site: str, day: int) -> bytes:
            raise NoKey("gone")

    shadow, client = Shadow(keydir, 0, CANDIDATES, clock), next(traffic(1))
    draft = Draft(Beacon(PAGEVIEW, "https://example.com/", ()), client, RULES, NOW, day(), Gone(), GeoDatabase())
    draft.name = PAGEVIEW
    shadow.see(draft)


def test_a_candidate_may_change_only_what_makes_the_visitor() -> None:
    assert ShadowSettings().candidates == {}
    with pytest.raises(msgspec.ValidationError, match=r"candidate 'x': language has no part"):
        msgspec.convert({"candidates": {"x": {"language": "full"}}}, ShadowSettings)
    with pytest.raises(msgspec.ValidationError, match="a name has up to"):
        msgspec.convert({"candidates": {"a/b": {}}}, ShadowSettings)
