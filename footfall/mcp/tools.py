"""What a program may call: sites, definitions, questions, notes of days.

In: who answers commands, and perhaps the only site. Out: `Tool`s. Promises: they tell what the dashboards tell, of the
sites that those show, and change nothing; what strangers typed is marked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from dashboards.stats_api.names import METRIC_NAMES, OF_ANSWERS, OF_GOALS, dimension_called, dimension_names
from dashboards.stats_api.request import Asked
from schema.dimensions import DIMENSIONS
from schema.metrics import METRICS
from schema.site import Site
from schema.store import StoreError

from ..control.instance import Instance
from ..errors import CannotDo
from .marking import HOW_TO_READ, marked
from .protocol import Tool, ToolRefused

Opened = Callable[[], AbstractContextManager[Instance]]

INSTRUCTIONS = (
    "Web statistics of the owner's sites, without anything about single visitors. Call list_sites first, definitions "
    "for what numbers mean, then query. Numbers of fewer than k people are hidden and cannot be found out. "
    "meta.footfall of an answer tells how sure each row is: 'at least' and 'about' must be said with the number. A "
    f"refusal has `nearest`, a question that is answered. {HOW_TO_READ}"
)
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_NOTES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "site_id": {"type": "string"},
        "first": {"type": "string", "description": "YYYY-MM-DD; a year before the last if left out."},
        "last": {"type": "string", "description": "YYYY-MM-DD; today if left out."},
    },
    "required": ["site_id"],
    "additionalProperties": False,
}


class Tools:
    """opened: who answers, each time anew, because Footfall may be started and stopped meanwhile. only: the site that
    may be asked about; "" is every one."""

    def __init__(self, opened: Opened, only: str = "") -> None:
        self._opened = opened
        self._only = only

    def all(self) -> list[Tool]:
        return [
            Tool(
                "list_sites",
                "Sites",
                "The sites: key, domains, time zone, goals, segments, pairs.",
                _NOTHING,
                self._safely(self.sites),
            ),
            Tool("definitions", "Definitions", "What every metric and dimension means.", _NOTHING, definitions),
            Tool("query", "Query", f"Numbers of a site: {_HOW_TO_ASK}", _asked_schema(), self._safely(self.query)),
            Tool(
                "annotations",
                "Notes of days",
                "What the owner noted of days, such as a release or a campaign.",
                _NOTES,
                self._safely(self.annotations),
            ),
        ]

    def sites(self, instance: Instance, arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "sites": [
                {
                    "site_id": site.key,
                    "domains": site.domains,
                    "timezone": site.timezone,
                    "goals": [goal.name for goal in site.goals],
                    "segments": [*site.segment_definitions],
                    "pairs": [pair.name for pair in site.crossed],
                    "k": site.release_k,
                }
                for site in self._sites(instance)
            ]
        }

    def query(self, instance: Instance, arguments: dict[str, Any]) -> dict[str, Any]:
        site = self._site(instance, arguments.get("site_id"))
        return marked(instance.stats_query({**arguments, "site_id": site.key}))

    def annotations(self, instance: Instance, arguments: dict[str, Any]) -> dict[str, Any]:
        site = self._site(instance, arguments.get("site_id"))
        days = (arguments.get(name, "") for name in ("first", "last"))
        notes = instance.notes(site.key, *(day if isinstance(day, str) else "" for day in days))
        return {"annotations": [{"day": note["day"], "text": note["text"]} for note in notes]}

    def _safely(
        self, call: Callable[[Instance, dict[str, Any]], dict[str, Any]]
    ) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def answer(arguments: dict[str, Any]) -> dict[str, Any]:
            try:
                with self._opened() as instance:
                    return call(instance, arguments)
            except CannotDo as problem:
                raise ToolRefused(str(problem)) from None
            except (StoreError, OSError):
                raise ToolRefused("the store does not answer; try again in a moment") from None

        return answer

    def _sites(self, instance: Instance) -> list[Site]:
        """Those of the dashboards."""
        return [site for site in instance.settings.reported_sites() if self._only in ("", site.key)]

    def _site(self, instance: Instance, name: Any) -> Site:
        """The site of that key or domain. Raises ToolRefused."""
        found = [site for site in self._sites(instance) if name in site.names]
        if not found:
            known = ", ".join(site.key for site in self._sites(instance)) or "none"
            if name is None:
                raise ToolRefused(f"site_id is missing: there are {known}")
            raise ToolRefused(f"site_id {str(name)[:100]!r} is not known: there are {known}")
        return found[0]


def definitions(arguments: dict[str, Any]) -> dict[str, Any]:
    """From the registries."""
    metrics = {name: METRICS[name].definition if name in METRICS else OF_ANSWERS[name] for name in METRIC_NAMES}
    dimensions = {}
    for name in dimension_names():
        about = dimension_called(name)
        if about.kind == "dimension":
            dimensions[name] = {"definition": DIMENSIONS[about.of].definition, "untrusted": about.is_typed}
    return {
        "metrics": metrics,
        "of_goals": list(OF_GOALS),
        "dimensions": dimensions,
        "also": "event:goal, event:props:NAME (of one event), time:hour, time:day, time:week, time:month",
        "visitors": "Nobody is recognized on another day: visitors of several days are the sum of each day's.",
        "how_to_read": HOW_TO_READ,
    }


_HOW_TO_ASK = (
    "metrics, a date_range, perhaps dimensions and filters, as in Plausible's Stats API v2. Two dimensions are counted "
    "together where list_sites has them as a pair of the site: as rows of both, or a filter on one with rows of the "
    "other. time, event:goal and a filter on segment go with one dimension."
)


def _asked_schema() -> dict[str, Any]:
    """Of a question, with all that it refers to."""
    _, schemas = msgspec.json.schema_components((Asked,), ref_template="#/$defs/{name}")
    asked = schemas.pop(Asked.__name__)
    return {**asked, "$defs": schemas}
