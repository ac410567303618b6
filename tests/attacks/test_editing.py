"""An editor of a site, who has no raw row: he changes in the browser what is counted, again and again, and subtracts.

What he reads is what everybody may see who is signed in. Files, desk, pipeline and reports are the real ones; the clock
is the test's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pipeline.adding.goals
from dashboards.editing.desk import Draft, digest_of
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from footfall.control.editing import EditDesk
from footfall.settings import Settings, SiteSettings
from footfall.settings.in_force import Editions, with_edits
from pipeline.asked import ALWAYS
from pipeline.rollup.added import page_sets
from pipeline.schedule import Pipeline
from pipeline.settings import ReleaseSettings, RollupSettings
from schema.store import Store

from .house import DAY, NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

_NUMBER = itertools.count(1)
NAME = "Read it"


@pytest.fixture(autouse=True)
def _no_spool_is_enrolled(store: Store) -> Iterator[None]:
    store.command("TRUNCATE TABLE watermarks")
    yield
    store.command("TRUNCATE TABLE watermarks")


class Editor(House):
    """One site, of whose days two are looked at. rule_on: a day is asked by what stood when it began."""

    def __init__(self, store: Store, data: Path, rule_on: bool = True) -> None:
        super().__init__(store, k=5)
        site = SiteSettings(f"edited-{next(_NUMBER)}", pairs=(), properties=(), release_k=5)
        self.settings = Settings(data=str(data), demo=False, sites=(site,), release=ReleaseSettings(bound=0.0))
        self.site, self.rules, self._rule_on = site, self.settings.rules_of(site), rule_on
        self._desk = EditDesk(lambda: self.settings, lambda _: 0, clock=lambda: self.now)
        self._pipeline = Pipeline(
            store, self._sites(), RollupSettings(every_s=60), clock=lambda: self.now, asked=self._asked()
        )

    def change(self, former: str, name: str, page: str, after_noon: int) -> None:
        """A new version, and the processes go by it."""
        self.now = NOON + after_noon
        number, key = self._desk.number(self.site.key), self.site.key
        draft = Draft(number, "goals", former, {"name": name, "page": page})
        self._desk.apply(key, draft, digest_of(draft), "ed")
        self.follow_edits()

    def follow_edits(self) -> None:
        """As the parent does after a change, and at midnight."""
        if self._rule_on:
            self.settings = with_edits(self.settings, self.now)
        else:  # what is declared holds at once, as if it stood in the file
            self.settings = with_edits(self.settings, self.now + 86_400)
        self._pipeline.follow(self._sites(), self._asked())
        self._pipeline._due = 0.0

    def goals(self) -> dict[str, int]:
        """What the page says of the day."""
        [mine] = self.settings.reported_sites()
        reports = Reports(self.store, [mine], clock=lambda: self.now)
        found = reports.overview(mine, Period(DAY, DAY, ""), rows=100).goals
        return {one.goal: one.converters for one in found}

    def released(self) -> set[int]:
        """How many reached a goal of the day, as it was released or was added to it, under whatever definition."""
        rows = self.store.rows(
            """SELECT converters FROM released_conversions
            WHERE site = {site:String} AND day = {day:Date} AND grain = 'day' AND dimension = '' AND currency = ''
            UNION ALL SELECT converters FROM late_conversions
            WHERE site = {site:String} AND day = {day:Date} AND dimension = '' AND currency = ''""",
            {"site": self.site.key, "day": DAY},
        )
        return {int(many) for (many,) in rows}

    def definition(self) -> str:
        """What the day was counted by."""
        [(found,)] = self.store.rows(
            "SELECT goals[{name:String}] FROM manifest WHERE site = {site:String} AND day = {day:Date} AND span = 1",
            {"name": NAME, "site": self.site.key, "day": DAY},
        )
        return str(found)

    def close(self) -> None:
        self.now = NOON + 43_200 + 3_600
        self.store.insert("watermarks", ("spool", "received_through"), (("a",), (self.now,)))
        self.follow_edits()
        assert (self.site.key, DAY) in self._pipeline.close()

    def add_goals(self) -> None:
        """The job that gives what is new its past, until it is done."""
        while not self._pipeline.add_goals():
            pass

    def _sites(self) -> list[Any]:
        return list(self.settings.site_rules())

    def _asked(self) -> Any:
        return Editions(self.settings) if self._rule_on else ALWAYS


@pytest.mark.parametrize("rule_on", [True, False], ids=["rule on", "rule off"])
def test_who_changes_a_goal_while_the_day_is_open(store: Store, tmp_path: Path, rule_on: bool, report: Any) -> None:
    """Thirteen have read of it, one of whom read a page that nobody else did. The editor has had it counted since the
    day before, sees it, adds six visits of his own, and has the goal be what it was less that page."""
    editor = Editor(store, tmp_path, rule_on)
    editor.change("", NAME, "/a*", -86_400)
    editor.now = NOON
    editor.follow_edits()
    for visitor in range(13):
        editor.visit(visitor + 1, "/ac" if not visitor else "/ab", at=visitor)
    editor.wait(960)
    own = 6
    for visitor in range(own):
        editor.visit(100 + visitor, "/ab", at=1_000 + visitor)
    editor.wait(1_860)
    seen = editor.goals()[NAME]
    assert seen == 13
    editor.change(NAME, NAME, "/ab*", 1_900)
    editor.close()
    editor.add_goals()
    # It closed when the next day had the other goal already.
    assert editor.definition() == ("page:/a*" if rule_on else "page:/ab*")
    learnt = {seen + own - many for many in editor.released()}
    report("an editor changes a goal on an open day", f"rule {'on' if rule_on else 'off'}: {learnt} read the page")
    assert learnt == ({0} if rule_on else {1})


@pytest.mark.parametrize("rule_on", [True, pytest.param(False, marks=pytest.mark.long)], ids=["rule on", "rule off"])
def test_who_declares_one_goal_after_the_other_over_the_same_days(
    store: Store, tmp_path: Path, rule_on: bool, report: Any
) -> None:
    """Each prefix leaves out one page more, which one person read: `/a*`, `/ab*`, `/abc*`, under a new name and again
    under the first one. Rule: N6, and that a name gets a past once."""
    editor = Editor(store, tmp_path)
    for visitor, page in enumerate(("/a", "/ab", *("/abc",) * 12)):
        editor.visit(visitor + 1, page, at=visitor)
        editor.visit(visitor + 1, "/", at=100 + visitor)
    for visitor in range(20, 30):
        editor.visit(visitor, "/", at=visitor)
    editor.change("", "One", "/a*", 7_200)
    editor.close()
    with pytest.MonkeyPatch.context() as patch:
        if not rule_on:
            patch.setattr(pipeline.adding.goals, "refused", lambda *_: frozenset())
            patch.setattr(page_sets, "tells_too_much", lambda *_: False)
            patch.setattr(Editions, "without_past", lambda *_: frozenset())
        days = (("", "Two", "/ab*"), ("One", "One", "/abc*"))
        for nth, (former, name, page) in enumerate(days, start=1):
            editor.add_goals()
            editor.change(former, name, page, nth * 86_400)
            editor.now = NOON + (nth + 1) * 86_400
            editor.follow_edits()
        editor.add_goals()
    told = editor.released()
    apart = {more - fewer for more in told for fewer in told} & {1, 2, 3, 4}
    report("an editor declares one prefix after the other", f"rule {'on' if rule_on else 'off'}: {sorted(told)}")
    assert bool(apart) is not rule_on
    assert len(told) >= 1
