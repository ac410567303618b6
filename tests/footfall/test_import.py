"""`footfall import access-log` as a user types it: six people in a log are six visitors, or nothing is released."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from footfall.cli import main
from schema.store import Store, StoreError
from tests.migrated import migrated

pytestmark = pytest.mark.slow

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
DAY = "2025-10-14"
Made = Callable[[int], str]


@pytest.fixture(autouse=True)
def _no_other_engine(store: Store) -> None:
    """A process has one engine, and these commands open their own: the one of other files, which opens again when it is
    next asked, is closed before."""
    store.close()


def line(number: int, first: str = "{}", request: str = "/p{}", status: int = 200, tail: str = ' "-" "{}"') -> str:
    """What one of six people, each of his own network, opens."""
    who = first.format(f"198.51.{number}.7")
    time = f"14/Oct/2025:10:0{number}:00 +0200"
    return f'{who} - - [{time}] "GET {request.format(number)} HTTP/1.1" {status} 512{tail.format(AGENT)}\n'


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def empty(place: Path) -> Path:
    """A data directory that knows of no site yet."""
    migrated(place / "data" / "clickhouse")
    return place / "data"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return empty(tmp_path)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that each log in SIX is imported into, as a site of its own."""
    return empty(tmp_path_factory.mktemp("six"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One into which all those are made that are refused."""
    return empty(tmp_path_factory.mktemp("refused"))


def imported(data: Path, text: str | bytes, *options: str, site: str = "x.test") -> tuple[int, dict[str, Any], str]:
    """(exit code, summary, what was said) of an import."""
    log = data.parent / "access.log"
    log.write_bytes(text.encode() if isinstance(text, str) else text)
    code, out, told = run("import", "access-log", str(log), "--site", site, "--json", "--set", "release.k=1",
                          "--data", str(data), *options)  # fmt: skip
    return code, json.loads(out) if out else {}, told


def stats(data: Path, by: str = "page", site: str = "x.test") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        run("stats", site, "--from", DAY, "--to", DAY, "--by", by, "--json", "--data", str(data))[1]
    )
    return answer


def totals(data: Path, site: str = "x.test") -> tuple[int, int, int, float]:
    found = stats(data, site=site)["totals"]
    return found["visitors"], found["visits"], found["pageviews"], found["bounce_rate"]


def log_of(made: Made) -> str:
    return "".join(made(number) for number in range(1, 7))


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    for command in (("import", "access-log", "--site", "x.test"), ("lab", "--log")):
        missing = str(tmp_path / "no.log")
        code, _, told = run(*command, missing, "--data", str(tmp_path / "data"))
        assert (code, told) == (1, f"Error: {missing}: there is no such file\n")
    assert not (tmp_path / "data" / "clickhouse").exists()


def test_what_fails_while_days_are_released_is_what_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("pipeline.imports.release", failing)
    code, summary, told = imported(tmp_path / "data", log_of(line))
    assert (code, summary) == (1, {})
    assert "the disk is full" in told


_IN_CI = ("a virtual host first", "a list with the proxy last", "colours of a terminal")
SIX: dict[str, Made] = {
    "a virtual host first": lambda n: line(n, "shop.example {}"),
    "a virtual host with a port": lambda n: line(n, "shop.example:443 {}"),
    "a list with the proxy last": lambda n: line(n, "{}, 10.0.0.5"),
    "a port behind the address": lambda n: line(n, "{}:5123"),
    "a container's time before the line": lambda n: line(n, "2025-10-14T08:00:00.0Z {}"),
    "double blanks": lambda n: line(n).replace("- - ", "-  -  "),
    "colours of a terminal": lambda n: f"\x1b[3{n}mweb-1  | \x1b[0m{line(n)}",
    "a host behind the address": lambda n: line(n).replace("- - ", "shop.example - "),
    "a field between the usual ones": lambda n: line(n).replace("512", f"512 0.00{n}"),
}


# How each form is read, tests/collector/test_access_log_forms.py holds; that it is a site's visitors, here those forms
# of which more than the line's own fields is looked at.
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in _IN_CI else [pytest.mark.long]) for kind in SIX]
)
def test_six_people_are_six_visitors(kind: str, six: Path) -> None:
    site = f"{kind.replace(' ', '-').replace(chr(39), '')}.test"
    code, summary, told = imported(six, log_of(SIX[kind]), site=site)
    assert code == 0, told
    assert (summary["events"], summary["days_released"]) == (6, [DAY])
    assert list(summary["formats"]) == [str(six.parent / "access.log")]
    assert totals(six, site) == (6, 6, 6, 100.0)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda n: line(n, f"host{n}.isp.example"), "stands a name or nothing, as in 6 of 6 page views (no_address)"),
        (lambda n: line(n, "10.0.0.5"), "all 6 page views come from one private address"),
        (lambda n: line(n, "10.0.0.5", tail=f' "-" "{{}}" "198.51.{n}.7"'), "collector.trusted_proxies"),
        (lambda n: line(n, f"10.0.0.{n % 2 + 5}"), "2 private addresses of one network"),
        (lambda n: line(n, "203.0.113.1", tail=f' "-" "{{}}" "198.51.{n}.7"'), "proxies that are not named"),
        (lambda n: line(n, "{}, 203.0.113.1"), "proxies that are not named"),
        (lambda n: line(n, f"{{}} 10.0.0.{n}"), "several hosts, none of them x.test"),
        (lambda n: line(n, "0.0.0.0"), "as in 6 of 6 page views (no_address)"),
        (lambda n: line(n).replace("/2025:", "/25:"), "no field is a time in brackets"),
        (lambda n: line(n).replace("/2025:", "/2200:"), "of no year from 2000 to 2099"),
        (lambda n: line(n).replace("Oct", "Okt"), "the time in brackets is in no form that is known"),
        (lambda n: line(n, tail=""), "no browser string"),
        (lambda n: line(n) if n not in (3, 4) else "something else\n", "2 of 6 lines are not in the format"),
        (lambda n: line(n, ("a.example {}", "b.example {}")[n % 2]), "several hosts (b.example, a.example)"),
        (lambda n: "something else\n", "line 1 is of no format that is known"),
    ],
)  # fmt: skip
def test_a_log_in_which_nobody_can_be_told_from_anybody_is_refused_before_a_day_is_released(
    made: Made, told: str, shared: Path
) -> None:
    code, summary, said = imported(shared, log_of(made))
    assert (code, summary) == (1, {})
    assert told in said
    assert not any(address in said for address in ("10.0.0.", "198.51", "203.0"))
    assert "Mozilla" not in said
    assert json.loads(run("import", "list", "--json", "--data", str(shared))[1]) == []


def test_after_all_that_were_refused_the_day_is_as_free_as_before(shared: Path) -> None:
    assert imported(shared, log_of(lambda n: line(n, "10.0.0.5")))[0] == 1
    code, summary, said = imported(shared, log_of(line))
    assert (code, summary.get("days_released")) == (0, [DAY]), said
    assert totals(shared) == (6, 6, 6, 100.0)


def test_what_looks_wrong_may_be_accepted(data: Path) -> None:
    text = log_of(lambda n: line(n, "10.0.0.5") if n not in (3, 4) else "something else\n")
    code, summary, told = imported(data, text, "--accept-one-address", "--accept-unreadable")
    assert (code, summary["dropped"]) == (0, {"bad_line": 2}), told
    assert totals(data)[0] == 1


def test_forwarded_addresses_of_a_named_proxy_are_the_visitors(data: Path) -> None:
    text = log_of(lambda n: line(n, "10.0.0.5", tail=f' "-" "{{}}" "198.51.{n}.7"'))
    assert imported(data, text, "--set", 'collector.trusted_proxies=["10.0.0.0/8"]')[0] == 0
    assert totals(data) == (6, 6, 6, 100.0)


def test_crawlers_of_a_log_are_counted_by_name_and_section_and_among_nobody(data: Path) -> None:
    bot = ' "-" "Mozilla/5.0 (compatible; {}/1.2; +https://example.com/about)"'
    text = log_of(lambda n: line(n, request="/docs/a") + line(n, request="/docs/b", tail=bot.format("GPTBot")))
    text += line(1, request="/x/secret", tail=bot.format("GPTBot")) + line(1, tail=bot.format("Fetcher"))
    text += line(1, request="/docs/c", tail=bot.format("ChatGPT-User")) * 10
    text += line(1, request="/gone", status=404, tail=bot.format("GPTBot"))
    code, summary, told = imported(data, text)
    assert (code, summary["dropped"]) == (0, {"bot": 18, "not_success": 1}), told
    assert totals(data)[:3] == (6, 6, 6)
    counted = [(row["value"], row["section"], row["pageviews"]) for row in stats(data, "crawler")["rows"]]
    assert counted == [("ChatGPT-User", "/docs/", 10), ("GPTBot", "/docs/", 6), ("GPTBot", "(other)", 1)]
    assert run("import", "undo", summary["run"], "--data", str(data))[0] == 0
    assert stats(data, "crawler")["rows"] == []


def test_a_redirect_is_no_page_view(data: Path) -> None:
    text = log_of(lambda n: line(n, request="/about", status=301) + line(n, request="/about/"))
    code, summary, _ = imported(data, text)
    assert (code, summary["dropped"]) == (0, {"redirect": 6})
    assert totals(data) == (6, 6, 6, 100.0)
    other = data.parent / "other"
    assert imported(other, text, "--redirects")[1]["events"] == 12


def test_one_page_is_one_page_however_its_name_is_written(data: Path) -> None:
    written = (r"/caf\xc3\xa9", r"/caf\xC3\xA9", "/caf%C3%A9", "/café", "http://shop.example/caf%C3%A9", r"/caf\xe9")
    code, _, told = imported(data, log_of(lambda n: line(n, request=written[n - 1])))
    assert code == 0, told
    assert {row["value"]: row["pageviews"] for row in stats(data)["rows"]} == {"/café": 6}


def test_a_format_string_says_where_fields_stand_and_compressed_logs_are_read(data: Path) -> None:
    text = log_of(lambda n: line(n).replace("512", f'512 "0.00{n}"'))
    assert imported(data, text)[0] == 1
    written = '$remote_addr - - [$time_local] "$request" $status $bytes_sent "$request_time" "$http_referer" '
    written += '"$http_user_agent"'
    code, summary, told = imported(data, lzma.compress(text.encode()), "--format", written)
    assert (code, summary.get("events")) == (0, 6), told
    assert totals(data) == (6, 6, 6, 100.0)


def test_a_file_is_given_once(data: Path) -> None:
    (data.parent / "access.log").write_text(log_of(line))
    (data.parent / "link.log").symlink_to("access.log")
    code, _, told = imported(data, log_of(line), str(data.parent / "link.log"))
    assert (code, "link.log: is given twice" in told) == (1, True)


def test_an_import_may_be_looked_at_before_and_taken_back_after(data: Path) -> None:
    text = log_of(line)
    code, summary, told = imported(data, text, "--dry-run")
    assert code == 0, told
    assert (summary["days_released"], summary["run"]) == ([], "")
    assert summary["preview"]["days"] == [{"day": DAY, "visitors": 6, "visits": 6, "pageviews": 6}]
    assert summary["preview"]["pages"] == {f"/p{number}": 1 for number in range(1, 7)}
    made = imported(data, text)[1]["run"]
    assert imported(data, text)[1]["days_skipped"] == {DAY: "released already"}
    assert run("import", "undo", made, "--data", str(data))[0] == 0
    assert totals(data)[0] == 0
    assert imported(data, text)[1]["days_released"] == [DAY]
    listed = json.loads(run("import", "list", "--json", "--data", str(data))[1])
    assert [(one["site"], one["days"], bool(one["undone"])) for one in listed] == [
        ("x.test", [DAY], True), ("x.test", [DAY], False),
    ]  # fmt: skip
    code, _, told = run("import", "undo", "nonsense", "--data", str(data))
    assert code == 1
    assert "import 'nonsense' is not known; `footfall import list` tells the names" in told
