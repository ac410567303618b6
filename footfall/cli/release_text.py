"""What `footfall release` prints for a person.

In: the answers of `footfall/control/releases.py`. Out: text.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.web.format import counted
from schema.manifest import ADDED

from ..tables import moment_of, table, text_of

# So much of a digest tells one from another for an eye.
_SHORT = 12
# What an entry may add to its day: of each the field that names it, and what it is held against.
_ADDED = {"goal": "goals", "section": "sections", "property": "properties", "funnel": "funnels"}
_ADDED |= {"pairs": "pairs"}
_BESIDE = {"goal": "another goal", "section": "another section"}
_BESIDE |= dict.fromkeys(("property", "funnel", "pairs"), "what is told already")


def log(told: dict[str, Any]) -> str:
    """A chain, and what is open."""
    entries = told["entries"]
    header = ["entry", "of", "released", "origin", "preset", "k", "networks", "late", "rows", "digest", "remarks"]
    rows = [
        [str(one["number"]), _days(one), moment_of(one["released_at"]), one["origin"], one["preset"], str(one["k"]),
         str(one["networks"] or "–"), f"{one['k_late']}/{one['late_others']}" if one["k_late"] else "–",
         str(one["rows"]), one["digest"][:_SHORT] or "–", ", ".join(_remarks(one)) or "–"]
        for one in entries
    ]  # fmt: skip
    parts = [table(header, rows) if rows else f"{told['site']}: no day of these is released"]
    if told["open"] is None:
        parts.append("Which days are open is told to a user of the store who may read raw rows (the pipeline's).")
    parts += [f"{one['day']}  open, {_waits(one, told['timezone'])}" for one in told["open"] or ()]
    parts += [f"{_days(one)}  waiting, {_waits(one, told['timezone'])}" for one in told["blocks"] or ()]
    return "\n".join(parts)


def verified(chains: list[dict[str, Any]], faults: list[dict[str, Any]]) -> str:
    """How each site's releases are, and what is wrong."""
    lines = []
    for chain in chains:
        mine = [one for one in faults if one["site"] == chain["site"]]
        state = counted(len(mine), "fault") if mine else "ok"
        blocks = f", {counted(chain['blocks'], 'block')}" if chain["blocks"] else ""
        added = [
            f"{chain[field]:,} {what if chain[field] == 1 else field}"
            for what, field in _ADDED.items()
            if chain.get(field)
        ]
        goals = f", {' and '.join(added)} added to days" if added else ""
        what = f"{counted(chain['days'], 'released day')}{blocks}{goals}, {counted(chain['rows'], 'row')}"
        lines.append(f"{chain['site']}: {state}: {what}")
        lines += [f"  {_fault(one)}" for one in mine]
        if chain["head"]:
            lines.append(f"  entry {chain['last']} has the digest {chain['head']}")
    return "\n".join(lines) or "nothing is released"


def day(told: dict[str, Any]) -> str:
    """One day, or one block."""
    if told["state"] != "released":
        return _unreleased(told)
    entry = told["entry"]
    lines = [f"{told['site']}, {_days(told)}: {_state(told)}"]
    lines.append(f"  entry {entry['number']}, {moment_of(entry['released_at'])}, {entry['origin']}")
    lines.append(f"  rules: {_rules(entry)}")
    lines += [f"  {remark}" for remark in _remarks(entry)]
    for one in told.get("added", ()):
        lines.append(f"  entry {one['number']}, {moment_of(one['released_at'])}: {', '.join(_remarks(one))}")
    if not told["published"]:
        few = "fewer visitors than that, or from too few networks" if told["span"] == 1 else "nothing is enough"
        lines.append(f"  {few}: nothing is published")
        return "\n".join(lines)
    header = ["family", "by", "values", "rows", "(other)", "visitors in it"]
    rows = [
        [one["family"], _by(one), str(one["values"]), str(one["rows"]), "yes" if one["other"] else "no",
         text_of(one["folded"])]
        for one in told["published"]
    ]  # fmt: skip
    return "\n".join(lines) + "\n\n" + table(header, rows)


def week(name: str, days: list[dict[str, Any]]) -> str:
    """The days of a week, the week and its four weeks, a line each; then what is published of these as such."""
    lines = [f"{days[0]['site']}, {name}", *(f"  {_days(one)}  {_state(one)}" for one in days)]
    whole = [day(one) for one in days if one["span"] > 1 and one["state"] == "released"]
    return "\n\n".join(["\n".join(lines), *whole])


