"""Imports: bring past visits in, list what was brought in, take it back.

In: files, or the name of a run. Out: a summary.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from collector.outcome import Reason
from collector.wire.access_log.lines import STDIN
from dashboards.web.format import counted

from ..control.opening import opened
from ..databases import geo_database_of
from ..errors import CannotDo
from ..importing.access_log import LogOptions, Progress, check_readable, import_access_log
from . import summaries
from .options import Load, common, json_option, prepare


@click.group(name="import")
def import_() -> None:
    """Bring in past visits."""


@import_.command(name="access-log")
@common
@click.argument("files", nargs=-1, required=True)
@click.option("--site", required=True, help="The website the log is of.")
@click.option(
    "--format",
    "log_format",
    default="",
    metavar="TEXT",
    help="The log's format where it is not recognized: Apache's LogFormat or nginx's log_format.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be released, and release nothing.")
@click.option("--redirects", is_flag=True, help="Count answers that send the browser elsewhere as page views, too.")
@click.option("--accept-one-address", is_flag=True, help="Import a log though all of it comes from one address.")
@click.option("--accept-unreadable", is_flag=True, help="Import a log though many of its lines cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def access_log(
    load_settings: Load,
    files: tuple[str, ...],
    site: str,
    log_format: str,
    dry_run: bool,
    redirects: bool,
    accept_one_address: bool,
    accept_unreadable: bool,
    as_json: bool,
) -> None:
    """Import access logs (also compressed, or - for standard input); give a day's files together."""
    prepare("import")
    check_readable(files)
    total = sum(Path(file).stat().st_size for file in files if file != STDIN)
    options = LogOptions(log_format, redirects, accept_one_address, accept_unreadable, dry_run)
    with opened(load_settings(), make=True) as instance:
        geo_database = geo_database_of(instance.settings)
        with _progress(total, hidden=as_json) as progress:
            summary = import_access_log(instance, site, files, geo_database, progress, options)
    click.echo(msgspec.json.encode(summary).decode() if as_json else summaries.import_summary(summary))
    if summary.lines and summary.dropped.get(Reason.BAD_LINE) == summary.lines:
        raise CannotDo(f"{', '.join(files)}: no line could be read, so there was nothing to import")


@contextlib.contextmanager
def _progress(total: int, hidden: bool) -> Iterator[Progress]:
    """A bar on a terminal, with the time that is left and how fast it goes. total: bytes of all files."""
    done: dict[str, int] = {}
    begun = time.monotonic()
    with click.progressbar(
        length=max(1, total), label="Reading", file=sys.stderr, hidden=hidden, item_show_func=lambda text: text
    ) as bar:

        def progress(file: str, at: int, lines: int) -> None:
            per_second = lines / max(0.001, time.monotonic() - begun)
            bar.update(at - done.get(file, 0), f"{counted(lines, 'line')}, {per_second:,.0f} a second")
            done[file] = at

        yield progress


@import_.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """List the imports there are, with what takes each of them back."""
    with opened(load_settings()) as instance:
        runs = instance.import_runs()
    if as_json:
        click.echo(msgspec.json.encode(runs).decode())
    else:
        click.echo(summaries.import_runs(runs) if runs else "There are no imports.")


@import_.command(name="undo")
@common
@click.argument("run")
@json_option
def undo(load_settings: Load, run: str, as_json: bool) -> None:
    """Take an import back: its days are as if they had never been released, and may be imported again."""
    with opened(load_settings()) as instance:
        undone = instance.import_undo(run)
    if as_json:
        click.echo(msgspec.json.encode(undone).decode())
        return
    days, site = undone["days"], undone["site"]
    what = "was taken back before" if undone["already"] else "is taken back"
    click.echo(f"Import {run} of {site} {what}: {counted(len(days), 'day')}, {days[0]} to {days[-1]}.")
