"""`footfall user`, in this process: what each prints, in words and as JSON, and what is refused with a remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.policy import EVERY_SITE, Role
from footfall.cli import main
from footfall.readers import finder
from footfall.settings import load

Run = Callable[..., Result]
SITE = ("--set", 'sites=[{key="a.example"}]')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def run(data: Path) -> Run:
    def command(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--data", str(data), *SITE])

    return command


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_people_are_added_given_roles_reset_logged_and_removed(run: Run, data: Path) -> None:
    assert "nobody yet" in run("user", "list").output
    made = told(run("user", "add", " Ada ", "--role", "viewer", "--site", "a.example", "--json"))
    assert (made["name"], made["role"], made["site"]) == ("Ada", "viewer", "a.example")
    link = run("user", "add", "eve", "--role", "owner").stdout
    assert "/sign-in/" in link
    assert "/invitation/" in told(run("user", "invite", "--role", "editor", "--json"))["link"]
    rows = told(run("user", "list", "--json"))
    assert [(row["name"], row["roles"]) for row in rows] == [("Ada", {"a.example": "viewer"}), ("eve", {"*": "owner"})]
    assert "Ada  viewer of a.example  no password yet" in run("user", "list").output
    assert told(run("user", "role", "Ada", "editor", "--json"))["roles"] == {"*": "editor", "a.example": "viewer"}
    assert "viewer" not in run("user", "role", "Ada", "none", "--site", "a.example").output
    assert told(run("user", "reset", "Ada", "--second-factor", "--json"))["second_factor_forgotten"]
    refused = run("user", "remove", "Ada")
    assert refused.exit_code == 1
    assert "Say --yes" in refused.output
    assert told(run("user", "remove", "Ada", "--yes", "--json"))["removed"] == "Ada"
    entries = told(run("user", "log", "--json"))
    assert [entry["what"] for entry in entries][:3] == ["removed", "reset", "took a role away"]
    assert {entry["whom"] for entry in entries} == {"user 1", "eve", ""}
    assert "the server  gave a role  user 1  editor  every site" in run("user", "log").output
    assert [entry["site"] for entry in told(run("user", "log", "--site", "a.example", "--json"))] == ["a.example"] * 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "ada", "--role", "viewer"), "'ada' is taken"),
        (("add", "", "--role", "viewer"), "1 to 100 printable characters"),
        (("add", "bob", "--role", "king"), "'king' is not one of 'viewer', 'editor', 'owner'"),
        (("add", "bob", "--role", "viewer", "--site", "b.example"), "'b.example' is not one of the settings"),
        (("role", "bob", "viewer"), "'bob': nobody has that name: ada"),
        (("role", "ada", "viewer"), "without an owner of all sites"),
        (("reset", "bob"), "nobody has that name"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(run: Run, arguments: tuple[str, ...], says: str) -> None:
    assert run("user", "add", "ada", "--role", "owner").exit_code == 0
    refused = run("user", *arguments)
    assert refused.exit_code != 0
    assert says in " ".join(refused.output.split())


def test_a_token_of_somebody_reads_what_he_may_and_ends_with_him(run: Run, data: Path) -> None:
    run("user", "add", "eve", "--role", "owner")
    run("user", "add", "ada", "--role", "viewer", "--site", "a.example")
    token = told(run("token", "create", "--read", "--all", "--user", "ada", "--json"))["token"]
    told(run("token", "create", "a.example", "--read", "--json"))
    with closing(Accounts(data / "accounts.sqlite")) as accounts:
        find = finder(load(None, [], {"data": str(data)}, environment={}), accounts)
        reader = find(token)
        assert reader
        assert (reader.may_read("a.example"), reader.may_read("b.example")) == (True, False)
        assert find("ffr_guess") is None
        ada = accounts.people.named("ada").id
        accounts.people.give(ada, EVERY_SITE, Role.VIEWER)
        assert reader != find(token)
        rows = {row["user"]: row["last_used"] for row in told(run("token", "list", "--json"))}
        assert set(rows) == {"ada", None}
        assert rows["ada"]
        assert rows[None] is None
        assert "of ada, 600 questions an hour, last used 20" in run("token", "list").output
        accounts.people.remove(ada)
        assert find(token) is None
    assert "of somebody who is gone" in run("token", "list").output
    run("user", "add", "bob", "--role", "viewer", "--site", "a.example")
    run("user", "role", "bob", "none", "--site", "a.example")
    for name, says in (("bob", "may not read a.example"), ("ada", "nobody has that name")):
        assert says in run("token", "create", "a.example", "--read", "--user", name).output
    assert "--read" in run("token", "create", "a.example", "--user", "eve").output
