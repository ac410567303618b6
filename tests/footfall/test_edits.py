"""What editors declare beside the settings file: joined with it, by versions and days; refused; with a past or none."""

from __future__ import annotations

import datetime as dt
import json
import signal
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec import structs

from dashboards.editing.desk import Draft, EditedMeanwhile, EditRefused, digest_of
from footfall.control import editing
from footfall.control.editing import EditDesk
from footfall.control.engine import Engine
from footfall.errors import CannotDo, SettingsError
from footfall.health.machine import of_edits
from footfall.settings import Settings, load, needs_restart
from footfall.settings.edit_file import path_of
from footfall.settings.edits import MOST, MOST_A_DAY, MOST_PASTS
from footfall.settings.in_force import Editions, next_turn, with_edits, without_edits
from footfall.site_export import readme
from footfall.supervisor.parent import Supervisor
from schema.store import Store
from tests.house import eventually, footfall, running

SITE = "edited.example"
NOON = int(dt.datetime(2031, 6, 11, 12, tzinfo=dt.UTC).timestamp())
DAY, A_DAY = dt.date(2031, 6, 11), 86_400
FILE = f"""demo = false
[release]
k = 5
[[sites]]
key = "{SITE}"
goals = [{{ name = "Own", page = "/own" }}]
sections = {{ Docs = "/docs/**" }}
"""


class Desk:
    """With a clock: what a parent does after a change is done at once."""

    def __init__(self, file: Path) -> None:
        self.file, self.now = file, NOON
        self.settings = self.read()
        self.desk = EditDesk(lambda: self.settings, lambda _: 7, clock=lambda: self.now)

    def read(self) -> Settings:
        data = {"data": str(self.file.parent / "data")}
        return with_edits(load(str(self.file), environment={}, flags=data), self.now)

    def put(self, what: str, former: str = "", **thing: Any) -> int:
        return self.do(Draft(self.desk.number(SITE), what, former, thing or None))

    def do(self, draft: Draft) -> int:
        made = self.desk.apply(SITE, draft, digest_of(draft), "ada")
        self.settings = self.read()
        return made

    def tomorrow(self, days: int = 1) -> None:
        self.now += days * A_DAY
        self.settings = self.read()

    @property
    def goals(self) -> list[str]:
        """Of the site as it is counted now."""
        return [goal.name for goal in self.settings.sites[0].goals]

    def without_past(self, what: str = "goals") -> set[str]:
        return set(Editions(self.settings).without_past(self.settings.sites[0], what))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    file = tmp_path / "footfall.toml"
    file.write_text(FILE)
    return Desk(file)


def test_what_is_declared_counts_from_the_next_day_on_beside_what_the_file_says(desk: Desk) -> None:
    assert desk.put("goals", name="Buy", event="buy") == 1
    desk.put("sections", name="Blog", pages="/blog/**")
    desk.put("funnels", name="Way", steps=[{"section": "Blog"}, {"goal": "Buy"}])
    segment = {"name": "Phones", "where": {"device": "mobile"}}
    told = desk.desk.preview(SITE, Draft(3, "segments", "", segment)).changes[0]
    assert "days before are not asked" in told.past
    assert desk.put("segments", **segment) == 4
    assert desk.goals == ["Own"]
    assert next_turn(desk.settings, desk.now) == NOON + A_DAY / 2
    desk.tomorrow()
    site = desk.settings.sites[0]
    assert (desk.goals, [*site.sections]) == (["Own", "Buy"], ["Docs", "Blog"])
    assert ([one.name for one in site.funnels], [one.name for one in site.segments]) == (["Way"], ["Phones"])
    assert next_turn(desk.settings, desk.now) == float("inf")
    assert (desk.without_past("segments"), desk.without_past("funnels")) == ({"Phones"}, set())
    mode = stat.S_IMODE(path_of(desk.settings.directory, SITE).stat().st_mode)
    assert mode == 0o600
    versions = desk.desk.versions(SITE)
    assert [(one.number, one.who, one.change, one.holds) for one in versions][:2] == [
        (4, "ada", "segment 'Phones' added", True),
        (3, "ada", "funnel 'Way' added", False),
    ]
    # As it goes to the processes.
    sent = msgspec.json.decode(msgspec.json.encode(desk.settings), type=Settings)
    assert (sent.sites, without_edits(sent).sites[0].goals[0].name) == (desk.settings.sites, "Own")
    assert needs_restart(sent, without_edits(sent)) == []


