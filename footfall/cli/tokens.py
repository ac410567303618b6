"""The tokens of sites, with which their own servers send events or programs read: make one, list them, take one back.

In: a site, an id. Out: a token, told once; a table. Promises: works on the data directory alone, whether Footfall runs
or not; a running one knows of the change within two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click
import msgspec

from collector.tokens import EVERY_SITE, Token, Tokens
from dashboards.accounts.policy import Action, may
from dashboards.accounts.user_names import AccountRefused
from schema.host import site_name

from ..control.instance import ad_hoc_site
from ..control.opening import settings_in_force
from ..data_directory import accounts
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.paths import account_file, control_path, token_file
from ..supervisor.stamp import refuse_newer
from ..tables import moment_of
from .options import Load, common, json_option
from .why import site_named

PER_HOUR = 600


@click.group()
def token() -> None:
    """Tokens of sites, with which servers send events or programs read numbers: create, list, revoke."""


@token.command()
@common
@click.argument("site", default="")
@click.option("--name", default="", help="What to call it, such as the server that will have it.")
@click.option("--read", is_flag=True, help="For reading numbers by the JSON interface, not for sending events.")
@click.option("--all", "every", is_flag=True, help="With --read: of every site, in place of SITE.")
@click.option("--days", type=click.IntRange(1, 3650), help="With --read: how long it holds (default: until revoked).")
@click.option(
    "--per-hour",
    type=click.IntRange(1, 36_000),
    help=f"With --read: how many questions an hour it is good for (default: {PER_HOUR}).",
)
@click.option("--user", default="", metavar="NAME", help="With --read: for whom; it reads no more than they may.")
@json_option
def create(
    load_settings: Load,
    site: str,
    name: str,
    read: bool,
    every: bool,
    days: int | None,
    per_hour: int | None,
    user: str,
    as_json: bool,
) -> None:
    """Make a token of SITE and print it, once: for sending events, or with --read for reading numbers."""
    _refuse_contradictions(site, read, every, days, per_hour, user)
    settings = load_settings()
    key, is_known = (EVERY_SITE, True) if every else key_of(settings, site)
    if read:
        maker = _maker(settings, user, key) if user else 0
        id_, made = _of(settings).create_reading(key, name, 86_400 * (days or 0), per_hour or PER_HOUR, maker)
    else:
        id_, made = _of(settings).create(key, name)
    told = {"id": id_, "site": key, "name": name, "token": made}
    click.echo(msgspec.json.encode(told).decode() if as_json else made)
    where, what = ("with the program that asks", "reads") if read else ("on the server", "is for")
    whose = "every site" if every else key
    click.echo(f"The token {id_} {what} {whose} and is not shown again; keep it {where}.", err=True)
    if not is_known:
        click.echo(f"{key} is not in these settings: right only if `footfall up --site {key}` names it.", err=True)


def _refuse_contradictions(
    site: str, read: bool, every: bool, days: int | None, per_hour: int | None, user: str
) -> None:
    if bool(site) == every:
        raise CannotDo("name one SITE" if every or read else "name the SITE whose events the token is for")
    given = {"--all": every, "--days": days, "--per-hour": per_hour, "--user": user}
    wrong = [option for option, value in given.items() if value]
    if wrong and not read:
        raise CannotDo(f"{wrong[0]} is of a token that reads: say --read, too")


def key_of(settings: Settings, site: str) -> tuple[str, bool]:
    """The key of the site that is called so, and whether the settings have it. Raises CannotDo."""
    if control_path(settings).exists():
        settings = settings_in_force(settings)
        site_named(settings, site)  # a running Footfall knows which sites there are
    known = settings.collector_rules().get(site_name(site))
    return (known.site.key, True) if known else (ad_hoc_site(site).key, False)


@token.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """The tokens there are: id, site, name, since when, what for. The tokens themselves are not known any more."""
    settings = load_settings()
    kept = sorted(_of(settings).all().items(), key=lambda item: (item[1].site or item[1].reads, item[1].since))
    used, names = _known(settings)
    rows = [_row(id_, one, used.get(id_), names) for id_, one in kept]
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for (_, one), row in zip(kept, rows, strict=True):
        whose = "every site" if one.reads == EVERY_SITE else row["site"]
        click.echo("  ".join(filter(None, (row["id"], whose, row["name"], row["since"], _said(one, row)))))
    if not rows:
        click.echo("there are no tokens; `footfall token create SITE` makes one")


def _known(settings: Settings) -> tuple[Mapping[str, str], Mapping[int, str]]:
    """The day of each token's last question, and people by their numbers. Who only looks makes no file."""
    if not account_file(settings).exists():
        return {}, {}
    with closing(accounts(settings)) as people:
        return people.token_days.all(), {one.id: one.name for one in people.people.all()}


def _maker(settings: Settings, name: str, site: str) -> int:
    """The number of a person. Raises CannotDo where he is not there, or may not read what the token would."""
    with closing(accounts(settings)) as people:
        try:
            person = people.people.named(name)
        except AccountRefused as problem:
            raise CannotDo(str(problem)) from None
    if not may(person, Action.READ, None if site == EVERY_SITE else site):
        raise CannotDo(f"{name} may not read {site}: `footfall user role {name} viewer --site {site}` lets them")
    return person.id


def _row(id_: str, one: Token, used: str | None, names: Mapping[int, str]) -> dict[str, Any]:
    """A token for programs. site: EVERY_SITE is all of them. used: the day of its last question."""
    row = {"id": id_, "site": one.site or one.reads, "name": one.name, "since": moment_of(one.since)}
    expires = moment_of(one.expires) if one.expires else None
    user = names.get(one.maker, "somebody who is gone") if one.maker else None
    told = {"reads": bool(one.reads), "expires": expires, "per_hour": one.per_hour or None}
    return row | told | {"user": user, "last_used": used}


def _said(one: Token, row: Mapping[str, Any]) -> str:
    """What a token that reads is good for, for people."""
    if not one.reads:
        return ""
    until = ""
    if one.expires:
        until = f", {'expired' if one.has_expired(time.time()) else 'until'} {moment_of(one.expires)}"
    whose = f", of {row['user']}" if row["user"] else ""
    return f"reads{whose}, {one.per_hour} questions an hour{until}, last used {row['last_used'] or 'never'}"


@token.command()
@common
@click.argument("id_", metavar="ID")
@json_option
def revoke(load_settings: Load, id_: str, as_json: bool) -> None:
    """Take the token of that ID back."""
    if not _of(load_settings()).revoke(id_):
        raise CannotDo(f"{_told(id_)}: there is no token of that id; `footfall token list` lists them")
    click.echo(msgspec.json.encode({"revoked": id_}).decode() if as_json else f"{id_} is revoked")


def _of(settings: Settings) -> Tokens:
    refuse_newer(settings.directory)
    return Tokens(token_file(settings))


def _told(id_: str) -> str:
    """What was given for an id. Not if it may be a token: that is said nowhere."""
    return id_ if len(id_) <= 8 else "ID"
