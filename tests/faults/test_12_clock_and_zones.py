"""Fault 12: clocks step, days have 23 or 25 hours or do not take place. The day of an event is fixed at its receipt."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.keys.files import read_keys
from collector.keys.journal import lost_days, read_journal
from collector.keys.key import DESTROY_AFTER_S
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from pipeline.spool.quarantine import Quarantine
from pipeline.spool.spool import IN_FLIGHT_S
from pipeline.writer import Writer
from schema.site import Site, day_bounds, day_number, local_day
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.collecting import Clock, Collecting, site_of
from tests.house import another_time, eventually, rows, running
from tests.together import Test, rolled_up, together

BERLIN, ST_JOHNS, KATHMANDU, APIA = "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"
ZONES = (BERLIN, ST_JOHNS, KATHMANDU, APIA)
HOUR_S = 3600
DAY_S = 24 * HOUR_S


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory in RAM."""
    directory = Path("/dev/shm") / f"footfall-test-{uuid.uuid4().hex}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def utc(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def number(date: str) -> int:
    return day_number(dt.date.fromisoformat(date))


# -- the day of a moment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "days"),
    [  # Berlin, St John's, Kathmandu, Apia
        ("2026-03-28T22:59:59", ["2026-03-28", "2026-03-28", "2026-03-29", "2026-03-29"]),
        ("2026-03-28T23:00:00", ["2026-03-29", "2026-03-28", "2026-03-29", "2026-03-29"]),  # 23 hours in Berlin
        ("2026-03-29T21:59:59", ["2026-03-29", "2026-03-29", "2026-03-30", "2026-03-30"]),
        ("2026-03-29T22:00:00", ["2026-03-30", "2026-03-29", "2026-03-30", "2026-03-30"]),
        ("2026-10-24T22:00:00", ["2026-10-25", "2026-10-24", "2026-10-25", "2026-10-25"]),  # 25 hours in Berlin
        ("2026-10-25T22:59:59", ["2026-10-25", "2026-10-25", "2026-10-26", "2026-10-26"]),
        ("2026-10-25T23:00:00", ["2026-10-26", "2026-10-25", "2026-10-26", "2026-10-26"]),
        ("2026-11-02T03:29:59", ["2026-11-02", "2026-11-01", "2026-11-02", "2026-11-02"]),  # 25 hours in St John's
        ("2026-11-02T03:30:00", ["2026-11-02", "2026-11-02", "2026-11-02", "2026-11-02"]),
        ("2026-12-31T10:59:59", ["2026-12-31", "2026-12-31", "2026-12-31", "2026-12-31"]),  # the year ends
        ("2026-12-31T11:00:00", ["2026-12-31", "2026-12-31", "2026-12-31", "2027-01-01"]),
        ("2026-12-31T18:15:00", ["2026-12-31", "2026-12-31", "2027-01-01", "2027-01-01"]),
        ("2026-12-31T23:00:00", ["2027-01-01", "2026-12-31", "2027-01-01", "2027-01-01"]),
        ("2027-01-01T03:30:00", ["2027-01-01", "2027-01-01", "2027-01-01", "2027-01-01"]),
        ("2028-02-29T12:00:00", ["2028-02-29", "2028-02-29", "2028-02-29", "2028-03-01"]),  # a leap year
        ("2011-12-30T09:59:59", ["2011-12-30", "2011-12-30", "2011-12-30", "2011-12-29"]),
        ("2011-12-30T10:00:00", ["2011-12-30", "2011-12-30", "2011-12-30", "2011-12-31"]),  # no 30th in Apia
    ],
)
def test_the_day_is_that_of_each_site_at_receipt_however_long_the_body_takes(
    ram: Path, tmp_path: Path, moment: str, days: list[str]
) -> None:
    async def collect() -> list[tuple[str, int, int]]:
        clock = Clock(utc(moment) + 0.9)
        house = Collecting(ram, tmp_path, clock, *ZONES).start()
        gate = asyncio.Event()
        posts = [asyncio.create_task(house.post(zone, gate=gate)) for zone in ZONES]
        await asyncio.sleep(0)
        clock.now += IN_FLIGHT_S - 1
        house.turn()
        gate.set()
        assert await asyncio.gather(*posts) == [202] * len(ZONES)
        house.stop()
        return [(event["site"], event["received"], event["day"]) for _, _, event in house.stored()]

    expected = [(site_of(zone), utc(moment), number(day)) for zone, day in zip(ZONES, days, strict=True)]
    assert sorted(asyncio.run(collect())) == sorted(expected)


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        (ST_JOHNS, "2010-11-07T02:31:00"),  # clocks went back at 0:01, into the day before
        (ST_JOHNS, "2010-03-14T03:31:00"),
        (APIA, "2011-12-30T10:00:00"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00"),  # no midnight
        ("America/Havana", "2026-11-01T05:00:00"),  # two midnights
        ("Africa/Cairo", "2026-10-29T21:00:00"),  # back at midnight, to 23:00
        ("Australia/Lord_Howe", "2026-04-04T15:00:00"),  # by half an hour
        ("Antarctica/Casey", "2010-03-04T15:00:00"),  # by three hours, into the day before
    ],
)
def test_days_follow_each_other_without_gap_or_return(zone: str, around: str) -> None:
    begin = utc(around) - 30 * HOUR_S
    last = local_day(zone, begin)
    for moment in range(begin, begin + 60 * HOUR_S, 60):
        day = local_day(zone, moment)
        assert day.start <= moment < day.end
        assert day == last or (day.start == last.end and day.number > last.number)
        last = day


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (ST_JOHNS, "2026-03-08", 23),
        (ST_JOHNS, "2026-11-01", 25),
        (KATHMANDU, "2026-12-31", 24),
        (APIA, "2011-12-29", 24),
    ],
)
def test_a_key_lives_as_long_as_its_day_and_ten_seconds(
    ram: Path, tmp_path: Path, zone: str, day: str, hours: int
) -> None:
    bounds = day_bounds(zone, number(day))
    assert bounds.end - bounds.start == hours * HOUR_S
    following = local_day(zone, bounds.end).number
    clock = Clock(bounds.start)
    house = Collecting(ram, tmp_path, clock, zone)
    site = site_of(zone)
    key = bytes(house.keys.key(site, bounds.number))
    for clock.now in (bounds.start + 12 * HOUR_S, bounds.end - 1, bounds.end, bounds.end + DESTROY_AFTER_S - 1):
        house.turn()
        assert house.keys.key(site, bounds.number) == key
    assert house.keys.key(site, following) != key
    clock.now = bounds.end + DESTROY_AFTER_S
    house.turn()
    assert set(read_keys(ram / "keys")) == {(site, following)}
    house.keeper.close()
    told = [(entry["what"], entry["day"]) for entry in read_journal(tmp_path / "keys.jsonl")]
    last = (dt.date(1970, 1, 1) + dt.timedelta(days=following)).isoformat()
    assert told == [("created", day), ("created", last), ("destroyed", day)]


