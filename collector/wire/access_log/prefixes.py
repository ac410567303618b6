"""What others write before a server's line when they carry it: syslog, journals, containers, and JSON around it.

In: a line. Out: the server's own line. Promises: never raises; each takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import Struct

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
# `host program[pid]: `, also without the host.
_TAG = r"(?:\S+ )?[^\s:\[]+(?:\[[^\]\s]*\])?: *"
# `[name key="value" …]` of RFC 5424.
_STRUCTURED = r'\[[^\]"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^\]"]*+)*+\]'
_JSON_KEYS = ("log", "message", "MESSAGE", "msg", "line")


class Prefix(Struct, frozen=True):
    """name: what it is, "" for none. strip: a line without it; None where it is not there."""

    name: str
    strip: Callable[[str], str | None]


def _of_pattern(name: str, pattern: str) -> Prefix:
    match = re.compile(pattern).match

    def strip(line: str) -> str | None:
        found = match(line)
        return line[found.end() :] if found else None

    return Prefix(name, strip)


def _of_json(key: str) -> Prefix:
    def strip(line: str) -> str | None:
        if not line.startswith("{"):
            return None
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        text = value.get(key)
        return text.strip("\r\n") if isinstance(text, str) else None

    return Prefix(f"JSON ({key})", strip)


# In the order in which they are tried.
PREFIXES = (
    Prefix("", lambda line: line),
    _of_pattern("kubernetes", rf"{_ISO} (?:stdout|stderr) [FP] "),
    _of_pattern("docker", rf"{_ISO} +"),
    _of_pattern("compose", rf"(?:{_ISO} )?[\w.@-]+ +\|  ?(?:{_ISO} +)?"),
    _of_pattern("kubectl", rf"\[[\w./-]+\] (?:{_ISO} )?"),
    _of_pattern(
        "syslog",
        rf"(?:\d+ )?<\d{{1,3}}>1 (?:{_ISO}|-) \S+ \S+ \S+ \S+ (?:-|(?:{_STRUCTURED})+) ?(?:\ufeff|ï»¿)?",
    ),
    _of_pattern("syslog", rf"(?:<\d{{1,3}}>)?[A-Z][a-z]{{2}} [ \d]\d (?:\d{{4}} )?\d\d:\d\d:\d\d(?:\.\d+)? {_TAG}"),
    _of_pattern("syslog", rf"(?:<\d{{1,3}}>)?{_ISO} {_TAG}"),
    _of_pattern("journal", rf"[A-Z][a-z]{{2}} \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ {_TAG}"),
    _of_pattern("journal", rf"\d{{9,11}}\.\d+ {_TAG}"),
    _of_pattern("seconds", r"\d{9,11}(?:\.\d+)? +"),
    *(_of_json(key) for key in _JSON_KEYS),
)
