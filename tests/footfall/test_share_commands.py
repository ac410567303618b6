"""Links for others as an operator has them: made, listed and taken back by commands, without a running house."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from footfall.cli import main
from footfall.data_directory import shares
from footfall.settings import load

SITE = "shared.example"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "footfall.toml"
    path.write_text(
        f'data = "{tmp_path / "data"}"\n[dashboards]\npublic_url = "https://stats.example/figures"\n'
        f'[[sites]]\nkey = "{SITE}"\nsegments = [{{ name = "Phones", where = {{ device = "mobile" }} }}]\n'
        '[[sites]]\nkey = "other.example"\n'
    )
    (tmp_path / "data").mkdir()
    return path


def command(file: Path, *arguments: str, fails: bool = False) -> str:
    done = CliRunner().invoke(main, ["share", *arguments, "--config", str(file)])
    assert bool(done.exit_code) is fails, done.output
    return done.output.strip()


def test_a_link_is_made_listed_and_taken_back(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("for the board only\n")
    shows = ("--segment", "Phones", "--panel", "chart", "--panel", "goals", "--period", "last_month")
    holds = ("--title", "Board", "--days", "30", "--k", "20", "--password-file", str(tmp_path / "password"))
    told = command(file, "create", SITE, *shows, *holds)
    address, said = told.split("\n", 1)
    token = address.removeprefix("https://stats.example/figures/share/")
    box = shares(load(str(file), environment={}))
    found = box.of(token)
    assert found is not None
    assert (found.title, found.sites, found.segment) == ("Board", (SITE,), "Phones")
    assert (found.panels, found.period, found.k, found.has_password) == (("chart", "goals"), "last_month", 20, True)
    assert box.opens(found, "for the board only")
    assert f"footfall share revoke {found.id}" in said
    [row] = json.loads(command(file, "list", "--json"))
    assert row["id"] == found.id
    assert "Board  last_month  chart, goals  segment Phones  with a password  until" in command(file, "list")
    assert token not in command(file, "list")
    assert command(file, "revoke", found.id) == f"{found.id} is revoked"
    assert box.of(token) is None
    assert "there is no link of that id" in command(file, "revoke", found.id, fails=True)
    # What may be a link itself is not said again.
    assert token not in command(file, "revoke", token, fails=True)
    box.close()


def test_a_link_to_several_sites_may_be_in_frames(file: Path) -> None:
    frames = ("--embed", "blog.example", "--embed", "http://localhost:8080")
    told = command(file, "create", SITE, "other.example", "--title", '"Board"', *frames)
    assert 'title="&quot;Board&quot;"' in told
    [row] = json.loads(command(file, "list", "--json"))
    assert row["sites"] == [SITE, "other.example"]
    assert row["hosts"] == ["https://blog.example", "http://localhost:8080"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("never.example",), "is not in the settings: there are shared.example, other.example"),
        ((SITE, "--segment", "No"), "has no segment 'No' (it has 'Phones')"),
        (("other.example", "--segment", "Phones"), "has no segment 'Phones' (it has none)"),
        ((SITE, "--panel", "all"), "panel 'all' is not known"),
        ((SITE, "--period", "today"), "period 'today' is not known"),
        ((SITE, "--from", "2031-06-01"), "2031-06-01 alone is no period"),
        ((SITE, "--from", "2031-06-01", "--to", "2031-06-31"), "'2031-06-31' is no day"),
        ((SITE, "--from", "2031-06-02", "--to", "2031-06-01"), "is after the last"),
        ((SITE, "--period", "7d", "--from", "2031-06-01", "--to", "2031-06-02"), "and then no period"),
        ((SITE, "--embed", "https://a.example/b"), "without a path"),
    ],
)
def test_what_is_no_link_is_refused_with_what_to_write(file: Path, given: tuple[str, ...], told: str) -> None:
    assert told in " ".join(command(file, "create", *given, fails=True).split())


def test_without_a_data_directory_there_are_no_links(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["share", "list", "--data", str(tmp_path / "nowhere")])
    assert done.exit_code == 1
    assert "there is nothing there yet" in done.output
