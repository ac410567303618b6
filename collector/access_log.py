"""Access logs in combined format → beacons, as if each line had been a page's own.

In: lines of text. Out: per line a `Beacon`, a `Client` and a time, or the `Reason` why it is no person opening a page.
Promises: a bad line is counted, never fatal; addresses and agents live only in what is returned.
"""

from __future__ import annotations

import datetime as dt
import gzip
import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO

from schema.event import PAGEVIEW

from .beacon import Beacon, bounded, clean
from .reason import Reason
from .steps import Client

# address identity user [time] "request" status bytes "referrer" "agent"; a quote inside quotes is written \".
_LINE = re.compile(
    r'(?P<address>\S+) \S+ \S.*? \[(?P<time>[^\]]{20,30})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+'
    r'(?: "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?.*'
)
# 60 is a leap second.
_TIME = re.compile(r"(\d\d/[A-Z][a-z]{2}/\d{4}):([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) ([+-])(\d\d)([0-5]\d)", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
# Files a page loads, or that are no page: a request for one is nobody opening a page.
_STATIC = {
    *("css", "js", "mjs", "map", "json", "xml", "rss", "atom", "txt", "ico", "png", "jpg", "jpeg", "gif"),
    *("svg", "svgz", "webp", "avif", "bmp", "tif", "tiff", "woff", "woff2", "ttf", "otf", "eot", "mp3"),
    *("mp4", "m4a", "webm", "ogg", "ogv", "wav", "avi", "mov", "swf", "pdf", "zip", "gz", "tgz", "bz2"),
    *("xz", "7z", "rar", "tar", "jar", "exe", "dmg", "iso", "deb", "rpm", "apk", "msi", "bin", "webmanifest"),
    "wasm",
}
# A longer line is no log line; it is read in pieces so that it cannot fill the memory.
MAX_LINE = 64 * 1024


def read_line(line: str, host: str) -> tuple[Beacon, Client, int] | Reason:
    """(beacon, client, Unix seconds) of a line. host: the site's, which a log does not tell."""
    match = _LINE.fullmatch(line)
    if match is None:
        return Reason.BAD_LINE
    method, _, rest = match["request"].partition(" ")
    target = rest.rpartition(" ")[0] or rest
    moment = _moment(match["time"])
    if moment is None or not target or not method.isalpha():
        return Reason.BAD_LINE
    if method != "GET":
        return Reason.NOT_GET
    if match["status"][0] not in "23":
        return Reason.NOT_SUCCESS
    target = "/" + target.lstrip("/")
    path = target.partition("?")[0].partition("#")[0]
    name = path.rpartition("/")[2]
    if "." in name and name.rpartition(".")[2].lower() in _STATIC:
        return Reason.STATIC_FILE
    referrer = match["referrer"] or ""
    agent = match["agent"] or ""
    beacon = Beacon(
        name=PAGEVIEW,
        url=bounded(f"https://{host}{clean(target)}"),
        domains=(),
        referrer="" if referrer == "-" else bounded(clean(referrer)),
    )
    return beacon, Client(match["address"], "" if agent == "-" else agent), moment


def lines(path: str, progress: Callable[[int], None]) -> Iterator[str]:
    """The lines of a file, plain or gzipped, or of standard input (`-`). progress: bytes of the file read so far."""
    if path == "-":
        yield from _split(sys.stdin.buffer, lambda: None)
        return
    with Path(path).open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: IO[bytes] = gzip.open(raw) if zipped else raw  # type: ignore[assignment]  # noqa: SIM115 - raw is closed above
        yield from _split(stream, lambda: progress(raw.tell()))


def _split(stream: IO[bytes], tick: Callable[[], object]) -> Iterator[str]:
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if number % 1000 == 0:
            tick()
        yield line.decode("utf-8", "replace").rstrip("\r\n")
    tick()


def _moment(text: str) -> int | None:
    """Unix seconds of `17/May/2015:10:05:03 +0000`."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, sign, hours, minutes = match.groups()
    ahead = (int(hours) * 60 + int(minutes)) * (-60 if sign == "-" else 60)
    try:
        return _midnight(day) + int(hour) * 3600 + int(minute) * 60 + int(second) - ahead
    except (ValueError, KeyError):
        return None


@lru_cache(maxsize=64)
def _midnight(day: str) -> int:
    number, month, year = day.split("/")
    return int(dt.datetime(int(year), _MONTHS[month], int(number), tzinfo=dt.UTC).timestamp())
