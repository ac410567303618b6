"""The tokens with which a site's own servers send events: make one, list them, take one back.

In: a site, an id. Out: a token, told once; a table. Promises: works on the data directory alone, whether Footfall runs
or not; a running one knows of the change within two seconds.
"""

from __future__ import annotations

import click
import msgspec

from collector.tokens import Tokens
from schema.host import site_name

from ..control.instance import ad_hoc_site
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.paths import control_path, token_file
from ..supervisor.stamp import refuse_newer
from ..tables import moment_of
from .options import Load, common, json_option
from .why import settings_in_force, site_named


@click.group()
def token() -> None:
    """Tokens with which a site's own servers send events: create, list, revoke."""


@token.command()
@common
@click.argument("site")
@click.option("--name", default="", help="What to call it, such as the server that will have it.")
@json_option
def create(load_settings: Load, site: str, name: str, as_json: bool) -> None:
    """Make a token for events of SITE and print it, once."""
    settings = load_settings()
    if control_path(settings).exists():
        settings = settings_in_force(settings)
        site_named(settings, site)  # a running Footfall knows which sites there are
    known = settings.collector_rules().get(site_name(site))
    key = known.site.key if known else ad_hoc_site(site).key
    id_, made = _of(settings).create(key, name)
    click.echo(msgspec.json.encode({"id": id_, "site": key, "name": name, "token": made}).decode() if as_json else made)
    click.echo(f"The token {id_} is for {key} and is not shown again; keep it on the server.", err=True)
    if known is None:
        click.echo(f"{key} is not in these settings: right only if `footfall up --site {key}` names it.", err=True)


@token.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """The tokens there are: id, site, name, since when. The tokens themselves are not known any more."""
    rows = [
        {"id": id_, "site": one.site, "name": one.name, "since": moment_of(one.since)}
        for id_, one in sorted(_of(load_settings()).all().items(), key=lambda item: (item[1].site, item[1].since))
    ]
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        click.echo("  ".join(part for part in row.values() if part))
    if not rows:
        click.echo("there are no tokens; `footfall token create SITE` makes one")


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
