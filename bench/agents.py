"""What an agent string costs: cached, new, and in a flood of 100,000 that are all new. `python -m bench.agents`

In: the browsers of the package fake-useragent (a development tool). Out: microseconds for each agent.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from importlib import resources

from collector.enrich.device import AGENTS_CACHED, device_of

FLOOD = 100_000


def main() -> None:
    lines = (resources.files("fake_useragent") / "data" / "browsers.jsonl").read_text("utf-8").splitlines()
    known = sorted({json.loads(line)["useragent"] for line in lines})
    draw = random.Random(1)
    # Real browsers with another number at the end, so that each is new.
    browsers = [f"{draw.choice(known)[:-6]}{number}" for number in range(FLOOD)]
    letters = "".join(map(chr, range(32, 127)))
    garbage = ["Mozilla/5.0 (" + "".join(draw.choices(letters, k=500)) for _ in range(FLOOD // 10)]
    _tell("browsers, all new", browsers, device_of)
    _tell("the same once more, cached", browsers[-AGENTS_CACHED:], device_of)
    _tell("512 random characters, all new", garbage, device_of)


def _tell(name: str, agents: list[str], action: Callable[[str], object]) -> None:
    started = time.process_time()
    for agent in agents:
        action(agent)
    taken = (time.process_time() - started) / len(agents)
    print(f"{name:32} {len(agents):7} agents: {taken * 1e6:6.1f} µs each")


if __name__ == "__main__":
    main()
