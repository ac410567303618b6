"""One thing that was looked at, and how it is.

In: nothing. Out: findings, the worst of several, and what a monitor is told of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

State = Literal["ok", "note", "warning", "bad"]
OK: State = "ok"
# Nothing is wrong with the instance, but its operator may want to know.
NOTE: State = "note"
WARNING: State = "warning"
BAD: State = "bad"
EXIT_CODES = {OK: 0, NOTE: 0, BAD: 1, WARNING: 2}


class Finding(Struct, frozen=True):
    """check: what was looked at, a stable name. remedy: "" where there is none to take."""

    check: str
    state: State
    finding: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """The state of all of them together; a note is well."""
    states = {one.state for one in findings}
    return BAD if BAD in states else WARNING if WARNING in states else OK


def as_lines(findings: Sequence[Finding]) -> list[str]:
    """For a person: one line each, and one for the remedy."""
    lines = []
    for one in findings:
        state = one.state.upper() if one.state == BAD else one.state
        lines.append(f"{state:4} {one.check}: {one.finding}")
        if one.remedy:
            lines.append(f"       -> {one.remedy}")
    return lines


def as_one_line(findings: Sequence[Finding]) -> str:
    """For a monitor: the state, and which checks are to blame."""
    blamed = [
        f"{state} {', '.join(dict.fromkeys(one.check for one in findings if one.state == state))}"
        for state in (BAD, WARNING)
        if any(one.state == state for one in findings)
    ]
    return "; ".join(blamed) or f"ok {len(findings)} checks"
