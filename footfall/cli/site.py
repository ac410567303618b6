"""The sites there is data of: list them, export one, delete one for good.

In: a site's key. Out: a table; a file; an instance without the site. Promises: a site that the settings name is never
deleted, nothing is without being asked twice, and an export holds released numbers only.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.tokens import Tokens
from dashboards.web.format import counted
from pipeline.former import forget, last_declared
from pipeline.spool.quarantine import Quarantine

from ..control.instance import Instance
from ..control.opening import opened_for_changes
from ..data_directory import accounts, shares
from ..errors import CannotDo
from ..settings.edit_file import forget as forget_edits
from ..site_export import FORMATS, export
from ..supervisor.paths import account_file, former_sites, share_file, token_file
from .options import Load, agreed, common, json_option, listed


@click.group()
def site() -> None:
    """The sites there is data of: list, remove, export."""


@site.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """Every site of the settings, and every other one with data: domains, days, and whether the settings name it."""
    with opened_for_changes(load_settings()) as instance:
        found = instance.sites()
    listed(found, as_json, _line, "there are no sites")


@site.command()
@common
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(load_settings: Load, key: str, yes: bool, as_json: bool) -> None:
    """Delete for good all there is of the site KEY, which no settings name any more."""
    with opened_for_changes(load_settings()) as instance:
        told = instance.site_data(key)
        settings = instance.settings
        if key in last_declared(former_sites(settings)) and not settings.has_file:
            raise CannotDo(
                f"site {key!r} was in the settings of the last start, and these are of no file: name theirs by "
                "--config, or start Footfall without the site first"
            )
        tokens, quarantine = Tokens(token_file(settings)), Quarantine(settings.directory / "quarantine")
        mine = sorted(id_ for id_, token in tokens.all().items() if token.is_of(key))
        held = [one.name for one in quarantine.held() if one.fields.get("site") == key]
        raw = ", its raw events" if told["had_raw_rows"] else ""
        agreed(
            yes,
            f"{key}: {counted(told['released'], 'released day')} of {counted(told['released_rows'], 'row')}{raw}, its "
            f"part of the manifest and {counted(len(mine), 'token')} would be deleted for good; only a backup brings "
            "them back.",
        )
        # What the store has of it goes last: as long as it is there, the same again ends what was cut off.
        for id_ in mine:
            tokens.revoke(id_)
        if account_file(settings).exists():
            with closing(accounts(settings)) as people:
                people.people.forget_site(key)
        if share_file(settings).exists():
            with closing(shares(settings)) as links:
                links.forget_site(key)
        forget_edits(settings.directory, key)
        if held:
            quarantine.drop(held)
        removed = instance.site_remove(key)
        waiting = _waiting(instance)
        if not waiting:  # what is stored later goes by the rules it came under
            forget(former_sites(settings), key)
    told = {**removed, "tokens": len(mine), "spool_files_waiting": waiting}
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
        return
    click.echo(
        f"{key} is removed: {counted(told['released'], 'released day')}, {counted(told['released_rows'], 'row')}, "
        f"{counted(len(mine), 'token')}{', its raw events' if told['had_raw_rows'] else ''}"
    )
    if waiting:
        click.echo(f"{counted(waiting, 'spool file')} not stored yet may hold events of it; do the same again later")


@site.command(name="export")
@common
@click.argument("key")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True, help="Of the rows."
)
@json_option
def export_(load_settings: Load, key: str, file: Path, form: str, as_json: bool) -> None:
    """Write all released numbers of the site KEY into a new zip FILE, with an explanation of its columns."""
    with opened_for_changes(load_settings()) as instance:
        rows = export(instance, key, file.absolute(), form)
    told = {"site": key, "file": str(file), "rows": rows}
    text = "\n".join(f"{family}.{form}: {counted(many, 'row')}" for family, many in rows.items())
    click.echo(msgspec.json.encode(told).decode() if as_json else f"{file}\n{text}")


def _waiting(instance: Instance) -> int:
    return sum(1 for _ in (instance.settings.directory / "spool").glob("*/*.sealed"))


def _line(one: dict[str, Any]) -> str:
    days = f"{counted(one['released'], 'released day')}, {one['open']} open"
    if one["first"]:
        days += f", {one['first']} to {one['last']}"
    domains = f" ({', '.join(one['domains'])})" if one["domains"] else ""
    return f"{one['site']}{domains}  {one['state']}  {days}"
