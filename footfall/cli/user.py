"""The people who may sign in: add, invite, list, give a role, reset, remove; and the log of what was done.

In: a name, a role, a site. Out: a link that holds once; tables. Promises: works on the data directory alone, whether
Footfall runs or not; a running one knows of the change with the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.audit import Entry
from dashboards.accounts.people import Person
from dashboards.accounts.policy import EVERY_SITE, Role
from dashboards.accounts.user_names import AccountRefused

from ..control.opening import settings_in_force
from ..data_directory import accounts, refuse_missing
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.listening import dashboards_url
from ..tables import moment_of
from .options import Load, agreed, common, json_option, listed
from .tokens import key_of

_role_option = click.option(
    "--role", required=True, type=click.Choice([*Role], case_sensitive=False), help="What they may do there."
)
_site_option = click.option("--site", default="", help="At which site (default: every one).")


@click.group()
def user() -> None:
    """The people who may sign in: add, invite, list, role, reset, remove, log."""


@user.command()
@common
@click.argument("name")
@_role_option
@_site_option
@json_option
def add(load_settings: Load, name: str, role: str, site: str, as_json: bool) -> None:
    """Make an account called NAME, and print a link with which they set a password, once, within 24 hours."""
    with _opened(load_settings, site) as (settings, people, key):
        token = people.people.add(name, Role(role), key)
    _tell(_link(settings, f"sign-in/{token}"), {"name": name.strip(), "role": role, "site": key}, as_json)


@user.command()
@common
@_role_option
@_site_option
@json_option
def invite(load_settings: Load, role: str, site: str, as_json: bool) -> None:
    """Print a link with which somebody makes an account of a name they choose, once, within seven days."""
    with _opened(load_settings, site) as (settings, people, key):
        token = people.people.invite(Role(role), key)
    _tell(_link(settings, f"invitation/{token}"), {"role": role, "site": key}, as_json)


@user.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """Who may sign in, with which roles, and whether there is a second factor."""
    with _opened(load_settings) as (_, people, _):
        found = [_row(one) for one in people.people.all()]
    listed(found, as_json, _line, "nobody yet; `footfall sign-in` prints a link for the first owner")


@user.command()
@common
@click.argument("name")
@click.argument("role", type=click.Choice([*Role, "none"], case_sensitive=False))
@_site_option
@json_option
def role(load_settings: Load, name: str, role: str, site: str, as_json: bool) -> None:
    """Give NAME that ROLE in place of the one before; none takes it away."""
    with _opened(load_settings, site) as (_, people, key):
        person = people.people.named(name)
        people.people.give(person.id, key, None if role == "none" else Role(role))
        told = _row(people.people.named(name))
    click.echo(msgspec.json.encode(told).decode() if as_json else _line(told))


@user.command()
@common
@click.argument("name")
@click.option("--second-factor", is_flag=True, help="Forget their second factor, too: they have lost it.")
@json_option
def reset(load_settings: Load, name: str, second_factor: bool, as_json: bool) -> None:
    """Sign NAME out everywhere, and print a link with which they set a new password, once, within 24 hours."""
    with _opened(load_settings) as (settings, people, _):
        token = people.people.reset(people.people.named(name).id, second_factor)
    _tell(_link(settings, f"sign-in/{token}"), {"name": name, "second_factor_forgotten": second_factor}, as_json)


@user.command()
@common
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(load_settings: Load, name: str, yes: bool, as_json: bool) -> None:
    """Delete all that is kept of NAME; in the log they are a number from then on."""
    with _opened(load_settings) as (_, people, _):
        person = people.people.named(name)
        agreed(yes, f"{name} would be signed out and removed, with roles, password and second factor, for good.")
        people.people.remove(person.id)
    click.echo(msgspec.json.encode({"removed": name, "id": person.id}).decode() if as_json else f"{name} is removed")


@user.command()
@common
@click.option("--site", default="", help="Only what was done about the roles of that site.")
@json_option
def log(load_settings: Load, site: str, as_json: bool) -> None:
    """What was done about accounts, the newest first: who, what, whom, at which site."""
    with _opened(load_settings, site) as (_, people, key):
        found = people.audit.entries(key)
    rows = [msgspec.to_builtins(one) | {"at": moment_of(one.at)} for one in found]
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
    else:
        listed(found, False, _told, "nothing yet")


@contextmanager
def _opened(load_settings: Callable[..., Settings], site: str = "") -> Iterator[tuple[Settings, Accounts, str]]:
    """The settings, the accounts, and the key of the site; EVERY_SITE where none is named."""
    settings = settings_in_force(load_settings())
    key, is_known = key_of(settings, site) if site else (EVERY_SITE, True)
    refuse_missing(settings)
    if not is_known:
        raise CannotDo(f"site {site!r} is not one of the settings; add it there, or start `footfall up --site {site}`")
    people = accounts(settings)
    try:
        yield settings, people, key
    except AccountRefused as problem:
        raise CannotDo(str(problem)) from None
    finally:
        people.close()


def _link(settings: Settings, path: str) -> str:
    return f"{dashboards_url(settings)}/{path}"


def _tell(link: str, about: dict[str, Any], as_json: bool) -> None:
    click.echo(msgspec.json.encode(about | {"link": link}).decode() if as_json else link)


def _row(one: Person) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "since": moment_of(one.since) if one.since else None,
        "has_password": one.has_password,
        "second_factor": one.second,
        "roles": dict(one.rights),
    }


def _line(row: dict[str, Any]) -> str:
    roles = ", ".join(
        f"{role} of {'every site' if site == EVERY_SITE else site}" for site, role in row["roles"].items()
    )
    besides = ["" if row["has_password"] else "no password yet", "second factor" if row["second_factor"] else ""]
    return "  ".join(filter(None, (row["name"] or f"user {row['id']}", roles or "no role", *besides)))


def _told(one: Entry) -> str:
    where = "every site" if one.site == EVERY_SITE else one.site
    return "  ".join(filter(None, (moment_of(one.at), one.who, one.what, one.whom, one.role, where)))
