"""A real access log, without its addresses: four days of a blog, as people, crawlers and feed readers asked for it.

In: `real/access.log.xz`. Out: its lines. Made once of the log that Elastic publishes for its examples (Apache-2.0):

    python -m tests.pipeline.real_log apache_access.log

Promises: who was of one network or address is of one still, and which it was is not kept; of a referrer the host alone.
"""

from __future__ import annotations

import itertools
import lzma
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.pipeline.test_recount import read

LOG = Path(__file__).with_name("real") / "access.log.xz"
# Of the lines that are nobody's page view, one in so many is left.
_OTHERS = 20
_REFERRER = re.compile(r'"(https?://[^/"]*)[^"]*" (?="[^"]*"$)')


def lines() -> list[str]:
    return lzma.decompress(LOG.read_bytes()).decode().splitlines()


def _fewer(log: list[str]) -> Iterator[str]:
    people = {view.place for view in read(log)}
    others = itertools.count()
    for place, line in enumerate(log):
        if place in people or next(others) % _OTHERS == 0:
            yield line


def _nobodys(log: Iterable[str]) -> Iterator[str]:
    networks: dict[str, str] = {}
    hosts: dict[str, int] = {}
    for line in log:
        address, _, rest = line.partition(" ")
        network = address.rpartition(".")[0]
        number = len(networks)
        mine = networks.setdefault(network, f"10.{number // 256}.{number % 256}")
        host = hosts.setdefault(address, len(hosts) % 254 + 1)
        yield f"{mine}.{host} " + _REFERRER.sub(r'"\1/" ', rest)


if __name__ == "__main__":
    of = Path(sys.argv[1]).read_text().splitlines()
    LOG.write_bytes(lzma.compress("\n".join(_nobodys(_fewer(of))).encode(), preset=9))
