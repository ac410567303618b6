"""The settings seen as data: every field with its value, its type and what is said of it.

In: a struct of settings. Out: names, values, annotations. Promises: a secret is shown to nobody.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from msgspec import Meta, Struct

# Neither listed nor quoted in an error.
SECRET = "keys.token"  # noqa: S105 - a name
# Fields that settings have, and nobody sets.
NOT_SET = ("origins", "edits")


def without_password(text: str) -> str:
    """A value as it may be shown: a DSN, under whatever name it was written, loses its password."""
    # Up to the last "@": one may be in the password. Without a scheme it is a DSN that has forgotten its own.
    begins = "//" if "//" in text else r"(?:^|(?<=['\"]))"
    return re.sub(rf"({begins}[^:/@\s'\"]*):[^\s'\"]*@", r"\1:…@", text)


def without_paths(text: str) -> str:
    """The same for addresses of webhooks: whoever knows the path can post there, so the host alone is shown."""
    return re.sub(r"(https?://[^/\s'\"]+)/[^\s'\"]+", r"\1/…", text)


def fields(part: Struct, prefix: str) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    hints = msgspec.inspect.type_info(type(part))
    assert isinstance(hints, msgspec.inspect.StructType)
    annotations = annotations_of(type(part))
    for info in hints.fields:
        if info.name in NOT_SET:
            continue
        value = getattr(part, info.name)
        if isinstance(value, Struct):
            found += fields(value, f"{prefix}{info.name}.")
        else:
            found.append((f"{prefix}{info.name}", value, annotations[info.name]))
    return found


# Of few structs, and a page of settings asks for every field of them.
@cache
def annotations_of(kind: type) -> dict[str, Any]:
    import typing

    return typing.get_type_hints(kind, include_extras=True)


def metas_of(kind: Any) -> list[Meta]:
    found = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]
    for inner in getattr(kind, "__args__", ()):
        found += metas_of(inner)
    return found
