"""Events that ClickHouse refused for good: list them, look at one, hand them to the writer again, drop them.

In: names. Out: a table, an event's anonymized fields, a number. Promises: works on the data directory alone, whether
Footfall runs or not; an event is deleted only where that was asked for twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

from dashboards.web.format import counted
from pipeline.spool.quarantine import Held, Quarantine

from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.stamp import refuse_newer
from .options import Load, agreed, common, json_option

_Command = Callable[..., Any]


@click.group()
def quarantine() -> None:
    """Single events that ClickHouse refuses for good: list, show, replay, drop."""


def _names(command: _Command) -> _Command:
    command = click.option("--all", "every", is_flag=True, help="All of them.")(command)
    return click.argument("names", nargs=-1, metavar="[NAME]...")(command)


@quarantine.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """The events in quarantine: name, site, day, when received, and what is wrong if that can be told."""
    rows = [_summary(held) for held in _of(load_settings()).held()]
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        told = (row["name"], row["site"], row["day"], row["received"], row["reason"] or "refused by the store")
        click.echo("  ".join(str(part) for part in told))
    if not rows:
        click.echo("the quarantine is empty")


@quarantine.command()
@common
@click.argument("name")
@json_option
def show(load_settings: Load, name: str, as_json: bool) -> None:
    """The anonymized fields of one event. NAME may be cut short."""
    store = _of(load_settings())
    [chosen] = _chosen(store, (name,), every=False)
    held = next((each for each in store.held() if each.name == chosen), None)
    if held is None:
        raise CannotDo(f"{name}: is in quarantine no longer")
    if as_json:
        click.echo(msgspec.json.encode({**_summary(held), "fields": held.fields}).decode())
        return
    click.echo(f"{held.name}: {held.reason or 'refused by the store'}")
    for field, value in held.fields.items():
        click.echo(f"  {field:<15} {value!r}")


@quarantine.command()
@common
@_names
@json_option
def replay(load_settings: Load, names: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Hand events to the writer again; those that are refused again come back under new names."""
    settings = load_settings()
    store = _of(settings)
    chosen = _chosen(store, names, every)
    number = store.replay(chosen) if chosen else 0
    if as_json:
        click.echo(msgspec.json.encode({"replayed": number, "left": len(store)}).decode())
    else:
        click.echo(f"{number} event(s) wait for the writer, {len(store)} left in quarantine")


@quarantine.command()
@common
@_names
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def drop(load_settings: Load, names: tuple[str, ...], every: bool, yes: bool, as_json: bool) -> None:
    """Delete events for good."""
    store = _of(load_settings())
    chosen = _chosen(store, names, every)
    agreed(yes, f"{counted(len(chosen), 'event')} would be deleted for good.")
    number = store.drop(chosen) if chosen else 0
    if as_json:
        click.echo(msgspec.json.encode({"dropped": number, "left": len(store)}).decode())
    else:
        click.echo(f"{number} event(s) dropped, {len(store)} left in quarantine")


def _of(settings: Settings) -> Quarantine:
    refuse_newer(settings.directory)
    return Quarantine(settings.directory / "quarantine")


def _chosen(store: Quarantine, names: Sequence[str], every: bool) -> list[str]:
    """The full names. Raises CannotDo."""
    if bool(names) == every:
        raise CannotDo("give either the names of events or --all; `footfall quarantine list` lists them")
    there = [held.name for held in store.held()]
    if every:
        return there
    chosen = []
    for name in names:
        found = [full for full in there if full == name] or [full for full in there if full.startswith(name)]
        if len(found) != 1:
            many = f"{len(found)} events begin so" if found else "no event of that name is in quarantine"
            raise CannotDo(f"{name}: {many}; `footfall quarantine list` lists them")
        chosen += found
    return list(dict.fromkeys(chosen))


def _summary(held: Held) -> dict[str, Any]:
    return {
        "name": held.name,
        "site": _text(held.fields.get("site")),
        "day": _moment(held.fields.get("day"), 86_400, "%Y-%m-%d"),
        "received": _moment(held.fields.get("received"), 1, "%Y-%m-%d %H:%M:%S UTC"),
        "reason": held.reason,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else "?"


def _moment(value: Any, unit_s: int, form: str) -> str:
    """When that was. What was refused may be just this field."""
    try:
        return dt.datetime.fromtimestamp(value * unit_s, dt.UTC).strftime(form)
    except (TypeError, ValueError, OverflowError, OSError):
        return "?"
