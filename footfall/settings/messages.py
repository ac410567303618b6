"""What is wrong with the settings, in words: file, line, name, value, and what is allowed.

In: the message of a failed conversion, and what was read. Out: one line. Promises: no secret and no password is quoted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schema.site import Goal

from .fields import SECRET, annotations_of, fields, without_password, without_paths
from .model import Settings, SiteSettings
from .toml_lines import line_of


def explain(problem: str, tree: dict[str, Any], text: str, file: str | None, origins: Mapping[str, str]) -> str:
    """msgspec's message, which ends in the path of the value, as file, line, name, value and what is allowed."""
    # A struct's own check may say which of its fields it means: the path within it comes first.
    message, *paths = problem.split(" - at `$")
    path = "".join(part.rstrip("`") for part in reversed(paths))
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        path += f".{unknown[1]}"
        message = f"is not a setting; {_alike(unknown[1])}`footfall settings` lists them all"
    else:
        message = message[:1].lower() + message[1:]
    name = path.lstrip(".")
    steps = re.findall(r"[^.\[\]]+", name)
    choices = _choices(msgspec.inspect.type_info(Settings), steps) if message.startswith("invalid enum") else []
    if choices:
        message = f"must be one of {', '.join(choices)}"
    shown = ""
    value: Any = tree
    for step in steps:
        try:
            value = value[int(step) if isinstance(value, (list, tuple)) else step]
            shown = f" = {without_password(repr(value))}"
        except (KeyError, IndexError, ValueError, TypeError):
            shown = ""
            break
    if shown and (f"{SECRET}.".startswith(f"{name}.") or (unknown and name.startswith("keys."))):
        shown = " = …"
    if name.startswith(("sites", "alerts")):
        shown = without_paths(shown)
    # A list that was given whole, by --set, is the origin of everything in it; one from the file has a closer line.
    said = (origins.get(part, "") for part in (name, name.partition("[")[0]))
    origin = next((one for one in said if one and not (file and one.startswith(f"{file}:"))), "")
    # A name that stands in no file can only have come with --set.
    given = next(
        (one for part, one in origins.items() if part.startswith(f"{name}.") and not one.startswith(f"{file}:")), ""
    )
    origin = origin or given
    if not origin and file and name:
        origin = f"{file}:{line_of(text, name)}"
    where = f"{origin or file or 'settings'}: "
    return f"{where}{name}{shown}: {message}" if name else f"{where}{message}"


def _alike(name: str) -> str:
    """What was probably meant, where that can be told."""
    known = {part for whole, _, _ in fields(Settings(), "") for part in whole.split(".")}
    known |= {*annotations_of(SiteSettings), *annotations_of(Goal)}
    found = difflib.get_close_matches(name.lower(), known, 1, 0.8)
    return f"did you mean {found[0]!r}? " if found else ""


def _choices(kind: msgspec.inspect.Type, steps: Sequence[str]) -> list[str]:
    """What a setting may be, where that is a closed list."""
    match kind:
        case msgspec.inspect.Metadata():
            return _choices(kind.type, steps)
        case msgspec.inspect.UnionType():
            return [choice for one in kind.types for choice in _choices(one, steps)]
        case msgspec.inspect.StructType() if steps:
            return [choice for one in kind.fields if one.name == steps[0] for choice in _choices(one.type, steps[1:])]
        case msgspec.inspect.VarTupleType() if steps:
            return _choices(kind.item_type, steps[1:])
        case msgspec.inspect.LiteralType() if not steps:
            return [str(value) for value in kind.values]
    return []