def test_a_file_does_not_grow_beyond_its_limit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("goals", name="Buy", event="buy")
    path = path_of(desk.settings.directory, SITE)
    before = path.read_bytes()
    monkeypatch.setattr(editing, "MOST_BYTES", len(before) + 100)
    with pytest.raises(EditRefused, match=rf"edits/{SITE}.json would have [\d,]+ bytes .* the settings file"):
        desk.put("goals", name="Read", page="/" + "r" * 90)
    assert (path.read_bytes(), desk.desk.number(SITE)) == (before, 1)
    monkeypatch.setattr(editing, "MOST_BYTES", 2_000)
    assert desk.put("goals", name="Read", page="/" + "r" * 90) == 2


def test_a_day_is_asked_by_what_stood_when_it_began(desk: Desk) -> None:
    desk.put("goals", name="Buy", event="buy")
    desk.put("goals", "Buy", name="Buy", event="bought")
    desk.tomorrow()
    desk.put("goals", "Buy")
    asked, site = Editions(desk.settings), desk.settings.sites[0]
    counted = [[goal.event for goal in asked.on(site, DAY + dt.timedelta(days=n)).goals][1:] for n in (-1, 0, 1, 2, 9)]
    assert counted == [[], [], ["bought"], [], []]


def test_with_k_1_a_version_holds_at_once(desk: Desk) -> None:
    desk.file.write_text(FILE.replace("k = 5", "k = 1"))
    desk.settings = desk.read()
    desk.put("goals", name="Buy", event="buy")
    assert desk.goals == ["Own", "Buy"]
    assert desk.without_past() == set()
    assert desk.desk.preview(SITE, Draft(1, "goals", "Buy")).first is None
    segment = Draft(1, "segments", "", {"name": "Phones", "where": {"device": "mobile"}})
    assert "is added to released days" in desk.desk.preview(SITE, segment).changes[0].past


def test_the_file_wins_where_it_has_the_name_and_what_it_has_is_locked(desk: Desk) -> None:
    desk.put("goals", name="Buy", event="buy")
    desk.tomorrow()
    desk.file.write_text(FILE.replace('page = "/own" }', 'page = "/own" }, { name = "Buy", page = "/thanks" }'))
    desk.settings = desk.read()
    assert [goal.page for goal in desk.settings.sites[0].goals] == ["/own", "/thanks"]
    [own, buy] = desk.desk.things(SITE)["goals"]
    assert (own.locked, buy.locked, buy.words) == (
        "footfall.toml, line 6",
        "footfall.toml, line 6",
        "a page like /thanks",
    )
    with pytest.raises(EditRefused, match=r"goal 'Buy' stands in footfall\.toml, line 6: change it there") as problem:
        desk.put("goals", "Buy", name="Buy", event="buy")
    assert problem.value.where == "name"


@pytest.mark.parametrize(
    ("what", "former", "thing", "told", "where"),
    [
        ("goals", "", {"name": " ", "page": "/"}, "needs a name", "name"),
        ("goals", "", {"name": "Two", "page": "/", "event": "x"}, "needs exactly one of event", ""),
        ("goals", "", {"name": "Page", "page": "own"}, "a path begins with '/', write '/own'", "page"),
        ("goals", "", {"name": "Deep", "scroll": 200}, "<= 100", "scroll"),
        ("goals", "", {"name": "In", "section": "No"}, "has no section 'No' (it has 'Docs')", "section"),
        ("goals", "", {"name": "Key", "page": "/", "release_k": 1}, "unknown field `release_k`", ""),
        ("goals", "Gone", {"name": "New", "page": "/"}, "there is no goal 'Gone' any more", "name"),
        ("goals", "Own", None, "stands in footfall.toml, line 6", "name"),
        ("goals", "", None, "name what is to be taken out", "name"),
        ("funnels", "", {"name": "One", "steps": [{"page": "/"}]}, "has 1 step, and 2 to 8", "steps"),
        ("funnels", "", {"name": "F", "steps": [{"page": "/"}, {"goal": "No"}]}, "has no goal 'No'", "steps"),
        ("sections", "", {"name": "/folder", "pages": "/x"}, "does not begin with '/'", "name"),
        ("sections", "", {"name": "S", "pages": "x"}, "a path begins with '/'", "pages"),
        ("segments", "", {"name": "a|b", "where": {"device": "mobile"}}, "has a '|' in its name", "name"),
        ("segments", "", {"name": "S", "where": {"nothing": "x"}}, "nothing", "where"),
        ("sites", "", {"key": "other"}, "'sites' cannot be changed here", ""),
        ("release", "", {"name": "k", "k": 1}, "'release' cannot be changed here", ""),
    ],
)
def test_what_the_file_would_refuse_is_refused_in_the_same_words(
    desk: Desk, what: str, former: str, thing: dict[str, Any] | None, told: str, where: str
) -> None:
    with pytest.raises(EditRefused) as problem:
        desk.do(Draft(0, what, former, thing))
    assert told in str(problem.value)
    assert problem.value.where == where
    assert not path_of(desk.settings.directory, SITE).exists()
    if told not in ("needs a name", "name what is to be taken out") and former == "" and what == "goals" and thing:
        text = FILE.replace(
            'page = "/own" }',
            'page = "/own" }, '
            + "{"
            + ", ".join(f"{name} = {json.dumps(value)}" for name, value in thing.items())
            + " }",
        )
        desk.file.write_text(text)
        with pytest.raises(SettingsError):
            desk.read()


