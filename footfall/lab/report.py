"""The lab's figures side by side.

In: an `Experiment`, or what shadow mode published. Out: rows, text for a terminal, plain values for a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from ..tables import table
from .sentences import folded_text, lost_text, named_text, notes_of, sentences_of, share_text, signed_text
from .trial import Experiment, Outcome

Row = tuple[str, list[str]]
# Most values are pages; of the others the sources have the rarest.
_NAMED_BY = ("page", "source")


def rows_of(experiment: Experiment) -> list[Row]:
    """Every measure by name, with one value per candidate."""
    outcomes = experiment.outcomes
    ks = list(outcomes[0].folds)

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
        row("page views over release.bound", lambda o: share_text(o.bounding.share)),
    ]
    for k in ks:
        found.append(row(f"k = {k}: values folded", lambda o, k=k: folded_text(o, k)))  # type: ignore[misc]
        found += [
            row(f"  page views in (other), by {name}", lambda o, k=k, name=name: lost_text(o, k, name))  # type: ignore[misc]
            for name in outcomes[0].folds[k]
        ]
        for name in _NAMED_BY:
            found += [
                row(f"  visitors named, by {name}", lambda o, k=k, name=name: named_text(o.folds, k, name)),  # type: ignore[misc]
                row("    with networks = 1", lambda o, k=k, name=name: named_text(o.any_network, k, name)),  # type: ignore[misc]
            ]
    return found


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
            "bounding": {"pageviews": outcome.bounding.pageviews, "over": outcome.bounding.over},
            "folding": {str(k): folds for k, folds in outcome.folds.items()},
            "folding_of_any_network": {str(k): folds for k, folds in outcome.any_network.items()},
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
