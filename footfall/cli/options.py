"""What every command has in common: --data, --config, --set, --json, and errors told in one line.

In: a function that takes a loader of settings first. Out: a click command's body.
"""

from __future__ import annotations

import functools
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

from ..errors import CannotDo
from ..settings import Settings, load
from ..supervisor.expected import EXPECTED, line_of
from ..supervisor.process import harden, set_up_logs

Load = Callable[..., Settings]


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data, --config and --set; what goes wrong in an expected way ends in one line and exit code 1."""

    @click.option("--data", metavar="DIR", help="Data directory (default: footfall-data).")
    @click.option("--config", metavar="FILE", help="Settings file (default: ./footfall.toml if there is one).")
    @click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set one setting; may be repeated.")
    @functools.wraps(command)
    def run(data: str | None, config: str | None, sets: tuple[str, ...], **arguments: Any) -> None:
        try:
            command(lambda flags=None: load(config, sets, {"data": data, **(flags or {})}), **arguments)
        except BrokenPipeError:
            raise  # who read it has had enough; click ends without a word
        except (*EXPECTED, OSError, EOFError, sqlite3.DatabaseError) as problem:
            raise click.ClickException(line_of(problem)) from None

    return run


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


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def prepare(part: str) -> None:
    """For a command that sees addresses, agents or keys: no core dump, no exception text with content."""
    harden()
    set_up_logs(part)
