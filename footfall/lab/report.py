"""The lab's figures side by side.

In: an `Experiment`, or what shadow mode published. Out: rows, text for a terminal, plain values for a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import structs

from schema.metrics import METRICS

from ..tables import table
from .released import EXPECTED, Named, Released
from .sentences import (
    DETAILED,
    begins_text,
    few_text,
    notes_of,
    sentences_of,
    share_text,
    shares,
    signed_text,
    trail_text,
)
from .trial import Experiment, Outcome

Row = tuple[str, list[str]]
_NAMED_BY = ("page", "section", "source", "channel", "country", "browser")
# What is told of a metric beside these, the terminal has no room for.
_FEW = ("bounce_rate", "exit_rate", "time_on_page", "events")


def rows_of(experiment: Experiment) -> list[Row]:
    """Every measure by name, with one value per candidate."""
    outcomes = experiment.outcomes
    ks = list(outcomes[0].classes.below)

    def row(name: str, of: Callable[[Outcome], str]) -> Row:
        return name, [of(outcome) for outcome in outcomes]

    found = [
        row("visitor-days stored", lambda o: str(o.classes.visitor_days)),
        row("classes that look alike", lambda o: str(o.classes.classes)),
        row("class size: smallest", lambda o: str(o.classes.smallest)),
        row("class size: p1", lambda o: str(o.classes.p1)),
        row("class size: p5", lambda o: str(o.classes.p5)),
        row("class size: median", lambda o: str(o.classes.median)),
        row("unique", lambda o: share_text(o.classes.unique)),
    ]
    found += [row(f"in a class under {k}", lambda o, k=k: share_text(o.classes.below[k])) for k in ks]  # type: ignore[misc]
    found += [
        row("prosecutor risk: worst", lambda o: share_text(o.classes.prosecutor_worst)),
        row("prosecutor risk: average", lambda o: share_text(o.classes.prosecutor_average)),
        row("marketer risk", lambda o: share_text(o.classes.marketer)),
        row("entropy, bits", lambda o: f"{o.classes.entropy_bits:.2f} of {o.classes.possible_bits:.2f}"),
        row("expected anonymity set", lambda o: f"{o.classes.expected_set:.1f}"),
        row("linked to the next day", lambda o: share_text(o.linking.success) if o.linking.returning else "–"),
        row("  of that, by guessing", lambda o: share_text(o.linking.guess) if o.linking.returning else "–"),
        row("  advantage", lambda o: _points(o) if o.linking.returning else "–"),
        row("visitors counted", lambda o: str(o.counting.visitors)),
        row("  error", lambda o: signed_text(o.counting.error_percent)),
        row("  error, worst day", lambda o: signed_text(max(o.counting.errors, key=abs, default=0.0))),
        row("merged with another", lambda o: share_text(o.counting.merge_rate)),
    ]
    for k in outcomes[0].released:
        found += _released_rows([outcome.released[k] for outcome in outcomes])
    return found


def _released_rows(released: Sequence[Released]) -> list[Row]:
    """What the rules of release give and cost at one k."""

    def row(name: str, of: Callable[[Released], str]) -> Row:
        return name, [of(one) for one in released]

    def by(name: str, of: Callable[[Released, Named], str]) -> list[str]:
        return [of(one, one.named[name]) if name in one.named else "–" for one in released]

    found = [row(f"k = {released[0].k}: days shown", lambda one: f"{one.shown_days} of {one.days}")]
    for name in _NAMED_BY:
        found.append((f"  named by {name}", by(name, _named_text)))
        if name in DETAILED and any(name in one.named for one in released):
            found += [
                (
                    "    with networks = 1, days",
                    by(name, lambda _, its: share_text(its.any_network / its.visitor_days)),
                ),
                ("    folded to keep company", by(name, lambda _, its: share_text(its.company / its.visitor_days))),
                (f"    of {EXPECTED} or more: lacking, worst", by(name, _lacking_text)),
            ]
    found += [
        (f"  pages with too few for {METRICS[name].label.lower()}", [few_text(one, name) for one in released])
        for name in _FEW
    ]
    found += [
        row("  an open day begins", begins_text),
        row("  an open day trails, median", lambda one: trail_text(one, worst=False)),
        row("  an open day trails, worst", lambda one: trail_text(one, worst=True)),
        row(
            "  page views over release.bound", lambda one: share_text(one.over / one.pageviews if one.pageviews else 0)
        ),
    ]
    return found


def _named_text(one: Released, its: Named) -> str:
    days, weeks, four_weeks = shares(its)
    later = [weeks] * bool(one.weeks) + [four_weeks] * bool(one.four_weeks)
    return " · ".join(f"{100 * share:.1f}" for share in (days, *later)) + " %"


def _lacking_text(_: Released, its: Named) -> str:
    return f"{share_text(its.median_lacking)}, {its.worst_lacking}" if its.found else "–"


def text_of(experiment: Experiment) -> str:
    """All of it, for a terminal."""
    header = ["", *(outcome.candidate.name for outcome in experiment.outcomes)]
    parts = [*notes_of(experiment), ""]
    parts.append(table(header, [[name, *values] for name, values in rows_of(experiment)]))
    for outcome in experiment.outcomes:
        parts += ["", f"{outcome.candidate.name} ({settings_text(outcome)})"]
        parts += [f"  {sentence}" for sentence in sentences_of(outcome)]
    return "\n".join(parts)


def plain(experiment: Experiment) -> dict[str, Any]:
    """All of it, for a program."""
    told = {name: getattr(experiment, name) for name in ("requests", "events", "days", "late", "dropped", "absent")}
    told["notes"] = notes_of(experiment)
    told["candidates"] = [
        {
            "name": outcome.candidate.name,
            "settings": structs.asdict(outcome.candidate.anonymization),
            "classes": structs.asdict(outcome.classes),
            "linking": {
                name: getattr(outcome.linking, name) for name in ("returning", "success", "guess", "advantage")
            },
            "counting": {
                "people": outcome.counting.people,
                "visitors": outcome.counting.visitors,
                "error_percent": outcome.counting.error_percent,
                "error_percent_by_day": outcome.counting.errors,
                "merged": outcome.counting.merged,
                "lost": outcome.counting.lost,
                "split": outcome.counting.split,
                "merge_rate": outcome.counting.merge_rate,
            },
            "released": {str(k): msgspec.to_builtins(one) for k, one in outcome.released.items()},
            "sentences": sentences_of(outcome),
        }
        for outcome in experiment.outcomes
    ]
    return told


def settings_text(outcome: Outcome) -> str:
    """What a candidate is made of."""
    return ", ".join(f"{name} = {_plain(value)}" for name, value in outcome.candidate.changes.items())


def shadow_text(entries: Sequence[dict[str, Any]]) -> str:
    """What shadow mode has published."""
    if not entries:
        return "Nothing yet: shadow mode publishes after a site's midnight; candidates are set in [shadow.candidates]."
    rows = [
        [entry["site"], entry["day"], entry["candidate"], _whole(entry, "visitors_error_percent", "+"),
         _whole(entry, "merged_percent", "")]
        for entry in entries
    ]  # fmt: skip
    return table(["site", "day", "candidate", "visitors", "merged"], rows)


def _whole(entry: dict[str, Any], name: str, sign: str) -> str:
    value = entry[name]
    return "too few visitors" if value is None else f"{value:{sign}d} %"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "+".join(value) if isinstance(value, (list, tuple)) else str(value)


def _points(outcome: Outcome) -> str:
    return f"{100 * outcome.linking.advantage:+.1f} points"
