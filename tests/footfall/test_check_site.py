"""`footfall check site` and `footfall why`, against a real house: what is wrong, what to do, what to paste."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import AGENT, Running, eventually, footfall, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
SITES = """
[[sites]]
key = "example.com"
domains = ["shop.example.com"]
timezone = "Europe/Berlin"
hosts = ["example.com"]
goals = [{ name = "Docs", page = "/docs/**" }]
[[sites]]
key = "wrong.test"
goals = [{ name = "Hidden", page = "/admin/x" }]
funnels = [{ name = "Way", steps = [{ page = "/" }, { page = "/admin/y" }] }]
exclude = { pages = ["/admin/**"] }
segments = [
    { name = "At home", where = { country = "Germany" } },
    { name = "Phones", where = { device = "Phone" } },
    { name = "In Austria", where = { country = "", language = "de-AT", device = ["tv", "m*"] } },
]
[[sites]]
key = "moved.test"
release_k = 1
[[sites]]
key = "few.test"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    room = tmp_path_factory.mktemp("check")
    (room / "footfall.toml").write_text(SITES)
    with running(room / "data", "--config", str(room / "footfall.toml"), sites=()) as started:
        yield started


def post(house: Running, origin: str = "", **more: Any) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
    beacon = {"n": "pageview", "u": "https://example.com/a?fbclid=1", "d": "example.com", "tz": "Europe/Berlin"} | more
    connection.request(
        "POST",
        "/api/event",
        json.dumps(beacon),
        {"User-Agent": AGENT.format(140)} | ({"Origin": origin} if origin else {}),
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("x-footfall-reason")


def checked(house: Running, site: str) -> tuple[int, dict[str, Any]]:
    done = house.command("check", "site", site, "--json")
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, told


def findings(told: dict[str, Any], state: str) -> dict[str, dict[str, str]]:
    return {one["check"]: one for one in told["checks"] if one["state"] == state}


def test_a_site_without_events_is_told_what_to_paste(house: Running) -> None:
    code, told = checked(house, "wrong.test")
    assert (code, told["ok"]) == (1, False)
    bad = [one for one in told["checks"] if one["state"] == "bad"]
    assert all(one["remedy"] for one in bad)
    text = " ".join(one["finding"] for one in bad)
    assert "none has ever been accepted" in text
    assert "'Hidden': '/admin/x' is excluded" in text
    assert "'Way': '/admin/y' is excluded" in text
    segments = [(one["state"], one["finding"], one["remedy"]) for one in told["checks"] if one["check"] == "segment"]
    assert segments == [
        ("warning", "'At home': no visit has country = 'Germany'", "write 'DE'"),
        ("warning", "'Phones': no visit has device = 'Phone'", "write 'desktop' or 'mobile' or 'tablet' or 'tv'"),
        ("ok", "'In Austria'", ""),
    ]
    assert findings(told, "ok")["properties"]["finding"] == "of url, path"


def test_a_site_that_counts_is_well_and_its_numbers_are_told(house: Running) -> None:
    assert post(house) is None
    assert post(house, u="https://evil.test/") == "host"

    def well() -> Any:
        code, told = checked(house, "www.shop.example.com")
        # On a machine at leisure the house is asked before its parts have said how they are.
        said = {"worker", "answers"} <= findings(told, "ok").keys()
        return told if code == 0 and said and told["missing"] and "host" in told["last_24_hours"] else None

    told = eventually(well, 60)
    assert (told["ok"], told["site"]) == (True, "example.com")
    assert findings(told, "bad") == {}
    ok = findings(told, "ok")
    assert {
        "store",
        "running",
        "worker",
        "answers",
        "keys",
        "spool",
        "events",
        "time zone",
        "privacy",
        "goal",
    } <= ok.keys()
    assert "Europe/Berlin" in ok["time zone"]["finding"]
    notes = findings(told, "note")
    assert "shop.example.com" in notes["hosts"]["finding"]
    assert "collector.public_url" in notes["public URL"]["remedy"]
    assert notes["dashboards"]["finding"].startswith(
        "a day is shown from 5 visitors from 5 networks on, while it goes on"
    )
    assert "release_networks = 1 where" in notes["dashboards"]["remedy"]
    assert (told["last_24_hours"]["accepted"], told["last_24_hours"]["host"]) == (1, 1)
    assert {one["reason"] for one in told["missing"]} == {"host", "changed"}


def test_the_lines_to_paste_are_those_of_the_running_collector(house: Running) -> None:
    _, told = checked(house, "example.com")
    base = f"http://localhost:{house.port}"
    assert f'data-domain="example.com" src="{base}/js/script.js"' in told["tag"]
    found = re.search(r'src="([^"]+)" integrity="sha384-([^"]+)" crossorigin="anonymous"', told["pinned_tag"])
    assert found
    with urllib.request.urlopen(found[1]) as answer:
        content = answer.read()
    assert base64.b64encode(hashlib.sha384(content).digest()).decode() == found[2]
    assert told["csp"] == f"script-src {base}; connect-src {base}"
    text = house.command("check", "site", "example.com").stdout
    assert all(told[name] in text for name in ("tag", "pinned_tag", "csp"))


def test_a_site_that_is_not_set_up_is_refused_with_a_remedy(house: Running) -> None:
    for command in (("check", "site", "nobody.test"), ("why", "nobody.test")):
        done = house.command(*command)
        assert done.returncode == 1
        assert "site 'nobody.test' is not one of the settings: there are example.com, wrong.test," in done.stderr
        assert "key = 'nobody.test'" in done.stderr


def test_pages_that_may_not_send_any_more_are_counted_and_named_from_k_visitors_on(house: Running) -> None:
    """What was counted before Footfall or the site's settings changed; here of a sender that names no origin."""
    for site in ("moved.test", "few.test"):
        assert post(house, d=site, u="https://elsewhere.test/salaries") is None
        assert post(house, d=site, u=f"https://shop.{site}/") is None
    assert post(house, d="few.test", u="https://few.test/", origin="https://evil.test") == "origin"

    def senders(site: str, least: int, accepted: int = 2) -> Any:
        _, told = checked(house, site)
        found = [one for one in told["checks"] if one["check"] == "senders"]
        # Rows and counts come by files of their own: until both are there, one may seem to be of all.
        return found if len(found) >= least and told["last_24_hours"].get("accepted", 0) >= accepted else None

    (moved,) = eventually(lambda: senders("moved.test", 1))
    assert (moved["state"], moved["finding"].partition(" ")[0]) == ("note", "1")
    assert "elsewhere.test (1)" in moved["finding"]
    assert "`hosts`" in moved["remedy"]
    few, refused = eventually(lambda: senders("few.test", 2))
    assert "elsewhere" not in few["finding"]
    assert refused["finding"].startswith("1 event(s) of 24 hours were sent by pages of other sites")
    assert "salaries" not in house.command("check", "site", "moved.test", "--json").stdout
    assert senders("example.com", 0, accepted=0) == []


def test_a_page_opened_from_a_file_is_refused_and_all_that_is_printed_says_so(house: Running) -> None:
    assert post(house, origin="null", d="moved.test") == "origin"
    eventually(lambda: "as one opened from a file" in house.command("why", "moved.test").stdout)
    assert "those opened from a file are not counted" in house.command("check", "site", "moved.test").stdout


def test_why_tells_the_last_refusals_of_a_site(house: Running) -> None:
    assert post(house, u="https://evil.test/u/anna@example.org") == "host"
    assert post(house, d="wrong.test", u="https://wrong.test/admin/7") == "page"

    def told() -> Any:
        found = json.loads(house.command("why", "--json").stdout)
        return found if {"host", "page"} <= {one["reason"] for one in found} else None

    found = eventually(told)
    assert ("evil.test", "") in {(one["hostname"], one["path"]) for one in found}
    mine = json.loads(house.command("why", "wrong.test", "--json").stdout)
    assert {one["site"] for one in mine} <= {"wrong.test", ""}
    text = house.command("why", "wrong.test").stdout
    assert "wrong.test  page  the page is one of the site's `exclude.pages`  [plausible]" in text


def test_why_follows(house: Running) -> None:
    command = [sys.executable, "-m", "footfall", "why", "--follow", "--json", "--data", str(house.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=None) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            assert post(house, u="data:text/html,x") == "bad_url"
            for line in process.stdout:
                if json.loads(line)["reason"] == "bad_url":
                    break
        finally:
            process.terminate()


def test_nothing_of_it_is_on_a_disk_and_a_stopped_house_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as house:
        assert post(house, u="https://example.com/marked-by-why?fbclid=1", tz="") is None
        eventually(lambda: "changed" in house.command("why").stdout)
        assert not list(data.rglob("why-*"))
        house.stop()
        done = footfall("why", "--data", str(data))
        assert done.returncode == 1
        assert "no collector is running there; start `footfall up`" in done.stderr
        done = footfall("check", "site", "demo", "--data", str(data))
        assert done.returncode == 1
        assert "does not run on this data directory" in done.stdout
        assert "start `footfall up`" in done.stdout
