"""The notes of a site: what happened on a day, such as a release or a campaign, told beside its numbers.

In: a site, a text, a day. Out: a note on the dashboards; a list. Promises: the same note of a day, sent again by a
deployment that is run again, is one note.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click
import msgspec

from ..control.opening import opened
from ..errors import CannotDo
from .options import Load, common, json_option, listed


@click.group()
def note() -> None:
    """Notes of days, shown beside the numbers: add, list, remove."""


@note.command()
@common
@click.argument("site")
@click.argument("text")
@click.option("--day", default="", help="The site's local day, as YYYY-MM-DD (default: today).")
@json_option
def add(load_settings: Load, site: str, text: str, day: str, as_json: bool) -> None:
    """Note TEXT of a day of SITE: `footfall note add example.com "Version 2.3"` after a deployment."""
    with opened(load_settings(), make=True) as instance:
        made = instance.note_add(site, day, text)
    click.echo(msgspec.json.encode(made).decode() if as_json else f"{made['id']}  {made['day']}  {made['text']}")


@note.command(name="list")
@common
@click.argument("site")
@click.option("--from", "first", default="", help="The first day (default: a year before the last).")
@click.option("--to", "last", default="", help="The last day (default: today).")
@json_option
def list_(load_settings: Load, site: str, first: str, last: str, as_json: bool) -> None:
    """The notes of SITE, by day, each with the id by which it is removed."""
    with opened(load_settings()) as instance:
        found = instance.notes(site, first, last)
    listed(found, as_json, _line, f"no notes of {site}; `footfall note add {site} TEXT` makes one")


@note.command()
@common
@click.argument("site")
@click.argument("id_", metavar="ID")
@json_option
def remove(load_settings: Load, site: str, id_: str, as_json: bool) -> None:
    """Delete the note of that ID."""
    with opened(load_settings()) as instance:
        if not instance.note_remove(site, id_):
            raise CannotDo(f"{id_!r}: {site} has no note of that id; `footfall note list {site}` lists them")
    click.echo(msgspec.json.encode({"removed": id_}).decode() if as_json else f"{id_} is removed")


def _line(one: dict[str, Any]) -> str:
    return f"{one['id']}  {dt.date.fromisoformat(one['day']):%a} {one['day']}  {one['text']}"
