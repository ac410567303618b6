"""What is wrong with the settings, in words: file, line, name, value, and what is allowed.

In: the message of a failed conversion, and what was read. Out: one line. Promises: no secret and no password is quoted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from schema.site import Goal

from .fields import SECRET, annotations_of, fields, without_password, without_paths
from .model import Settings
from .site_settings import SiteSettings
from .toml_lines import line_of

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def explain(problem: str, tree: dict[str, Any], text: str, file: str | None, origins: Mapping[str, str]) -> str:
    """msgspec's message, which ends in the path of the value, as file, line, name, value and what is allowed."""
    # A struct's own check may say which of its fields it means: the path within it comes first.
    message, *paths = problem.split(" - at `$")
    path = "".join(part.rstrip("`") for part in reversed(paths))
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        path += f".{unknown[1]}"
    else:
        message = message[:1].lower() + message[1:]
    name = path.lstrip(".")
    steps = re.findall(r"[^.\[\]]+", name)
    if unknown:
        names = _names(steps[:-1])
        listed = f"there are {', '.join(names)}" if names else "`footfall settings` lists them all"
        message = f"is not a setting; {_alike(unknown[1])}{listed}"
    choices = _choices(steps) if message.startswith("invalid enum") else []
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
    # A check may quote the value itself.
    message = _QUOTED.sub(lambda quoted: without_password(quoted[0]), message)
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


def _at(kind: msgspec.inspect.Type, steps: Sequence[str]) -> Iterator[msgspec.inspect.Type]:
    """What may stand at a path."""
    match kind:
        case msgspec.inspect.Metadata():
            yield from _at(kind.type, steps)
        case msgspec.inspect.UnionType():
            for each in kind.types:
                yield from _at(each, steps)
        case msgspec.inspect.StructType() if steps:
            for field in kind.fields:
                if field.encode_name == steps[0]:
                    yield from _at(field.type, steps[1:])
        case msgspec.inspect.VarTupleType() if steps:
            yield from _at(kind.item_type, steps[1:])
        case _ if not steps:
            yield kind


def _choices(steps: Sequence[str]) -> list[str]:
    """What a setting may be, where that is a closed list."""
    found = _at(msgspec.inspect.type_info(Settings), steps)
    return [str(value) for one in found if isinstance(one, msgspec.inspect.LiteralType) for value in one.values]


def _names(steps: Sequence[str]) -> list[str]:
    """What a table in a list of a site's, such as a goal, may have: `footfall settings` lists none of that."""
    found = _at(msgspec.inspect.type_info(Settings), steps if len(steps) > 2 and steps[-1].isdigit() else ["", ""])
    return [field.encode_name for one in found if isinstance(one, msgspec.inspect.StructType) for field in one.fields]
