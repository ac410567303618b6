"""The lab's report as one HTML file that needs nothing else: no script, no other file, pictures drawn in place.

In: an `Experiment`. Out: HTML. Promises: whatever a candidate is called is text; the page may load nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from importlib import resources

import jinja2
from msgspec import Struct

from .report import rows_of, settings_text
from .sentences import notes_of, sentences_of, shares
from .trial import Experiment, Outcome


class Bar(Struct, frozen=True):
    """A bar of a picture, in hundredths of its width. shade: a class of the style."""

    name: str
    text: str
    start: float
    length: float
    shade: str = ""


class Picture(Struct, frozen=True):
    """Bars under one another. zero: where the axis stands, in hundredths."""

    title: str
    meaning: str
    bars: list[Bar]
    zero: float = 0.0


class Strip(Struct, frozen=True):
    """A candidate's visitor-days by the size of their class: parts of one bar."""

    name: str
    parts: list[Bar]


def html_of(experiment: Experiment, source: str) -> str:
    """The page."""
    folder = resources.files("footfall").joinpath("lab")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        style=style,
        # The one thing the page may use is the style it carries.
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        source=source,
        notes=notes_of(experiment),
        outcomes=[(outcome.candidate.name, settings_text(outcome), sentences_of(outcome))
                  for outcome in experiment.outcomes],
        strips=_strips(experiment.outcomes),
        pictures=_pictures(experiment.outcomes),
        names=[outcome.candidate.name for outcome in experiment.outcomes],
        rows=rows_of(experiment),
    )  # fmt: skip


def _strips(outcomes: Sequence[Outcome]) -> list[Strip]:
    strips = []
    for outcome in outcomes:
        parts, at = [], 0.0
        for number, (size, share) in enumerate(outcome.classes.sizes.items()):
            parts.append(Bar(size, f"{100 * share:.1f} %", at, 100 * share, f"step-{number}"))
            at += 100 * share
        strips.append(Strip(outcome.candidate.name, parts))
    return strips


def _pictures(outcomes: Sequence[Outcome]) -> list[Picture]:
    pictures = [
        _shares("Unique on what is stored", "Share of visitor-days. Shorter is more private.",
                outcomes, lambda o: o.classes.unique),
        _shares("Recognized on the next day", "Share of those who came back, by what is stored; guessing is in the "
                "table. Shorter is more private.", outcomes, lambda o: o.linking.success),
        _shares("Merged with another", "Share of visitors, told apart by whole address and agent. Shorter is more "
                "accurate.", outcomes, lambda o: o.counting.merge_rate),
        _errors(outcomes),
    ]  # fmt: skip
    pictures += [
        _shares(f"Named at k = {k}", "Share of visitor-days by page that are on a page with a name, by days, weeks "
                "and four weeks together. Longer shows more.", outcomes, _named_at(k))
        for k in outcomes[0].released
    ]  # fmt: skip
    return pictures


def _named_at(k: int) -> Callable[[Outcome], float]:
    def named(outcome: Outcome) -> float:
        by_page = outcome.released[k].named.get("page")
        return shares(by_page)[-1] if by_page else 0.0

    return named


def _shares(title: str, meaning: str, outcomes: Sequence[Outcome], of: Callable[[Outcome], float]) -> Picture:
    return Picture(
        title,
        meaning,
        [Bar(outcome.candidate.name, f"{100 * of(outcome):.1f} %", 0, 100 * of(outcome)) for outcome in outcomes],
    )


def _errors(outcomes: Sequence[Outcome]) -> Picture:
    """Too few to the left, too many to the right."""
    errors = [outcome.counting.error_percent for outcome in outcomes]
    most = max(1.0, *(abs(error) for error in errors))
    bars = []
    for outcome, error in zip(outcomes, errors, strict=True):
        length = 50 * abs(error) / most
        bars.append(Bar(outcome.candidate.name, f"{error:+.1f} %", 50 - length if error < 0 else 50, length))
    return Picture(
        "Error of the visitor count",
        "Against whole address and agent; left of the line is too few.",
        bars,
        zero=50,
    )
