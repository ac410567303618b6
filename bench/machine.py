"""What the figures were measured on, and what the kernel tells of a process.

In: process ids. Out: processor seconds, resident megabytes, and the name of the machine. Linux only.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import multiprocessing
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")

MB = 1_000_000
_PACKAGES = ("starlette", "uvicorn", "httptools", "uvloop", "msgspec", "clickhouse-connect", "chdb-core")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def description() -> dict[str, str]:
    """The machine and the versions, as far as a reader needs them to compare."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return {
        "processor": f"{model[1] if model else platform.machine()}, {len(cores())} cores",
        "memory": f"{int(memory[1]) / 1024**2:.0f} GiB" if memory else "",
        "load before": f"{load} (1, 5, 15 minutes): what others did meanwhile is in the figures",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
        "tools": ", ".join(filter(None, (_version("wrk", "-v"), _version("nginx", "-v")))) or "no wrk, no nginx",
    }


def _version(tool: str, flag: str) -> str:
    if not shutil.which(tool):
        return f"no {tool}"
    done = subprocess.run([tool, flag], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return f"{tool} {found[0] if found else ''}"


# -- cores ---------------------------------------------------------------------------------------------------------


def cores() -> list[int]:
    """Those this process may use."""
    return sorted(os.sched_getaffinity(0))


def pin(pid: int, to: Collection[int]) -> None:
    """Keep every thread of a process on these cores. Threads and children that it starts later stay there, too."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), to)


# -- processes -----------------------------------------------------------------------------------------------------


def apart(function: Callable[_Arguments, _Answer], *given: _Arguments.args, **named: _Arguments.kwargs) -> _Answer:
    """The answer of a function that runs in a process of its own: the embedded engine opens once in a process, and
    memory that one measurement took is none of the next one's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *given, **named).result()


def processor_s(pid: int) -> float:
    """Processor time that a process has used, its threads included. On a machine that others use, too, this says
    more than the clock."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def written_mb(pid: int) -> float:
    """What a process has had written to disks, by pages: a page that is written twice counts twice."""
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / MB


def resident_mb(pid: int) -> float:
    """Memory that a process has in RAM now."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024 / MB


def together_mb(pids: Collection[int]) -> float:
    """Memory of some processes together: what is of each alone, and each file's pages once. Unlike their shares (PSS)
    it is no less where others on the machine happen to have the same files."""
    own, of_files = 0, dict[str, int]()
    for pid in pids:
        mine, by_file = _mapped(pid)
        own += mine
        for path, size in by_file.items():
            of_files[path] = max(of_files.get(path, 0), size)
    return (own + sum(of_files.values())) * 1024 / MB


def _mapped(pid: int) -> tuple[int, dict[str, int]]:
    """kB of a process: that no file has, and by file."""
    own, by_file, path = 0, dict[str, int](), ""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines():
            head, *rest = line.split(None, 5)
            if not head.endswith(":"):
                path = rest[4] if len(rest) == 5 else ""
            elif head == "Rss:":
                by_file[path] = by_file.get(path, 0) + int(rest[0])
            elif head == "Anonymous:":
                own += int(rest[0])
                by_file[path] -= int(rest[0])
    return own, by_file


def tell(text: str) -> None:
    """What is going on. Standard output is for the table."""
    print(f"  {text}", file=sys.stderr, flush=True)
