"""The front door: every command as a user types it, on real data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import footfall, running

LOG = (
    '192.0.2.1 - - [01/Mar/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "https://www.google.com/" '
    '"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"\n'
    '192.0.2.1 - - [01/Mar/2024:10:05:00 +0000] "GET /pricing?x=1 HTTP/1.1" 200 1 "-" '
    '"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"\n'
)
COMMANDS = (
    ("up",),
    ("collector",),
    ("pipeline",),
    ("dashboards",),
    ("migrate",),
    ("settings",),
    ("check",),
    ("import", "access-log"),
    ("stats",),
    ("demo",),
    ("anonymize",),
    ("keys", "serve"),
    ("keys", "enrol"),
    ("keys", "status"),
    ("keys", "sweep"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_takes_data_config_and_set(command: tuple[str, ...]) -> None:
    done = footfall(*command, "--help")
    assert done.returncode == 0
    for option in ("--data", "--config", "--set"):
        assert option in done.stdout


def test_a_log_is_imported_and_answered_straight_from_the_store(data: Path) -> None:
    log = data.parent / "access.log"
    log.write_text(LOG)
    done = footfall("import", "access-log", str(log), "--site", "example.com", "--json", "--data", str(data),
                    "--set", "release.k=1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["events"] == 2
    assert summary["days_released"] == ["2024-03-01"]
    asked = ("stats", "example.com", "--from", "2024-03-01", "--to", "2024-03-02", "--data", str(data))
    answer = json.loads(footfall(*asked, "--by", "page", "--json").stdout)
    assert {name: answer[name] for name in ("site", "from", "to")} == {
        "site": "example.com",
        "from": "2024-03-01",
        "to": "2024-03-02",
    }
    assert answer["totals"] | {"visitors": 1, "visits": 1, "pageviews": 2, "bounce_rate": 0.0,
                               "visit_duration": 300.0} == answer["totals"]  # fmt: skip
    rows = {row["value"]: (row["visitors"], row["visits"], row["pageviews"]) for row in answer["rows"]}
    assert rows == {"/": (1, 1, 1), "/pricing": (1, 1, 1)}
    filtered = json.loads(footfall(*asked, "--by", "page", "--filter", "page==/pricing", "--json").stdout)
    assert [row["value"] for row in filtered["rows"]] == ["/pricing"]
    table = footfall(*asked, "--by", "source").stdout
    assert "Google" in table
    crossed = footfall(*asked, "--by", "page", "--filter", "country==DE")
    assert crossed.returncode == 1
    assert "not crossed" in crossed.stderr


def test_a_running_house_answers_and_imports_over_its_socket_and_stops_cleanly(data: Path) -> None:
    log = data.parent / "access.log"
    log.write_text(LOG)
    with running(data, "--set", "release.k=1", "--workers", "2") as house:
        assert oct((data / "control.sock").stat().st_mode & 0o777) == "0o600"
        done = house.command("import", "access-log", str(log), "--site", "example.com", "--json")
        assert json.loads(done.stdout)["days_released"] == ["2024-03-01"]
        assert house.stats("example.com", "--from", "2024-03-01", "--to", "2024-03-01")["totals"]["pageviews"] == 2
        check = json.loads(house.command("check", "--json").stdout)
        assert check["ok"]
        second = footfall("up", "--data", str(data), "--port", "0", "--dashboard-port", "0")
        assert second.returncode == 1
        assert "another Footfall is running" in second.stderr
        assert house.post({"n": "pageview", "u": "https://example.com/", "d": "example.com"})[0] == 202
        assert house.stop() == 0
        assert not (data / "control.sock").exists()


def test_up_stops_on_ctrl_c(data: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "footfall", "up", "--json", "--data", str(data), "--port", "0", "--dashboard-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(15) == 0
    process.stdout.close()


def test_a_taken_port_is_named_with_its_remedy(data: Path) -> None:
    with running(data) as house:
        done = footfall("up", "--data", str(data.parent / "other"), "--port", str(house.port))
        assert done.returncode == 1
        assert f"collector.port = {house.port}" in done.stderr
        assert "choose another port" in done.stderr


def test_an_error_in_the_settings_file_names_file_line_name_value_and_what_is_allowed(data: Path) -> None:
    config = data.parent / "footfall.toml"
    config.write_text("# settings\n[release]\nk = 0\n")
    done = footfall("up", "--data", str(data), "--config", str(config))
    assert done.returncode == 1
    for part in (str(config), ":3", "release.k", "= 0", ">= 1"):
        assert part in done.stderr


@pytest.mark.parametrize("command", ["collector", "pipeline", "dashboards"])
def test_parts_apart_refuse_the_embedded_engine(command: str, data: Path) -> None:
    done = footfall(command, "--data", str(data))
    assert done.returncode == 1
    assert "ClickHouse server" in done.stderr


def test_anonymize_shows_before_and_after_and_stores_nothing(data: Path) -> None:
    done = footfall(
        *("anonymize", "--ip", "203.0.113.77", "--ua", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Firefox/120.0"),
        *("--url", "https://example.com/a?utm_source=x&token=abc", "--time-zone", "Europe/Berlin", "--json"),
        *("--data", str(data)),
    )
    answer = json.loads(done.stdout)
    assert answer["sent"]["address"] == "203.0.113.77"
    assert answer["stored"]["browser"] == "Firefox"
    assert answer["stored"]["country"] == "DE"
    assert answer["stored"]["network"] == ""
    assert "abc" not in json.dumps(answer["stored"])
    assert not data.exists()


def test_settings_lists_value_origin_and_meaning() -> None:
    rows = {row["name"]: row for row in json.loads(footfall("settings", "--json", "--set", "release.k=3").stdout)}
    assert rows["release.k"]["value"] == "3"
    assert rows["release.k"]["origin"] == "--set"
    assert rows["release.k"]["departs_from"] == "balanced"
    assert all(row["meaning"] for row in rows.values())


def test_demo_traffic_is_the_same_for_the_same_seed(data: Path) -> None:
    answers = []
    for name in ("a", "b"):
        place = str(data / name)
        done = footfall("demo", "--days", "2", "--seed", "7", "--json", "--data", place)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(footfall("stats", "demo", "--by", "page", "--json", "--data", place).stdout))
    assert answers[0]["totals"]["visitors"] > 100
    assert answers[0] == answers[1]
