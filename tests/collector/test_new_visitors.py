"""The limit of new visitors: people behind one connection pass, inventors of visitors do not, and nobody can ask."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from collector.limits.new_visitors import NewVisitors
from collector.outcome import Reason
from collector.privacy.address import Proxies
from footfall.settings import load
from tests.collector.test_endpoint import AGENT, NOW, PAGEVIEW, Answer, House, run, stored


class Clock:
    def __init__(self) -> None:
        self.now = 1_792_000_000.0 // 90_000 * 90_000

    def __call__(self) -> float:
        return self.now


def nobody(_: str) -> bool:
    return False


def numbers(count: int, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [chance.getrandbits(64) for _ in range(count)]


def let_in(visitors: NewVisitors, numbers: list[int], network: int = 7) -> int:
    return sum(visitors.know(number) or visitors.admit(number, network, "203.0.113.9") for number in numbers)


def test_one_network_brings_so_many_new_ones_a_minute_and_each_network_its_own() -> None:
    clock = Clock()
    visitors = NewVisitors(100, nobody, clock)
    assert let_in(visitors, numbers(1500)) == 100
    assert let_in(visitors, numbers(50, seed=2), network=8) == 50
    clock.now += 60
    assert let_in(visitors, numbers(1500, seed=3)) == 100


def test_an_office_behind_one_address_passes_over_a_morning() -> None:
    clock = Clock()
    visitors = NewVisitors(load(environment={}).collector.new_visitors_limit, nobody, clock)
    people = numbers(200)
    chance = random.Random(3)
    lost = 0
    for _ in range(120):  # two hours, each minute some who come and many who go on
        for number in chance.sample(people, 60):
            lost += not let_in(visitors, [number])
        clock.now += 60
    assert lost == 0


def test_who_was_let_in_today_is_let_in_again_whatever_the_others_do() -> None:
    clock = Clock()
    clock.now += 89_999
    visitors = NewVisitors(10, nobody, clock)
    mine = numbers(10)
    assert let_in(visitors, mine) == 10
    for _ in range(24):
        assert let_in(visitors, numbers(500, seed=int(clock.now))) <= 10 or clock.now > 0
        assert let_in(visitors, mine) == 10
        clock.now += 3600
    assert let_in(visitors, mine) == 10


def test_an_address_that_stands_for_many_networks_has_no_limit() -> None:
    visitors = NewVisitors(3, Proxies(("203.0.113.0/24",)).hold, Clock())
    assert let_in(visitors, numbers(500)) == 500


@pytest.mark.slow
def test_memory_is_fixed_and_many_visitors_hide_few_new_ones() -> None:
    clock = Clock()
    visitors = NewVisitors(10**9, nobody, clock)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in numbers(200_000):
        visitors.admit(number, number, "")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000_000
    assert sum(map(visitors.know, numbers(10_000, seed=2))) < 10
    clock.now += 2 * 90_000
    visitors.admit(1, 1, "")
    clock.now += 90_000
    visitors.admit(2, 2, "")
    assert not any(map(visitors.know, numbers(1000)))


def test_an_invented_visitor_too_many_is_not_stored_is_counted_and_is_answered_like_any_other(tmp_path: Path) -> None:
    """Else a neighbour who has used the limit up could ask of any browser whether it has been here today."""

    async def use(house: House) -> list[Answer]:
        house.collector._new_visitors = NewVisitors(5, house.collector.proxies.hold, lambda: NOW)
        agents = [AGENT.replace("143.0.0.0", f"143.0.{number}.0") for number in range(20)]
        answers = [await house.ask(PAGEVIEW, [("user-agent", agent)]) for agent in agents]
        # Who was here is still counted, and is answered no other way.
        answers.append(await house.ask(PAGEVIEW, [("user-agent", agents[0])]))
        assert house.counted[("a.example", Reason.NEW_VISITORS)] == 15
        return answers

    answers = run(tmp_path, use)
    assert len(stored(tmp_path)) == 6
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].header("x-footfall-reason") is None
