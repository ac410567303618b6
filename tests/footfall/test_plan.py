"""`footfall plan`: what it says of changed settings is what the pipeline then does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import structs

from footfall.cli import main
from footfall.cli import plan as command
from footfall.cli.plan_text import text_of
from footfall.control.engine import Engine
from footfall.errors import CannotDo
from footfall.plan.changes import Change, Held, changes_of, held_by
from footfall.plan.groups import Groups, groups_of, kept_less, not_told
from footfall.plan.laid import new_key
from footfall.plan.planning import Planned, planned, read
from footfall.plan.window import TABLES
from footfall.settings import Settings, SiteSettings
from pipeline.adding.funnels import add_funnels
from pipeline.adding.goals import add_goals
from pipeline.adding.pairs import add_pairs
from pipeline.adding.properties import add_properties
from pipeline.adding.sections import add_sections
from pipeline.former import with_former
from pipeline.settings import ReleaseSettings, SiteRules
from schema.families import FAMILIES, LIVE
from schema.funnel import Funnel, Step
from schema.manifest import grain_of_goal, grain_of_section
from schema.segment import Segment
from schema.site import Goal
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import MONDAY, Weeks

SMALL, LARGE = SiteRules(3, 30, "balanced", networks=3), SiteRules(6, 30, "balanced", networks=6)
BUY, READ, RARE = Goal("Buy", event="purchase"), Goal("Read", page="/docs/*"), Goal("Rare", page="/rare")


def come(house: Weeks, day: int) -> None:
    """The same on each day: forty see the front page, others less, one what nobody else sees."""
    for visitor in range(1, 41):
        about = {"country": "DE" if visitor % 5 else "FR", "device": "mobile" if visitor % 2 else "desktop"}
        house.visit(day, visitor, at=60 * visitor, **about)
        if visitor <= 20:
            house.visit(day, visitor, f"/docs/{visitor % 4}", 60 * visitor + 5, **about)
        if visitor % 3 == 0:
            house.visit(day, visitor, at=60 * visitor + 9, name="purchase", props={"plan": "a"}, **about)
    house.visit(day, 41, "/rare", 4_000, country="IT", device="mobile")


def no_progress(_: str) -> None:
    """Nobody waits."""


class Asked(NamedTuple):
    """house: whose first two days are released; the third is open. plan: of goals and of a larger k."""

    house: Weeks
    held: Held
    plan: Planned
    there: dict[str, int]


def rows_there(store: Store, key: str) -> dict[str, int]:
    """How many rows of a site each table has."""
    tables = [*TABLES, *(f"{state}_{family}" for state in ("open", "next") for family in LIVE)]
    tables += [f"staging_{family}" for family in FAMILIES]
    return {
        name: store.rows(f"SELECT count() FROM {name} WHERE site = {{s:String}}", {"s": key})[0][0] for name in tables
    }


@pytest.fixture(scope="module")
def asked(store: Store) -> Asked:
    house = Weeks(store, SMALL)
    house.site = structs.replace(house.site, goals=(), pairs=())
    for day in range(3):
        come(house, day)
    house.close(after=1)
    then = Held(house.site, SMALL)
    steps = (Step(page="/"), Step(page="/docs/*"))
    site = structs.replace(
        house.site,
        sections={"Docs": "/docs/**", "Rare": "/rare"},
        goals=(BUY, READ, RARE),
        funnels=(Funnel("Way", steps),),
        properties=("url", "path", "plan"),
        pairs=("device x channel",),
        segments=(Segment("Phones", {"device": "mobile"}),),
        journeys=True,
    )
    now = Held(site, LARGE)
    there = rows_there(store, house.site.key)
    window = read(Engine(Settings(), store), house.site.key, MONDAY, no_progress)
    plan = planned(store, then, now, changes_of(then, now), window, house.noon(20), no_progress)
    return Asked(house, now, plan, there)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_plan_looks_at_released_days_and_changes_nothing(asked: Asked) -> None:
    assert (asked.plan.days, asked.plan.open_days) == (2, 1)
    assert (asked.plan.first, asked.plan.last) == (asked.house.day(0), asked.house.day(1))
    assert rows_there(asked.house.store, asked.house.site.key) == asked.there


@pytest.mark.slow
@pytest.mark.clickhouse
def test_what_a_funnel_and_a_property_would_show_is_of_rows_that_are_released(asked: Asked) -> None:
    told = {(one.what, one.name): one for one in asked.plan.counted}
    assert told["funnel", "Way"].people == [80, 40]
    assert told["pair", "channel x device"].people == [2 * 41]
    assert told["segment", "Phones"].people == [2 * 21]
    assert ("journeys", "") in told
    # One value of 13 people, and those without it.
    assert told["property", "plan"].days == 2
    assert sum(told["property", "plan"].people) >= 2 * 13


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_later_goal_fills_back_as_the_plan_says(asked: Asked) -> None:
    house = asked.house
    site = structs.replace(house.site, goals=asked.held.site.goals)
    assert add_goals(house.store, site, LARGE, house.noon(20), 60)
    plans = [one for one in asked.plan.past if one.what == "goal"]
    for past, goal in zip(plans, (BUY, READ, RARE), strict=True):
        added = house.store.rows(
            """SELECT day, sumIf(converters, dimension = '' AND currency = ''),
                sumIf(conversions, dimension = '' AND currency = ''), count()
            FROM late_conversions WHERE site = {s:String} AND grain = {g:String} GROUP BY day ORDER BY day""",
            {"s": house.site.key, "g": grain_of_goal(goal.name, goal.definition)},
        )
        assert [structs.astuple(one) for one in past.days] == added
        assert sum(past.others.values()) == 2 - len(added)
    assert [len(past.days) for past in plans] == [2, 2, 0]
    assert plans[0].days[0].people == 13


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_later_section_fills_back_as_the_plan_says(asked: Asked) -> None:
    """After the goals, as the pipeline does it."""
    house = asked.house
    site = structs.replace(house.site, goals=asked.held.site.goals, sections=asked.held.site.sections)
    assert add_goals(house.store, site, LARGE, house.noon(20), 60)
    assert add_sections(house.store, site, LARGE, house.noon(20), 60)
    plans = {one.name: one for one in asked.plan.past if one.what == "section"}
    assert plans.keys() == site.sections.keys()
    for name, definition in site.section_definitions.items():
        added = house.store.rows(
            """SELECT day, visitors, pageviews, 1 FROM late_cells
            WHERE site = {s:String} AND grain = {g:String} ORDER BY day""",
            {"s": house.site.key, "g": grain_of_section(name, definition)},
        )
        assert [structs.astuple(one) for one in plans[name].days] == added
        assert sum(plans[name].others.values()) == 2 - len(added)
    assert (len(plans["Docs"].days), len(plans["Rare"].days)) == (2, 0)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_later_property_and_funnel_fill_back_as_the_plan_says(asked: Asked) -> None:
    """After goals and sections, as the pipeline does it."""
    house = asked.house
    site = structs.replace(asked.held.site, key=house.site.key)
    for add in (add_goals, add_sections, add_properties, add_funnels):
        assert add(house.store, site, LARGE, house.noon(20), 60)
    of_property, of_funnel = (next(one for one in asked.plan.past if one.name == name) for name in ("plan", "Way"))
    properties = house.store.rows(
        "SELECT day, sumIf(visitors, in_currency = ''), sum(events), count() FROM late_properties "
        "WHERE site = {s:String} AND property = 'plan' GROUP BY day ORDER BY day",
        {"s": house.site.key},
    )
    assert [structs.astuple(one) for one in of_property.days] == properties
    steps = house.store.rows(
        "SELECT day, people FROM late_funnels WHERE site = {s:String} AND dimension = '' AND step = 1 ORDER BY day",
        {"s": house.site.key},
    )
    assert [(one.day, one.people) for one in of_funnel.days] == steps
    assert all(len(one.days) + sum(one.others.values()) == 2 for one in (of_property, of_funnel))
    # All but one of the site began the funnel.
    assert (len(of_property.days), len(of_funnel.days)) == (2, 0)
    assert of_property.days[0].people == 13


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_later_pair_fills_back_as_the_plan_says(asked: Asked) -> None:
    house = asked.house
    assert add_pairs(house.store, structs.replace(asked.held.site, key=house.site.key), LARGE, house.noon(20), 60)
    (past,) = (one for one in asked.plan.past if one.what == "pair")
    added = house.store.rows(
        "SELECT day, sum(visitors), sum(visits), count() FROM late_pairs WHERE site = {s:String} GROUP BY 1 ORDER BY 1",
        {"s": house.site.key},
    )
    assert [structs.astuple(one) for one in past.days] == added
    assert len(past.days) == 2


@pytest.mark.slow
@pytest.mark.clickhouse
def test_a_changed_k_names_what_the_plan_says(asked: Asked) -> None:
    """The third day is as the two before; it closes by the rules that were planned."""
    house, released = asked.house, asked.plan.released
    assert released is not None
    house.rules = LARGE
    house.site = asked.held.site
    house.close(after=2)
    named = dict(
        house.store.rows(
            """SELECT dimension, (count(), sum(visitors)) FROM released_cells
            WHERE site = {s:String} AND day = {d:Date} AND grain = 'day' AND by_dimension = ''
                AND value NOT IN ('', '(other)') AND dimension != '' GROUP BY dimension""",
            {"s": house.site.key, "d": house.day(2)},
        )
    )
    planned_ = {one.dimension: (one.cells[1] // 2, one.visitor_days[1] // 2) for one in released.dimensions}
    assert {name: both for name, both in planned_.items() if both[0]} == named
    pages = next(one for one in released.dimensions if one.dimension == "page")
    # /docs/0 to 3 have five readers each: enough for three, not for six. The front page keeps the rare one company
    # until that has a section of its own.
    assert (pages.cells, pages.vanish, pages.appear) == ((8, 2), 8, 2)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_rows_of_every_family_that_a_changed_k_shows_are_counted(asked: Asked) -> None:
    """Once the third day is closed by what was planned."""
    released = asked.plan.released
    assert released is not None
    told = {one.family: one for one in released.families}
    # Nothing of these was asked for before.
    for family, table in (("goals", "conversions"), ("pairs", "pairs"), ("segments", "segments")):
        [[rows]] = asked.house.store.rows(
            f"""SELECT count() FROM released_{table} WHERE site = {{s:String}} AND day = {{d:Date}}
            AND grain = 'day' AND value != '(other)'""",
            {"s": asked.house.site.key, "d": asked.house.day(2)},
        )
        assert told[family].rows == (0, 2 * rows), family
        assert (told[family].appear, told[family].vanish) == (2 * rows, 0)
        assert rows > 0
    text = text_of([asked.plan])
    assert f"    pairs: 0 → {told['pairs'].rows[1]} rows of days (+{told['pairs'].appear} −0)" in text
    assert "journeys: from the start there would be" in text
    assert text.count("it begins with days that are open") == 1


@pytest.mark.slow
@pytest.mark.clickhouse
def test_an_open_day_adds_nothing_to_a_plan(asked: Asked) -> None:
    released = asked.plan.released
    assert released is not None
    assert (released.shown_days, released.visitor_days) == ((2, 2), (82, 82))


@pytest.mark.slow
@pytest.mark.clickhouse
def test_figures_of_too_few_are_not_told(asked: Asked) -> None:
    released = asked.plan.released
    assert released is not None
    assert released.groups == (None, None)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_how_alike_stored_rows_are_with_less_of_them(store: Store) -> None:
    """Of 120, each of a country and browser; 20 are alone, by their country."""
    key = new_key()
    events = []
    for visitor in range(120):
        about = {"country": f"X{visitor}" if visitor < 20 else "DE", "browser": ("Chrome", "Firefox")[visitor % 2]}
        events.append(make_event(key, 2_400_000_000 + visitor, MONDAY, visitor=visitor + 1, **about))
    insert(store, events)
    assert groups_of(store, "events", key, {}, 5) == Groups(120, unique=17, below_k=17, p5=1, median=50)
    assert groups_of(store, "events", key, {"country": "''"}, 5) == Groups(120, 0, 0, p5=60, median=60)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_no_table_but_those_of_the_window_is_read(store: Store) -> None:
    with pytest.raises(CannotDo, match="no table"):
        Engine(Settings(), store).plan_rows("x", "y", "system.users", "2046-01-01", 0, 1)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_the_command_compares_with_the_last_start(
    store: Store, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = Settings(data=str(tmp_path), demo=False, sites=(SiteSettings("planned.example"), SiteSettings("b.example")))
    with_former(tmp_path / "former-sites.json", then.site_rules())
    monkeypatch.setattr(command, "former_sites", lambda _: tmp_path / "former-sites.json")

    @contextlib.contextmanager
    def opened(settings: Settings) -> Iterator[Engine]:
        yield Engine(settings, store, live=False)

    monkeypatch.setattr(command, "opened_for_changes", opened)
    monkeypatch.setattr(command, "store_in_ram", lambda: contextlib.nullcontext(store))
    file = tmp_path / "new.toml"
    file.write_text(
        'demo = false\n[release]\nk = 9\n[[sites]]\nkey = "planned.example"\n[[sites.goals]]\nname = "Buy"\n'
        'event = "purchase"\n[[sites.goals]]\nname = "Read"\nscroll = 75\n[[sites.segments]]\nname = "Phones"\n'
        'where = { device = "mobile", not = { country = "DE" } }\n'
    )

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["plan", "--config", str(file), "--data", str(tmp_path), *arguments])

    text = run().stdout
    assert "+ goal Buy: event:purchase" in text
    assert "+ goal Read: 75 percent of any page scrolled" in text
    assert "+ segment Phones: " in text
    assert "{" not in text
    assert "~ release k: 5 → 9 (stricter)" in text
    assert "no released day has raw rows left" in text
    assert "- b.example: not in these settings (one of `footfall up --site` is named by --site here)" in text
    # One that the start was given as a flag.
    assert "b.example" in {one["site"] for one in json.loads(run("--json").stdout)}
    given = {one["site"]: one["changes"] for one in json.loads(run("--json", "--site", "b.example").stdout)}
    assert [one["kind"] for one in given["b.example"] if one["what"] == "site"] == []
    told = json.loads(run("planned.example", "--json").stdout)
    assert [one["site"] for one in told] == ["planned.example"]
    assert run("--against", str(file)).stdout == "nothing changes of what is counted and released\n"
    refused = run("nobody.example")
    assert (refused.exit_code, "'nobody.example'" in refused.output) == (1, True)


def test_nothing_to_compare_with_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["plan", "--data", str(tmp_path / "new")])
    assert told.exit_code == 1
    assert "--against FILE" in told.output


def one_site(**given: Any) -> Held:
    release = given.pop("release", {})
    settings = Settings(
        demo=False, sites=(msgspec.convert({"key": "x", **given}, SiteSettings),), release=ReleaseSettings(**release)
    )
    return held_by(settings)["x"]


def test_changes_are_told_by_name_and_effect() -> None:
    before = one_site(
        goals=[{"name": "A", "event": "a"}, {"name": "B", "event": "b"}], sections={"D": "/d/**"}, pairs=["device x os"]
    )
    after = one_site(
        goals=[{"name": "A", "event": "c"}, {"name": "C", "event": "c"}],
        sections={"D": "/d/**", "E": "/e/**"},
        properties=["url"],
        pairs=["country x os"],
        segments=[{"name": "S", "where": {"device": "mobile"}}],
        journeys=True,
        release={"k": 3, "networks": 5, "bound": 0},
    )
    told = [(one.what, one.name, one.kind, one.effect) for one in changes_of(before, after)]
    assert told == [
        ("goal", "A", "changed", ""),
        ("goal", "B", "gone", ""),
        ("goal", "C", "new", ""),
        ("section", "E", "new", ""),
        ("property", "path", "gone", ""),
        ("pair", "device x os", "gone", ""),
        ("pair", "country x os", "new", ""),
        ("segment", "S", "new", ""),
        ("journeys", "", "new", ""),
        ("release", "k", "changed", "looser"),
        ("release", "networks", "changed", "looser"),
        ("release", "bound", "changed", "looser"),
    ]
    assert changes_of(before, before) == []
    assert changes_of(None, after) == [Change("site", "x", "new")]


def test_sections_in_another_order_are_others() -> None:
    before, after = (
        one_site(sections=dict(order)) for order in ((("A", "/a"), ("B", "/*")), (("B", "/*"), ("A", "/a")))
    )
    assert [one.name for one in changes_of(before, after)] == ["A", "B"]


def test_what_stored_rows_tell_of_anonymization() -> None:
    before = one_site(anonymization={"preset": "accurate"})
    after = one_site(anonymization={"preset": "strict"})
    less = kept_less(before, after)
    assert set(less) == {"region", "city", "network", "language"}
    untold = not_told(changes_of(before, after), less)
    assert {"visitor_address", "visitor_agent", "referrer"} <= set(untold)
    assert not {"place", "store_network", "language"} & set(untold)
    # What was not stored is not there.
    assert not kept_less(after, before)
