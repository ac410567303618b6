"""Families for tests, in a copy of the tree: one of a key whose values exclude one another, one of three keys that do
so within two of them, and one by dimensions with parents, whose keys exclude nothing.

In: a directory. Out: a tree there that has them, with their migration.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.test_howtos import ROOMS, ROOT, run

FAMILIES = ("exits", "choices", "places")
_MORE = '''"""Families for tests."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared


class Counted(Struct):
    """Of a row."""

    visitors: Annotated[int, Measure("Distinct visitors.", aggregate="distinct")] = 0
    visits: Annotated[int, Measure("Visits.", visit="1")] = 0


class Exits(Struct):
    """Of a section."""

    leavers: Annotated[
        int, Measure("Distinct visitors of whom a visit ended there.", aggregate="distinct", contributor="leaver")
    ] = 0
    exits: Annotated[int, Measure("Visits that ended there.", contributor="leaver", visit="1")] = 0


EXITS = Family(
    "exits",
    (Column("section", "String"),),
    declared(Exits),
    dimensions=("",),
    counting=Counting(
        rows="FROM {visits} WHERE viewed > 0", keys={"section": "concat('/', splitByChar('/', exit_page)[2])"}
    ),
    label="exits by section",
)
CHOICES = Family(
    "choices",
    tuple(Column(name, TEXT) for name in ("sort", "what", "which")),
    declared(Counted),
    dimensions=("",),
    counting=Counting(
        rows="FROM {visits} ARRAY JOIN [('browser', toString(browser)), ('os', toString(os))] AS chosen WHERE came",
        keys={"sort": "'device'", "what": "chosen.1", "which": "chosen.2"},
        within=("sort", "what"),
    ),
    label="choices",
)
PLACES = Family(
    "places",
    (Column("folder", "String"), Column("depth", "UInt8")),
    declared(Counted),
    dimensions=("", "country", "region"),
    counting=Counting(
        rows="FROM {visits} WHERE viewed > 0",
        keys={"folder": "splitByChar('/', exit_page)[2]", "depth": "toUInt8(length(splitByChar('/', exit_page)))"},
        exclusive=False,
    ),
    label="places",
)
'''
_MIGRATION = f"""
import pathlib
from schema.families import migration
made = "".join(migration("open_" + name, [])[0] for name in {FAMILIES})
pathlib.Path("schema/sql/9001_more.sql").write_text(made)
"""


def tree(to: Path) -> Path:
    """A copy of the rooms there that has them."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, to / room, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (to / "schema" / "more.py").write_text(_MORE)
    families = to / "schema" / "families.py"
    text = families.read_text()
    for before, after in (
        ("from .measures import KINDS", "from .more import CHOICES, EXITS, PLACES\nfrom .measures import KINDS"),
        ("        EXPERIENCE,\n", "        EXPERIENCE,\n        EXITS,\n        CHOICES,\n        PLACES,\n"),
    ):
        assert text.count(before) == 1, f"schema/families.py has no {before!r} any more"
        text = text.replace(before, after)
    families.write_text(text)
    run(to, "-c", _MIGRATION)
    return to


def asked(where: Path, module: str) -> dict[str, Any]:
    """What a module tells that is run in the tree: the last line of its output."""
    environment = {**os.environ, "PYTHONPATH": f"{where}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", module, str(where / module)]
    done = subprocess.run(command, cwd=where, env=environment, text=True, capture_output=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