def test_limits_hold_for_file_and_edits_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (MOST, MOST_A_DAY) == ({"goals": 50, "funnels": 20, "sections": 50}, 50)
    monkeypatch.setitem(MOST, "sections", 4)
    monkeypatch.setattr("footfall.control.editing.MOST_A_DAY", 4)
    for number in range(3):
        desk.put("sections", name=f"S{number}", pages=f"/s{number}/")
    with pytest.raises(EditRefused, match="has 4 sections, which is the most: take one out"):
        desk.put("sections", name="More", pages="/more/")
    desk.put("sections", "S1")
    with pytest.raises(EditRefused, match="4 times a day at most"):
        desk.put("sections", name="More", pages="/more/")
    desk.tomorrow()
    assert desk.put("sections", name="More", pages="/more/") == 5
    monkeypatch.setattr("schema.segment.MOST_SEGMENTS", 1)
    desk.put("segments", name="One", where={"device": "mobile"})
    with pytest.raises(EditRefused, match="at most 1 are counted"):
        desk.put("segments", name="Two", where={"device": "tablet"})


def test_a_name_gets_a_past_once_and_ten_of_a_site_within_the_days_of_raw_rows(desk: Desk) -> None:
    desk.put("goals", name="A", page="/a*")
    desk.put("goals", "A", name="A", page="/b*")  # of a day the last one holds
    desk.tomorrow()
    assert desk.without_past() == set()
    desk.put("goals", "A", name="A", page="/c*")
    assert (
        "a name gets a past once"
        in desk.desk.preview(SITE, Draft(3, "goals", "A", {"name": "A", "page": "/d"})).changes[0].past
    )
    desk.tomorrow()
    assert desk.without_past() == {"A"}
    for number in range(MOST_PASTS):
        desk.put("goals", name=f"G{number}", page=f"/g{number}")
    told = desk.desk.preview(SITE, Draft(13, "goals", "", {"name": "H", "page": "/h"}))
    assert "10 things of the site have got a past within 30 days" in told.changes[0].past
    assert (told.days, told.first) == (0, DAY + dt.timedelta(days=3))
    desk.tomorrow()
    assert desk.without_past() == {"A", f"G{MOST_PASTS - 1}"}
    # Taken out and declared again it is the same, which had its past; and raw rows do not live for ever.
    desk.put("goals", "G0")
    desk.tomorrow()
    desk.put("goals", name="G0", page="/g0")
    desk.tomorrow(30)
    told = desk.desk.preview(SITE, Draft(15, "goals", "", {"name": "H", "page": "/h"}))
    assert told.days == 7
    assert "is added to released days" in told.changes[0].past
    assert desk.without_past() == {"A", f"G{MOST_PASTS - 1}"}


def test_a_section_more_that_makes_another_goal_of_one_of_the_file_takes_a_past_as_well(desk: Desk) -> None:
    desk.file.write_text(FILE.replace('page = "/own" }', 'page = "/own" }, { name = "Shop", section = "/shop/" }'))
    desk.settings = desk.read()
    desk.put("sections", name="A", pages="/shop/a*")
    desk.tomorrow()
    assert desk.without_past() == set()
    desk.put("sections", "A", name="A", pages="/shop/b*")
    desk.tomorrow()
    assert (desk.without_past(), desk.without_past("sections")) == ({"Shop"}, {"A"})


def test_what_was_previewed_is_applied_and_nothing_that_somebody_has_changed_meanwhile(desk: Desk) -> None:
    draft = Draft(0, "goals", "", {"name": "Buy", "event": "buy"})
    told = desk.desk.preview(SITE, draft)
    assert [(one.what, one.name, one.kind, one.after) for one in told.changes] == [("goal", "Buy", "new", "event buy")]
    assert (told.first, told.days) == (DAY + dt.timedelta(days=1), 7)
    assert not path_of(desk.settings.directory, SITE).exists()
    other = structs.replace(draft, thing={"name": "Buy", "event": "other"})
    with pytest.raises(EditRefused, match="not what was previewed"):
        desk.desk.apply(SITE, other, told.digest, "bob")
    desk.put("sections", name="Blog", pages="/blog/**")
    with pytest.raises(EditedMeanwhile) as problem:
        desk.desk.apply(SITE, draft, told.digest, "bob")
    assert problem.value.changes == ("section 'Blog' added (version 1, by ada)",)
    with pytest.raises(EditRefused, match="changes nothing"):
        desk.put("sections", "Blog", name="Blog", pages="/blog/**")


