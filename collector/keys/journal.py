"""The journal of the keys: each creation, receipt, destruction and loss, one line of JSON each, and never a key.

In: what happened to the key of a site-day. Out: a line on the disk before it is believed; the days that lost theirs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path

from .key import SiteDay


def note(path: Path, entries: Sequence[tuple[str, SiteDay]], at: int) -> None:
    """Append (what, site-day) entries of that moment (Unix seconds). Raises OSError."""
    lines = [json.dumps({"at": at, "what": what, "site": s, "day": iso_day(day)}) for what, (s, day) in entries]
    if not lines:
        return
    with open(path, "ab+") as file:
        # A line torn by a power cut must not take the next one with it.
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                lines.insert(0, "")
        file.write(("\n".join(lines) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def read_journal(path: Path) -> list[dict[str, str]]:
    """What happened to keys: entries with at, what (created, received, destroyed, lost), site, day."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        with contextlib.suppress(ValueError):  # torn by a power cut
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.keys() >= {"at", "what", "site", "day"}:
                entries.append(entry)
    return entries


def lost_days(path: Path) -> frozenset[tuple[str, str]]:
    """(site, ISO day) of every day that had a key lost."""
    return frozenset((entry["site"], entry["day"]) for entry in read_journal(path) if entry["what"] == "lost")


def iso_day(day: int) -> str:
    """A day's number as its date."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
