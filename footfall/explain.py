"""What the command prints: tables for people.

In: the plain values a command answers with. Out: text.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from msgspec import structs

from collector.beacon import Beacon
from collector.keys import PassingKeys
from collector.steps import Client, Draft, anonymize
from schema.event import PAGEVIEW, Event
from schema.site import Site, local_day

from .engine import CannotDo
from .intake import Summary
from .serve import places_of
from .settings import Settings


def iso_date(text: str) -> dt.date:
    """A date, or CannotDo."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CannotDo(f"date {text!r}: write YYYY-MM-DD") from None


def table(header: list[str], rows: list[list[str]]) -> str:
    """Aligned columns; the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def stats_table(answer: dict[str, Any]) -> str:
    """The answer of `footfall stats`."""
    parts = [f"{answer['site']}, {answer['from']} to {answer['to']}", ""]
    parts.append(table(["total", "value"], [[name, _text(value)] for name, value in answer["totals"].items()]))
    if answer["rows"]:
        columns = list(answer["rows"][0])
        rows = [[_text(row.get(name)) for name in columns] for row in answer["rows"]]
        parts += ["", table([answer.get("by") or "value", *columns[1:]], rows)]
    parts += ["", *answer.get("notes", [])] if answer.get("notes") else []
    if answer.get("suppressed_days"):
        days = ", ".join(answer["suppressed_days"])
        parts.append(f"Days with fewer than {answer['k']} visitors are not shown: {days}")
    return "\n".join(parts)


def import_summary(summary: Summary) -> str:
    """How an import ended."""
    lines = [f"{summary.lines} lines, {summary.events} events for {summary.site}"]
    lines += [f"  {count} dropped: {reason}" for reason, count in summary.dropped.items()]
    days = summary.days_released
    if days:
        lines.append(f"{len(days)} day(s) released: {days[0]} to {days[-1]}")
    lines += [f"  {day} skipped: {reason}" for day, reason in summary.days_skipped.items()]
    if summary.changed_nothing:
        lines.append("Nothing changed.")
    return "\n".join(lines)


def before_and_after(
    settings: Settings, ip: str, ua: str, url: str, referrer: str, language: str, time_zone: str, width: int
) -> dict[str, Any]:
    """What a request would be reduced to, with a key that is forgotten at once."""
    site = Site(key="example", count_automated=True)
    rules = structs.replace(settings, sites=(site,), demo=False).collector_rules()["example"]
    beacon = Beacon(PAGEVIEW, url, (), referrer=referrer, width=width, time_zone=time_zone)
    now = int(time.time())
    keys = PassingKeys()
    draft = Draft(
        beacon,
        Client(ip, ua, language),
        rules,
        now,
        local_day("UTC", now),
        keys,
        places_of(settings),
    )
    outcome = anonymize(draft)
    keys.destroy()
    sent = {"address": ip, "agent": ua, "url": url, "referrer": referrer, "language": language}
    sent |= {"time_zone": time_zone, "screen_width": str(width)}
    if not isinstance(outcome, Event):
        return {"preset": rules.anonymization.preset, "sent": sent, "dropped": str(outcome), "stored": {}}
    hidden = {"site", "day", "lifetime"}
    stored = {name: value for name, value in structs.asdict(outcome).items() if name not in hidden}
    stored["visitor"] = f"{outcome.visitor:016x} (another number tomorrow, and on every other site)"
    return {"preset": rules.anonymization.preset, "sent": sent, "dropped": "", "stored": stored}


# Which stored fields come from what was sent.
_FROM = {
    "address": ("network", "country", "region", "city", "visitor"),
    "agent": ("browser", "browser_version", "os", "os_version", "device", "visitor"),
    "url": ("hostname", "path", "query", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    "referrer": ("referrer", "source", "channel"),
    "language": ("language",),
    "time_zone": ("country",),
    "screen_width": ("screen",),
}


def before_and_after_table(answer: dict[str, Any]) -> str:
    """Field by field: what was sent, what would be stored."""
    if answer["dropped"]:
        return f"preset {answer['preset']}: nothing would be stored, reason: {answer['dropped']}"
    lines = [f"preset {answer['preset']}"]
    for name, value in answer["sent"].items():
        lines += ["", f"{name}: {value or '(none)'}"]
        for field in _FROM[name]:
            kept = answer["stored"].get(field)
            lines.append(f"    {field} = {_text(kept) if kept not in ('', None) else '(not stored)'}")
    return "\n".join(lines)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "–"
    if isinstance(value, dict):
        return " ".join(_text(item) for item in value.values())
    return str(value)
