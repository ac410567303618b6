"""`make bench`: measures this machine with the real parts, prints one table, and writes JSON.

In: which parts, and how long. Out: the table on standard output, a file in bench/results/. docs/benchmarks.md says
what each figure means.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs, to_builtins

from . import (
    beside,
    boxes,
    closing,
    dashboards,
    declared,
    drain,
    filtered,
    growth,
    house,
    ingest,
    lag,
    logs,
    rollup,
    sites,
    weight,
)
from .figures import Figure, table
from .machine import apart, description, tell
from .plan import QUICK, Plan

RESULTS = Path(__file__).parent / "results"
PARTS: dict[str, Callable[[Plan], list[Figure]]] = {
    "ingest": ingest.measure,
    "drain": drain.measure,
    "rollup": rollup.measure,
    "declared": declared.measure,
    "closing": closing.measure,
    "beside": beside.measure,
    "lag": lag.measure,
    "sites": sites.measure,
    "house": house.measure,
    "boxes": boxes.measure,
    "dashboards": dashboards.measure,
    "filtered": filtered.measure,
    "logs": logs.measure,
    "weight": weight.measure,
    "growth": growth.measure,
}
# What is taken in at full speed all day must not wait for the store.
_DRAIN_TO_INGEST = 3


def main(words: Sequence[str] | None = None) -> None:
    arguments = _arguments(words)
    plan = QUICK if arguments.quick else Plan()
    given = {name: getattr(arguments, name) for name in ("seconds", "seed") if getattr(arguments, name) is not None}
    plan = structs.replace(plan, **given)
    told = {"at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), **description(), "seed": str(plan.seed)}
    figures: list[Figure] = []
    for name in arguments.parts:
        tell(f"{name} …")
        measure = PARTS[name]
        figures += measure(plan) if measure in (growth.measure, beside.measure) else apart(measure, plan)
    figures = _in_order(figures + _drain_to_ingest(figures))
    result = {"machine": told, "plan": to_builtins(plan), "figures": [_plain(figure) for figure in figures]}
    text = json.dumps(result, indent=1, ensure_ascii=False)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("quick.json" if arguments.quick else f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%S}.json")
    file.write_text(text + "\n", encoding="utf-8")
    if arguments.json:
        print(text)
    else:
        print("\n".join(f"{name:12}{value}" for name, value in told.items()), table(figures), sep="\n\n")
    tell(f"written to bench/results/{file.name}")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Measure Footfall on this machine.")
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="only see that everything works: the figures mean nothing")
    parser.add_argument("--seconds", type=float, help=f"length of each load (default: {Plan().seconds:.0f})")
    parser.add_argument("--seed", type=int, help=f"of everything that is drawn (default: {Plan().seed})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser.parse_args(words)


def _parts(text: str) -> list[str]:
    named = text.split(",")
    unknown = [name for name in named if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not among {', '.join(PARTS)}")
    return [name for name in PARTS if name in named]


def _drain_to_ingest(figures: Sequence[Figure]) -> list[Figure]:
    """How much faster the writer is than the one worker that feeds it, where both were measured: by the clock, and by
    what each takes of a processor."""
    found = {(figure.part, figure.name): figure.value for figure in figures}
    drained, taken = found.get(("drain", "usual files: events")), found.get(("ingest", "Footfall: requests"))
    of_drain, of_ingest = (
        found.get(("drain", "usual files: processor time")),
        found.get(("ingest", "Footfall: processor time")),
    )
    if not (drained and taken and of_drain and of_ingest):
        return []
    name = "usual files: to one worker's ingest"
    return [
        Figure("drain", name, drained / taken, "×", f">= {_DRAIN_TO_INGEST}"),
        Figure("drain", f"{name}, by processor time", of_ingest / of_drain, "×"),
    ]


def _in_order(figures: Sequence[Figure]) -> list[Figure]:
    """Those of a part together, parts as they come."""
    parts = list(dict.fromkeys(figure.part for figure in figures if figure.part != growth.PART))
    return sorted(figures, key=lambda figure: [*parts, growth.PART].index(figure.part))


def _plain(figure: Figure) -> dict[str, object]:
    return {**to_builtins(figure), "met": figure.met}


if __name__ == "__main__":
    main()
