"""What editors declared in the browser: list it, its versions, take back to one.

In: a site. Out: a table, or JSON; a new version. Promises: taking back is a new version, and nothing is lost by it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click
import msgspec

from ..control.opening import opened
from ..tables import moment_of
from .options import Load, common, json_option, listed


@click.group()
def edit() -> None:
    """What editors declared in the browser: list, versions, back."""


@edit.command(name="list")
@common
@click.argument("site")
@json_option
def list_(load_settings: Load, site: str, as_json: bool) -> None:
    """Goals, funnels, sections and segments of SITE, each with where it stands."""
    with opened(load_settings()) as instance:
        found = [{"kind": what, **one} for what, kind in instance.edits(site)["things"].items() for one in kind]
    listed(found, as_json, _thing, f"{site} declares nothing; editors do on its page of settings")


@edit.command()
@common
@click.argument("site")
@json_option
def versions(load_settings: Load, site: str, as_json: bool) -> None:
    """What was changed of SITE in the browser, the latest first, with who did it and from which day on it counts."""
    with opened(load_settings()) as instance:
        told = instance.edits(site)
    found = [one | {"at": moment_of(one["at"])} for one in told["versions"]]
    listed(found, as_json, _version, f"nothing of {site} was declared in the browser")
    if told["closed"] and not as_json:
        click.echo(f"It cannot be changed: {told['closed']}", err=True)


@edit.command()
@common
@click.argument("site")
@click.argument("number", type=click.IntRange(min=0))
@json_option
def back(load_settings: Load, site: str, number: int, as_json: bool) -> None:
    """Have the version NUMBER of SITE hold again, as a new version; 0: nothing but what the settings file says."""
    with opened(load_settings(), make=True) as instance:
        told = instance.edit_back(site, number)
    made = told["versions"][0]
    first = dt.date.fromisoformat(made["first"])
    text = f"version {made['number']}: {made['change']}; it counts from {first} on"
    click.echo(msgspec.json.encode(told).decode() if as_json else text)


def _thing(one: dict[str, Any]) -> str:
    where = one["locked"] or "the browser"
    since = f"; counts from {one['first']} on" if one["first"] else ""
    return f"{one['kind']}  {one['name']}  {one['words']}  ({where}{since})"


def _version(one: dict[str, Any]) -> str:
    now = "  (today is counted by it)" if one["holds"] else ""
    return f"{one['number']}  {one['at']}  {one['who']}  {one['change']}  from {one['first']}{now}"
