"""Lines, bars and borders of controls are told from what is behind them: contrast of 3 to 1 at least (WCAG 2.2,
1.4.11), in both themes. Text is looked at by axe-core in tests/browser/test_accessible.py."""

from __future__ import annotations

import re

import pytest

from dashboards.web.rendering import HERE

CSS = (HERE / "static" / "footfall.css").read_text()
_EACH = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)", CSS)
THEMES = [{name: colours[place] for name, *colours in _EACH} for place in (0, 1)]
DRAWN = ("accent", "then", "good-bar", "fair-bar", "bad-bar")


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    digits = colour.lstrip("#")
    digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_what_is_drawn_is_told_from_what_is_behind_it(theme: int) -> None:
    colours = THEMES[theme]
    found = {(name, behind): contrast(colours[name], colours[behind]) for name in DRAWN for behind in ("paper", "card")}
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < 3} == {}


def test_borders_of_what_can_be_changed_are_drawn_in_one_of_these_colours() -> None:
    borders = dict(
        re.findall(r"^(input[^{]*|select[^{]*) \{[^}]*border: 1px solid var\(--([\w-]+)\)", CSS, re.MULTILINE)
    )
    assert len(borders) == 2
    assert set(borders.values()) <= set(DRAWN)
