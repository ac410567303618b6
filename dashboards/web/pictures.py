"""The pages of a site that are of one question each: goals and funnels, speed, localization.

In: HTTP requests of those who are signed in. Out: HTML that works without JavaScript. Promises: what filters leave no
answer to says so; every picture has its table.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.dimensions import DIMENSIONS, ELEMENT, OTHER
from schema.experience import EXPERIENCE, RATED
from schema.families import FAMILIES
from schema.funnels import FUNNELS
from schema.vitals import VITALS

from ..accounts.policy import Action
from ..accounts.sessions import User
from ..stats.conversions import Goal, GoalDay
from ..stats.experience import Rate
from ..stats.figures import Cell
from ..stats.filter import ALTERNATIVES, Filter
from ..stats.funnels import StepCell
from ..stats.nobody import days_without, uncounted
from ..stats.query import MAX_ROWS, Query
from ..stats.slow import worst_first
from ..stats.table import Table
from ..stats.timeline import days_of
from ..stats.vitals import VitalCell, VitalDay
from . import cards, goals, localization, speed
from . import format as names
from .arguments import CARRIED
from .choices import Choice
from .journeys import ways_of
from .links import keeping
from .navigation import GOALS, LOCALIZATION, SPEED
from .question import PAGES_MOST, Question, QuestionPages, chosen_of, rows_of
from .wording import not_told

# So many values of a table.
_VALUES = 20
_MOST_SLOW = 100
# Of so many of them so many elements each.
_MOST_PAGES, _MOST_ELEMENTS = 20, 3
_SPLITS = tuple(name for name in FAMILIES[FUNNELS.name].dimensions if name)
# Of speed, what is chosen between.
_DEVICES = ("mobile", "desktop")


class PicturePages(QuestionPages):
    """What is shown of a site beside its overview."""

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        page = self._gate.page
        site = "/sites/{key}"
        return [
            page(Action.READ, site + GOALS, self.show_goals, *CARRIED, "goal", "split"),
            page(Action.READ, site + SPEED, self.show_speed, *CARRIED, "goal", "vital"),
            page(Action.READ, site + LOCALIZATION, self.show_localization, *CARRIED),
        ]

    def show_goals(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/goals?period=&filter=&segment=&goal=&split="""
        about = self.question(request, max(_VALUES, self._settings.table_rows), "goal", "split")
        overview, site = about.overview, about.site
        known, reached = about.goals
        chosen = chosen_of("goal", request, known, reached)
        split = chosen_of("split", request, ("", *_SPLITS), ("",))
        of_goal = (Filter("goal", "==", chosen),)
        daily, by_day = about.query("goal_day", limit=1), about.query("day", limit=1)
        sides = {by: about.query(by, filters=of_goal) if chosen else None for by in goals.SIDES}
        values = self._split_values(about, split)
        batches = [[one for one in (daily, by_day) if one], *([one] for one in sides.values() if one)]
        batches += [[one] for value in values if (one := _of_value(about, split, value))]
        tables = self._reports.tables(site, overview.period, batches)
        days = rows_of(GoalDay, tables, daily)
        if daily:
            visitors = {dt.date.fromisoformat(one.value): one.visitors for one in rows_of(Cell, tables, by_day)}
            days += [one for name in known for one in days_without(name, days, visitors, overview.released)]
        calendar = days_of(overview.period)
        unreached = [name for name in known if name not in reached] if "goal" not in overview.unanswered else []
        shown = {name: goals.by_day(name, days, calendar, overview.annotations) for name in known}
        split_up = {
            value: goals.shapes(rows_of(StepCell, tables, _of_value(about, split, value)), names.name_of(split, value))
            for value in values
        }
        return self.page(
            "goals.html",
            request,
            user,
            about,
            links={name: about.address(goal=name) for name in known},
            known=known,
            unreached=unreached,
            uncounted=uncounted(unreached, overview.released, overview.period),
            chosen=chosen,
            by_day=shown,
            sides=[self._side(by, tables, one, about) for by, one in sides.items()],
            splits=about.choices(
                "split", ("", *(() if overview.filters or overview.segment else _SPLITS)), split, _label_of_split
            ),
            split=split,
            funnels=goals.split_by(split_up) if split else goals.split_by({"": goals.shapes(overview.funnels)}),
            journeys=ways_of(overview.journeys),
            hidden=any(step.certainty == "at least" for step in overview.funnels),
        )

    def show_speed(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/speed?period=&filter=&segment=&vital=&goal="""
        about = self.question(request, PAGES_MOST, "goal", "vital")
        overview, site = about.overview, about.site
        known, reached = about.goals
        goal = chosen_of("goal", request, known, reached)
        vital = chosen_of("vital", request, RATED, RATED)
        daily = about.query("vital_day")
        rates = about.query(EXPERIENCE.name, filters=(Filter("goal", "==", goal),)) if goal else None
        by_element = about.query("vital", ELEMENT.name, limit=MAX_ROWS)
        # What is kept stands beside the whole site.
        beside = None if about.of_all else Query((site.key,), overview.period, ("vital",))
        batches = [[one] for one in (daily, rates, by_element, beside) if one]
        tables = self._reports.tables(site, overview.period, batches)
        of_elements = [one for one in rows_of(VitalCell, tables, by_element) if one.vital == vital]
        days, calendar = rows_of(VitalDay, tables, daily), days_of(overview.period)
        slow = worst_first(overview.vitals, vital) if about.of_all else []
        return self.page(
            "speed.html",
            request,
            user,
            about,
            devices=self._devices(about),
            known=known,
            goal=goal,
            goals=about.choices("goal", known, goal),
            vital=vital,
            vitals=about.choices("vital", RATED, vital, lambda name: VITALS[name].label),
            whole=[cell for cell in overview.vitals if not cell.dimension],
            beside={one.vital: one for one in rows_of(VitalCell, tables, beside)},
            trends={one: speed.by_day(one, days, calendar, overview.annotations, limit=31) for one in RATED},
            told_days=daily is not None,
            slow=[
                (one, about.keeping(kept) if (kept := keeping("page", one.cell.value)) else "")
                for one in slow[:_MOST_SLOW]
            ],
            cut=len(slow) > _MOST_SLOW,
            elements=speed.elements(of_elements, (one.cell for one in slow), _MOST_ELEMENTS)[:_MOST_PAGES],
            what_it_was=VITALS[vital].element,
            bands=speed.bands(rows_of(Rate, tables, rates), goal),
            told_bands=rates is not None,
        )

    def show_localization(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/localization?period=&filter=&segment="""
        about = self.question(request, max(_VALUES, self._settings.table_rows))
        overview = about.overview
        rows, together = localization.served(overview)
        to_declare = localization.how_to_declare(about.site)
        both = None if to_declare else about.query("language", "country")
        tables = self._reports.tables(about.site, overview.period, [[both]] if both else [])
        return self.page(
            "localization.html",
            request,
            user,
            about,
            served=rows,
            together=together,
            tabs=[cards.tab(name, overview) for name in ("country", "language", "region", "city")],
            grid=localization.grid(rows_of(Cell, tables, both)),
            to_declare=to_declare,
            told=both is not None,
        )

    def _side(self, by: str, tables: Sequence[Table], one: Query | None, about: Question) -> goals.Side:
        instead = not_told(about.overview) if about.overview.filters or about.overview.segment else ""
        found = [*rows_of(Goal, tables, one)] if one else None
        return goals.side(by, found, self._settings.table_rows, instead)

    def _split_values(self, about: Question, split: str) -> list[str]:
        """The values of which funnels are shown side by side."""
        if not split or about.overview.filters or about.overview.segment:
            return []
        cells = about.overview.tables.get(split, ())
        shown = (cell.value for cell in cells if cell.value != OTHER and ALTERNATIVES not in cell.value)
        return [*shown][: goals.MOST_SPLIT]

    def _devices(self, about: Question) -> list[Choice]:
        """Those of a kind of device."""
        filters = [one.text for one in about.overview.filters]
        others = [one.text for one in about.overview.filters if one.dimension != "device"]
        found = [Choice("All", about.address(filter=others), filters == others)]
        for device in _DEVICES:
            one = Filter("device", "==", device).text
            found.append(Choice(names.DEVICES[device], about.keeping(one), one in filters))
        return found


def _label_of_split(name: str) -> str:
    return DIMENSIONS[name].label if name else "All"


def _of_value(about: Question, split: str, value: str) -> Query | None:
    return about.query(FUNNELS.name, filters=(Filter(split, "==", value),))