def _state(told: dict[str, Any]) -> str:
    if told["state"] == "none":
        return "nothing: no visits, or none yet" if told["span"] == 1 else "nothing waits"
    if told["state"] == "waiting":
        return f"waiting, {_waits(told['waits_for'], told['timezone'])}"
    if told["state"] == "open":
        return f"open, {_waits(told['waits_for'], told['timezone'])}"
    entry = told["entry"]
    remarks = ", ".join([f"entry {entry['number']}", *_remarks(entry)])
    return f"released, {counted(entry['rows'], 'row')} ({remarks})"


def _unreleased(told: dict[str, Any]) -> str:
    lines = [f"{told['site']}, {_days(told)}: {_state(told)}"]
    if told["state"] == "open":
        lines.append(f"  since {_moment(told['since'], told['timezone'])}")
        lines.append(f"  rules: {_rules(told)}")
        shown = f"as of {told['shown_as_of'].replace('T', ' ')}" if told["shown_as_of"] else "not yet"
        when = f"a day is shown from {told['shown_from']}" if told["shown_from"] else "every visit is shown at once"
        lines.append(f"  shown: {shown}; {when}")
    return "\n".join(lines)


def _rules(told: dict[str, Any]) -> str:
    # Entries that are older than these rules say 0.
    networks = f", networks = {told['networks']}" if told["networks"] else ""
    late = f", k_late = {told['k_late']}, late_others = {told['late_others']}" if told.get("k_late") else ""
    return f"preset {told['preset']}, k = {told['k']}{networks}{late}"


def _remarks(entry: dict[str, Any]) -> list[str]:
    """What is not as with every entry."""
    said = {
        _added(entry) if entry["span"] == ADDED else "": entry["span"] == ADDED,
        f"bounded: {', '.join(entry.get('bounded', ()))}": bool(entry.get("bounded")),
        "incomplete": not entry["complete"],
        "over-counted": entry["over_counted"],
        "taken back": not entry.get("holds", True),
        "in no whole week of its import": entry.get("in_no_block", False),
    }
    return [remark for remark, so in said.items() if so]


def _added(entry: dict[str, Any]) -> str:
    """Which goal, or what else, an entry adds to its day."""
    what, field = next(one for one in _ADDED.items() if entry.get(one[1]))
    few = "" if entry["rows"] else f" (too few people, or too few between it and {_BESIDE[what]})"
    return f"adds {'' if what == 'goal' else f'{what} '}{', '.join(map(repr, entry[field]))}{few}"


def _waits(waiting: dict[str, Any], zone: str) -> str:
    """What an open day waits for."""
    if waiting["what"] == "spools":
        return f"waits for spools that have not arrived: {', '.join(waiting['spools']) or 'none has ever reported'}"
    if waiting["what"] == "days":
        return "waits for days of it that are open"
    if waiting["what"] == "run":
        return "is released by the next run of the pipeline"
    until = _moment(waiting["until"], zone)
    return f"ends {until}" if waiting["what"] == "end" else f"waits for late events until {until}"


def _by(one: dict[str, Any]) -> str:
    name = "hour" if one["grain"] == "hour" else one["dimension"] or "the whole site"
    return f"{name} × {one['by_dimension']}" if one["by_dimension"] else name


def _fault(one: dict[str, Any]) -> str:
    entry = f"entry {one['number']}" if one["number"] else ""
    return f"{', '.join(part for part in (_days(one), entry) if part)}: {one['what']}: {one['how']}"


def _days(one: dict[str, Any]) -> str:
    """A day; a week as ISO 8601 numbers it, or the first and the last of several. Blocks of an import begin on any day,
    and are told by their days."""
    if one["span"] <= 1:
        return str(one["day"])
    first = dt.date.fromisoformat(one["day"])
    if first.weekday():
        return f"{first} to {first + dt.timedelta(days=one['span'] - 1)}"
    ends = sorted({first, first + dt.timedelta(days=one["span"] - 7)})
    return " to ".join(f"{year}-W{number:02}" for year, number, _ in (day.isocalendar() for day in ends))


def _moment(second: int, zone: str) -> str:
    return f"{dt.datetime.fromtimestamp(second, ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
