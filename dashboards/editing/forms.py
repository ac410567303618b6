"""Between the fields of a form and what they declare, as the settings file has it.

In: fields, or a thing. Out: a thing, or fields. Promises: what a form says is what it says again after a refusal; a
thing that a form cannot say is not shown as something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schema.funnel import KINDS as KINDS_OF_STEPS
from schema.funnel import MOST_STEPS
from schema.goal import KINDS as KINDS_OF_GOALS
from schema.one_line import not_in_a_line

from .desk import EditRefused

Fields = Mapping[str, str]
MOST_CONDITIONS = 6
IS, IS_NOT = "is", "is not"
# Of the kinds of goals that are numbers: percent, and the seconds of a day.
_MOST = {"scroll": 100, "duration": 86_400}
# The fields of each form that say what is wrong with them.
_FIELDS = {
    "goals": ("name", "kind", "value", "page", "properties"),
    "funnels": ("name", "steps", "order", "within"),
    "sections": ("name", "pages"),
    "segments": ("name", "where"),
}
# By the field that a message means, the one of the form that has it.
_SHOWN_AT = dict.fromkeys(("event", "section", "scroll", "duration", "revenue"), "value")


def thing_of(what: str, fields: Fields) -> dict[str, Any]:
    """What a form declares. Raises EditRefused."""
    name = fields.get("name", "").strip()
    if character := not_in_a_line(name):
        raise EditRefused(f"write the name in one line, without the control character {character}", "name")
    return {"name": name} | _READ[what](fields)


def fields_of(what: str, thing: Mapping[str, Any]) -> dict[str, str] | None:
    """The fields that declare a thing; None where no form of ours can."""
    try:
        found = _WRITTEN[what](thing)
    except (LookupError, TypeError, AttributeError, StopIteration):  # of a draft that was made by hand
        return None
    return None if found is None else {"name": str(thing.get("name", ""))} | found


def field_of(what: str, where: str, fields: Fields) -> str:
    """The field of the form that a refusal means; "" where it means something else, such as a funnel that has the
    goal that is taken out."""
    found = _field_of_goal(where, fields) if what == "goals" else where
    if what == "funnels" and where in KINDS_OF_STEPS:
        found = "steps"
    return found if found in _FIELDS[what] else ""


def _field_of_goal(where: str, fields: Fields) -> str:
    if where == "of pages":
        return "page"
    return _SHOWN_AT.get(where, where if where != "page" or fields.get("kind") == "scroll" else "value")


def _goal(fields: Fields) -> dict[str, Any]:
    kind, value = fields.get("kind", ""), fields.get("value", "").strip()
    if kind not in KINDS_OF_GOALS:
        raise EditRefused(f"choose what reaches it: {', '.join(KINDS_OF_GOALS)}", "kind")
    page = fields.get("page", "").strip()
    if page and kind != "scroll":
        raise EditRefused(f"leave {page[:40]!r} out: only percent scrolled is of some pages", "of pages")
    if kind == "revenue":
        if value:
            raise EditRefused(f"leave {value[:40]!r} out: any amount reaches it", "value")
        return {kind: True}
    if not value:
        raise EditRefused(f"write which {kind} reaches it", "value")
    found: dict[str, Any] = {kind: _number(value, _MOST[kind]) if kind in _MOST else value}
    if page:
        found["page"] = page
    properties = _properties(fields.get("properties", ""))
    return found | ({"properties": properties} if properties else {})


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= most:
        raise EditRefused(f"{text[:40]!r}: write a whole number from 1 to {most}, and nothing else", "value")
    return int(text)


def _properties(text: str) -> dict[str, str]:
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals:
            raise EditRefused(f"{line[:40]!r}: write one property a line, such as plan=pro", "properties")
        found[name.strip()] = value.strip()
    return found


def _of_goal(thing: Mapping[str, Any]) -> dict[str, str]:
    kind = next(kind for kind in KINDS_OF_GOALS if thing.get(kind) and not (kind == "page" and thing.get("scroll")))
    properties = "\n".join(f"{name}={value}" for name, value in thing.get("properties", {}).items())
    page = str(thing.get("page", "")) if kind == "scroll" else ""
    value = "" if kind == "revenue" else str(thing[kind])
    return {"kind": kind, "value": value, "page": page, "properties": properties}


def _funnel(fields: Fields) -> dict[str, Any]:
    steps = []
    for nth in range(1, MOST_STEPS + 1):
        value = fields.get(f"step_{nth}", "").strip()
        if value:
            steps.append({fields.get(f"kind_{nth}", "page"): value})
    return {"steps": steps, "order": fields.get("order", "loose"), "within": fields.get("within", "visit")}


def _of_funnel(thing: Mapping[str, Any]) -> dict[str, str]:
    found = {"order": str(thing.get("order", "loose")), "within": str(thing.get("within", "visit"))}
    for nth, step in enumerate(thing["steps"], start=1):
        kind = next(kind for kind in step if step[kind])
        found |= {f"kind_{nth}": kind, f"step_{nth}": step[kind]}
    return found


def _section(fields: Fields) -> dict[str, Any]:
    return {"pages": fields.get("pages", "").strip()}


def _of_section(thing: Mapping[str, Any]) -> dict[str, str]:
    return {"pages": str(thing["pages"])}


def _segment(fields: Fields) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for nth in range(1, MOST_CONDITIONS + 1):
        dimension, value = fields.get(f"dimension_{nth}", ""), fields.get(f"value_{nth}", "").strip()
        if not dimension:
            if value:
                raise EditRefused(f"condition {nth}: choose what has to be {value[:40]!r}", "where")
            continue
        part: dict[str, Any] = {dimension: _values(value)}
        if dimension == "properties":
            name, equals, wanted = value.partition("=")
            if not equals:
                raise EditRefused(f"condition {nth}: write name=value, such as plan=pro", "where")
            part = {dimension: {name.strip(): _values(wanted.strip())}}
        parts.append({"not": part} if fields.get(f"is_{nth}") == IS_NOT else part)
    if not parts:
        raise EditRefused("choose what holds for its visits", "where")
    names = [name for part in parts for name in part]
    once = len({*names}) == len(names)
    return {"where": {name: value for part in parts for name, value in part.items()} if once else {"all": parts}}


def _values(text: str) -> str | list[str]:
    """Several have a bar between them, as in questions."""
    return [one.strip() for one in text.split("|")] if "|" in text else text


def _of_segment(thing: Mapping[str, Any]) -> dict[str, str] | None:
    where = thing["where"]
    parts = where["all"] if [*where] == ["all"] else [{name: where[name]} for name in where]
    found: dict[str, str] = {}
    for nth, part in enumerate(parts, start=1):
        row = _row(part)
        if row is None or nth > MOST_CONDITIONS:
            return None
        found |= {f"{name}_{nth}": value for name, value in zip(("dimension", "is", "value"), row, strict=True)}
    return found


def _row(part: Any, how: str = IS) -> tuple[str, str, str] | None:
    """A condition as a row of the form; None where it is joined of others."""
    if len(part) != 1:
        return None
    [(name, wanted)] = part.items()
    if name == "not" and how == IS:
        return _row(wanted, IS_NOT)
    if name in ("all", "any", "not"):
        return None
    if name == "properties":
        if len(wanted) != 1:
            return None
        [(key, value)] = wanted.items()
        return name, how, f"{key}={_text(value)}"
    return name, how, _text(wanted)


def _text(wanted: Any) -> str:
    return "|".join(wanted) if isinstance(wanted, list | tuple) else str(wanted)


_READ = {"goals": _goal, "funnels": _funnel, "sections": _section, "segments": _segment}
_WRITTEN: dict[str, Any] = {
    "goals": _of_goal,
    "funnels": _of_funnel,
    "sections": _of_section,
    "segments": _of_segment,
}