def test_taking_back_is_a_new_version(desk: Desk) -> None:
    desk.put("goals", name="Buy", event="buy")
    desk.put("goals", name="Ask", event="ask")
    assert desk.do(Draft(2, back=1)) == 3
    assert desk.do(Draft(3, back=0)) == 4
    assert desk.do(Draft(4, back=2)) == 5
    desk.tomorrow()
    assert desk.goals == ["Own", "Buy", "Ask"]
    with pytest.raises(EditRefused, match="there is no version 9"):
        desk.do(Draft(5, back=9))


def _of_one(field: str) -> str:
    """A file by hand, whose one version has that field."""
    rest = '"number": 1, "who": "", "change": "", "declared": {}'
    return f'{{"format": 1, "site": "{SITE}", "versions": [{{{rest}, {field}}}]}}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"format": 2, "new": 1}', "is of format 2, this Footfall reads 1; install the newer one"),
        ("{", "cannot be read"),
        (f'{{"format": 1, "site": "{SITE}", "versions": [], "release_k": 1}}', "unknown field `release_k`"),
        ('{"format": 1, "site": "other.example", "versions": []}', "is not of edited.example"),
        (_of_one('"at": 100000000000000000'), "Expected `int`"),
        (_of_one('"at": -1000000000000000'), "Expected `int`"),
        (_of_one('"x": ' + "[" * 5_000 + "]" * 5_000), "cannot be read"),
        ('{"format": 1, "x": ' + "[" * 5_000 + "]" * 5_000 + "}", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing_is_told_of_and_is_never_written_over(
    desk: Desk, text: str, told: str
) -> None:
    path = path_of(desk.settings.directory, SITE)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    desk.settings = desk.read()
    assert desk.goals == ["Own"]
    [finding] = of_edits(desk.settings)
    assert told in finding.finding
    assert told in desk.desk.why_not(SITE)
    with pytest.raises(EditRefused):
        desk.do(Draft(0, "goals", "", {"name": "Buy", "event": "buy"}))
    assert path.read_text() == text
    assert [one.name for one in desk.desk.things(SITE)["goals"]] == ["Own"]


def test_a_file_of_the_first_format_is_read_as_it_was_written(desk: Desk) -> None:
    """What it holds outlives this version."""
    path = path_of(desk.settings.directory, SITE)
    path.parent.mkdir(parents=True)
    path.write_text(
        f"""{{"format": 1, "site": "{SITE}", "versions": [{{
        "number": 7, "at": {NOON - A_DAY}, "who": "ada", "change": "goal 'Buy' added", "declared": {{
            "goals": [{{"name": "Buy", "event": "buy", "properties": {{"plan": "*"}}}}],
            "funnels": [{{"name": "Way", "steps": [{{"section": "Blog"}}, {{"goal": "Buy"}}], "order": "strict",
                "within": "day"}}],
            "sections": {{"Blog": "/blog/**"}},
            "segments": [{{"name": "Phones", "where": {{"not": {{"device": ["desktop"]}}}}}}]}},
        "given": [{{"day": "2031-06-10", "what": "goals", "name": "Buy", "definition": "event:buy"}}]}}]}}"""
    )
    desk.settings = desk.read()
    site = desk.settings.sites[0]
    assert [*of_edits(desk.settings)] == []
    assert [goal.name for goal in site.goals] == ["Own", "Buy"]
    assert (site.goals[1].properties, site.funnels[0].within) == ({"plan": "*"}, "day")
    assert desk.settings.edits[0].editions[0].version.given[0].definition == "event:buy"
    assert desk.put("funnels", "Way") == 8


def test_a_file_that_cannot_be_written_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("footfall.settings.edit_file.write_atomically", full)
    with pytest.raises(EditRefused, match="cannot be written: No space left"):
        desk.put("goals", name="Buy", event="buy")


def test_edits_that_do_not_fit_the_file_any_more_change_nothing(desk: Desk) -> None:
    desk.put("funnels", name="Way", steps=[{"page": "/"}, {"goal": "Own"}])
    desk.tomorrow()
    desk.file.write_text(FILE.replace('"Own"', '"Renamed"'))
    desk.settings = desk.read()
    assert (desk.goals, desk.settings.sites[0].funnels) == (["Renamed"], ())
    [finding] = of_edits(desk.settings)
    assert "the site has no goal 'Own'" in finding.finding
    assert "cannot hold beside the settings file" in desk.desk.why_not(SITE)


def test_parts_apart_and_sites_that_are_built_in_are_not_edited(desk: Desk) -> None:
    closed = EditDesk(lambda: desk.settings, lambda _: 0, closed="in parts")
    assert closed.why_not(SITE) == "in parts"
    with pytest.raises(EditRefused, match="in parts"):
        closed.preview(SITE, Draft(0, "goals", "", {"name": "Buy", "event": "buy"}))
    assert desk.desk.why_not("demo") == "demo is built in, or stands in no settings"


def test_neither_origins_nor_edits_can_be_set(tmp_path: Path) -> None:
    file = tmp_path / "footfall.toml"
    file.write_text("edits = []\n")
    with pytest.raises(SettingsError, match="edits: is not a setting"):
        load(str(file), environment={})
    assert "edits.json" in readme(SITE, "csv")


def test_the_engine_tells_and_takes_back(store: Store, desk: Desk) -> None:
    desk.put("goals", name="Buy", event="buy")
    engine = Engine(desk.read(), store, live=False)
    told = engine.edits(SITE)
    assert [one["name"] for one in told["things"]["goals"]] == ["Own", "Buy"]
    assert engine.edit_back(SITE, 0)["number"] == 2
    with pytest.raises(CannotDo, match="changes nothing"):
        engine.edit_back(SITE, 0)
    with pytest.raises(CannotDo, match=f"no version 99: `footfall edit versions {SITE}` lists them"):
        engine.edit_back(SITE, 99)
    assert engine.days_left(SITE) == 0


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A directory with a site, of which a goal was declared."""
    file = tmp_path / "footfall.toml"
    file.write_text(FILE.replace("k = 5", "k = 1"))
    desk = Desk(file)
    desk.now = int(time.time())
    desk.put("goals", name="Buy", event="buy")
    return file


# What a running house does is shown by tests/browser/test_editing.py, too.
@pytest.mark.process
@pytest.mark.long
def test_a_running_house_takes_edits_without_a_restart_and_a_backup_has_them(written: Path, tmp_path: Path) -> None:
    data, config = written.parent / "data", ("--config", str(written))
    with running(data, *config, sites=()) as house:
        processes = house.processes()
        listed = house.command("edit", "list", SITE)
        assert "goals  Buy  event buy  (the browser)" in listed.stdout
        house.post({"n": "buy", "u": f"https://{SITE}/", "d": SITE})
        eventually(lambda: "Buy" in {row["value"] for row in house.stats(SITE, "--by", "goal")["rows"]})
        told = house.command("edit", "back", SITE, "0")
        assert "version 2: taken back to version 0" in told.stdout, told.stderr
        assert "Buy" not in house.command("edit", "list", SITE).stdout
        [last, _] = json.loads(house.command("edit", "versions", SITE, "--json").stdout)
        assert (last["who"], last["holds"]) == ("the server", True)
        assert house.command("backup", str(tmp_path / "kept.zip")).returncode == 0
        assert house.processes() == processes
    again = tmp_path / "again"
    footfall("restore", str(tmp_path / "kept.zip"), "--data", str(again))
    assert path_of(again, SITE).read_bytes() == path_of(data, SITE).read_bytes()


def test_a_parent_goes_by_what_was_declared_when_the_day_of_a_site_begins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own clock, moved; processes under another clock cannot wait for their children."""
    desk.put("goals", name="Buy", event="buy")
    clock = SimpleNamespace(time=lambda: desk.now, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr("footfall.supervisor.parent.time", clock)
    monkeypatch.setattr("footfall.settings.in_force.time", clock)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    parent = Supervisor(desk.read(), "pipeline", with_keys=False)
    seen: list[list[str]] = []

    def turn(children: object) -> None:
        """As the loop comes round."""
        seen.append([goal.name for goal in parent.settings.sites[0].goals])
        desk.now = NOON + A_DAY // 2 - 1 + len(seen) // 3
        if len(seen) == 6:
            parent._stop.set()

    monkeypatch.setattr(parent._heartbeat, "turn", turn)
    monkeypatch.setattr(parent._stop, "wait", lambda _: parent._stop.is_set())
    parent.run(lambda: None)
    assert (seen[0], seen[2], seen[-1]) == (["Own"], ["Own"], ["Own", "Buy"])
