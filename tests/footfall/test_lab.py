"""The lab: every measure on data small enough to count by hand, and on more against pandas, pyCANON and the rollup."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from msgspec import structs
from pycanon import anonymity
from pycanon.anonymity.utils.aux_anonymity import get_equiv_class

from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Beacon, Client, Draft, Rules
from collector.outcome import Reason
from collector.settings import PRESETS
from collector.steps import anonymize
from collector.wire.access_log.reader import Reading, reader_of
from footfall.cli import main
from footfall.errors import SettingsError
from footfall.lab import sample
from footfall.lab.candidates import candidates
from footfall.lab.folding import DIMENSIONS, cells_of, fold, hit_of
from footfall.lab.measures import classes_of, count, link
from footfall.lab.sentences import sentences_of
from footfall.lab.trial import STORED, run
from footfall.settings import Settings, SiteSettings
from pipeline.rollup.stages import roll_up
from pipeline.settings import ReleaseSettings, SiteRules
from schema.dimensions import OTHER
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Site, day_bounds, day_number, local_day
from schema.store import Store
from tests.conftest import insert, make_event

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


def hits(*given: tuple[int, str], source: str = "") -> list[Any]:
    day = dt.date(2024, 3, 1)
    return [
        hit_of(make_event(HOST, 1_709_280_000 + at, day, visitor=visitor, path=path, source=source))
        for at, (visitor, path) in enumerate(given)
    ]


def test_folding_by_hand() -> None:
    # /: 3 people and 4 views, /a: 1 person, /b: 1 person.
    cells = cells_of(hits((1, "/"), (2, "/"), (3, "/"), (3, "/"), (1, "/a"), (2, "/b")))
    page = fold(cells, 2)["page"]
    assert (page.cells, page.folded, page.views, page.lost) == (3, 2, 6, 2)
    assert fold(cells, 1)["page"].folded == 0


def test_one_folded_value_takes_the_smallest_visible_one_with_it() -> None:
    cells = cells_of(hits(*((v, "/") for v in range(5)), *((v, "/a") for v in range(3)), (1, "/b")))
    page = fold(cells, 2)["page"]
    assert (page.folded, page.lost) == (2, 4)


def test_people_of_one_network_are_one_where_networks_are_asked_for() -> None:
    def came(*given: tuple[int, str, int]) -> Any:
        found = hits(*((visitor, path) for visitor, path, _ in given))
        return cells_of(structs.replace(hit, network=of) for hit, (*_, of) in zip(found, given, strict=True))

    # /: 4 visitors of 4 networks, /a: 3 of one, /b: 2 of two.
    cells = came(*((v, "/", v) for v in range(4)), *((v, "/a", 9) for v in range(10, 13)), (4, "/b", 4), (5, "/b", 5))
    page = fold(cells, 2, 2)["page"]
    assert (page.cells, page.folded, page.visitors, page.named) == (3, 2, 9, 4)  # /a, and /b with it
    assert fold(cells, 2)["page"].named == 9
    # Those of one network, however many, are no day.
    assert fold(came(*((v, "/", 9) for v in range(10))), 2, 2)["page"].named == 0


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


def test_the_lab_says_what_networks_cost() -> None:
    """Everybody of the log comes from four networks."""
    outcome = next(o for o in trial(log_lines(600), ks=(5,)).outcomes if o.candidate.name == "balanced")
    assert outcome.folds[5]["page"].named == 0
    assert outcome.any_network[5]["page"].named > 100
    told = "\n".join(sentences_of(outcome))
    assert "That its 5 visitors have to come from 5 networks names 0.0 % of the visitors by page" in told


def test_a_day_of_fewer_than_k_is_lost_whole() -> None:
    page = fold(cells_of(hits((1, "/"), (2, "/"))), 3)["page"]
    assert (page.folded, page.lost) == (1, 2)


# -- against others ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log() -> list[str]:
    return log_lines(1500)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_figures_are_those_of_pandas_and_pycanon(log: list[str], preset: str) -> None:
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


def test_what_is_folded_is_what_the_rollup_folds(store: Store) -> None:
    site, chance = Site("lab-fold"), random.Random(2)
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)  # raw rows of long ago would have expired
    start = day_bounds("UTC", day_number(day)).start
    events = []
    for visitor in range(1, 60):
        look = {
            "source": chance.choice(("", "Google", "Bing", f"s{visitor % 20}")),
            "language": chance.choice("abcdef"),
            "browser": chance.choice(("Chrome", "Firefox")),
            "country": chance.choice(("DE", "FR", "US")),
            "network_number": chance.choice((0, *range(1, 30))),
        }
        moment = start + chance.randrange(80_000)
        for _ in range(chance.randrange(1, 6)):
            name = chance.choice((PAGEVIEW, PAGEVIEW, ENGAGEMENT))
            path = chance.choice(("/", "/a", f"/p/{chance.randrange(30)}"))
            events.append(make_event(site.key, moment, day, visitor=visitor, path=path, name=name, **look))
            moment += chance.choice((5, 60, 2000))
    insert(store, events)
    k = 4
    roll_up(store, site, day, SiteRules(k, 30, "balanced"))
    folds = fold(cells_of(hit_of(event) for event in events), k, k)
    assert folds != fold(cells_of(hit_of(event) for event in events), k)
    for dimension in DIMENSIONS:
        shown, lost, views = store.rows(
            f"SELECT countIf(value != '{OTHER}'), sumIf(pageviews, value = '{OTHER}'), sum(pageviews) FROM open_cells "
            f"WHERE site = '{site.key}' AND dimension = '{dimension}' AND by_dimension = ''"
        )[0]
        mine = folds[dimension]
        assert (mine.cells - mine.folded, mine.lost, mine.views) == (shown, lost, views), dimension
    assert folds["page"].folded


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
                  "look alike", "came back on the next day", "Visitors are counted", "merged with another",
                  "folded into (other)"):  # fmt: skip
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


@pytest.mark.slow
def test_all_presets_on_a_log_in_under_a_minute_and_nothing_is_kept(command: CliRunner, data: Path) -> None:
    lines = log_lines(10_000)
    # Given the newest first, as a shell lists rotated logs.
    newer, older = data.parent / "access.log", data.parent / "access.log.1"
    older.write_text("\n".join(lines[:4000]) + "\n")
    newer.write_text("\n".join(lines[4000:]) + "\n")
    html, before = data.parent / "lab.html", time.monotonic()
    done = command.invoke(main, ["lab", "--log", str(newer), "--log", str(older), "--json", "--html", str(html),
                                 "--data", str(data)])  # fmt: skip
    assert time.monotonic() - before < 60
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [candidate["name"] for candidate in answer["candidates"]] == list(PRESETS)
    assert (answer["requests"], answer["late"], answer["days"]) == (10_000, 0, 3)
    assert {path.name for path in data.parent.iterdir()} == {"access.log", "access.log.1", "lab.html"}
    written = done.stdout + html.read_text()
    for line in lines[:200]:
        assert line.split(" ")[0] not in written
        assert line.rsplit('"', 2)[1] not in written


def test_the_page_holds_no_script_and_loads_nothing(command: CliRunner, data: Path) -> None:
    log, html = data.parent / "a.log", data.parent / "lab.html"
    log.write_text("\n".join(log_lines(200)) + "\n")
    name = "<img src>"
    done = command.invoke(main, ["lab", "--log", str(log), "--candidate", f"{name}: ipv4_bits=16", "--html", str(html),
                                 "--preset", "strict", "--k", "3"])  # fmt: skip
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
