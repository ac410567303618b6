"""The keys of the dashboards, each with what it does: the sheet of help is drawn from this list.

In: nothing. Out: `KEYS`. Promises: each follows something that is on the page (static/keys.js), so nothing is reached
by keys alone.
"""

from __future__ import annotations

from msgspec import Struct


class Key(Struct, frozen=True):
    """keys: as they are called by browsers, several that do the like. shown: as the sheet shows them."""

    keys: tuple[str, ...]
    shown: str
    does: str


KEYS = (
    Key(("1", "2", "3", "4", "5", "6", "7", "8", "9"), "1 – 9", "A period, as the menu of periods numbers them"),
    Key(("ArrowLeft",), "←", "The period before"),
    Key(("ArrowRight",), "→", "The period after"),
    Key(("x",), "x", "Compare with the days before, or with nothing"),
    Key(("/",), "/", "To the field that looks for rows, or sites"),
    Key(("?",), "?", "This sheet"),
    Key(("Escape",), "Esc", "Close what is open"),
)
