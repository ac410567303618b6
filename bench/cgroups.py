"""A control group of the kernel with a limit of memory, for processes of ours, within the group that we are in.

In: a limit. Out: what was charged to it, and whether something was killed. Promises: the group is gone at the end.
Where none can be made (no right to, no such kernel) it is None that is given.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_ROOT = Path("/sys/fs/cgroup")
_GONE_WITHIN_S = 20


class Files(Struct, frozen=True):
    """The names in one of the two versions of control groups."""

    limit: str
    peak: str
    kills: str


_V1 = Files("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control")
_V2 = Files("memory.max", "memory.peak", "memory.events")


class Group(Struct, frozen=True):
    """One group."""

    path: Path
    files: Files

    def enter(self) -> None:
        """Put this process and its children to come into it."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def peak(self) -> int:
        """The most that was charged to it, bytes: pages of files that it read are among them."""
        return int((self.path / self.files.peak).read_text())

    @property
    def killed(self) -> int:
        """How many processes were killed for want of memory."""
        found = re.search(r"^oom_kill (\d+)", (self.path / self.files.kills).read_text(), re.MULTILINE)
        return int(found[1]) if found else 0


@contextlib.contextmanager
def group(limit: int) -> Iterator[Group | None]:
    """A group for as long as it lasts. limit: bytes."""
    made = _made(limit)
    try:
        yield made
    finally:
        deadline = time.monotonic() + _GONE_WITHIN_S
        while made and made.path.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # its last process is about to end
                made.path.rmdir()
            time.sleep(0.1)


def _made(limit: int) -> Group | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        files, below = (_V1, "memory") if kinds else (_V2, "")
        found = Group(_ROOT / below / path.lstrip("/") / f"footfall-bench-{os.getpid()}", files)
        try:
            found.path.mkdir()
        except OSError:
            continue
        try:
            (found.path / files.limit).write_text(str(limit))
            _ = found.peak, found.killed
        except OSError:
            found.path.rmdir()
        else:
            return found
    return None