# -- a clock that steps --------------------------------------------------------------------------------------------

NOON = utc("2026-06-10T10:00:00")  # 12:00 in Berlin


def stepping(ram: Path, disk: Path, *moments: float) -> tuple[Collecting, list[dict[str, int]], list[int]]:
    """A page view at each of these times by the clock, in this order; the events and their sequences, as stored."""

    async def collect() -> Collecting:
        clock = Clock(moments[0])
        house = Collecting(ram, disk, clock, BERLIN).start()
        writer = Writer(None, house.spools, Quarantine(disk / "quarantine"), clock=clock)  # type: ignore[arg-type]
        for i, clock.now in enumerate(moments):
            house.turn()
            assert await house.post(BERLIN, path=f"/{i}") == 202
            # Of what was received at this moment nothing is called stored.
            assert max(writer.watermarks().values()) <= clock.now - IN_FLIGHT_S
            await asyncio.sleep(0.12)  # the file is sealed
        house.stop()
        return house

    house = asyncio.run(collect())
    stored = list(house.stored())
    assert len({header.uuid for header, _, _ in stored}) > 1
    return house, [event for _, _, event in stored], [sequence for _, sequence, _ in stored]


@pytest.mark.parametrize(
    "steps",
    [(0, 60, -HOUR_S, -HOUR_S + 60, 120), (0, DAY_S, DAY_S + 60, 60, 120), (0, -1, -2, -3)],
    ids=["back an hour", "ahead a day and back", "back by seconds"],
)
def test_events_keep_their_time_and_their_order_when_the_clock_steps(
    ram: Path, tmp_path: Path, steps: tuple[int, ...]
) -> None:
    moments = [NOON + step for step in steps]
    _, events, sequences = stepping(ram, tmp_path, *moments)
    assert [event["path"] for event in events] == [f"/{i}" for i in range(len(steps))]
    assert [event["received"] for event in events] == moments
    assert [event["day"] for event in events] == [local_day(BERLIN, moment).number for moment in moments]
    assert sequences == sorted(set(sequences))


def test_within_a_day_a_visitor_stays_the_same_when_the_clock_steps(ram: Path, tmp_path: Path) -> None:
    _, events, _ = stepping(ram, tmp_path, NOON, NOON + 60, NOON - HOUR_S, NOON + 120)
    assert len({event["visitor"] for event in events}) == 1
    assert not lost_days(tmp_path / "keys.jsonl")


def test_a_clock_that_steps_back_over_midnight_gets_a_new_key_and_the_day_is_marked(ram: Path, tmp_path: Path) -> None:
    midnight = utc("2026-06-10T22:00:00")
    before, after, back, again = midnight - 30, midnight + HOUR_S // 2, midnight - HOUR_S // 2, midnight + 60
    _, events, _ = stepping(ram, tmp_path, before, after, back, again)
    first, second, third, fourth = (event["visitor"] for event in events)
    # The destroyed key does not come back: the evening's visitors have other numbers the second time.
    assert len({first, second, third}) == 3
    # The new day's key was good and is kept.
    assert second == fourth
    assert lost_days(tmp_path / "keys.jsonl") == {(site_of(BERLIN), "2026-06-10")}


