"""The `stats` command: numbers of a site.

In: a question. Out: a table, or JSON.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click
import msgspec

from schema.site import Site, local_day

from ..control.instance import Instance, StatsRequest, iso_date
from ..control.opening import opened
from ..errors import CannotDo
from ..importing import intake
from ..new_file import new_file
from . import summaries
from .options import Load, common, json_option, prepare


@click.command()
@common
@click.argument("sites", metavar="SITE", nargs=-1, required=True)
@click.option("--period", default="", metavar="NAME", help="Days by name, as on pages: 7d, last_week, last_month …")
@click.option("--from", "first", metavar="DATE", help="First day, YYYY-MM-DD (default: 29 days before --to).")
@click.option("--to", "last", metavar="DATE", help="Last day, included (default: today).")
@click.option(
    "--by", default="", metavar="DIMENSION", help="Split by page, source, goal, funnels, day …; a wrong one lists all."
)
@click.option("--filter", "filters", multiple=True, metavar="TEXT", help="Such as page==/pricing; may be repeated.")
@click.option("--metrics", default="", metavar="NAMES", help="Columns, with commas between (default: all that fit).")
@click.option("--order", default="visitors", show_default=True, metavar="METRIC", help="Largest values of it first.")
@click.option("--limit", default=1000, show_default=True, help="At most so many rows.")
@click.option("--offset", default=0, show_default=True, help="Leave out so many rows before them.")
@click.option("--segment", default="", metavar="NAME", help="Count the visits of this segment alone.")
@click.option("--compare", is_flag=True, help="The whole site with the days before, too.")
@click.option("--all", "everything", is_flag=True, help="All tables of the days as CSV in one zip; needs --out.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The new zip for --all.")
@json_option
def stats(
    load_settings: Load,
    sites: tuple[str, ...],
    period: str,
    first: str | None,
    last: str | None,
    by: str,
    filters: tuple[str, ...],
    metrics: str,
    order: str,
    limit: int,
    offset: int,
    segment: str,
    compare: bool,
    everything: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Statistics of SITE, from the running instance or straight from the store."""
    prepare("stats")
    if everything != bool(out) or (everything and (by or filters or segment)):
        raise click.UsageError("--all and --out belong together, and go without --by, --filter and --segment")
    site = sites[0]
    if len(sites) > 1:
        # Imported where it is needed: an answer may come from another process.
        from dashboards.stats.query import one_site
        from dashboards.stats.refused import BadQuery

        try:
            site = one_site(sites)
        except BadQuery as problem:
            raise CannotDo(f"{problem} ({problem.code})") from None
    with opened(load_settings()) as instance:
        known = intake.rules_of(instance.settings, site).site
        first, last = days_asked(known, period, first, last)
        if out:
            _write_all(instance, known, first, last, out, as_json)
            return
        names = tuple(filter(None, metrics.split(",")))
        answer = instance.stats(
            StatsRequest(site, first, last, by, filters, limit, names, order, compare, offset, segment)
        )
    click.echo(msgspec.json.encode(answer).decode() if as_json else summaries.stats_table(answer))


def days_asked(site: Site, period: str, first: str | None, last: str | None) -> tuple[str, str]:
    """The first and the last day that are asked for. Raises CannotDo."""
    today = local_day(site.timezone, dt.datetime.now(dt.UTC).timestamp()).date
    if not period:
        last = last or today.isoformat()
        return first or (iso_date(last) - dt.timedelta(days=29)).isoformat(), last
    # Imported where it is needed, as above.
    from dashboards.stats.period import parse

    try:
        found = parse({"period": period, "from": first or "", "to": last or ""}, today)
    except ValueError as problem:
        raise CannotDo(str(problem)) from None
    return found.first.isoformat(), found.last.isoformat()


def _write_all(instance: Instance, site: Site, first: str, last: str, out: Path, as_json: bool) -> None:
    """All tables of the days into a new file."""
    # Imported where it is needed, as above.
    from dashboards.stats.query import MAX_ROWS
    from dashboards.web.export import export

    def ask(by: str) -> dict[str, Any]:
        return instance.stats(StatsRequest(site.key, first, last, by, limit=MAX_ROWS))

    with new_file(out.absolute()) as file:
        file.writelines(export(site, ask))
    told = {"site": site.key, "from": first, "to": last, "file": str(out)}
    click.echo(msgspec.json.encode(told).decode() if as_json else f"{out}: all tables of {site.key}, {first} to {last}")
