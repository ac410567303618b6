"""The lab: every measure on data small enough to count by hand, and on more against pandas, pyCANON and the rollup."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

from collector.anonymization import PRESETS
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Beacon, Client, Draft, Rules
from collector.outcome import Reason
from collector.steps import anonymize
from collector.wire.access_log.reader import Reading, reader_of
from footfall.cli import main
from footfall.errors import SettingsError
from footfall.lab import sample
from footfall.lab.candidates import candidates
from footfall.lab.measures import classes_of, count, link
from footfall.lab.releasing import rules_at
from footfall.lab.sentences import sentences_of
from footfall.lab.trial import STORED, run
from footfall.settings import Settings, SiteSettings
from footfall.supervisor.paths import RAM
from pipeline.settings import ReleaseSettings
from schema.event import Event
from schema.site import local_day
from schema.store import Store
from tests.house import footfall

HOST = "lab.example"
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS {}_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1",
)  # fmt: skip
ORIGINS = ("-", "-", "https://www.google.com/", "https://www.bing.com/", "https://news.example/a", "https://b.example/")


def log_lines(requests: int, days: int = 3) -> list[str]:
    """An access log: some networks, some agents, people who come back, and requests that do not count."""
    chance = random.Random(1)
    people = [
        (
            f"203.0.{chance.randrange(4)}.{chance.randrange(1, 255)}",
            chance.choice(AGENTS).format(chance.randrange(15, 30)),
        )
        for _ in range(requests // 6)
    ]
    moments = sorted(chance.randrange(days * 86_400) for _ in range(requests))
    start = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    lines = []
    for moment in moments:
        address, agent = chance.choice(people)
        path = chance.choice(("/", "/", "/a", "/b", f"/p/{chance.randrange(40)}", "/style.css"))
        at = (start + dt.timedelta(seconds=moment)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        lines.append(f'{address} - - [{at}] "GET {path} HTTP/1.1" 200 1 "{chance.choice(ORIGINS)}" "{agent}"')
    return lines


def rules() -> Rules:
    return Settings(sites=(SiteSettings(HOST),)).collector_rules()[HOST]


READER = reader_of(log_lines(10), Reading(rules()))


def trial(lines: list[str], *texts: str, ks: tuple[int, ...] = (2, 5, 10)) -> Any:
    chosen = candidates(rules().anonymization, [], texts)
    return run((READER.read(line) for line in lines), chosen, rules(), GeoDatabase(), ks)


def bits_of(sizes: Iterable[int]) -> float:
    """Shannon entropy in bits."""
    shares = [size / sum(sizes) for size in sizes]
    return -sum(share * math.log2(share) for share in shares)


def events_of(lines: list[str], preset: str) -> list[tuple[str, Event]]:
    """(address and agent, event) as the collector makes them; not through the lab."""
    settings, keys, found = PRESETS[preset], EphemeralKeys(), []
    mine = structs.replace(rules(), anonymization=settings, keep=frozenset(settings.query_parameters))
    for line in lines:
        read = READER.read(line)
        if not isinstance(read, Reason):
            beacon, client, moment = read
            event = anonymize(Draft(beacon, client, mine, moment, local_day("UTC", moment), keys, GeoDatabase()))
            if isinstance(event, Event):
                found.append((f"{client.address} {client.agent}", event))
    return found


# -- each measure by hand ------------------------------------------------------------------------------------------


def test_classes_by_hand() -> None:
    # Two alone, three alike, five alike: ten visitor-days in four classes.
    classes = classes_of([{1: 2, 3: 1, 5: 1}], (2, 5))
    assert (classes.visitor_days, classes.classes, classes.smallest, classes.p1, classes.p5) == (10, 4, 1, 1, 1)
    assert classes.median == 3  # the fifth and the sixth of ten stand in the class of three and of five
    assert classes.unique == pytest.approx(0.2)
    assert classes.below == pytest.approx({2: 0.2, 5: 0.5})
    assert classes.prosecutor_worst == 1.0
    assert classes.prosecutor_average == classes.marketer == pytest.approx(0.4)
    assert classes.expected_set == pytest.approx((1 + 1 + 9 + 25) / 10)
    assert classes.entropy_bits == pytest.approx(bits_of([1, 1, 3, 5]))
    assert classes.possible_bits == pytest.approx(math.log2(10))
    assert sum(classes.sizes.values()) == pytest.approx(1.0)


def test_days_are_never_in_one_class() -> None:
    classes = classes_of([{4: 1}, {2: 1}], (3,))
    assert (classes.smallest, classes.median, classes.below[3]) == (2, 4, pytest.approx(1 / 3))
    assert classes.entropy_bits == 0
    assert classes.possible_bits == pytest.approx((4 * 2 + 2 * 1) / 6)


def test_nobody_is_no_risk() -> None:
    assert classes_of([], (2,)).unique == 0


def test_linking_by_hand() -> None:
    before = {1: "a", 2: "a", 3: "b", 4: "c", 5: "z"}  # 5 does not come back
    after = {1: "a", 2: "a", 3: "x", 4: "y", 6: "b", 7: "b"}
    linking = link(before, after, Counter(after.values()))
    assert linking.returning == 4
    # 1 and 2: one of two. 3: looks like others now, so the attacker picks 6 or 7. 4: no "c", any of the six.
    assert linking.success == pytest.approx((0.5 + 0.5 + 0 + 1 / 6) / 4)
    assert linking.guess == pytest.approx(1 / 6)
    assert linking.advantage == pytest.approx(linking.success - 1 / 6)


def test_counting_by_hand() -> None:
    # 1 and 2 are merged, 3 has two numbers, of which one is also 4's.
    counting = count({(1, 10), (2, 10), (3, 30), (3, 31), (4, 31), (5, 50)})
    assert (counting.people, counting.visitors) == (5, 4)
    assert (counting.merged, counting.lost, counting.split) == (4, 2, 1)
    assert counting.error_percent == pytest.approx(-20)
    assert counting.merge_rate == pytest.approx(0.8)


def test_the_networks_of_a_candidate_follow_k_unless_its_preset_says_otherwise() -> None:
    assert [PRESETS[name].networks_at(3) for name in ("strict", "balanced", "accurate")] == [3, 3, 1]
    assert structs.replace(PRESETS["balanced"], k=5, networks=2).networks_at(10) == 2
    # By a k alone nothing is another set of settings; by its networks it is.
    alike = structs.replace(PRESETS["balanced"], k=3, networks=3)
    assert [one.name for one in candidates(alike, [], [])] == list(PRESETS)
    everything = Settings(release=ReleaseSettings(k=1)).anonymity_of(SiteSettings(HOST))
    assert [one.name for one in candidates(everything, [], [])] == list(PRESETS)
    other = structs.replace(PRESETS["balanced"], networks=1)
    assert candidates(other, [], [])[-1].changes == {"preset": "balanced", "networks": 1}


def test_what_is_released_late_may_be_tried() -> None:
    base = PRESETS["balanced"]
    found = candidates(base, [], ["soon: k_late=5, late_others=0", "never: raw_days=7", "many: networks=2"])
    soon, never, many = (rules_at(one, 5, 0.0) for one in found)
    assert (soon.k_late, soon.late_others, soon.networks) == (5, 0, 5)
    assert never.k_late == 0
    assert (many.networks, many.k_late, many.late_others) == (2, 10, 3)
    # Never fewer than k.
    assert rules_at(found[0], 8, 0.0).k_late == 8
    assert candidates(structs.replace(base, k_late=7), [], [])[-1].changes == {"preset": "balanced", "k_late": 7}


# -- against others ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log() -> list[str]:
    return log_lines(1500)


@pytest.mark.slow
@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_figures_are_those_of_pandas_and_pycanon(log: list[str], preset: str) -> None:
    # Here, or each process that collects tests would load them: 0.4 s and 80 MB.
    import pandas as pd
    from pycanon import anonymity
    from pycanon.anonymity.utils.aux_anonymity import get_equiv_class

    outcome = next(o for o in trial(log).outcomes if o.candidate.name == preset)
    found = events_of(log, preset)
    frame = pd.DataFrame([{"person": person} | {name: getattr(event, name) for name in ("day", "visitor", *STORED)}
                          for person, event in found])  # fmt: skip
    same = ["day", *STORED]
    stored = frame.drop_duplicates(["visitor", *same]).reset_index(drop=True)
    sizes = stored.groupby(same)["visitor"].transform("size")
    classes = outcome.classes
    assert classes.visitor_days == len(stored)
    assert classes.smallest == anonymity.k_anonymity(stored, same)
    found_classes = [len(rows) for rows in get_equiv_class(stored, same)]
    assert (classes.classes, classes.smallest) == (len(found_classes), min(found_classes))
    assert classes.prosecutor_worst == pytest.approx(1 / min(found_classes))
    assert classes.expected_set == pytest.approx(sum(size**2 for size in found_classes) / len(stored))
    assert classes.marketer == pytest.approx(len(found_classes) / len(stored))
    assert classes.prosecutor_average == pytest.approx((1 / sizes).mean())
    assert classes.unique == pytest.approx((sizes == 1).mean())
    for share, value in ((0.01, classes.p1), (0.05, classes.p5), (0.5, classes.median)):
        assert value == sizes.quantile(share, interpolation="higher" if share < 0.5 else "lower")
    for k, below in classes.below.items():
        assert below == pytest.approx((sizes < k).mean())
    bits = [bits_of(rows.groupby(list(STORED)).size()) * len(rows) for _, rows in stored.groupby("day")]
    assert classes.entropy_bits == pytest.approx(sum(bits) / len(stored))

    true, counted = frame.groupby("day")["person"].nunique(), frame.groupby("day")["visitor"].nunique()
    assert outcome.counting.errors == pytest.approx(list(100 * (counted - true) / true))
    owners = frame.groupby(["day", "visitor"])["person"].nunique().rename("owners").reset_index()
    crowded = frame.merge(owners[owners["owners"] > 1], on=["day", "visitor"])
    assert outcome.counting.merged == crowded.groupby("day")["person"].nunique().sum()

    first = frame.drop_duplicates(["day", "person"]).assign(look=lambda f: f[list(STORED)].agg("|".join, axis=1))
    look = stored.assign(look=lambda f: f[list(STORED)].agg("|".join, axis=1))
    chances = []
    for day in sorted(first["day"].unique())[:-1]:
        pairs = first[first["day"] == day].merge(first[first["day"] == day + 1], on="person", suffixes=("", "_then"))
        there = look[look["day"] == day + 1]["look"].value_counts()
        for before, after in zip(pairs["look"], pairs["look_then"], strict=True):
            chances.append((1 / there[before] if before == after else 0) if before in there else 1 / there.sum())
    assert outcome.linking.returning == len(chances) > 50
    assert outcome.linking.success == pytest.approx(sum(chances) / len(chances))


# -- the trial -----------------------------------------------------------------------------------------------------


def test_a_wider_network_merges_more_and_a_whole_address_nobody(log: list[str]) -> None:
    texts = ("wide: ipv4_bits=8", "narrow: ipv4_bits=24", "whole: visitor_address=full")
    wide, narrow, whole = trial(log, *texts).outcomes
    assert wide.counting.visitors < narrow.counting.visitors < whole.counting.visitors == whole.counting.people
    assert wide.counting.merge_rate > narrow.counting.merge_rate > whole.counting.merge_rate == 0


def test_what_is_stored_decides_who_is_unique_not_what_is_hashed(log: list[str]) -> None:
    plain, network = trial(log, "plain: store_network=false", "network: store_network=true").outcomes
    assert network.classes.unique > plain.classes.unique
    assert network.linking.advantage > plain.linking.advantage
    assert network.counting.visitors == plain.counting.visitors


def test_lines_of_days_long_over_are_left_out_and_told(log: list[str]) -> None:
    experiment = trial([*log, log[0]])
    assert experiment.late == 1
    assert experiment.days == trial(log).days == 3


def test_every_measure_has_a_sentence() -> None:
    told = "\n".join(sentences_of(trial(log_lines(600)).outcomes[1]))
    for words in ("unique on what is stored", "like fewer than 4 others", "right row", "tries it on everybody", "bits",
                  "look alike", "came back on the next day", "Visitors are counted", "merged with"):  # fmt: skip
        assert words in told


def test_the_sample_is_the_same_again_and_some_come_back() -> None:
    first: list[tuple[Beacon, Client, int]] = list(sample.beacons("UTC"))
    assert first == list(sample.beacons("UTC"))
    addresses = {client.address for _, client, _ in first}
    assert all(re.match(r"198\.1[89]\.", address) for address in addresses)
    days: dict[int, set[str]] = {}
    for _, client, moment in first:
        days.setdefault(moment // 86_400, set()).add(client.address + client.agent)
    assert all(days[day] & days[day + 1] for day in sorted(days)[:-1])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ipv4_bits=16", "write"),
        ("a: ipv4_bits", "not setting=value"),
        ("a: ipv4_bits=99", "<= 24"),
        ("a: colour=red", "colour"),
        ("a: preset=loose", "loose"),
        ("a: k_late=-1", "k_late"),
        ("a: k=3", "k"),
    ],
)
def test_a_wrong_candidate_is_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        candidates(PRESETS["balanced"], [], [text])


def test_a_candidate_starts_from_what_holds_or_from_a_preset_it_names() -> None:
    base = structs.replace(PRESETS["balanced"], ipv4_bits=20)
    first, second, third = candidates(base, ["strict"], ["a: visitor_screen=true", "b: preset=strict, language=full"])
    assert first.anonymization == PRESETS["strict"]
    assert second.anonymization == structs.replace(base, visitor_screen=True)
    assert third.anonymization == structs.replace(PRESETS["strict"], language="full")
    names = [candidate.name for candidate in candidates(base, [], [])]
    assert names == ["strict", "balanced", "accurate", "in force"]


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr("footfall.cli.lab.prepare", lambda _: None)  # hardens the whole process
    return CliRunner()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("many", "given", "presets"),
    [
        (600, ("--preset", "balanced", "--k", "5"), ["balanced"]),
        pytest.param(10_000, (), list(PRESETS), marks=pytest.mark.long),
    ],
)
def test_a_log_is_tried_and_nothing_is_kept(data: Path, many: int, given: tuple[str, ...], presets: list[str]) -> None:
    lines, before = log_lines(many), left_in_ram()
    # Given the newest first, as a shell lists rotated logs.
    newer, older = data.parent / "access.log", data.parent / "access.log.1"
    older.write_text("\n".join(lines[: many // 2]) + "\n")
    newer.write_text("\n".join(lines[many // 2 :]) + "\n")
    html = data.parent / "lab.html"
    done = footfall(
        *("lab", "--log", str(newer), "--log", str(older), "--json", "--html", str(html), "--data", str(data), *given)
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [candidate["name"] for candidate in answer["candidates"]] == presets
    assert (answer["requests"], answer["late"], answer["days"]) == (many, 0, 3)
    # Everybody of the log comes from four networks.
    at_5 = next(one for one in answer["candidates"] if one["name"] == "balanced")["released"]["5"]
    assert (at_5["shown_days"], at_5["named"]["page"]["by_days"]) == (0, 0)
    assert at_5["named"]["page"]["any_network"] > 0
    assert {path.name for path in data.parent.iterdir()} == {"access.log", "access.log.1", "lab.html"}
    assert left_in_ram() == before
    written = done.stdout + html.read_text()
    for line in lines[:200]:
        assert line.split(" ")[0] not in written
        assert line.rsplit('"', 2)[1] not in written


def left_in_ram() -> set[Path]:
    """What labs have left there that are over."""
    return {path for path in RAM.glob("footfall-lab-*") if not Path(f"/proc/{path.name.split('-')[2]}").exists()}


@pytest.mark.slow
@pytest.mark.clickhouse
def test_the_page_holds_no_script_and_loads_nothing(
    command: CliRunner, data: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process opens the embedded engine once.
    monkeypatch.setattr("footfall.cli.lab.store_in_ram", lambda: contextlib.nullcontext(store))
    log, html = data.parent / "a.log", data.parent / "lab.html"
    log.write_text("\n".join(log_lines(200, days=1)) + "\n")
    name = "<img src>"
    done = command.invoke(main, ["lab", "--log", str(log), "--candidate", f"{name}: ipv4_bits=16", "--html", str(html),
                                 "--k", "3"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "k = 3" in done.output
    page = html.read_text()
    assert name not in page
    assert "&lt;img" in page
    assert "<script" not in page
    assert page.count("<style>") == 1
    assert not re.search(r"\s(src|href|style|on\w+)=|url\(|https?:|@import", page)
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "<svg" in page


@pytest.mark.parametrize("arguments", [[], ["--sample", "--shadow"], ["--log", "/nonexistent"]])
def test_what_makes_no_sense_is_refused_in_one_line(command: CliRunner, arguments: list[str]) -> None:
    done = command.invoke(main, ["lab", *arguments])
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
