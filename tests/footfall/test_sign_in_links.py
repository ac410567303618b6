"""Sign-in links: printed only while nobody can sign in, for the address that people use, from wherever one asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from footfall.settings import load
from footfall.supervisor.paths import with_absolute_paths
from tests.house import Running, running
from tests.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
PUBLIC = "https://www.example.com/figures"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, str]]:
    """Started in its directory, with nothing but relative paths; and where its proxy reaches it."""
    home, elsewhere, port = tmp_path / "home", tmp_path / "elsewhere", free_port()
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(home)
    settings = ("--set", f"dashboards.public_url={PUBLIC}/", "--dashboard-port", str(port))
    with running(Path("footfall-data"), *settings) as started:
        started.data = home / "footfall-data"
        monkeypatch.chdir(elsewhere)
        yield started, f"http://127.0.0.1:{port}"


@pytest.mark.timeout(600)
def test_links_are_of_the_public_address_and_printed_until_somebody_can_sign_in(house: tuple[Running, str]) -> None:
    started, behind = house
    assert started.told["dashboards"] == PUBLIC
    first = started.told["sign_in"]
    done = started.command("sign-in")
    assert done.returncode == 0, done.stderr
    second = done.stdout.strip()
    headers = {"sec-fetch-site": "same-origin"}
    for link in (first, second):
        assert link.startswith(f"{PUBLIC}/sign-in/")
        with httpx.Client(headers=headers) as browser:
            answer = browser.get(link.replace(PUBLIC, behind))
            assert (answer.status_code, answer.headers["location"]) == (303, "/figures/")
            session = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    with httpx.Client(headers=headers | session) as browser:
        form = {"name": "ada", "password": "correct horse battery"}
        assert browser.post(f"{behind}/account", data=form).headers["location"] == "/figures/account?saved"
    # Commands of another directory meant the files of the house.
    assert started.command("token", "create", "example.com").returncode == 0
    assert (started.data / "tokens.json").exists()
    assert list(Path.cwd().iterdir()) == []
    started.stop()
    assert started.start().told["sign_in"] is None


def test_paths_mean_the_same_to_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = ('keys.directory="keys"', 'collector.place_database="p.mmdb"', 'collector.asn_database="/a/n.mmdb"')
    there = with_absolute_paths(load(sets=written, environment={}))
    monkeypatch.chdir("/")
    assert there.directory == tmp_path / "footfall-data"
    assert there.keys.directory == str(tmp_path / "keys")
    found = there.collector
    assert (found.place_database, found.asn_database) == (str(tmp_path / "p.mmdb"), "/a/n.mmdb")
    assert with_absolute_paths(load(environment={})).keys.directory == ""
