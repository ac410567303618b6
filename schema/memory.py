"""How much memory there is: the machine's, or what its container or service may take.

In: nothing. Out: bytes. Promises: where the system does not tell, it is 0, by which nothing is limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_MINE = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
# Of the two versions of control groups: where the groups of memory are, and the file with the limit.
_V1, _V2 = ("memory", "memory.limit_in_bytes"), ("", "memory.max")


def memory(machine: Path = _MACHINE, mine: Path = _MINE, groups: Path = _GROUPS) -> int:
    """Bytes; the least of all that hold for this process."""
    found = re.search(r"MemTotal:\s+(\d+) kB", _text(machine))
    limits = [int(found[1]) * 1024] if found else []
    return min([*limits, *_limits(mine, groups)], default=0)


def _limits(mine: Path, groups: Path) -> Iterator[int]:
    for line in _text(mine).splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        below, name = _V1 if kinds else _V2
        group = Path(path.lstrip("/"))
        # Inside a container the path may be that of the host, and its own group stands at the top.
        for place in (group, *group.parents):
            limit = _text(groups / below / place / name).strip()
            if limit.isdigit():
                yield int(limit)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
