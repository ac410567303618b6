"""What visitors and machines ask beside sending events, and what they are answered; /openapi.json is made of these.

In: a query string. Out: structs, every field of which says what it means. Promises: a query is read as text, as far as
it makes sense; nothing of it is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct
from starlette.datastructures import QueryParams

from ..anonymization import Preset
from ..model import CONSENTS

# Text as all of a query; a number is what makes sense.
_Width = Annotated[
    Any,
    Meta(description="The screen's width.", extra_json_schema={"type": "integer", "minimum": 0, "maximum": 99_999}),
]
_Query = TypeVar("_Query", bound=Struct)


class AboutMe(Struct, frozen=True):
    """What is asked of /privacy/me."""

    site: Annotated[
        str,
        Meta(description="Which site; without it the one of the host that was asked.", examples=["example.com"]),
    ] = ""
    url: Annotated[str, Meta(description="The page's URL.")] = ""
    referrer: Annotated[str, Meta(description="The referring page's URL.")] = ""
    time_zone: Annotated[str, Meta(description="The browser's time zone.")] = ""
    width: _Width = ""
    consent: Annotated[
        str,
        Meta(description="What the visitor says of being recorded.", extra_json_schema={"enum": list(CONSENTS)}),
    ] = ""


class Objection(Struct, frozen=True):
    """What is asked of /privacy/object."""

    site: Annotated[str, Meta(description="Which site; without it all of them.")] = ""
    width: _Width = ""


class Me(Struct, frozen=True):
    """What a request would be reduced to."""

    site: str
    preset: Preset
    outcome: Annotated[str, Meta(description="`recorded`, or the reason why nothing is.")]
    stored: Annotated[dict[str, Any], Meta(description="What would be stored, by field; empty if nothing.")]
    time: Annotated[str, Meta(description="How precisely the moment would be.")]
    deleted_after_days: int
    never_stored: list[str]
    note: str


class NoSuchSite(Struct, frozen=True):
    """Why nothing can be said."""

    error: str


class Objected(Struct, frozen=True):
    """What will be done."""

    note: str


class Readiness(Struct, frozen=True):
    """Whether events can be taken."""

    ready: bool
    problem: Annotated[str, Meta(description="Why no event can be taken now; empty if they can.")]


def read(kind: type[_Query], asked: QueryParams) -> _Query:
    """The fields of that kind as they were asked; "" for what was not."""
    return kind(**{name: asked.get(name, "") for name in kind.__struct_fields__})
