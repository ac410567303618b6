"""The W3C extended format of IIS, CloudFront, Tomcat, WebLogic: a line `#Fields:` names what stands in those after it.

In: such a line. Out: the `Form` of the lines that follow. Promises: no line raises; the time is of UTC, as the format
says.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ...privacy.untrusted_proxy import FORWARDING
from .forms import Entry, Form
from .unreadable import Unreadable

FIELDS = "#Fields:"
NAME = "W3C"
_FORWARDED = sorted(name.decode() for name in FORWARDING - {b"forwarded"})
# Which of several fields for the same is taken: the first in its list. In lower case, with "-" for "_".
_NAMES = {
    "client": ("c-ip",),
    "date": ("date",),
    "time": ("time",),
    "method": ("cs-method",),
    "target": ("cs-uri-stem", "cs-uri"),
    "query": ("cs-uri-query",),
    "status": ("sc-status",),
    "referrer": ("cs(referer)", "cs(referrer)"),
    "agent": ("cs(user-agent)",),
    # What visitors ask CloudFront for; cs(Host) is its own name there.
    "host": ("x-host-header", "cs-host", "cs(host)"),
    "forwarded": (*_FORWARDED, *(f"cs({name})" for name in _FORWARDED)),
}
_NEEDED = {
    "client": "the client's address",
    "date": "the date",
    "time": "the time",
    "method": "the method",
    "target": "the page",
    "status": "the status",
}
# A quote within quotes is written twice; no field has a blank otherwise.
_VALUE = re.compile(r'"((?:[^"]|"")*+)"|(\S++)')


def w3c_form(header: str) -> Form:
    """The form of lines that have these fields. Raises Unreadable where a page view needs one more."""
    names = [name.lower().replace("_", "-") for name in header.removeprefix(FIELDS).split()]
    found = {field: next(filter(names.__contains__, among), "") for field, among in _NAMES.items()}
    at = {field: names.index(name) for field, name in found.items() if name}
    for field, what in _NEEDED.items():
        if field not in at:
            needed = f"{what} ({_NAMES[field][0]})"
            raise Unreadable(f"its line {FIELDS} has none for {needed}: choose it where the log is set up")

    def parse(line: str) -> Entry | None:
        values = _values(line)
        return _entry({field: values[index] for field, index in at.items()}) if len(values) == len(names) else None

    return Form(NAME, parse, agent="agent" in at, escaped=False)


def _values(line: str) -> list[str]:
    if line.startswith("#"):
        return []
    # CloudFront and WebLogic write tabs.
    if "\t" in line:
        return [value.strip('"') for value in line.split("\t")]
    return [quoted.replace('""', '"') or bare for quoted, bare in _VALUE.findall(line)]


def _entry(found: dict[str, str]) -> Entry:
    target, query = found["target"], found.get("query", "-")
    if query not in ("", "-") and "?" not in target:
        target = f"{target}?{query}"
    return Entry(
        found["client"],
        found.get("host", ""),
        f"{found['date']} {found['time']}Z",
        f"{found['method']} {target} HTTP/",
        found["status"],
        found.get("referrer", ""),
        _spaced(found.get("agent", "")),
        _spaced(found.get("forwarded", "")),
    )


def _spaced(text: str) -> str:
    """A header with its blanks: IIS writes + for them, CloudFront %20, older ones %2520."""
    if "%" in text:
        return unquote(unquote(text))
    return text if " " in text else text.replace("+", " ")
