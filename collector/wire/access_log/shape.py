"""What is wrong with a line, in words that quote nothing of it.

In: a line that no form reads. Out: which field is not what it should be, and the kinds of all of its fields.
Promises: no address, no browser string, no page is in the text.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from schema.site import EARLIEST, LATEST

from ...privacy.address import written_address
from .json_lines import key_names
from .moments import moment_of

_MOST = 12
_ANY_ZONE = ZoneInfo("UTC")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|\[[^\]\[]*+\]|\S+')
_REQUEST = re.compile(r'"[A-Z]+ \S.*"')
_KINDS = (
    (re.compile(r"-"), "-"),
    (re.compile(r"\d{4}-\d\d-\d\d(T.*)?"), "time"),
    (re.compile(r"\d\d:\d\d:\d\d\S*"), "time"),
    (re.compile(r"\d+(\.\d+)?"), "number"),
    (re.compile(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:.*\]"), "[time]"),
    (re.compile(r"\[.*\]"), "[…]"),
    (_REQUEST, '"request"'),
    (re.compile(r'".*'), '"text"'),
    (re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?"), "name"),
)


def diagnosis(line: str) -> str:
    """Why the line cannot be read, and its shape."""
    if line.startswith("{"):
        names = key_names(line)
        if not names:
            return "it begins like JSON, but is no JSON object"
        return f"no keys for address, time, request and status among {', '.join(names[:_MOST])}"
    tokens = _TOKEN.findall(line[:2000])
    kinds = list(map(_kind, tokens))
    times = [token[1:-1] for token, kind in zip(tokens, kinds, strict=True) if kind == "[time]"]
    is_told = bool(times) and moment_of(times[0], _ANY_ZONE) is not None
    return f"{_missing(kinds, is_told)}; its fields are: {' '.join(kinds[:_MOST]) or 'none'}"


def _missing(kinds: list[str], time_is_told: bool) -> str:
    if not kinds:
        return "it is empty"
    if kinds[:2] == ["time", "time"]:
        # A date and a time, as IIS and CloudFront write them.
        return (
            "it begins like one of the W3C format, and is none of those whose fields a line #Fields: names: that line "
            "stands above, or is given as --format '#Fields: …', and has a name for each value"
        )
    if "[time]" not in kinds:
        return "no field is a time in brackets, such as [14/Oct/2025:10:01:00 +0200]"
    if not time_is_told:
        return (
            "the time in brackets is in no form that is known, such as [14/Oct/2025:10:01:00 +0200], or of no year "
            f"from {EARLIEST.year} to {LATEST.year}"
        )
    if '"request"' not in kinds:
        return 'no field is a quoted request, such as "GET /about HTTP/1.1"'
    if kinds[0] == "address":
        return "the fields after the address stand in an order that is not known"
    word = {"name": "a name", "time": "a time", "number": "a number", "-": "empty"}.get(kinds[0], "a word")
    return f"the first field is {word}, not the client's address, nor a host's name with the address behind it"


def _kind(token: str) -> str:
    if written_address(token.rstrip(",")):
        return "address"
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(token)), "word")
