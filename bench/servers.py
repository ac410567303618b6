"""What answers beacons: our own house, bare Starlette, nginx. Each with its workers on cores of their own.

In: a directory, and the cores of the workers. Out: running servers that are gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from footfall.canary.scratch import Scratch
from pipeline.spool.file import spool_files
from pipeline.spool.log import read_log

from .load import SITE
from .machine import pin

ROOT = Path(__file__).parents[1]
_SETTINGS = (
    'collector.trusted_proxies=["127.0.0.0/8"]',
    # What is measured is what a beacon costs, however many come from one network.
    "collector.rate_limit=0",
    # The engine is paused, and what is in the files is counted.
    "spool.seal_behind_after_s=0.5",
)
# A file that ends with a load is sealed when the writer has time for it: seconds.
_SEALED_WITHIN_S = 30.0
# Of a spool file's beginning (its name) and end (its last frame, the file, its name); each commit is one more.
_FSYNCS_A_FILE = 4

# nginx for as long as the test takes, in one process, with everything it writes in a directory of ours.
_NGINX = """
daemon off; master_process off; pid {directory}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port}; return 204; }}
}}
"""


class Committed(Struct, frozen=True):
    """What became durable. commits: groups of events."""

    events: int = 0
    commits: int = 0
    files: int = 0

    @property
    def fsyncs(self) -> int:
        return self.commits + _FSYNCS_A_FILE * self.files


class Server:
    """workers: the processes that answer."""

    def __init__(self, port: int, workers: Sequence[int]) -> None:
        self.port = port
        self.workers = workers


class House(Server):
    """`footfall up`, with its engine paused.

    So the client has its core for itself, and what the workers commit stays in their spools, where it is counted. What
    the engine then makes of it is measured on its own, as draining and as rolling up."""

    def __init__(self, scratch: Scratch) -> None:
        super().__init__(scratch.port, scratch.children("collector"))
        self._engines = scratch.children("engine")
        self._spools = scratch.data / "spool"
        self._counted: set[Path] = set()

    def pause(self) -> None:
        for pid in self._engines:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self._engines:
            os.kill(pid, signal.SIGCONT)

    def committed(self) -> Committed:
        """What is in the files that were sealed since the last call, once all are."""
        deadline = time.monotonic() + _SEALED_WITHIN_S
        while any(self._spools.glob("*/*.open")) and time.monotonic() < deadline:
            time.sleep(0.1)
        events = commits = files = 0
        for spool in self._spools.iterdir():
            for path in {path for path in spool_files(spool) if path.suffix == ".sealed"} - self._counted:
                self._counted.add(path)
                # The first frame tells of the file.
                groups = [group for body in read_log(path.read_bytes()).bodies[1:] if (group := _events_in(body))]
                events, commits, files = events + sum(groups), commits + len(groups), files + 1
        return Committed(events, commits, files)


def _events_in(group: bytes) -> int:
    return len(msgspec.msgpack.decode(group, type=dict[str, list[Raw]]).get("events", ()))


@contextlib.contextmanager
def house(directory: Path, cores: Collection[int], workers: int = 1) -> Iterator[House]:
    """Our own, as an operator starts it; nothing but the two settings above differs."""
    keys = tempfile.mkdtemp(prefix="footfall-bench-", dir="/dev/shm")  # keys outlive a house: these need not
    settings = [word for setting in (*_SETTINGS, f"keys.directory={keys}") for word in ("--set", setting)]
    scratch = Scratch(directory / "data", "--workers", str(workers), *settings, sites=(SITE,)).start()
    try:
        found = House(scratch)
        for number, pid in enumerate(sorted(found.workers)):
            pin(pid, cores if workers == 1 else {sorted(cores)[number % len(cores)]})
        found.pause()
        try:
            yield found
        finally:
            found.go_on()
    finally:
        try:
            scratch.stop()
        except subprocess.TimeoutExpired:  # a long backlog; nobody needs it
            scratch.kill()
        shutil.rmtree(keys)


@contextlib.contextmanager
def bare(cores: Collection[int]) -> Iterator[Server]:
    """Starlette alone, on the same server with the same speed-ups."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port), "--log-level", "error"]
    command += ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--no-proxy-headers"]
    with _running(command, port, cores) as server:
        yield server


@contextlib.contextmanager
def nginx(directory: Path, cores: Collection[int]) -> Iterator[Server | None]:
    """What the machine could do at all; None where there is no nginx."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        yield None
        return
    port = _free_port()
    settings = directory / "nginx.conf"
    settings.write_text(_NGINX.format(directory=directory, port=port))
    with _running([program, "-c", str(settings), "-p", str(directory)], port, cores) as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], port: int, cores: Collection[int]) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {command[0]} did not start")
            time.sleep(0.1)
        pin(process.pid, cores)
        yield Server(port, [process.pid])
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
