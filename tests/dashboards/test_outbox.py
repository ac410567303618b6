"""Rules of dashboards/delivery/outbox.py: nothing twice, nothing forgotten, nobody named."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboards.delivery.outbox import FIRST_WAIT_S, GONE_AFTER_S, KEPT_S, LONGEST_WAIT_S, MOST_ATTEMPTS, Outbox
from tests.dashboards.conftest import Clock

WHAT, BOSS = "digest week a.example 2031-06-09", "boss@example.com"


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "deliveries.sqlite", clock)
    yield opened
    opened.close()


def test_what_is_taken_is_taken_by_nobody_else_and_what_is_sent_never_again(outbox: Outbox, clock: Clock) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: outbox.take(WHAT, BOSS), range(40))) == 1
    assert not outbox.is_over(WHAT, BOSS)
    outbox.handing_over(WHAT, BOSS)
    outbox.sent(WHAT, BOSS)
    clock.now += KEPT_S / 2
    assert outbox.is_over(WHAT, BOSS)
    assert not outbox.take(WHAT, BOSS)
    assert outbox.take(WHAT, "another@example.com")


def test_two_processes_share_it(outbox: Outbox, tmp_path: Path, clock: Clock) -> None:
    other = Outbox(tmp_path / "deliveries.sqlite", clock)
    assert outbox.take(WHAT, BOSS)
    assert not other.take(WHAT, BOSS)
    assert other.mark(BOSS) == outbox.mark(BOSS)
    other.close()


def test_what_did_not_arrive_is_tried_again_later_and_later_and_not_for_ever(outbox: Outbox, clock: Clock) -> None:
    begin = clock.now
    for attempt in range(MOST_ATTEMPTS):
        assert outbox.take(WHAT, BOSS), attempt
        outbox.again(WHAT, BOSS, "refused (451)")
        assert not outbox.take(WHAT, BOSS)
        clock.now += min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)
    assert not outbox.take(WHAT, BOSS)
    assert outbox.is_over(WHAT, BOSS)
    assert 86_400 < clock.now - begin < 3 * 86_400
    [told] = outbox.all()
    assert (told.state, told.attempts, told.problem) == ("refused", MOST_ATTEMPTS, "refused (451)")


def test_who_died_before_it_was_given_away_is_followed_and_who_died_after_it_is_not(
    outbox: Outbox, clock: Clock
) -> None:
    assert outbox.take(WHAT, BOSS)
    assert outbox.take(WHAT, "other@example.com")
    outbox.handing_over(WHAT, "other@example.com")
    clock.now += GONE_AFTER_S - 1
    assert not outbox.take(WHAT, BOSS)
    clock.now += 2
    assert outbox.take(WHAT, BOSS)
    assert not outbox.take(WHAT, "other@example.com")
    assert {one.state for one in outbox.all()} == {"sending", "unclear"}


def test_an_address_stands_nowhere_in_the_file(outbox: Outbox, tmp_path: Path) -> None:
    outbox.take(WHAT, BOSS)
    outbox.again(WHAT, BOSS, "refused (451)")
    assert outbox.unsubscribe("digest week a.example", outbox.token("digest week a.example", BOSS))
    outbox.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"boss" not in kept
    assert (tmp_path / "deliveries.sqlite").stat().st_mode & 0o077 == 0


def test_who_takes_himself_off_one_list_stays_on_the_others(outbox: Outbox) -> None:
    token = outbox.token("digest week a.example", BOSS)
    assert outbox.wants("digest week a.example", BOSS)
    for list_, tried in (
        ("digest month a.example", token),
        ("digest week a.example", token[:-1] + ("0" if token[-1] != "0" else "1")),
        ("digest week a.example", outbox.token("digest week a.example", "x@y.example")[:32] + token[32:]),
        ("digest week a.example", "é" * 64),
        ("digest week a.example", ""),
    ):
        assert not outbox.unsubscribe(list_, tried)
    assert outbox.wants("digest week a.example", BOSS)
    assert outbox.unsubscribe("digest week a.example", token)
    assert not outbox.wants("digest week a.example", BOSS)
    assert outbox.wants("digest month a.example", BOSS)
    assert outbox.resume("digest week a.example", BOSS)
    assert not outbox.resume("digest week a.example", BOSS)
    assert outbox.wants("digest week a.example", BOSS)
