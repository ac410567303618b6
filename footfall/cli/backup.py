"""Backups: backup, restore.

In: a file. Out: what is in it, as lines or with --json.
"""

from __future__ import annotations

import datetime as dt
import sys
import threading
from pathlib import Path
from typing import Any

import click
import msgspec

from dashboards.web.format import counted

from ..backup.archive import Archive
from ..backup.making import plain
from ..backup.restoring import restore as restore_
from ..control.opening import opened
from ..new_file import PARTIAL
from .options import Load, common, json_option

_LOOK_EVERY_S = 1.0


@click.command()
@common
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def backup(load_settings: Load, file: Path, as_json: bool) -> None:
    """Write a backup of everything that is released, the accounts and tokens, into a new FILE.

    Also while Footfall runs, which then writes the file itself: into a directory that it may write. Raw events,
    open days, keys and secrets are never in a backup; days that are still open are named in it.
    """
    path = file.absolute()
    with opened(load_settings()) as instance:
        ended = threading.Event()
        if not as_json and sys.stderr.isatty():
            threading.Thread(target=_tell_progress, args=(path, ended), daemon=True).start()
        try:
            told = instance.backup(str(path))
        finally:
            ended.set()
    click.echo(msgspec.json.encode(told).decode() if as_json else _as_text(told))


@click.command()
@common
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only check the file: every digest, and that this version can read it.")
@json_option
def restore(load_settings: Load, file: Path, check: bool, as_json: bool) -> None:
    """Make a new instance of the backup FILE, in a data directory that is new or empty.

    Every digest is checked. Days that were open when the backup was made, or that began before the restore, are
    marked as incomplete when they are released.
    """
    settings, path = load_settings(), file.absolute()
    if check:
        archive = Archive(path)
        try:
            archive.check()
        finally:
            archive.close()
        told = plain(archive.contents, path)
    else:
        with click.progressbar(length=1, label="Restoring", file=sys.stderr, hidden=as_json) as bar:

            def progress(done: int, of: int) -> None:
                bar.length = of
                bar.update(done - bar.pos)

            told = plain(restore_(settings, path, progress), path)
    click.echo(msgspec.json.encode(told).decode() if as_json else _as_text(told))
    if not check and not as_json:
        click.echo(f"Restored into {settings.directory}. Keys are made anew at the next start.")


def _tell_progress(path: Path, ended: threading.Event) -> None:
    while not ended.wait(_LOOK_EVERY_S):
        written = sum(one.stat().st_size for one in path.parent.glob(f"{path.name}.*{PARTIAL}"))
        click.echo(f"\r{written / 1e6:.1f} MB written", nl=False, err=True)
    click.echo("", err=True)


def _as_text(told: dict[str, Any]) -> str:
    made = dt.datetime.fromtimestamp(told["made_at"], dt.UTC)
    lines = [f"{told['file']}: {told['bytes']:,} bytes, made {made:%Y-%m-%d %H:%M} UTC"]
    lines += [f"  {site}: {counted(days, 'released day')}" for site, days in told["days"].items()]
    lines += [f"  {one['site']}, {one['day']}: open then, not in it" for one in told["open_days"]]
    return "\n".join(lines)
