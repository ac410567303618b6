"""An export of a site: its released numbers as CSV or JSON lines, in a zip with an explanation of the columns.

In: an instance, a site. Out: a file that is whole or not there, its owner's only. Promises: the rows are the released
ones and no others; a month at a time is in memory; text that a spreadsheet would run is text.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec

from dashboards.web.tables import as_csv, as_csv_file
from schema.dimensions import EVERY
from schema.families import FAMILIES, LATE
from schema.metrics import METRICS

from .control.instance import Instance
from .new_file import new_file
from .settings.edit_file import path_of

FORMATS = ("csv", "jsonl")
_OF_BLOCKS = {
    "grain": "`week` (Monday to Sunday) or `four_weeks`; of an import, from its first day on, with its run behind; "
    "`goal-…` where a goal was added to a day that was released before.",
    "day": "The first day.",
    "days": "How many released days it speaks for: those on which the value has no row of its own. In a row of "
    "`(other)`: what has left the folded rows of the days.",
}


def export(instance: Instance, key: str, path: Path, form: str) -> dict[str, int]:
    """Write the file; how many rows there are by family. Raises CannotDo where it is there already."""
    months = instance.site_months(key)
    rows: dict[str, int] = {}
    with new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", readme(key, form))
        edits = path_of(instance.settings.directory, key)
        if edits.exists():
            archive.writestr("edits.json", edits.read_bytes())
        members = [*((family, False) for family in FAMILIES), *((family, True) for family in LATE)]
        for family, late in members:
            name = f"late_{family}" if late else family
            with archive.open(f"{name}.{form}", "w", force_zip64=True) as member:
                rows[name] = 0
                for part in (instance.site_rows(key, family, late, month) for month in months):
                    member.write(_text(part, form, heading=not rows[name]))
                    rows[name] += len(part)
    return rows


def readme(key: str, form: str) -> str:
    """What the columns are."""
    lines = [
        f"Released numbers of {key}, by Footfall. No row is about fewer than k visitors, and none about one person.",
        "Visitors of several days are a sum of days: nobody is recognized on another day.",
        "",
        "How sure it is: a row is exact, of its day or hour and its value. A value without a row on a day had",
        'fewer than k visitors on it, or nobody; so a sum over days is "at least". One visitor may be in the rows of',
        "several values, so visitors are not added up over values. A measure that is 0 beside visitors may be",
        "untold: fewer than k contributed. A goal whose definition was changed has both here, each on its days.",
        "",
    ]
    for name, family in FAMILIES.items():
        lines += [f"{name}.{form}", *(f"  {column.name}: {column.definition}" for column in family.released), ""]
    for name in LATE:
        columns = (column for column in FAMILIES[name].late if column.name in ("grain", "day", "days"))
        lines += [
            f"late_{name}.{form}: what days hide and their week or four weeks show; goals that were added to days",
            f"(in late_conversions). Columns as of {name}, but",
            *(f"  {column.name}: {_OF_BLOCKS[column.name]}" for column in columns),
            "",
        ]
    lines += ["edits.json: what was declared in the browser, by versions; it is there if anything was.", ""]
    lines += ["Dimensions", *(f"  {name}: {one.definition}" for name, one in EVERY.items()), ""]
    lines += ["Metrics made of these columns", *(f"  {name}: {one.definition}" for name, one in METRICS.items()), ""]
    return "\n".join(lines)


def _text(rows: list[dict[str, Any]], form: str, heading: bool) -> bytes:
    if form == "jsonl":
        return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    return (as_csv_file(rows) if heading else as_csv(rows).partition("\n")[2]).encode()