def test_a_clock_that_ran_ahead_a_day_leaves_no_key_of_that_time_behind(ram: Path, tmp_path: Path) -> None:
    house, events, _ = stepping(ram, tmp_path, NOON, NOON + 10 * DAY_S, NOON + 60)
    assert len({event["visitor"] for event in events}) == 3
    assert set(read_keys(ram / "keys")) == {(site_of(BERLIN), local_day(BERLIN, NOON).number)}
    assert lost_days(house.disk / "keys.jsonl") == {(site_of(BERLIN), "2026-06-10")}


# -- the hours of a day --------------------------------------------------------------------------------------------


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("zone", "day", "hours", "minute"),
    [
        # Far ahead, so that no TTL takes the rows while they are looked at.
        (BERLIN, "2041-10-27", 25, 0),
        (BERLIN, "2041-03-31", 23, 0),
        (ST_JOHNS, "2041-11-03", 25, 30),
        (ST_JOHNS, "2041-03-10", 23, 30),
        (KATHMANDU, "2041-12-31", 24, 15),
        (APIA, "2041-01-01", 24, 0),
    ],
)
@together
def test_a_day_of_23_or_25_hours_has_as_many_hours_in_its_rollup(
    store: Store, zone: str, day: str, hours: int, minute: int
) -> Test:
    date = dt.date.fromisoformat(day)
    bounds = day_bounds(zone, day_number(date))
    assert bounds.end - bounds.start == hours * HOUR_S
    site = Site(f"clock-{site_of(zone)}-{day}", timezone=zone)
    # One visit of one second in each hour: at its first and at its last second, so that a wrong cut is seen.
    moments = [moment for hour in range(bounds.start, bounds.end, HOUR_S) for moment in (hour, hour + HOUR_S - 1)]
    insert(store, [make_event(site.key, moment, date, visitor=i) for i, moment in enumerate(moments)])
    yield rolled_up(SiteDay(site, date, SiteRules(1, 30, "balanced")))

    def periods(grain: str) -> list[tuple[int, int]]:
        found = store.rows(
            "SELECT toUnixTimestamp(period), sum(pageviews) FROM open_cells WHERE site = {site:String} "
            "AND day = {day:Date} AND grain = {grain:String} AND dimension = '' GROUP BY period ORDER BY period",
            {"site": site.key, "day": date, "grain": grain},
        )
        return [(int(period), int(pageviews)) for period, pageviews in found]

    assert periods("hour") == [(hour, 2) for hour in range(bounds.start, bounds.end, HOUR_S)]
    assert {dt.datetime.fromtimestamp(hour, dt.UTC).minute for hour, _ in periods("hour")} == {minute}
    assert periods("day") == [(bounds.start, 2 * hours)]


# -- a real house over a real midnight -----------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.timeout(600)
def test_a_running_house_goes_over_midnight(data: Path) -> None:
    zone = ZoneInfo(KATHMANDU)
    midnight = int(
        dt.datetime.combine(dt.datetime.now(zone).date() + dt.timedelta(days=2), dt.time(), zone).timestamp()
    )
    # 25 s before it, for every process alike: an offset, not a moment.
    offset = midnight - 25 - int(time.time())
    sites = ("--set", f'sites=[{{key="example.com", timezone="{KATHMANDU}"}}]', "--set", "demo=false")

    def now() -> float:
        return time.time() + offset

    def until(moment: float) -> None:
        time.sleep(max(0.0, moment - now()))

    sent: list[float] = []
    with another_time(offset), running(data, *sites, sites=()) as house:
        assert now() < midnight - 1, "the house took too long to start"

        def post() -> None:
            sent.append(now())
            beacon = {"n": "pageview", "u": f"https://example.com/{len(sent)}", "d": "example.com"}
            assert house.post(beacon)[0] == 202

        for at in (-1, -0.5, -0.2, -0.1, 0.1, 0.2, 0.5, 1, 9.5, 10.5, 12):
            until(midnight + at)
            post()
        journal = data / "keys.jsonl"
        yesterday = local_day(KATHMANDU, midnight - 1).date.isoformat()

        def destroyed() -> list[int]:
            told = [entry for entry in read_journal(journal) if entry["day"] == yesterday]
            return [int(entry["at"]) for entry in told if entry["what"] == "destroyed"]

        [at] = eventually(destroyed)
        assert midnight + DESTROY_AFTER_S <= at <= midnight + DESTROY_AFTER_S + 3
        eventually(lambda: not [*data.glob("spool/*/*.open"), *data.glob("spool/*/*.sealed")])
        house.kill()
    assert "LD_PRELOAD" not in os.environ
    [found] = rows(data, "SELECT toUnixTimestamp(received), toUInt16(day), visitor FROM events ORDER BY sequence")
    assert len(found) == len(sent)
    for moment, (received, day, _) in zip(sent, found, strict=True):
        assert abs(received - moment) < 1.5
        assert day == local_day(KATHMANDU, received).number
    visitors = {day: {visitor for _, one, visitor in found if one == day} for _, day, _ in found}
    assert [len(numbers) for numbers in visitors.values()] == [1, 1]
    assert len(set.union(*visitors.values())) == 2
