"""What the how-tos say is done to a copy of the tree, and what they promise is asked of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schema", "pipeline", "dashboards", "docs")
# Asked in a process of its own: the copy's registries are others than those of this one.
_STORE = """
import datetime as dt, sys
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from dashboards.web import cards
from dashboards.web.tables import as_csv
from pipeline.rollup import stages
from pipeline.settings import SiteRules
from schema.families import FAMILIES, KEY, TABLES, migration
from schema.migrate import migrate
from schema.site import Site
from schema.store import Store

DAY = dt.date(2031, 6, 17)
NOW = dt.datetime(2031, 6, 18, 12, tzinfo=dt.UTC)
SITE = Site("a.example")
store = Store(f"chdb://{sys.argv[1]}")
migrate(store)
for table in TABLES:
    columns = store.rows(
        "SELECT name, type, default_expression FROM system.columns WHERE table = {table:String} ORDER BY position",
        {"table": table},
    )
    assert not migration(table, columns), (table, migration(table, columns))

def cell(dimension, value, **measures):
    row = dict(zip(KEY, (SITE.key, "day", DAY, 1939420800, dimension, value, "", ""), strict=True)) | measures
    store.insert("open_cells", list(row), [[one] for one in row.values()])

def roll_up(site, *events):
    start = 1939420800
    rows = [{"site": site, "day": DAY, "lifetime": 30, "received": start + n} | event for n, event in enumerate(events)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    store.insert("events", names, [[row.get(name, "") for row in rows] for name in names])
    stages.roll_up(store, Site(site), DAY, SiteRules(2, 30, "balanced"))

def rolled(site, dimension, measure):
    where = f"site = '{site}' AND dimension = '{dimension}' AND grain = 'day'"
    return dict(store.rows(f"SELECT value, {measure} FROM open_cells WHERE {where}"))

reports = Reports(store, [SITE], clock=NOW.timestamp)
def ask(by, *filters):
    return reports.stats(Query.of(SITE.key, DAY, DAY, by, filters))
def overview():
    return reports.overview(SITE, Period(DAY, DAY, ""))
"""


def copy_with(page: str, to: Path, rooms: Sequence[str] = ROOMS) -> list[str]:
    """A copy of the tree, changed as the page says; which files that changes. What is compiled is copied, too."""
    for room in rooms:
        shutil.copytree(ROOT / room, to / room, ignore=shutil.ignore_patterns("node_modules"))
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    changes = re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
    assert changes, f"{page} changes nothing"
    apply = ["git", "apply", "--recount", "-"]
    for change in changes:
        done = subprocess.run(apply, cwd=to, input=change, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{page} says what cannot be done any more:\n{done.stderr}{change}"
    for command in re.findall(r"^python -m (schema\.\S+ .+)$", text, re.MULTILINE):
        run(to, "-m", *command.split())
    return sorted(set(re.findall(r"^\+\+\+ b/(.+)$", "".join(changes), re.MULTILINE)))


def run(tree: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def holds(tree: Path, questions: str) -> None:
    run(tree, "-c", _STORE + questions, str(tree / "data"))


@pytest.mark.process
@pytest.mark.clickhouse
def test_a_dimension_over_a_stored_column_is_an_entry_and_its_migration(tmp_path: Path) -> None:
    dimensions, migration = copy_with("howto-dimension.md", tmp_path)
    assert dimensions == "schema/dimensions.py"
    assert migration.endswith(".sql")
    assert "| `query` | Parameters | visit |" in (tmp_path / "docs" / "metrics.md").read_text()
    holds(
        tmp_path,
        """
cell("", "", visitors=30, visits=30)
cell("query", "q=Bern", visitors=20, visits=25, pageviews=60, entries=25)
cell("query", "q=Basel", visitors=9, visits=9)
assert [(row["value"], row["visitors"], row["views_per_visit"]) for row in ask("query")["rows"]] == [
    ("q=Bern", 20, 2.4), ("q=Basel", 9, 0.0)]
visit = {"name": "pageview", "path": "/"}
queries = ("Bern", "Bern", "Bern", "Basel", "Basel", "Chur", "Thun")
roll_up("b.example", *(visit | {"visitor": n, "query": query} for n, query in enumerate(queries)))
assert rolled("b.example", "query", "visitors") == {"Bern": 3, "Basel": 2, "(other)": 2}
assert ask("day", "query~ba")["totals"]["visitors"] == 9
campaigns = next(card for card in cards.cards(overview()) if card.title == "Campaigns")
queries = next(tab for tab in campaigns.tabs if tab.title == "Parameters")
assert [(line.name, line.numbers) for line in queries.lines] == [("q=Bern", ("20", "67%")), ("q=Basel", ("9", "30%"))]
""",
    )


@pytest.mark.process
@pytest.mark.clickhouse
def test_a_measure_is_an_entry_and_its_migration(tmp_path: Path) -> None:
    measures, migration = copy_with("howto-measure.md", tmp_path)
    assert measures == "schema/measures.py"
    assert migration.endswith(".sql")
    holds(
        tmp_path,
        """
cell("", "", visitors=30, custom_events=70)
cell("page", "/", visitors=20, custom_events=50)
answer = ask("page")
assert answer["totals"]["custom_events"] == 70
assert answer["rows"][0]["custom_events"] == 50
assert "custom_events" in as_csv(answer["rows"]).splitlines()[0]
assert overview().totals.custom_events == 70
assert "custom_events" in FAMILIES["cells"].columns
events = [{"name": name, "path": "/", "visitor": n % 3} for n, name in enumerate(("pageview",) * 6 + ("go",) * 5)]
roll_up("b.example", *events, {"name": "go", "path": "/", "visitor": 3})
assert rolled("b.example", "", "custom_events") == {"": 6}
assert rolled("b.example", "page", "custom_events") == {"/": 5}  # one of them is of nobody who saw it
assert rolled("b.example", "event", "custom_events") == {"pageview": 0, "go": 6}
""",
    )


@pytest.mark.process
@pytest.mark.clickhouse
def test_a_panel_is_what_an_entry_says_of_its_card(tmp_path: Path) -> None:
    assert copy_with("howto-panel.md", tmp_path) == ["schema/dimensions.py"]
    holds(
        tmp_path,
        """
cell("", "", visitors=30)
cell("language", "de", visitors=20, entries=10, visit_seconds=600)
found = {card.title: card for card in cards.cards(overview())}
(languages,) = found["Localization"].tabs
assert languages.columns == ("Visitors", "Bounce", "Duration")
assert languages.lines[0].numbers == ("20", "0%", "1m 00s")
assert "Places" not in found
""",
    )


_FAMILY = """
from pathlib import Path
from dashboards.stats.refused import BadQuery, Code
from pipeline.release import as_released, release
[printed] = migration("open_lengths", [])
assert printed == Path("schema/sql/9000_lengths.sql").read_text()
assert "{{ on_cluster }}" in printed

def visits(*lengths, **given):
    numbered = [(length, next(numbers)) for length in lengths]
    return [{"name": "pageview", "path": "/", "visitor": n, **given} for length, n in numbered for _ in range(length)]
def lengths(site, *filters):
    answer = Reports(store, [Site(site)], clock=NOW.timestamp).stats(Query.of(site, DAY, DAY, "lengths", filters))
    return {row["value"]: (row["viewers"], row["times"]) for row in answer["rows"]}
import itertools
numbers = itertools.count()
"""


@pytest.mark.process
@pytest.mark.clickhouse
def test_a_family_is_a_file_its_registration_and_its_migration(tmp_path: Path) -> None:
    changed = copy_with("howto-family.md", tmp_path)
    assert changed == ["schema/families.py", "schema/lengths.py", "schema/sql/9000_lengths.sql"]
    holds(
        tmp_path,
        _FAMILY
        + """
roll_up("b.example", *visits(1, 2, 3, 4, 9, 10))
# One person viewed ten pages: not told, and with it the smallest of the others, or the total would tell it.
assert lengths("b.example") == {"1 to 3": (3, 3)}
roll_up("c.example", *visits(1, 3, 4, 5))
assert lengths("c.example") == {"1 to 3": (2, 2), "4 to 9": (2, 2)}
try:
    Query.of("c.example", DAY, DAY, "lengths", ("channel==Search",))
except BadQuery as refused:
    assert refused.code is Code.NOT_KEPT
else:
    raise AssertionError
before = lengths("c.example")
release(store, "events", Site("c.example"), [DAY], SiteRules(2, 30, "balanced"), NOW.timestamp(), "live")
store.command("TRUNCATE TABLE open_lengths")
assert lengths("c.example") == before
""",
    )
    family = tmp_path / "schema" / "lengths.py"
    text = family.read_text().replace('dimensions=("",)', 'dimensions=("", "channel")')
    family.write_text(text.replace("'10 and more')\"},", "'10 and more')\"}, exclusive=False,"))
    holds(
        tmp_path,
        _FAMILY
        + """
came = {"Search": (1, 1, 4, 4), "Social": (1, 1, 4), "Mail": (4, 4)}
came |= {"X": (1,), "Y": (1,)}
roll_up("d.example", *(one for channel, each in came.items() for one in visits(*each, channel=channel)))
assert lengths("d.example") == {"1 to 3": (6, 6), "4 to 9": (5, 5)}
assert lengths("d.example", "channel==Search") == {"1 to 3": (2, 2), "4 to 9": (2, 2)}
# Of four pages one of Social is not told, nor are those of Mail, the smallest of the others.
assert lengths("d.example", "channel==Social") == {"1 to 3": (2, 2)}
assert lengths("d.example", "channel==Mail") == {}
assert lengths("d.example", "channel==(other)") == {"1 to 3": (2, 2)}
""",
    )


@pytest.mark.process
def test_a_command_is_a_module_and_a_line(tmp_path: Path) -> None:
    rooms = ("schema", "pipeline", "collector", "dashboards", "footfall", "docs")
    changed = copy_with("howto-command.md", tmp_path, rooms)
    assert changed == ["docs/commands.md", "footfall/cli/__init__.py", "footfall/cli/hosts.py"]
    site = 'sites=[{key="a.example", hosts=["*.a.example", "b.example"]}]'
    told = run(tmp_path, "-m", "footfall", "hosts", "a.example", "--set", site)
    assert told.splitlines() == ["*.a.example", "b.example"]
    whole = run(tmp_path, "-m", "footfall", "--help")
    assert "The hosts whose pages may send for SITE." in whole
    assert "## footfall hosts" in (tmp_path / "docs" / "commands.md").read_text()


@pytest.mark.process
def test_a_step_is_a_function_and_its_place(tmp_path: Path) -> None:
    rooms = ("schema", "pipeline", "collector", "dashboards", "footfall", "docs")
    changed = copy_with("howto-step.md", tmp_path, rooms)
    assert changed == [
        "collector/diagnostics/why.py",
        "collector/outcome.py",
        "collector/steps.py",
        "dashboards/web/format.py",
        "docs/engineers.md",
    ]
    request = ("--ip", "203.0.113.9", "--ua", "Mozilla/5.0 Firefox/142.0", "--json")
    for query, dropped in (("?p=7&preview=true", "unpublished"), ("?p=7&preview=trueish", "")):
        told = run(tmp_path, "-m", "footfall", "anonymize", *request, "--url", f"https://example.com/{query}")
        assert json.loads(told)["dropped"] == dropped


_FORM = """
from unittest.mock import MagicMock
from collector.edge.app import create_app
from collector.model import Client
from collector.outcome import Reason, Refused
from collector.wire.base import Incoming
from collector.wire.hit import Hit

def read(form):
    [arrival] = Hit().read(Incoming(Client("203.0.113.9", "a", ""), form, b"", {}, (), 0.0))
    return arrival.beacon
beacon = read(b"site=example.com&url=https%3A%2F%2Fexample.com%2Fa&ref=https%3A%2F%2Fb.example%2F&visitor=7")
assert (beacon.url, beacon.domains) == ("https://example.com/a", ("example.com",))
assert beacon.referrer == "https://b.example/"
try:
    read(b"site=example.com")
except Refused as refused:
    assert refused.reason is Reason.NO_URL
    assert Hit().refuse(refused).status == 400
else:
    raise AssertionError
parts = [MagicMock() for _ in range(5)]
assert "/hit" in {route.path for route in create_app(*parts, demo=False).routes}
"""


@pytest.mark.process
def test_a_wire_format_is_a_class_and_an_address(tmp_path: Path) -> None:
    changed = copy_with("howto-wire-format.md", tmp_path, ("schema", "pipeline", "collector", "docs"))
    assert changed == ["collector/edge/app.py", "collector/wire/hit.py"]
    run(tmp_path, "-c", _FORM)
