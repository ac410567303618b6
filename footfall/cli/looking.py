"""Looking: stats, settings, check, anonymize.

In: a question. Out: a table, or JSON.
"""

from __future__ import annotations

import datetime as dt

import click
import msgspec

from collector.model import Beacon, Client
from collector.settings import PRESETS
from schema.event import PAGEVIEW
from schema.site import local_day

from .. import preview
from ..control.house import StatsRequest, iso_date
from ..control.opening import opened
from ..databases import places_of
from ..importing import intake
from ..settings import describe
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
    with opened(load_settings()) as house:
        zone = intake.rules_of(house.settings, site).site.timezone
        last = last or local_day(zone, dt.datetime.now(dt.UTC).timestamp()).date.isoformat()
        first = first or (iso_date(last) - dt.timedelta(days=29)).isoformat()
        answer = house.stats(StatsRequest(site, first, last, by, filters, limit))
    click.echo(msgspec.json.encode(answer).decode() if as_json else summaries.stats_table(answer))


@click.command()
@common
@json_option
def settings(load_settings: Load, as_json: bool) -> None:
    """Every setting: its value, where it comes from, what it means."""
    rows = describe(load_settings())
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        departs = f", departs from {row['departs_from']}" if row["departs_from"] else ""
        click.echo(f"{row['name']} = {row['value']}   ({row['origin']}{departs})\n    {row['meaning']}")


@click.command()
@common
@click.option("--ip", required=True, help="The visitor's address.")
@click.option("--ua", required=True, help="The visitor's agent string.")
@click.option("--url", required=True, help="The page's URL.")
@click.option("--referrer", default="", help="The referring page's URL.")
@click.option("--language", default="", help="The Accept-Language header.")
@click.option("--time-zone", default="", help="The browser's time zone, such as Europe/Berlin.")
@click.option("--width", default=0, help="The screen's width.")
@click.option("--site", default="", help="With the settings of this site.")
@click.option(
    "--preset",
    "presets",
    multiple=True,
    type=click.Choice(list(PRESETS)),
    help="With this preset and nothing else; several are shown side by side.",
)
@json_option
def anonymize(
    load_settings: Load,
    ip: str,
    ua: str,
    url: str,
    referrer: str,
    language: str,
    time_zone: str,
    width: int,
    site: str,
    presets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what one request would be reduced to, field by field. Nothing is stored."""
    settings = load_settings()
    beacon = Beacon(PAGEVIEW, url, (), referrer=referrer, width=width, time_zone=time_zone)
    client = Client(ip, ua, language)
    answer = preview.before_and_after(settings, places_of(settings), beacon, client, site, presets)
    click.echo(msgspec.json.encode(answer).decode() if as_json else preview.before_and_after_table(answer))
