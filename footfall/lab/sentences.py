"""What the lab's figures say, in plain sentences.

In: an `Outcome`, an `Experiment`. Out: one sentence for each measure; what must be known to read them rightly.
Promises: a figure is worded in one way, wherever it is shown; what the requests tell nothing about is said to be so.
"""

from __future__ import annotations

from schema.event import COARSE, COUNT_ONLY
from schema.metrics import METRICS

from .released import EXPECTED, Named, Released
from .trial import Experiment, Outcome

# Most values are pages; of the others the sources have the rarest.
DETAILED = ("page", "source")


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
    for one in outcome.released.values():
        found += released_sentences(one)
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
    counted = experiment.dropped.get(COUNT_ONLY, 0)
    found.append(
        f"{counted} were counted without being recorded, which is published as one number of four weeks: at most "
        f"{COARSE - 1} more or fewer, and right on average (N8)."
        if counted
        else "Nobody sent a signal not to be recorded: what rounding costs of those (N8) cannot be told."
    )
    found.append(
        "Named is, at each k, the share of visitor-days in values with a name: on their days, · with what weeks add, "
        "· with what four weeks add, as far as there are any."
    )
    found.append(
        "Not tried: goals, also those that are declared later (N6), revenue, properties, funnels and web vitals."
    )
    return found


def released_sentences(one: Released) -> list[str]:
    """What the rules of release give and cost at one k."""
    if not one.shown_days:
        return [f"At k = {one.k} no day has enough visitors to be shown."]
    found = [_named(one, name, its) for name in DETAILED for its in [one.named.get(name)] if its]
    at, by_page = f"At k = {one.k}", one.named.get("page", Named())
    found.append(
        f"{at}, {by_page.found} of {by_page.expected} pages with {EXPECTED} visitor-days or more are named, and lack "
        f"{share_text(by_page.median_lacking)} of these by the median, {by_page.worst_lacking} visitor-days at worst."
        if by_page.expected
        else f"No page has {EXPECTED} visitor-days, so nothing can be said of how much of one is shown."
    )
    few = [f"{METRICS[name].label.lower()} in {few_text(one, name)}" for name in one.few]
    if few:
        found.append(f"{at}, of the pages that are named on a day too few contributed to it (N1): {', '.join(few)}.")
    if not one.trail.looks:
        found.append("How far an open day trails (N7) cannot be told.")
    elif one.trail.looks == one.trail.nothing:
        found.append(f"{at}, an open day shows nothing before it is over (N7).")
    else:
        found.append(
            f"{at}, an open day is {trail_text(one, worst=False)} behind by the median, {trail_text(one, worst=True)} "
            f"at worst, and shows nothing before {begins_text(one)}, by the median (N7)."
        )
    if one.over:
        found.append(
            f"{at}, {share_text(one.over / one.pageviews)} of the page views are over release.bound; it lowers a "
            f"figure of {one.lowered_days} day(s) by more than 5 %."
        )
    return found


def _named(one: Released, name: str, its: Named) -> str:
    company, networks = its.company, max(0, its.any_network - its.by_days)
    rare = its.visitor_days - its.by_days - company - networks
    days, weeks, four_weeks = (_per_hundred(share) for share in shares(its))
    later = [f"{weeks} with weeks"] * bool(one.weeks) + [f"{four_weeks} with four weeks"] * bool(one.four_weeks)
    why = "by these rules never" if not one.k_late else "no whole week is there" if not one.weeks else ""
    folded = [f"{_of(rare, its)} have fewer than {one.k} visitors", f"{_of(company, its)} keep those company (R3, N3)"]
    if one.networks > 1:
        folded.append(f"{_of(networks, its)} are of fewer than {one.networks} networks, or keep those company (N4)")
    return (
        f"At k = {one.k}, of 100 visitor-days by {name} {days} have a name on their day"
        + "".join(f", {one}" for one in later)
        + (f" (later: {why})" if why else "")
        + f"; on their day {', '.join(folded[:-1])}{',' * (len(folded) > 2)} and {folded[-1]}."
    )


def shares(its: Named) -> tuple[float, float, float]:
    """Of all visitor-days those that are named by days, with weeks, and with four weeks."""
    sums = (its.by_days, its.by_days + its.by_weeks, its.named)
    days, weeks, four_weeks = (one / its.visitor_days for one in sums)
    return days, weeks, four_weeks


def few_text(one: Released, metric: str) -> str:
    """The share of pages of a day of which too few contributed to a metric; a dash where nobody did."""
    few = one.few.get(metric)
    return share_text(few.few / few.rows) if few else "–"


def trail_text(one: Released, worst: bool) -> str:
    """By how much an open day trails, of the times at which it shows anything."""
    trail = one.trail
    minutes, people = (trail.worst_minutes, trail.worst_people) if worst else (trail.minutes, trail.people)
    return f"{minutes:.0f} minutes and {people:.0f} visitors" if trail.looks > trail.nothing else "–"


def begins_text(one: Released) -> str:
    """From when on an open day shows anything, in its own time."""
    hour, minute = divmod(int(one.trail.begins), 60)
    return f"{hour:02d}:{minute:02d}" if one.trail.looks > one.trail.nothing else "–"


def share_text(share: float) -> str:
    """A share as percent."""
    return f"{100 * share:.1f} %" if share >= 0.0005 or not share else f"{100 * share:.2g} %"


def signed_text(percent: float) -> str:
    """An error in percent."""
    return f"{percent:+.1f} %"


def _of(part: int, its: Named) -> str:
    return _per_hundred(part / its.visitor_days)


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
