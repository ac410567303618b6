"""Synthetic traffic for the lab: the demo's visits, with networks and returning people that the demo does not need.

In: a seed. Out: beacons with clients and times, the same for the same seed. Promises: no real person is in it.
Every address is from 198.18.0.0/15, which is reserved for measuring (RFC 2544).
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterator

from msgspec import structs

from collector.model import Beacon, Client

from .. import demo

DAYS = 7
VISITS_PER_DAY = 400
# Any fixed week, so that a sample is the same next year.
LAST_DAY = dt.date(2025, 6, 1)
_NETWORKS = 512
# Carriers and offices put many people into one network, most homes have theirs nearly alone: the n-th network is n
# times rarer than the first.
_WEIGHTS = [1 / rank for rank in range(1, _NETWORKS + 1)]
# Of a day's visits, so many are by somebody who was there the day before.
_RETURNING = 0.25

Person = tuple[Client, int, str]


def beacons(
    timezone: str, days: int = DAYS, visits: int = VISITS_PER_DAY, seed: int = 1
) -> Iterator[tuple[Beacon, Client, int]]:
    """So many days of about so many visits."""
    chance = random.Random(f"lab:{seed}")  # noqa: S311 - must repeat, need not surprise
    yesterday: list[Person] = []
    for back in range(days - 1, -1, -1):
        today: list[Person] = []
        day = demo.visits(seed, 1, LAST_DAY - dt.timedelta(days=back), timezone, visits)
        # The beacons of one visit share one client value.
        for _, visit in itertools.groupby(day, lambda sent: id(sent[1])):
            sent = list(visit)
            if yesterday and chance.random() < _RETURNING:
                person = chance.choice(yesterday)
            else:
                beacon, client, _ = sent[0]
                person = (structs.replace(client, address=_address(chance)), beacon.width, beacon.time_zone)
            today.append(person)
            for beacon, _, moment in sent:
                yield structs.replace(beacon, width=person[1], time_zone=person[2]), person[0], moment
        yesterday = today


def _address(chance: random.Random) -> str:
    network = chance.choices(range(_NETWORKS), _WEIGHTS)[0]
    return f"198.{18 + network // 256}.{network % 256}.{chance.randrange(1, 255)}"
