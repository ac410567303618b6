"""What every command has in common: --data, --config, --set, --json, and errors told in one line.

In: a function that takes a loader of settings first. Out: a click command's body.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from collector.access_log.unreadable import Unreadable
from collector.keys import KeysOnDisk
from pipeline.spool_file import SpoolTaken
from schema.migrate import MigrationChanged, WrittenByNewer
from schema.store import StoreError

from ..engine import CannotDo
from ..process import CannotStart, harden, set_up_logs
from ..settings import Settings, SettingsError, load
from ..stamp import StampUnreadable

_EXPECTED = (
    SettingsError,
    CannotDo,
    CannotStart,
    StoreError,
    MigrationChanged,
    WrittenByNewer,
    StampUnreadable,
    KeysOnDisk,
    SpoolTaken,
    Unreadable,
)

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
        except _EXPECTED as problem:
            raise click.ClickException(str(problem)) from None
        except (OSError, EOFError) as problem:
            raise click.ClickException(_of_a_file(problem)) from None

    return run


def _of_a_file(problem: OSError | EOFError) -> str:
    """What was wrong with a file: its name and the system's words, which quote nothing of its content."""
    if isinstance(problem, OSError) and problem.filename:
        return f"{problem.filename}: {problem.strerror}"
    if isinstance(problem, EOFError):
        return "a compressed file ends early: it was cut off, or is still being written"
    return f"{type(problem).__name__}: {problem.strerror or 'cannot be used'}"


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def prepare(part: str) -> None:
    """For a command that sees addresses, agents or keys: no core dump, no exception text with content."""
    harden()
    set_up_logs(part)
