"""A funnel: steps in an order, of which is counted how many people got how far.

In: the settings file's `[[sites.funnels]]` tables. Out: frozen `Funnel` values. What a site lacks of what they name is
found there (schema/site.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

# A step is a bit of a byte while it is counted (pipeline/rollup/visits/funnel_progress.py).
LEAST_STEPS, MOST_STEPS = 2, 8
# What a step may be: of each the field.
KINDS = ("event", "page", "section", "goal")


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """What has to happen: exactly one of these."""

    event: Annotated[str, Meta(max_length=120, description="A custom event of this name.")] = ""
    page: Annotated[
        str, Meta(max_length=500, description="A page view of a path like this, a pattern as for goals.")
    ] = ""
    section: Annotated[
        str, Meta(max_length=120, description="A page view in this section: a name of `sections`, or a folder.")
    ] = ""
    goal: Annotated[str, Meta(max_length=120, description="What the site's goal of this name counts.")] = ""

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            what = f"this one has {' and '.join(given)}" if given else "this one has none"
            raise ValueError(
                f"a step needs exactly one of event = …, page = …, section = … and goal = …, and {what}: "
                'write such as { page = "/pricing" }'
            )

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def wanted(self) -> str:
        """The name or pattern."""
        found: str = getattr(self, self.kind)
        return found


class Funnel(Struct, frozen=True, forbid_unknown_fields=True):
    """People who did one thing after the other."""

    name: Annotated[str, Meta(min_length=1, max_length=120, description="What dashboards call the funnel.")]
    steps: Annotated[tuple[Step, ...], Meta(description="Two to eight steps, in their order.")]
    order: Annotated[
        Literal["loose", "strict"],
        Meta(description="Between two steps anything may happen (loose), or nothing but the step again (strict)."),
    ] = "loose"
    within: Annotated[
        Literal["visit", "day"],
        Meta(description="All steps in one visit, or in any visits of a visitor's day."),
    ] = "visit"

    def __post_init__(self) -> None:
        if not LEAST_STEPS <= len(self.steps) <= MOST_STEPS:
            steps = f"{len(self.steps)} step{'s' * (len(self.steps) != 1)}"
            raise ValueError(
                f"funnel {self.name!r} has {steps}, and {LEAST_STEPS} to {MOST_STEPS} are allowed: "
                + ("add one, or make it a goal" if len(self.steps) < LEAST_STEPS else "leave some out, or make it two")
            )

    def resolved(self, goals: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The steps as event, page or section, each with its name or pattern. goals: by name their definition, such as
        `page:/thanks`."""
        kinds = ((step.kind, step.wanted) for step in self.steps)
        return tuple(_as_goal(goals[wanted]) if kind == "goal" else (kind, wanted) for kind, wanted in kinds)

    def definition(self, goals: Mapping[str, str]) -> str:
        """What it counts, as the manifest keeps it."""
        return json.dumps([self.order, self.within, self.resolved(goals)], ensure_ascii=False)


def _as_goal(definition: str) -> tuple[str, str]:
    kind, _, wanted = definition.partition(":")
    return kind, wanted
