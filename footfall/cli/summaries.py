"""What commands answer, as text for a person: statistics, and how an import ended.

In: the plain values a command answers with. Out: text.
"""

from __future__ import annotations

from typing import Any

from dashboards.web.format import counted
from dashboards.web.tables import flat
from schema.dimensions import DIMENSIONS
from schema.metrics import METRICS, TOTALS

from ..importing.intake import Summary
from ..tables import date_of, table, text_of


def stats_table(answer: dict[str, Any]) -> str:
    """The answer of `footfall stats`."""
    # In the site's own time, whose zone the answer names.
    as_of = f", open days as of {answer['as_of'][:16].replace('T', ' ')}" if answer.get("as_of") else ""
    parts = [f"{answer['site']}, {answer['from']} to {answer['to']}{as_of}", ""]
    parts.append(table(["total", "value"], [[_headed(name), text_of(one)] for name, one in answer["totals"].items()]))
    if answer["rows"]:
        told = flat(answer["rows"])
        columns = list(told[0])
        by = answer.get("by") or "value"
        rows = [[_cell(by if name == "value" else name, row.get(name)) for name in columns] for row in told]
        parts += ["", table([by, *map(_headed, columns[1:])], rows)]
    elif answer.get("by"):
        parts += ["", f"Nothing to show by {answer['by']} in this period."]
    if "comparison" in answer:
        parts += ["", _compared(answer["comparison"])]
    parts += ["", *answer.get("notes", [])] if answer.get("notes") else []
    if answer.get("suppressed_days"):
        days = ", ".join(answer["suppressed_days"])
        parts.append(f"Days with fewer than {counted(answer['k'], 'visitor')} are not shown: {days}")
    return "\n".join(parts)


def _headed(name: str) -> str:
    """A column's name, with the unit of its numbers."""
    return f"{name} {METRICS[name].unit}".rstrip() if name in METRICS else name


def _cell(name: str, value: Any) -> str:
    """The empty value of a dimension is called as on pages."""
    return DIMENSIONS[name].empty if value == "" and name in DIMENSIONS else text_of(value)


def _compared(comparison: dict[str, Any]) -> str:
    """The whole site and the days before."""
    before = f"{comparison['from']} to {comparison['to']}"
    if not comparison["previous"]:
        return f"Not compared with {before}: {comparison['why']}"
    until = f", until {comparison['until']}" if comparison["until"] else ""
    days = f"{min(comparison['days'], comparison['previous_days'])} of {counted(comparison['of'], 'day')}"
    header = ["compared", "now", "before", "change"]
    rows = [
        [
            name,
            text_of(comparison["current"][name]),
            text_of(comparison["previous"][name]),
            _change(name, comparison["change"][name]),
        ]
        for name in TOTALS
    ]
    return f"Compared with {before}{until}, {days}:\n{table(header, rows)}"


def _change(name: str, number: float | None) -> str:
    return "–" if number is None else f"{number:+g} {'points' if METRICS[name].unit == '%' else '%'}"


def import_summary(summary: Summary) -> str:
    """How an import ended."""
    lines = [f"{counted(summary.lines, 'line')}, {counted(summary.events, 'event')} for {summary.site}"]
    lines += [f"  {name}: {form}" for name, form in summary.formats.items()]
    lines += [f"  {count} dropped: {reason}" for reason, count in summary.dropped.items()]
    days = summary.days_released
    if days:
        lines.append(f"{counted(len(days), 'day')} released: {days[0]} to {days[-1]}")
    if summary.run:
        lines.append(f"To take it back: footfall import undo {summary.run}")
    lines += [f"  {day} skipped: {reason}" for day, reason in summary.days_skipped.items()]
    if summary.undeclared:
        again = "import again" if summary.preview is not None else "take this import back, and import again"
        lines.append(
            f"{summary.site} is not in the settings in force: the dashboards do not show it, and goals it may have "
            f"are not counted. Add it there, start Footfall again if it runs, {again}."
        )
    if summary.preview is not None:
        lines += ["", _preview(summary.preview), ""]
    if summary.changed_nothing:
        lines.append("Nothing changed.")
    return "\n".join(lines)


_HIDDEN = "–: too few visitors, or from too few networks (release.k, release.networks); such a day shows nothing."


def _preview(told: dict[str, Any]) -> str:
    """What an import would release."""
    columns = ("day", "visitors", "visits", "pageviews")
    rows = [[text_of(day[column]) for column in columns] for day in told["days"]]
    parts = [table(["would be released", *columns[1:]], rows)] if rows else ["No day would be released."]
    if any(day["visitors"] is None for day in told["days"]):
        parts.append(_HIDDEN)
    if told["pages"]:
        parts += ["", table(["page", "pageviews"], [[page, str(views)] for page, views in told["pages"].items()])]
    return "\n".join(parts)


def import_runs(runs: list[dict[str, Any]]) -> str:
    """The imports there are."""
    rows = [
        [run["run"], run["site"], run["made_by"], date_of(run["released_at"]), str(len(run["days"])), run["days"][0],
         run["days"][-1], date_of(run["undone"]) if run["undone"] else "–"]
        for run in runs
    ]  # fmt: skip
    return table(["run", "site", "by", "imported", "days", "first", "last", "taken back"], rows)
