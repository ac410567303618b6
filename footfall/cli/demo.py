"""The `demo` command: synthetic visits for the demo site.

In: a seed and a number of days. Out: a summary.
"""

from __future__ import annotations

import datetime as dt

import click
import msgspec

from schema.site import local_day

from .. import demo
from ..control.opening import opened
from ..databases import geo_database_of
from ..errors import CannotDo
from ..importing import intake
from . import summaries
from .options import Load, common


@click.command(name="demo")
@common
@click.option("--days", default=30, show_default=True, help="How many days.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last of the days (default: yesterday).")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same visits.")
@click.option("--site", default="demo", show_default=True, help="The site to fill.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo_(load_settings: Load, days: int, until: dt.datetime | None, seed: int, site: str, as_json: bool) -> None:
    """Fill the demo site with synthetic visits, so that the first look is not empty."""
    with opened(load_settings(), make=True) as instance:
        rules = intake.rules_of(instance.settings, site)
        yesterday = local_day(rules.site.timezone, dt.datetime.now(dt.UTC).timestamp()).date - dt.timedelta(days=1)
        last = until.date() if until else yesterday
        if last > yesterday:
            raise CannotDo(f"--until {last}: allowed are days that are over, {yesterday} at the latest")
        if not as_json:
            click.echo(f"Sending {days} days of synthetic visits to {site} …", err=True)
        sent = demo.visits(seed, days, last, rules.site.timezone)
        summary = intake.run(instance, rules, sent, geo_database_of(instance.settings), "demo")
    click.echo(msgspec.json.encode(summary).decode() if as_json else summaries.import_summary(summary))
