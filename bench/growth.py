"""Growth: the same figures of a site ten and a hundred times as big.

In: a plan. Out: one figure for each part and size. What stays level is bounded by something else than traffic.
"""

from __future__ import annotations

from msgspec import structs

from . import dashboards, drain, ingest, rolling
from .figures import Figure
from .machine import apart, tell
from .plan import FACTORS, QUICK, QUICK_FACTORS, Plan, grown

PART = "growth"
_PERIODS = (30, 365)


def measure(plan: Plan) -> list[Figure]:
    """Each measurement at each size, in processes of their own."""
    quick = plan.repeats == QUICK.repeats
    figures: list[Figure] = []
    for factor in QUICK_FACTORS if quick else FACTORS:
        bigger = grown(plan, factor, quick)
        tell(f"{factor} ×")
        run = apart(ingest.worker_alone, bigger)
        people = f"{bigger.addresses:,} networks, {bigger.paths:,} pages"
        figures += [
            Figure(PART, f"{factor} ×, ingest: requests", run.load.rate, "/s", note=people),
            Figure(PART, f"{factor} ×, ingest: processor time", run.us, "µs/request"),
            Figure(PART, f"{factor} ×, ingest: resident memory", run.mb, "MB"),
        ]
        rate = apart(drain.rate, bigger)
        figures.append(Figure(PART, f"{factor} ×, drain: events", rate, "/s", note=f"{bigger.backlog:,} events"))
        took = apart(rolling.seconds, bigger)
        figures.append(Figure(PART, f"{factor} ×, rollup of a day", took, "s", note=f"{bigger.events:,} events"))
        tell(f"{bigger.cells:,} cells and {bigger.vitals:,} buckets a day")
        for figure in apart(dashboards.up_to_today, bigger, _PERIODS):
            figures.append(structs.replace(figure, part=PART, name=f"{factor} ×, overview of {figure.name}", goal=""))
    return figures
