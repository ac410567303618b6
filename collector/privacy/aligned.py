"""What was sent, with placeholders where something was found in its folded form.

In: a text, its folded form, and that with placeholders. Out: the text with the same placeholders, or None where the one
cannot be laid beside the other. Promises: what comes out folds to what was found clean, so nothing of a find is left.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from .folded import folded
from .pii_detectors import PLACEHOLDER

# What is folded as a whole: a run of plain ASCII as it is, an escape (in two layers, too) of one letter, or a letter.
_HEX = "[0-9A-Fa-f]"
_UNIT = re.compile(
    r"([ -$'-\[\]-~]++)"
    rf"|%(?:25)*[C-Fc-f]{_HEX}(?:%(?:25)*[89ABab]{_HEX})+|%(?:25)*{_HEX}{{2}}|%u{_HEX}{{4}}"
    r"|&(?:amp;)*(?:#[0-9A-Za-z]{1,8};?|[0-9A-Za-z]{1,32};)"
    rf"|\\(?:u{_HEX}{{4}}|x{_HEX}{{2}}|u\{{{_HEX}{{1,6}}\}}|U{_HEX}{{8}})|.",
    re.DOTALL,
)
# More of what is not plain is not worth the time: the folded form is stored instead.
_MOST_UNITS = 64


def aligned(text: str, seen: str, clean: str) -> str | None:
    """The text with the placeholders that `clean` has and `seen`, the folded text, has not."""
    marks = text.count("%") + text.count("&") + text.count("\\")
    if marks > _MOST_UNITS or len(text.encode()) - len(text) > 2 * _MOST_UNITS:
        return None
    ends = _ends(text, seen)
    if ends is None:
        return None
    pieces, at = [], 0
    literals = PLACEHOLDER.split(clean)
    placeholders = [*PLACEHOLDER.findall(clean), ""]
    for number, (literal, placeholder) in enumerate(zip(literals, placeholders, strict=True)):
        if literal:
            at = len(seen) - len(literal) if not placeholder and number else seen.find(literal, at)
            first, last = _place(ends, at), _place(ends, at + len(literal))
            if at < 0 or first is None or last is None:
                return None
            pieces.append(text[first:last])
            at += len(literal)
        pieces.append(placeholder)
    result = "".join(pieces)
    return result if folded(result) == (clean, True) else None


def _ends(text: str, seen: str) -> list[tuple[int, int, bool]] | None:
    """Where each unit begins: in the folded text, in the text, and whether both run side by side from there."""
    ends, at, units = [], 0, 0
    pieces = []
    for unit in _UNIT.finditer(text):
        plain = unit[1]
        if plain is None:
            units += 1
            if units > _MOST_UNITS:
                return None
            read = folded(unit[0])[0]
        else:
            read = plain
        ends.append((at, unit.start(), plain is not None))
        pieces.append(read)
        at += len(read)
    ends.append((at, len(text), False))
    return ends if "".join(pieces) == seen else None


def _place(ends: list[tuple[int, int, bool]], at: int) -> int | None:
    """Where in the text a place of the folded text is; None within a unit that is folded as a whole."""
    number = bisect_left(ends, (at, -1, False))
    if number < len(ends) and ends[number][0] == at:
        return ends[number][1]
    begins, stands, side_by_side = ends[number - 1]
    return stands + at - begins if side_by_side else None
