"""Notes of days: made, listed and removed by the command, told by the dashboards, kept by a backup."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from dashboards.web import charts
from footfall.control.engine import Engine
from footfall.errors import CannotDo
from footfall.settings import Settings, SiteSettings
from pipeline.annotations import annotate, take_back
from pipeline.site_data import remove_site, stored_sites
from schema.annotations import MOST_LETTERS
from schema.site import Site
from schema.store import Store
from tests.forked import footfall

SITE = "notes.example"


def command(data: Path, *arguments: str, fails: bool = False) -> str:
    done = footfall(*arguments, "--data", str(data), "--set", f'sites=[{{key="{SITE}"}}]')
    assert bool(done.returncode) is fails, done.stderr
    return (done.stderr if fails else done.stdout).strip()


@pytest.mark.process
def test_a_note_is_made_once_listed_removed_and_in_a_backup(data: Path, tmp_path: Path) -> None:
    made = json.loads(command(data, "note", "add", SITE, " Version 2.3 ", "--day", "2026-11-20", "--json"))
    assert made == {"site": SITE, "day": "2026-11-20", "id": made["id"], "text": "Version 2.3"}
    assert command(data, "note", "add", SITE, "Version 2.3", "--day", "2026-11-20").startswith(made["id"])
    file, again = tmp_path / "kept.zip", tmp_path / "again"
    command(data, "backup", str(file))
    command(again, "restore", str(file))
    asked = ("note", "list", SITE, "--from", "2026-11-01", "--to", "2026-11-30")
    assert json.loads(command(again, *asked, "--json")) == [made]
    assert command(again, *asked) == f"{made['id']}  Fri 2026-11-20  Version 2.3"
    assert command(again, "note", "remove", SITE, made["id"]) == f"{made['id']} is removed"
    assert "no notes of" in command(again, *asked)
    assert "has no note of that id" in command(again, "note", "remove", SITE, made["id"], fails=True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((SITE, "", " "), "write a line of text"),
        ((SITE, "", "two\nlines"), "without control characters"),
        ((SITE, "", "x" * (MOST_LETTERS + 1)), f"at most {MOST_LETTERS}"),
        ((SITE, "yesterday", "x"), "as YYYY-MM-DD"),
        (("nobody.example", "", "x"), "is not known"),
    ],
)
def test_what_is_no_note_is_refused_with_what_to_write(store: Store, given: tuple[str, str, str], told: str) -> None:
    with pytest.raises(CannotDo, match=told):
        Engine(Settings(sites=(SiteSettings(SITE),)), store).note_add(*given)


def test_the_chart_numbers_the_notes_of_its_days_and_of_no_other_site(store: Store) -> None:
    site, other = Site("noted.example", release_k=1), Site("other.example", release_k=1)
    first = dt.date(2031, 5, 5)
    for days, text in ((0, "Launch"), (3, "Mail"), (3, "Outage"), (9, "later")):
        annotate(store, site.key, first + dt.timedelta(days=days), text)
    annotate(store, other.key, first, "of another")
    overview = Reports(store, [site, other]).overview(site, Period(first, first + dt.timedelta(days=6), ""))
    assert [note.text for note in overview.annotations if note.day == first] == ["Launch"]
    assert sorted(note.text for note in overview.annotations) == ["Launch", "Mail", "Outage"]
    assert charts.draw(overview).notes == ((0.0, "1"), (50.0, "2–3"))
    assert take_back(store, site.key, overview.annotations[0].id)
    assert not take_back(store, other.key, overview.annotations[1].id)


def test_a_removed_site_leaves_no_note(store: Store) -> None:
    annotate(store, SITE, dt.date(2031, 5, 5), "Launch")
    assert SITE in stored_sites(store)
    remove_site(store, SITE, 2e9)
    assert SITE not in stored_sites(store)
