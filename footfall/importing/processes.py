"""The processes that help to read a log, from the side of whoever imports it: one for each core.

In: pieces of logs. Out: what each came to, in the order of the log. Promises: a piece is read as it would be here; none
of the processes outlives the import; keys go to them over a pipe, from memory to memory.
"""

from __future__ import annotations

import collections
import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from collector.model import KeySource

from ..errors import CannotDo
from .messages import FROM_PROCESS, Begin, Done, Failed, Gone, NeedsKey, Piece, Setup, receive, send, send_bytes
from .piece import LineFailed, Part

# Pieces for each process that are read or wait: so long as the store takes rows, they go on.
_AHEAD = 8


class Processes:
    """So many processes. Close them."""

    def __init__(self, setup: Setup, keys: KeySource, count: int) -> None:
        self._ahead = _AHEAD * count
        self._threads = ThreadPoolExecutor(count, "reading")
        self._processes = [_Process(keys) for _ in range(count)]
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        for process in self._processes:
            process.tell(setup)
            self._idle.put(process)

    def parts(self, sample: Sequence[str], pieces: Iterator[bytes]) -> Iterator[Part]:
        """What the pieces of a log come to, in their order. Raises LineFailed, and CannotDo where a process is gone."""
        begin = Begin(list(sample))
        waiting: collections.deque[Future[Part]] = collections.deque()
        for piece in pieces:
            waiting.append(self._threads.submit(self._read, begin, piece))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """End them all, whatever they do."""
        for process in self._processes:
            process.kill()
        # Who waits for one of them is told that it is gone.
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.close()

    def _read(self, begin: Begin, piece: bytes) -> Part:
        process = self._idle.get()
        try:
            return process.read(begin, piece)
        finally:
            self._idle.put(process)


class _Process:
    """One process."""

    # Two of them that come upon the same day have to get the same key.
    _asking = threading.Lock()

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self._begun: Begin | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "footfall.importing.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C reaches whoever imports alone.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._outgoing, self._incoming = self._process.stdin, self._process.stdout

    def tell(self, message: object) -> None:
        with self._expected():
            send(self._outgoing, message)

    def read(self, begin: Begin, piece: bytes) -> Part:
        """Raises LineFailed, and CannotDo where the process is gone."""
        with self._expected():
            if self._begun is not begin:
                send(self._outgoing, begin)
                self._begun = begin
            send(self._outgoing, Piece(piece))
            while True:
                match receive(self._incoming, FROM_PROCESS):
                    case NeedsKey(site, day):
                        with self._asking:
                            key = self._keys.key(site, day)
                        send_bytes(self._outgoing, key)
                    case Failed(line, kind):
                        raise LineFailed(line, kind)
                    case Done(part):
                        return part

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._outgoing.close()
        self._incoming.close()

    @contextlib.contextmanager
    def _expected(self) -> Iterator[None]:
        try:
            yield
        except Gone:
            code = self._process.wait()
            how = f"was killed by signal {-code}, for want of memory perhaps" if code < 0 else f"ended with code {code}"
            raise CannotDo(f"a process that reads the log {how}; nothing was released") from None
