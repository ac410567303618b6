"""All tables of some days of a site as CSV in one zip, with an explanation of what the columns say.

In: a site, days, and who answers. Out: the bytes of the file, a table at a time, so that no more is in memory.
Promises: the tables are the answers of the interface; the same days that are over give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from schema.dimensions import DIMENSIONS, EVERY, OTHER
from schema.experience import EXPERIENCE
from schema.families import FAMILIES
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.metrics import METRICS
from schema.properties import PROPERTIES
from schema.site import Site

from ..stats.query import MAX_ROWS
from ..stats.refused import BadQuery
from ..stats.splits import BY_SEGMENT, FUNNEL_DAY, OF_QUALITY
from .tables import as_csv_file

Answer = dict[str, Any]
# Who answers a question by `by`.
Ask = Callable[[str], Answer]
_HEAD = """Numbers of {site}, {first} to {last} (days of {timezone}), by Footfall.

No number is about fewer than {k} people of a day{networks}, or of a week or four of them; and none about one person.
Visitors of several days are the sum of each day's visitors: nobody is recognized on another day. One visitor may be in
several rows of a table, so visitors are not added up over rows; the whole site is in totals.csv.

How sure a number is (column certainty)
  exact: all that was collected of these days.
  at least: on some days (not_shown_days of of_days) few or none had it, or not all had arrived.
  about: some visitors may be counted twice.
  empty: too few people to tell.
Why (column flags): not_shown, cut_block, incomplete, over_counted, bounded, imported.
{other} is all that is too rare to be named. A table has {rows:,} rows at most, those of most visitors.
"""


class Told(Struct):
    """What an explanation says of the tables. files: by name how many rows. without: those that have none, and why
    some could not be told. notes: what the answers say besides."""

    files: dict[str, int] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)


def tables_of(site: Site) -> dict[str, str]:
    """By the name of its file how each table of a site is asked for."""
    splits = ("day", *DIMENSIONS, "goal", "goal_day", "vital", "vital_day", "engagement")
    asked = {
        FUNNELS.name: site.funnels,
        FUNNEL_DAY: site.funnels,
        PROPERTIES.name: site.properties,
        JOURNEYS.name: site.journeys,
    }
    asked |= {EXPERIENCE.name: site.goals, BY_SEGMENT: site.segments}
    named = {"totals": ""} | {name: name for name in (*splits, *(name for name, has in asked.items() if has))}
    named |= {f"vital_by_{name}": f"vital,{name}" for name in FAMILIES["vitals"].dimensions if name}
    named |= {name: name for name in OF_QUALITY}
    return named | {f"pairs/{pair.one}_by_{pair.other}": f"{pair.one},{pair.other}" for pair in site.crossed}


def export(site: Site, ask: Ask) -> Iterator[bytes]:
    """The parts of the file. ask: answers of the days, of up to MAX_ROWS rows."""
    return _zipped(_members(site, ask))


def _members(site: Site, ask: Ask) -> Iterator[tuple[str, str]]:
    told = Told()
    totals = ask("")
    for name, by in tables_of(site).items():
        try:
            answer = ask(by) if by else totals
        except BadQuery as why:
            told.without.append(f"{name}: {why}")
            continue
        rows = answer["rows"] if by else [{**answer["totals"], "certainty": answer["certainty"]}]
        told.notes |= dict.fromkeys(answer["notes"])
        if rows:
            told.files[f"{name}.csv"] = len(rows)
            yield f"{name}.csv", as_csv_file(rows)
        else:
            told.without.append(name)
    yield "README.txt", explained(site, totals, told)


def explained(site: Site, totals: Answer, told: Told) -> str:
    """What is in the file. totals: the answer about the whole site."""
    networks = f" from {totals['networks']} networks" if totals["networks"] > 1 else ""
    days = {"first": totals["from"], "last": totals["to"], "timezone": site.timezone}
    head = _HEAD.format(site=site.key, **days, k=totals["k"], networks=networks, other=OTHER, rows=MAX_ROWS)
    lines = [head, "Files", *(f"  {name}: {rows:,} rows" for name, rows in told.files.items())]
    lines += ["", "Nothing to tell of", *(f"  {name}" for name in told.without or ["-"])]
    lines += ["", "Also to be known", *(f"  {note}" for note in told.notes or ["-"])]
    lines += ["", "Dimensions", *(f"  {name}: {one.definition}" for name, one in EVERY.items())]
    return "\n".join([*lines, "", "Metrics", *(f"  {name}: {one.definition}" for name, one in METRICS.items()), ""])


class _Sent(io.RawIOBase):
    """Takes what is written, until it is sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _zipped(members: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    sent = _Sent()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            # Of a date of its own it would be another file each time.
            member = zipfile.ZipInfo(name)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(member, text)
            yield sent.taken()
    yield sent.taken()
