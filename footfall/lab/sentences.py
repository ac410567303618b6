"""What the lab's figures say, in plain sentences.

In: an `Outcome`, an `Experiment`. Out: one sentence for each measure; what must be known to read them rightly.
Promises: a figure is worded in one way, wherever it is shown.
"""

from __future__ import annotations

from .folding import Fold
from .trial import Experiment, Outcome


def sentences_of(outcome: Outcome) -> list[str]:
    """What each measure says of one candidate."""
    classes, linking, counting = outcome.classes, outcome.linking, outcome.counting
    if not classes.visitor_days:
        return ["Nobody was there."]
    found = [
        f"The rarest visitor-day looks, in what is stored, like {_others(classes.smallest)} of its day; 1 in 100 like "
        f"{_at_most(classes.p1)}, 1 in 20 like {_at_most(classes.p5)}, half like {_at_most(classes.median)}.",
        f"{_one_in(classes.unique)} unique on what is stored.",
        *(f"{_one_in(share)} like fewer than {k - 1} others." for k, share in classes.below.items() if k > 2),
        f"Who knows that somebody was there, and all that is stored of the device, the place and the language, picks "
        f"the right row with a chance of {share_text(classes.prosecutor_worst)} at worst and "
        f"{share_text(classes.prosecutor_average)} on average.",
        f"Who tries it on everybody is right for {_per_hundred(classes.marketer)} of 100 visitor-days.",
        f"What is stored tells {classes.entropy_bits:.1f} of the {classes.possible_bits:.1f} bits that would tell "
        "everybody of a day apart.",
        f"A visitor-day chosen at random is one of {classes.expected_set:.1f} that look alike, on average.",
    ]
    if linking.returning:
        found.append(
            f"Of 100 that came back on the next day, {_per_hundred(linking.success)} can be recognized by what is "
            f"stored, {_per_hundred(linking.guess)} by guessing (of {linking.returning} that did)."
        )
    else:
        found.append("Nobody came back on the next day, so nothing can be said about being recognized.")
    error = counting.error_percent
    low, high = min(counting.errors), max(counting.errors)
    way = "too low" if error < 0 else "too high"
    found.append(
        ("Visitors are counted exactly" if not error else f"Visitors are counted {abs(error):.1f} % {way}")
        + f", against whole address and agent; by day between {signed_text(low)} and {signed_text(high)}."
    )
    found.append(f"{_one_in(counting.merge_rate, 'visitor')} merged with another who looks the same.")
    for k in outcome.folds:
        found.append(
            f"At k = {k}, {folded_text(outcome, k)} values are folded into (other), and with them "
            f"{lost_text(outcome, k, 'page')} of the page views by page, {lost_text(outcome, k, 'source')} by source."
        )
        networks = outcome.candidate.anonymization.networks_at(k)
        if networks > 1:
            found.append(
                f"That its {k} visitors have to come from {networks} networks names "
                f"{named_text(outcome.folds, k, 'page')} of the visitors by page, where "
                f"{named_text(outcome.any_network, k, 'page')} would be named otherwise; who makes up visitors in one "
                "network adds one."
            )
    return found


def notes_of(experiment: Experiment) -> list[str]:
    """What must be known to read the figures rightly."""
    found = [
        f"{experiment.requests} requests, {experiment.events} events on {experiment.days} day(s); a visitor-day is one "
        "visitor number of one day with one combination of what is stored about the visitor."
    ]
    if experiment.dropped:
        found.append("Not counted: " + ", ".join(f"{count} {name}" for name, count in experiment.dropped.items()) + ".")
    if experiment.absent:
        found.append(
            f"Empty in every row, so the figures say nothing about them: {', '.join(experiment.absent)}. Live traffic "
            "that carries them is told apart further."
        )
    if experiment.late:
        found.append(f"{experiment.late} lines were of days long over and left out; give the files in order of time.")
    return found


def share_text(share: float) -> str:
    """A share as percent."""
    return f"{100 * share:.1f} %" if share >= 0.0005 or not share else f"{100 * share:.2g} %"


def signed_text(percent: float) -> str:
    """An error in percent."""
    return f"{percent:+.1f} %"


def folded_text(outcome: Outcome, k: int) -> str:
    """How many values of all dimensions are folded."""
    folds = outcome.folds[k].values()
    return f"{sum(fold.folded for fold in folds)} of {sum(fold.cells for fold in folds)}"


def lost_text(outcome: Outcome, k: int, dimension: str) -> str:
    """The share of page views that goes into (other)."""
    fold = outcome.folds[k][dimension]
    return share_text(fold.lost / fold.views if fold.views else 0.0)


def named_text(folds: dict[int, dict[str, Fold]], k: int, dimension: str) -> str:
    """The share of a dimension's visitors that is in rows with a name."""
    fold = folds[k][dimension]
    return share_text(fold.named / fold.visitors if fold.visitors else 0.0)


def _per_hundred(share: float) -> str:
    return share_text(share).removesuffix(" %")


def _others(size: int) -> str:
    return "no other" if size == 1 else "1 other" if size == 2 else f"{size - 1} others"


def _at_most(size: int) -> str:
    return _others(size) if size == 1 else f"at most {_others(size)}"


def _one_in(share: float, what: str = "visitor-day") -> str:
    if not share:
        return f"No {what} is"
    if share == 1:
        return f"Every {what} is"
    return f"1 in {1 / share:.0f} {what}s is" if share <= 0.25 else f"{100 * share:.1f} of 100 {what}s are"
