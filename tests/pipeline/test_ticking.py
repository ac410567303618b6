"""What runs again and again does so by a clock that nobody sets, one job at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.ticking import Ticking
from tests.house import eventually, moved_clock

_TICKS = """
import threading, time
from pipeline.ticking import Ticking
Ticking([(lambda: print(int(time.time()), flush=True), 0.1)]).start()
threading.Event().wait(60)
"""


@pytest.mark.process
@pytest.mark.parametrize("step", [-86_400, 86_400])
def test_jobs_go_on_where_the_time_of_day_is_put_back_or_forward(tmp_path: Path, step: int) -> None:
    told = tmp_path / "told"

    def ticks(ahead: int) -> int:
        moments = map(int, told.read_text().split("\n")[:-1])
        return sum(1 for moment in moments if abs(moment - time.time() - ahead) < 600)

    with moved_clock(tmp_path / "clock") as move, told.open("w") as output:
        ticking = subprocess.Popen([sys.executable, "-c", _TICKS], stdout=output)
        try:
            eventually(lambda: ticks(0) > 3)
            move(step)
            eventually(lambda: ticks(step) > 3, within_s=20)
        finally:
            ticking.kill()
            ticking.wait()


def test_jobs_run_one_at_a_time_and_make_up_once_for_what_they_missed() -> None:
    runs: list[str] = []
    at_once: list[bool] = []
    lock = threading.Lock()

    def job(name: str, takes_s: float) -> None:
        at_once.append(lock.locked())
        with lock:
            runs.append(name)
            time.sleep(takes_s)

    ticking = Ticking([(lambda: job("slow", 0.5), 60), (lambda: job("often", 0), 0.01), (lambda: job("c", 0), 60)])
    ticking.start()
    eventually(lambda: runs.count("often") > 5)
    ticking.stop()
    assert runs[:3] == ["slow", "often", "c"], "each at once, and none again before another's first turn"
    assert (runs.count("slow"), runs.count("c"), any(at_once)) == (1, 1, False)
    ended = len(runs)
    time.sleep(0.05)
    assert len(runs) == ended


def test_the_end_waits_for_the_job_that_runs_and_needs_no_beginning() -> None:
    begun, done = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        time.sleep(0.1)
        done.set()

    ticking = Ticking([(job, 60)])
    ticking.start()
    begun.wait()
    ticking.stop()
    assert done.is_set()
    Ticking([(job, 60)]).stop()
