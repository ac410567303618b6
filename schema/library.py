"""Loads the client and, where it is embedded, the engine itself, and gives back what that took.

In: nothing. Out: the client's module. Promises: what nobody here uses is not loaded; what is given back comes again
from its file as soon as it is used, so that no answer depends on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_MAPS = Path("/proc/self/smaps")
# A mapping of the engine's file that nobody may write to. "r--p" has pages, too, that were written when it was loaded.
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)")
_ONLY_READ = {"r--p", "r-xp"}
_ENGINE = "_chdb."
# From <linux/mman.h>.
_DONTNEED = 4
# What was freed goes back to the system after 0.2 s, not 5: 30 MB less in a run, for no time that can be measured.
_ALLOCATOR = ("JE_MALLOC_CONF", "dirty_decay_ms:200")


def client() -> ModuleType:
    """The client's module. To load it takes a tenth of a second."""
    import clickhouse_connect
    from clickhouse_connect.driver import options

    # Or the first insert imports pandas, to see that no value is of it: a third of a second and 40 MB.
    options.pd = options.pd_time_test = None
    return clickhouse_connect


def engine() -> None:
    """Load the embedded engine, without pyarrow and numpy for answers nobody asks for: 40 MB, a fifth of a second."""
    if "chdb" not in sys.modules:
        with _absent("pyarrow"), _set(*_ALLOCATOR):
            import chdb  # noqa: F401


@contextlib.contextmanager
def _absent(name: str) -> Iterator[None]:
    """As if it were not installed. Nothing changes where somebody has loaded it before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(name, None)


@contextlib.contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """A variable of the environment, which is read when the engine is loaded. An operator's own holds."""
    own = os.environ.get(name)
    os.environ.setdefault(name, value)
    try:
        yield
    finally:
        if own is None:
            del os.environ[name]


def give_back() -> int:
    """Let go of the pages of the engine's own file that are mapped; how many bytes. To be loaded it goes through all of
    itself, 200 MB, of which it uses a third later on."""
    found = [*_untouched()]
    for begin, end, _ in found:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONTNEED)
    return sum(resident for _, _, resident in found)


def _untouched() -> Iterator[tuple[int, int, int]]:
    """(begin, end, bytes in memory) of mappings in which no page differs from the file."""
    try:
        text = _MAPS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not a Linux
        return
    for begin, end, rights, path, told in _mappings(text):
        if rights in _ONLY_READ and _ENGINE in Path(path).name and told.get("Anonymous") == 0:
            yield begin, end, told.get("Rss", 0) * 1024


def _mappings(text: str) -> Iterator[tuple[int, int, str, str, dict[str, int]]]:
    """(begin, end, rights, path, kB by name)."""
    for block in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text):
        head, _, rest = block.partition("\n")
        if found := _MAPPING.match(head):
            told = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", rest, re.MULTILINE)}
            yield int(found[1], 16), int(found[2], 16), found[3], found[4], told
