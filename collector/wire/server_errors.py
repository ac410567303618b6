"""What is wrong with an event of a site's server, in words its developer can act on.

In: what msgspec has against it. Out: a field and a message. Promises: neither holds anything of what was sent.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

import msgspec

from ..model import CONSENTS
from .server_event import Revenue, ServerEvent, Visitor, Vitals

# What msgspec says, and where. It quotes names of fields, and a word that is none of a closed list; a name may be made
# to look like the end of what is said.
_SAID = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_OF_A_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_KNOWN_IN = {
    path: struct.__struct_fields__
    for path, struct in (("", ServerEvent), ("visitor", Visitor), ("revenue", Revenue), ("vitals", Vitals))
}
_PATHS = frozenset(
    [f"{path}.{field}".lstrip(".") for path, fields in _KNOWN_IN.items() for field in fields] + ["props[...]"]
)
_REQUIRED = {
    "visitor": "is required: without the visitor's address and agent nobody can be counted",
    "visitor.address": "is required: the visitor's address, which is used in memory and never stored",
    "visitor.agent": "is required: the visitor's User-Agent header, which is used in memory and never stored",
    "visitor.do_not_track": "is required: the visitor's DNT header as it came, or null if there was none",
    "visitor.global_privacy_control": "is required: the visitor's Sec-GPC header as it came, or null if there was none",
}


def explained(problem: Exception) -> tuple[str, str]:
    """(field, message) of what msgspec has against an event, and nothing of what was sent."""
    if not isinstance(problem, msgspec.ValidationError):
        return "event", "is not JSON"
    said = _SAID.fullmatch(str(problem))
    assert said is not None
    what, path = said["what"], said["path"] if said["path"] in _PATHS else ""
    if of := _OF_A_FIELD.fullmatch(what):
        if of["how"] == "missing required":
            field = f"{path}.{of['name']}".lstrip(".")
            return field, _REQUIRED.get(field, "is required")
        # Its name is not repeated: it may be a value in the wrong place. What may be meant is ours to say.
        path = path if path in _KNOWN_IN else ""
        known = _KNOWN_IN[path]
        near = get_close_matches(of["name"][:40].lower(), known, 1)
        remedy = f"is `{near[0]}` meant?" if near else f"it can have {', '.join(known)}"
        return path or "event", f"has a field that is not known: {remedy}"
    if what.startswith("Expected "):
        return path or "event", f"is wrong: {what[0].lower()}{what[1:]}"
    if path == "consent":
        return path, f"must be one of {', '.join(CONSENTS)}"
    if path == "timestamp":
        return path, "is no time: write ISO 8601 with a zone, such as 2026-11-24T10:00:00Z, or Unix seconds"
    return path or "event", "cannot be read"
