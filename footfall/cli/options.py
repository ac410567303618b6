"""What every command has in common: --data, --config, --set, --json, and errors told in one line.

In: a function that takes a loader of settings first. Out: a click command's body.
"""

from __future__ import annotations

import functools
import re
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from schema.host import bare_host, site_name

from ..errors import CannotDo
from ..settings import Settings, load
from ..settings.in_force import with_edits, without_edits
from ..supervisor.expected import EXPECTED, line_of
from ..supervisor.process import harden, set_up_logs

Load = Callable[..., Settings]
# What names files, which may be called anything.
_FILES = frozenset(("files", "html", "against"))
# What stands for a byte that cannot be read.
_HALF = re.compile("[\ud800-\udfff]")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data, --config and --set; what goes wrong in an expected way ends in one line and exit code 1."""

    @click.option("--data", metavar="DIR", help="Data directory (default: footfall-data).")
    @click.option("--config", metavar="FILE", help="Settings file (default: ./footfall.toml if there is one).")
    @click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set one setting; may be repeated.")
    @functools.wraps(command)
    def run(data: str | None, config: str | None, sets: tuple[str, ...], **arguments: Any) -> None:
        try:
            _check_texts(arguments | {"set": sets})
            command(lambda flags=None: load(config, sets, {"data": data, **(flags or {})}), **arguments)
        except BrokenPipeError:
            raise  # who read it has had enough; click ends without a word
        except (*EXPECTED, OSError, EOFError, sqlite3.DatabaseError) as problem:
            raise click.ClickException(line_of(problem)) from None

    return run


def _check_texts(arguments: Mapping[str, Any]) -> None:
    """Raises CannotDo for a text that is none: no store, file or terminal takes it, each with an error of its own."""
    for name, value in arguments.items():
        texts = value if isinstance(value, tuple) else (value,)
        if name not in _FILES and any(isinstance(text, str) and _HALF.search(text) for text in texts):
            raise CannotDo(f"{name.strip('_')}: has bytes that are no UTF-8: write it in the encoding of this terminal")


def with_sites(sites: Sequence[str], load_settings: Load, **given: Any) -> Settings:
    """Settings with the flags in them; --site adds to the sites of the file."""
    settings = without_edits(load_settings(given))
    known = {name for site in settings.sites for name in site.names}
    added = [name for name in dict.fromkeys(sites) if site_name(name) not in known]
    if not added:
        return with_edits(settings)
    tree = msgspec.to_builtins(settings.sites)
    new = [{"key": site_name(name), "domains": [bare_host(name)]} for name in added]
    return load_settings({**given, "sites": [*tree, *new]})


def agreed(yes: bool, what: str) -> None:
    """Go on only if that is wanted. yes: it was said already. Raises CannotDo if not, or if nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CannotDo(f"{what} Say --yes to do it")
    click.echo(what, err=True)
    if not click.confirm("Do it?", err=True):
        raise CannotDo("nothing was changed")


def listed(found: Sequence[Any], as_json: bool, line: Callable[[Any], str], nothing: str) -> None:
    """Print a list: as JSON, or a line each. nothing: what to say where it is empty."""
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        click.echo("\n".join(map(line, found)) or nothing)


sites_option = click.option("--site", "sites", multiple=True, metavar="DOMAIN", help="A website; may be repeated.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def prepare(part: str) -> None:
    """For a command that sees addresses, agents or keys: no core dump, no exception text with content."""
    harden()
    set_up_logs(part)


def progress(text: str) -> None:
    """Tell somebody who waits; a program that reads what is printed is told nothing else."""
    if sys.stderr.isatty():
        click.echo(f"{text} …", err=True)
