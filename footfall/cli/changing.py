"""Changing what is stored: migrate, import, demo.

In: files or a seed. Out: a summary.
"""

from __future__ import annotations

import datetime as dt
import os

import click
import msgspec

from schema.migrate import USERS, create_users, migrate
from schema.site import local_day

from .. import demo
from ..control.opening import opened
from ..data_directory import open_store
from ..databases import places_of
from ..errors import CannotDo
from ..importing import intake
from ..supervisor.stamp import write_stamp
from . import summaries
from .options import Load, common, json_option


@click.command(name="migrate")
@common
@click.option(
    "--users",
    is_flag=True,
    help="Also make the server's least-privilege users, with passwords from FOOTFALL_WRITER_PASSWORD, "
    "FOOTFALL_PIPELINE_PASSWORD and FOOTFALL_DASHBOARDS_PASSWORD.",
)
@json_option
def migrate_(load_settings: Load, users: bool, as_json: bool) -> None:
    """Bring the store to the newest layout."""
    settings = load_settings()
    passwords = _user_passwords() if users else {}
    store = open_store(settings, make=True)
    try:
        applied = migrate(store)
        if settings.directory.is_dir():
            write_stamp(settings.directory)
        made = create_users(store, passwords) if users else []
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode({"applied": applied, "users": made}).decode())
    else:
        lines = [*(f"applied {name}" for name in applied), *(f"user {name}" for name in made)]
        click.echo("\n".join(lines) or "nothing to do")


def _user_passwords() -> dict[str, str]:
    """The passwords of the server's users, from the environment."""
    variables = {user: f"{user.upper()}_PASSWORD" for user in USERS}
    missing = [variable for variable in variables.values() if not os.environ.get(variable)]
    if missing:
        raise CannotDo(f"--users: {', '.join(missing)} not set; put a password for each user into the environment")
    return {user: os.environ[variable] for user, variable in variables.items()}


@click.command(name="demo")
@common
@click.option("--days", default=30, show_default=True, help="How many days.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last of the days (default: yesterday).")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same visits.")
@click.option("--site", default="demo", show_default=True, help="The site to fill.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo_(load_settings: Load, days: int, until: dt.datetime | None, seed: int, site: str, as_json: bool) -> None:
    """Fill the demo site with synthetic visits, so that the first look is not empty."""
    with opened(load_settings(), make=True) as house:
        rules = intake.rules_of(house.settings, site)
        yesterday = local_day(rules.site.timezone, dt.datetime.now(dt.UTC).timestamp()).date - dt.timedelta(days=1)
        last = until.date() if until else yesterday
        if last > yesterday:
            raise CannotDo(f"--until {last}: allowed are days that are over, {yesterday} at the latest")
        if not as_json:
            click.echo(f"Sending {days} days of synthetic visits to {site} …", err=True)
        sent = demo.visits(seed, days, last, rules.site.timezone)
        summary = intake.run(house, rules, sent, places_of(house.settings), "demo")
    click.echo(msgspec.json.encode(summary).decode() if as_json else summaries.import_summary(summary))
