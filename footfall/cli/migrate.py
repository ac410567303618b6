"""The `migrate` command: the store in the newest layout.

In: settings, passwords of the server's users. Out: what was applied.
"""

from __future__ import annotations

import os

import click
import msgspec

from schema.migrate import USERS, create_users, migrate

from ..data_directory import open_store
from ..errors import CannotDo
from ..supervisor.stamp import write_stamp
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
