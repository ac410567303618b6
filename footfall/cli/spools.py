"""The spools that days wait for: list them, forget those of a host that is gone for good.

In: the name of a host. Out: a table; days that close again. Promises: a spool that still reports is not forgotten, and
none without being asked twice.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import click
import msgspec

from ..control.opening import opened_for_changes
from .options import Load, agreed, common, json_option, listed


@click.group()
def spools() -> None:
    """The spools of all collectors, which days wait for: list, forget."""


@spools.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """Every spool that has ever reported: how far it has arrived, and how many days wait for it."""
    with opened_for_changes(load_settings()) as instance:
        found = instance.spools()
    listed(found, as_json, _line, "no spool has reported yet")


@spools.command()
@common
@click.argument("host")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(load_settings: Load, host: str, yes: bool, as_json: bool) -> None:
    """Wait no longer for the spools of HOST, a collector that is gone for good (or for one spool of that name)."""
    with opened_for_changes(load_settings()) as instance:
        found = instance.spools_of(host)
        if not as_json:
            for one in found:
                click.echo(_line(one), err=True)
        waiting = max(one["waiting"] for one in found)
        agreed(
            yes,
            f"{len(found)} spool(s) of {host} would be waited for no longer, and {waiting} day(s) may close without "
            "them. What that host has not sent is lost to days that close: they are released as whole. If it comes "
            "back, its events count for days that are still open.",
        )
        instance.spools_forget([one["spool"] for one in found])
    names = [one["spool"] for one in found]
    click.echo(
        msgspec.json.encode({"forgotten": names, "waiting": waiting}).decode()
        if as_json
        else f"forgotten: {', '.join(names)}"
    )


def _line(one: dict[str, Any]) -> str:
    mark = dt.datetime.fromtimestamp(one["received_through"], dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    state = "reports" if one["reports"] else "silent"
    held = f", {one['waiting']} day(s) that are over wait for it" if one["waiting"] else ""
    return f"{one['spool']}  {state}, arrived through {mark}{held}"
