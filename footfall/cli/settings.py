"""The `settings` command: every setting, and where it comes from.

In: settings. Out: a line each, or JSON.
"""

from __future__ import annotations

import click
import msgspec

from ..settings import describe
from .options import Load, common, json_option


@click.command()
@common
@json_option
def settings(load_settings: Load, as_json: bool) -> None:
    """Every setting: its value, where it comes from, what it means."""
    rows = describe(load_settings())
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        departs = f", departs from {row['departs_from']}" if row["departs_from"] else ""
        click.echo(f"{row['name']} = {row['value']}   ({row['origin']}{departs})\n    {row['meaning']}")
