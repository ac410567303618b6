"""An access log imported by `footfall import access-log`, and read by GoAccess, by turns.

In: a plan. Out: figures. The log is made up: of ten requests six are for files, two by bots, a few of no page, the rest
page views, of 10,000 visitors each with an agent of 200, in the order of time over four days. Memory is that of all
processes, pages of files counted once, looked at four times a second.
"""

from __future__ import annotations

import datetime as dt
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from .figures import Figure, median_of
from .machine import tell, together_mb
from .plan import Plan

PART = "logs"
_PEOPLE, _AGENTS, _DAYS = 10_000, 200, 4
_LOOK_S = 0.25
_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
_BOTS = ("Googlebot/2.1; +http://www.google.com/bot.html", "bingbot/2.0; +http://www.bing.com/bingbot.htm")
_MOST_MB, _LONGER = 400, 3


class Run(Struct, frozen=True):
    """One run of a command. memory: the most of all its processes at once."""

    seconds: float
    processor_s: float
    memory: float


def measure(plan: Plan) -> list[Figure]:
    """GoAccess is left out where it is not installed."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        log, longer = directory / "access.log", directory / "longer.log"
        _write(plan, log, plan.log_lines)
        ours, theirs = [], []
        for turn in range(min(plan.turns, 3)):
            tell(f"{plan.log_lines} lines, turn {turn + 1}")
            ours.append(_imported(log, directory))
            theirs += _read_by_goaccess(log, directory)
        _write(plan, longer, _LONGER * plan.log_lines)
        tell(f"{_LONGER * plan.log_lines} lines")
        much = _imported(longer, directory)
    return [
        *_figures("Footfall", ours, plan.log_lines, f"<= {_MOST_MB}"),
        *(_figures("GoAccess", theirs, plan.log_lines) if theirs else _none()),
        Figure(PART, f"Footfall: memory with {_LONGER} × the lines", much.memory, "MB", f"<= {_MOST_MB}"),
        *_ratios(ours, theirs),
    ]


def _figures(who: str, runs: Sequence[Run], lines: int, most: str = "") -> list[Figure]:
    return [
        median_of(PART, f"{who}: lines", [lines / run.seconds for run in runs], "/s"),
        median_of(PART, f"{who}: processor time of a line", [run.processor_s / lines * 1e6 for run in runs], "µs"),
        median_of(PART, f"{who}: memory", [run.memory for run in runs], "MB", most),
    ]


def _none() -> list[Figure]:
    return [Figure(PART, "GoAccess: lines", None, "/s", note="no goaccess on this machine")]


def _ratios(ours: Sequence[Run], theirs: Sequence[Run]) -> list[Figure]:
    if not theirs:
        return [Figure(PART, "Footfall to GoAccess", None, "×", ">= 0.5", "no goaccess on this machine")]
    pairs = list(zip(ours, theirs, strict=True))
    by_clock = [other.seconds / one.seconds for one, other in pairs]
    by_time = [other.processor_s / one.processor_s for one, other in pairs]
    return [
        median_of(PART, "Footfall to GoAccess", by_clock, "×", ">= 0.5"),
        median_of(PART, "the same by processor time", by_time, "×"),
    ]


def _imported(log: Path, directory: Path) -> Run:
    data = directory / "data"
    words = ["import", "access-log", str(log), "--site", "bench.example", "--json", "--data", str(data)]
    try:
        return _run([sys.executable, "-m", "footfall", *words])
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _read_by_goaccess(log: Path, directory: Path) -> list[Run]:
    if not shutil.which("goaccess"):
        return []
    return [
        _run(["goaccess", str(log), "--log-format=COMBINED", "--no-progress", "-o", str(directory / "report.json")])
    ]


def _run(command: list[str]) -> Run:
    before, began = _used_s(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    memory = 0.0
    while process.poll() is None:
        memory = max(memory, together_mb(_tree(process.pid)))
        time.sleep(_LOOK_S)
    seconds = time.perf_counter() - began
    told = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {told.decode()[-2000:]}")
    return Run(seconds, _used_s() - before, memory)


def _used_s() -> float:
    """Processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree(pid: int) -> list[int]:
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    except OSError:
        pass  # it has ended
    return found


# -- the log -------------------------------------------------------------------------------------------------------


def _write(plan: Plan, path: Path, lines: int) -> None:
    with path.open("w", encoding="ascii") as file:
        file.writelines(_lines(random.Random(plan.seed), lines, plan.log_lines))


def _lines(draw: random.Random, lines: int, in_four_days: int) -> Iterator[str]:
    moment, step = dt.datetime(2024, 3, 4, tzinfo=dt.UTC).timestamp(), _DAYS * 86_400 / in_four_days
    for _ in range(lines):
        moment += draw.random() * 2 * step
        time_ = dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        person, page, kind = draw.randrange(_PEOPLE), int(draw.paretovariate(0.8)) % 1500, draw.random()
        address = f"198.{person // 200 % 50}.{person % 200}.{person % 250 + 1}"
        agent = _AGENT.format(60 + person % _AGENTS)
        path, status, referrer = f"/blog/entry-{page}", 200, "-"
        if kind < 0.6:
            path, referrer = f"/static/{draw.randrange(300)}.png", f"https://bench.example/blog/entry-{page}"
        elif kind < 0.8:
            agent = f"Mozilla/5.0 (compatible; {_BOTS[person % 2]})"
        elif kind < 0.84:
            status = draw.choice((301, 404, 500))
        elif kind < 0.9:
            referrer = draw.choice(("https://www.google.com/", "https://news.example/item", "https://duckduckgo.com/"))
        yield f'{address} - - [{time_}] "GET {path} HTTP/1.1" {status} 5120 "{referrer}" "{agent}"\n'
