"""How many machines are found and how many people taken for one, on lists from packages that the detector does not use.

The detector has its own patterns and the package crawlerdetect. Machines: the agent strings that crawler-user-agents
collects. People: the agent strings that fake-useragent collects from the visits of real sites.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from collector.enrich.bots import kind_of
from collector.enrich.device import device_of

MACHINES = sorted({agent for entry in CRAWLER_USER_AGENTS_DATA for agent in entry["instances"]})
_LINES = (resources.files("fake_useragent") / "data" / "browsers.jsonl").read_text("utf-8").splitlines()
PEOPLE = {row["useragent"]: row for row in map(json.loads, _LINES)}


def test_of_the_machines_at_least_95_percent_are_found() -> None:
    kinds = Counter(kind_of(agent) for agent in MACHINES)
    recall = 1 - kinds[""] / len(MACHINES)
    print(f"recall {recall:.1%} of {len(MACHINES)} crawlers: {dict(kinds)}")
    assert len(MACHINES) > 1000
    assert recall >= 0.95


def test_of_the_people_at_most_a_half_percent_are_taken_for_machines() -> None:
    taken = [agent for agent in PEOPLE if kind_of(agent)]
    print(f"false positives {len(taken) / len(PEOPLE):.2%} of {len(PEOPLE)} browsers")
    assert len(PEOPLE) > 500
    assert len(taken) <= 0.005 * len(PEOPLE), taken


def test_the_class_of_a_persons_device_is_what_the_list_says() -> None:
    differing = [agent for agent, row in PEOPLE.items() if device_of(agent).device != row["type"]]
    assert len(differing) <= 0.01 * len(PEOPLE), differing
