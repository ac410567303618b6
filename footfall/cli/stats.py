"""The `stats` command: numbers of a site.

In: a question. Out: a table, or JSON.
"""

from __future__ import annotations

import datetime as dt

import click
import msgspec

from schema.site import local_day

from ..control.instance import StatsRequest, iso_date
from ..control.opening import opened
from ..importing import intake
from . import summaries
from .options import Load, common, json_option, prepare


@click.command()
@common
@click.argument("site")
@click.option("--from", "first", metavar="DATE", help="First day, YYYY-MM-DD (default: 29 days before --to).")
@click.option("--to", "last", metavar="DATE", help="Last day, included (default: today).")
@click.option("--by", default="", metavar="DIMENSION", help="Split by page, source, country, goal, day, hour, vital …")
@click.option("--filter", "filters", multiple=True, metavar="TEXT", help="Such as page==/pricing; may be repeated.")
@click.option("--limit", default=1000, show_default=True, help="At most so many rows.")
@json_option
def stats(
    load_settings: Load,
    site: str,
    first: str | None,
    last: str | None,
    by: str,
    filters: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Statistics of SITE, from the running instance or straight from the store."""
    prepare("stats")
    with opened(load_settings()) as instance:
        zone = intake.rules_of(instance.settings, site).site.timezone
        last = last or local_day(zone, dt.datetime.now(dt.UTC).timestamp()).date.isoformat()
        first = first or (iso_date(last) - dt.timedelta(days=29)).isoformat()
        answer = instance.stats(StatsRequest(site, first, last, by, filters, limit))
    click.echo(msgspec.json.encode(answer).decode() if as_json else summaries.stats_table(answer))
