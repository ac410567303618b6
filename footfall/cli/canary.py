"""The canary as a command: an operator proves on his own machine that nothing a visitor sends is kept.

In: the operator's settings. Out: what was searched and found; exit code 1 if anything was.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import msgspec
from msgspec import structs

from ..canary.journey import run
from ..errors import CannotDo, SettingsError
from .options import json_option, prepare


@click.command()
@click.option("--config", metavar="FILE", help="Settings file to prove (default: ./footfall.toml if there is one).")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set one setting; may be repeated.")
@click.option("--data", metavar="DIR", help="Where to make the scratch directory (default: the system's).")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other marks.")
@json_option
def canary(config: str | None, sets: tuple[str, ...], data: str | None, seed: int, as_json: bool) -> None:
    """Send marked visitors through an instance of its own with your settings, and search every byte for the marks.

    Load, parse errors, kill -9, restart, withdrawal, import, a refused row, key rotation, backup. About a minute.
    """
    prepare("canary")
    with tempfile.TemporaryDirectory(prefix="footfall-canary-", dir=data) as place:
        try:
            finding = run(Path(place), config, sets, seed, lambda name: click.echo(f"  {name}", err=True))
        except (RuntimeError, TimeoutError, OSError, SettingsError) as problem:
            raise click.ClickException(str(CannotDo(f"the canary could not fly: {problem}"))) from None
    if as_json:
        click.echo(msgspec.json.encode({**structs.asdict(finding), "silent": finding.silent}).decode())
    else:
        click.echo(
            f"{finding.events} events stored, {finding.marks} marks; {finding.searched / 1e6:.1f} MB and every column "
            f"searched; {finding.forms_found} of {finding.forms_planted} planted forms found"
        )
        for mark, where in finding.hits:
            click.echo(f"FOUND {mark} in {where}")
        click.echo("silent: nothing a visitor sent is kept" if finding.silent else "the canary speaks")
    if not finding.silent:
        raise SystemExit(1)
