"""Who makes visitors up: does he lift a person's page over k? Rule N4 counts those of one network as one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from pipeline.rollup.open_days.newcomers import QUARTER_S
from schema.store import Store
from tests.together import Test, together

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
# Everybody else on the site, each from a network of his own; none of them sees the page.
CROWD = 20
# What he has to be counted for, where his own visitors are not enough.
FAKES = range(100, 109)


def padded(store: Store, real: int, commanded: int, networks: int = 0) -> House:
    """A day on which so many real people see a page that is linked nowhere, and he with nine browsers from so many
    networks; each buys something there, measures vitals and stays a while."""
    house = House(store, K, networks)
    for visitor in range(CROWD):
        house.visit(visitor, at=visitor, network_number=1000 + visitor)
    for visitor in range(real):
        seen(house, visitor, at=100 + visitor, network_number=1000 + visitor)
    if commanded:
        for visitor in FAKES:
            seen(house, visitor, at=200 + visitor, network_number=1 + visitor % commanded)
    return house


def seen(house: House, visitor: int, at: int, network_number: int) -> None:
    mine = {"visitor": visitor, "path": "/secret", "network_number": network_number, "country": "IS"}
    house.visit(at=at, **mine)
    house.visit(at=at + 20, name="signup", currency="EUR", amount=100, **mine)
    house.visit(at=at + 30, name="engagement", engaged_ms=9000, lcp=900.0, **mine)


def readable(house: House) -> bool:
    """Whether anything names the page, its country, or what was done there."""
    found = [house.rows("page").get("/secret"), house.rows("country").get("IS")]
    found += house.rows("goal", "page==/secret").values()
    found += [row for row in house.overview()["vitals"] if "/secret" in str(row)]
    return any(found)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("one_less", [False, True])
@pytest.mark.parametrize("commanded", [0, 1, 2, 3])
@together
def test_the_fewest_real_people_that_become_readable_are_k_less_the_networks_he_commands(
    store: Store, commanded: int, one_less: bool, closed: bool, report: Callable[[str, str], None]
) -> Test:
    fewest = K - commanded
    house = padded(store, fewest - one_less, commanded)
    yield house.releasing() if closed else house.settling()
    assert readable(house) is not one_less
    report(f"a padder of {commanded} networks", f"k = {K}: fewest real people that become readable: {fewest}")


@pytest.mark.parametrize("real", [0, 1])
@together
def test_where_networks_are_not_looked_at_one_person_becomes_readable(
    store: Store, real: int, report: Callable[[str, str], None]
) -> Test:
    house = padded(store, real, commanded=1, networks=1)
    yield house.settling()
    assert readable(house)
    assert house.rows("page")["/secret"]["visitors"] == len(FAKES) + real
    report("a padder of 1 networks", f"where networks are not looked at: {real} real people become readable")


@together
def test_nor_is_he_told_of_one_by_a_contributor(store: Store) -> Test:
    """The page is seen by many; those who do something there are one, and he."""
    house = House(store, K)
    for visitor in range(CROWD):
        house.visit(visitor, "/known", at=visitor, network_number=1000 + visitor)
    house.visit(3, "/known", at=90, name="signup", network_number=1003)
    for visitor in FAKES:
        house.visit(visitor, "/known", at=visitor, network_number=1)
        house.visit(visitor, "/known", at=visitor + 60, name="signup", network_number=1)
    yield house.settling()
    row = house.rows("page")["/known"]
    assert (row["visitors"], row["pageviews"], row["events"]) == (
        CROWD + len(FAKES),
        CROWD + len(FAKES),
        row["pageviews"],
    )
    assert house.rows("goal", "page==/known") == {}
    assert "signup" not in house.rows("event")


@pytest.mark.parametrize("networks", [0, 1])
@together
def test_an_open_day_does_not_go_on_for_visitors_of_one_network(store: Store, networks: int) -> Test:
    house = House(store, K, networks)
    for quarter in range(2):
        crowd = range(300 * quarter, 300 * quarter + CROWD)
        house.visits([(quarter * QUARTER_S, {"visitor": n, "network_number": 1000 + n}) for n in crowd])
        yield house.waiting((quarter + 1) * QUARTER_S + 60)
    assert house.stats()["totals"]["visitors"] == CROWD
    house.visit(50, at=2 * QUARTER_S, network_number=1050)
    for visitor in FAKES:
        house.visit(visitor, at=2 * QUARTER_S, network_number=1)
    yield house.waiting(3 * QUARTER_S + 60)
    assert house.stats()["totals"]["visitors"] == (2 * CROWD if networks == 1 else CROWD)


def folded(store: Store, networks: int) -> House:
    """Two pages are folded into one row. On one of them a person pays; all others who do are he, by eight browsers from
    two networks, on both."""
    house = House(store, K, networks)
    for visitor in range(CROWD):
        house.visit(visitor, at=visitor, network_number=1000 + visitor)
    for visitor in range(3):
        house.visit(visitor, "/small", at=100 + visitor, network_number=1000 + visitor)
    buyers = [(n, "/small", 1 + n % 2, 100) for n in range(100, 106)] + [
        (n, "/secret", 1 + n % 2, 100) for n in (200, 201)
    ]
    for at, (visitor, path, network, amount) in enumerate([*buyers, (3, "/secret", 1003, 77_700)]):
        house.visit(visitor, path, at=200 + at, network_number=network)
        paid = {"name": "purchase", "currency": "EUR", "amount": amount, "network_number": network}
        house.visit(visitor, path, at=300 + at, **paid)
    return house


@pytest.mark.parametrize("closed", [False, True])
@together
def test_networks_of_what_is_folded_are_counted_once(store: Store, closed: bool) -> Test:
    house = folded(store, networks=0)
    yield house.releasing() if closed else house.settling()
    assert house.rows("page")["(other)"]["visitors"] == 12
    assert house.rows("goal", "page==(other)") == {}


@together
def test_else_what_he_paid_is_what_is_left(store: Store) -> Test:
    house = folded(store, networks=1)
    yield house.settling()
    assert house.rows("goal", "page==(other)")["Buy"]["visitors"] == 9


def test_a_rule_of_more_networks_holds_at_once(store: Store) -> None:
    house = House(store, K, networks=1)
    for visitor in range(CROWD):
        house.visit(visitor, at=visitor, network_number=1000 + visitor)
    for visitor in FAKES:
        house.visit(visitor, "/one-network", at=visitor, network_number=1)
    house.settle()
    assert "/one-network" in house.rows("page")
    house.follow(structs.replace(house.rules, networks=K))
    house.wait(QUARTER_S)
    assert "/one-network" not in house.rows("page")
