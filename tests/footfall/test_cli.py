"""The front door: every command as a user types it, on real data."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from msgspec import structs

from footfall.cli import main, summaries
from footfall.cli.stats import days_asked
from footfall.control import opening
from footfall.errors import CannotDo
from footfall.health.stored import of_watermarks
from footfall.importing.intake import Summary
from footfall.settings import Settings
from footfall.supervisor.paths import control_path
from schema.metrics import METRICS
from schema.site import Site
from tests.house import footfall, running

pytestmark = pytest.mark.process

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
    last = ("--by", "page", "--order", "visit_duration", "--limit", "1", "--metrics", "visit_duration", "--compare")
    ordered = json.loads(footfall(*asked, *last, "--json").stdout)
    assert [(row["value"], row["visit_duration"], "pageviews" in row) for row in ordered["rows"]] == [
        ("/", 300.0, False)
    ]
    assert (ordered["comparison"]["from"], ordered["comparison"]["previous"]) == ("2024-02-23", None)
    crossed = footfall(*asked, "--by", "page", "--filter", "country==DE")
    assert crossed.returncode == 1
    assert "not crossed" in crossed.stderr
    assert crossed.stderr.strip().endswith("(not_crossed); nearest that is answered: --by page")
    everything = data.parent / "all.zip"
    done = footfall(*asked, "--all", "--out", str(everything))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(everything) as archive:
        assert archive.read("page.csv").decode().splitlines()[1].startswith("/,1,1,1,")
    assert "is there already" in footfall(*asked, "--all", "--out", str(everything)).stderr
    assert "belong together" in footfall(*asked, "--all").stderr


def test_days_are_asked_for_by_name_or_by_their_dates() -> None:
    site = Site("example.com")
    first, last = map(dt.date.fromisoformat, days_asked(site, "last_week", None, None))
    assert (first.isoweekday(), (last - first).days) == (1, 6)
    assert days_asked(site, "", None, "2024-03-30") == ("2024-03-01", "2024-03-30")
    with pytest.raises(CannotDo, match="period=7d has its own days"):
        days_asked(site, "7d", "2024-03-01", None)
    with pytest.raises(CannotDo, match="period='8d' is not known: allowed are today, "):
        days_asked(site, "8d", None, None)


def test_sites_are_not_added_up() -> None:
    with pytest.raises(click.ClickException, match=r"2 sites \(a.example, b.+ added up.+\(not_crossed\)"):
        main(["stats", "a.example", "b.example"], standalone_mode=False)


def test_a_comparison_is_a_table_or_the_reason_why_there_is_none() -> None:
    figures = dict.fromkeys(METRICS, 10) | {"bounce_rate": 40.0}
    told = {"from": "2024-02-23", "to": "2024-02-24", "of": 2, "days": 2, "previous_days": 1, "until": "", "why": "few"}
    answer = {"site": "a", "from": "", "to": "", "totals": {}, "rows": [], "k": 5, "as_of": "2024-03-02T12:03+01:00"}
    change = dict.fromkeys(METRICS) | {"visitors": 25.0, "bounce_rate": -2.5}
    both = told | {"current": figures, "previous": figures, "change": change}
    text = summaries.stats_table(answer | {"comparison": both})
    assert "open days as of 2024-03-02 12:03" in text
    assert "Compared with 2024-02-23 to 2024-02-24, 1 of 2 days:" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["visitors", "10", "10", "+25", "%"] in rows
    assert ["bounce_rate", "40", "40", "-2.5", "points"] in rows
    assert ["visits", "10", "10", "–"] in rows
    nothing = summaries.stats_table(answer | {"comparison": told | {"current": None, "previous": None}})
    assert "Not compared with 2024-02-23 to 2024-02-24: few" in nothing


def test_a_split_calls_what_is_empty_as_pages_do_and_names_units() -> None:
    answer = {"site": "a", "from": "", "to": "", "totals": {"bounce_rate": 40.0, "visits": 9}, "by": "source"}
    rows = [{"value": value, "visitors": 5, "visit_duration": 9.5} for value in ("", "Google")]
    text = summaries.stats_table(answer | {"rows": rows})
    lines = [line.split() for line in text.splitlines()]
    assert ["bounce_rate", "%", "40"] in lines
    assert ["visits", "9"] in lines
    assert lines[-3:] == [
        ["source", "visitors", "visit_duration", "s"],
        ["Direct", "/", "None", "5", "9.5"],
        ["Google", "5", "9.5"],
    ]


def test_a_split_without_rows_says_so() -> None:
    answer = {"site": "a", "from": "", "to": "", "totals": {}, "rows": [], "k": 5}
    assert "Nothing to show by crawler in this period." in summaries.stats_table(answer | {"by": "crawler"})
    assert "Nothing to show" not in summaries.stats_table(answer)


def test_a_house_that_is_stopped_tells_the_k_of_its_releases_and_knows_its_sites(data: Path) -> None:
    log = data.parent / "access.log"
    log.write_text(LOG)
    footfall("import", "access-log", str(log), "--site", "example.com", "--data", str(data), "--set", "release.k=1")
    # No day of these is released; the house that was there folded by 1, this command's own settings say 5.
    asked = footfall(
        "stats", "example.com", "--from", "2024-03-05", "--to", "2024-03-06", "--json", "--data", str(data)
    )
    assert json.loads(asked.stdout)["k"] == 1
    unknown = footfall("stats", "exmaple.com", "--data", str(data))
    assert unknown.returncode == 1
    assert "site 'exmaple.com' is not known: there are demo, example.com" in unknown.stderr


@pytest.mark.parametrize(
    "command", [("stats", "example.com"), ("check",), ("quarantine", "list"), ("settings",)], ids=" ".join
)
def test_who_only_looks_makes_nothing(command: tuple[str, ...], data: Path) -> None:
    done = footfall(*command, "--data", str(data))
    assert not data.exists()
    if command[0] in ("stats", "check"):
        assert done.returncode == 1
        assert "there is nothing there yet" in done.stdout + done.stderr


def test_an_import_without_one_good_line_fails_and_says_why(data: Path) -> None:
    log = data.parent / "access.log"
    log.write_text("no line\nof a log\n")
    done = footfall("import", "access-log", str(log), "--site", "example.com", "--json", "--data", str(data))
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"{log}: line 1 is of no format that is known" in done.stderr
    assert "--format" in done.stderr


@pytest.mark.parametrize(
    ("marks", "found"),
    [
        ({}, []),
        ({"a": 0, "b": -60}, [("clock", "ok", "agrees with the spools")]),
        ({"a": 0, "b": 3600}, [("clock", "bad", "ahead when b reported"), ("spools", "bad", "a ")]),
        ({"a": 0, "old/1": -86_400}, [("clock", "ok", "agrees"), ("spools", "bad", "old/1 ")]),
        ({"a": -7200, "b": -7200}, [("clock", "ok", "agrees"), ("spools", "bad", "none has reported since ")]),
    ],
)
def test_check_tells_of_a_clock_that_ran_ahead_and_of_a_spool_that_holds_days_open(
    marks: dict[str, int], found: list[tuple[str, str, str]]
) -> None:
    now = int(time.time())
    told = of_watermarks({spool: now + second for spool, second in marks.items()}, now)
    assert [(one.check, one.state) for one in told] == [(name, state) for name, state, _ in found]
    assert all(one.finding.startswith(start) for one, (_, _, start) in zip(told, found, strict=True))
    assert all(one.remedy for one in told if one.state == "bad")


@pytest.mark.parametrize(("k", "told"), [(1, "fewer than 1 visitor are"), (2, "fewer than 2 visitors are")])
def test_one_visitor_is_not_called_visitors(k: int, told: str) -> None:
    answer = {"site": "a", "from": "", "to": "", "totals": {}, "rows": [], "k": k, "suppressed_days": ["2024-03-01"]}
    assert told in summaries.stats_table(answer)
    summary = summaries.import_summary(Summary("a", lines=k, events=k, days_released=["2024-03-01"]))
    assert summary.startswith("1 line, 1 event for a\n1 day released" if k == 1 else "2 lines, 2 events for a\n1 day")


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
        assert [check["check"] for check in check["checks"]].count("clock") == 1
        migrated = house.command("migrate")
        assert migrated.returncode == 1
        assert "Footfall is running there" in migrated.stderr
        second = footfall("up", "--data", str(data), "--port", "0", "--dashboard-port", "0")
        assert second.returncode == 1
        assert "another Footfall is running" in second.stderr
        assert house.post({"n": "pageview", "u": "https://example.com/", "d": "example.com"})[0] == 202
        assert house.stop() == 0
        assert not (data / "control.sock").exists()


def test_a_command_waits_for_an_engine_that_is_starting_and_never_opens_the_store_before_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = structs.replace(Settings(), data=str(data))
    (data / "clickhouse").mkdir(parents=True)
    monkeypatch.setattr(opening, "_STARTS_WITHIN_S", 0.5)
    with open(data / "up.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(opening.CannotDo, match="its engine has not answered"), opening.opened(settings):
            pass
        # An engine that was killed with the question in its queue resets the connection.
        with socket.socket(socket.AF_UNIX) as dying:
            dying.bind(str(control_path(settings)))
            dying.listen()
            threading.Thread(target=_reset_each, args=(dying,), daemon=True).start()
            with pytest.raises(opening.CannotDo, match="its engine has not answered"), opening.opened(settings):
                pass
            dying.shutdown(socket.SHUT_RDWR)
        control_path(settings).unlink()
        assert not list((data / "clickhouse").iterdir())
    monkeypatch.undo()
    with running(data, "--set", "release.k=1") as house:
        [pid] = house.children("engine")
        os.kill(pid, signal.SIGKILL)
        # The socket is still there, and nobody listens; then the engine starts anew. Nobody else has the store.
        assert house.command("stats", "example.com").returncode == 0
        assert house.stop() == 0


def _reset_each(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            listening.accept()[0].close()


def test_up_stops_on_ctrl_c(data: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "footfall", "up", "--json", "--data", str(data), "--port", "0", "--dashboard-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 0
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
        *("--url", "https://example.com/a?utm_source=x&token=zq7xw", "--time-zone", "Europe/Berlin", "--json"),
        *("--data", str(data)),
    )
    answer = json.loads(done.stdout)
    assert answer["sent"]["address"] == "203.0.113.77"
    assert answer["stored"]["browser"] == "Firefox"
    assert answer["stored"]["country"] == "DE"
    assert answer["stored"]["network"] == ""
    assert "zq7xw" not in json.dumps(answer["stored"])
    assert not data.exists()


def test_a_mistyped_command_is_told_the_nearest_and_options_of_another_are_not_ignored() -> None:
    mistyped = footfall("chekc")
    assert (mistyped.returncode, "No such command 'chekc'. Did you mean check?" in mistyped.stderr) == (2, True)
    assert "Did you mean" not in footfall("zzz").stderr
    early = footfall("check", "--data", "/nowhere", "site", "example.com")
    assert early.returncode == 2
    assert "write the options behind" in early.stderr
    assert "check site" in early.stderr


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("stats", "a.example", "--filter", "page==/caf\udce9"), "filters"),
        (("note", "add", "a.example", "caf\udce9"), "text"),
        (("settings", "--set", "demo=\udce9"), "set"),
        (("release", "show", "a\udce9", "2026-01-01"), "site"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_text_that_is_not_of_this_terminal_is_refused_by_the_name_of_the_argument(
    command: tuple[str, ...], named: str
) -> None:
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.output.startswith(f"Error: {named}: has bytes that are no UTF-8")) == (1, True), done


def test_settings_lists_value_origin_and_meaning() -> None:
    rows = {row["name"]: row for row in json.loads(footfall("settings", "--json", "--set", "release.k=3").stdout)}
    assert rows["release.k"]["value"] == "3"
    assert rows["release.k"]["origin"] == "--set"
    assert rows["release.k"]["departs_from"] == "balanced"
    assert all(row["meaning"] for row in rows.values())


# That a seed's beacons are always the same is what tests/browser/test_questions.py counts on.
@pytest.mark.long
def test_demo_traffic_is_the_same_for_the_same_seed(data: Path) -> None:
    answers = []
    for name in ("a", "b"):
        place = str(data / name)
        done = footfall("demo", "--days", "1", "--seed", "7", "--json", "--data", place)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(footfall("stats", "demo", "--by", "page", "--json", "--data", place).stdout))
    assert answers[0]["totals"]["visitors"] > 100
    assert answers[0] == answers[1]
