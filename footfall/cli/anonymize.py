"""The `anonymize` command: what one request would be reduced to.

In: a request, given as options. Out: a table, or JSON. Promises: nothing is stored.
"""

from __future__ import annotations

import click
import msgspec

from collector.anonymization import PRESETS
from collector.model import Beacon, Client
from schema.event import PAGEVIEW

from .. import preview
from ..databases import geo_database_of
from .options import Load, common, json_option


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
    answer = preview.before_and_after(settings, geo_database_of(settings), beacon, client, site, presets)
    click.echo(msgspec.json.encode(answer).decode() if as_json else preview.before_and_after_table(answer))
