"""Links for people without an account: make one, list them, take one back.

In: a site, what the link shows. Out: an address, told once; a table. Promises: works on the data directory alone,
whether Footfall runs or not; one that is taken back is gone for the next request.
"""

from __future__ import annotations

from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

import click
import msgspec

from dashboards.sharing.shares import (
    FREE,
    MIN_PASSWORD,
    OF_PERIODS,
    PANELS,
    USUAL_PANELS,
    Share,
    ShareRefused,
    days_of,
    origin,
    refuse_segment,
)

from ..control.opening import settings_in_force
from ..data_directory import shares
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.listening import dashboards_url
from ..tables import moment_of
from .options import Load, common, json_option, listed


@click.group()
def share() -> None:
    """Links by which others see a part of a site's numbers: create, list, revoke."""


@share.command()
@common
@click.argument("site", nargs=-1, required=True)
@click.option("--title", default="", help="What stands above it (default: the site).")
@click.option("--segment", default="", help="Of whose visits: a segment of the site (default: of all).")
@click.option(
    "--panel", "panels", multiple=True, help=f"What it shows, repeated: {', '.join(PANELS)} (default: all but notes)."
)
@click.option(
    "--period", default=FREE, help=f"{', '.join(OF_PERIODS)}, or {FREE}: whoever looks chooses (default: {FREE})."
)
@click.option("--from", "first", default="", help="With --to: these days alone, as YYYY-MM-DD.")
@click.option("--to", "last", default="", help="With --from.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it holds (default: until revoked).")
@click.option(
    "--k", type=click.IntRange(1, 100_000), help="Nothing of fewer visitors is shown (default: twice release.k)."
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help=f"File with a password that it asks for, of at least {MIN_PASSWORD} characters.",
)
@click.option("--embed", "hosts", multiple=True, help="Host whose pages may have it in a frame; may be repeated.")
@json_option
def create(
    load_settings: Load,
    site: tuple[str, ...],
    title: str,
    segment: str,
    panels: tuple[str, ...],
    period: str,
    first: str,
    last: str,
    days: int | None,
    k: int | None,
    password_file: Path | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a link to SITE, or to several, and print its address, once. It shows days that are closed."""
    settings = settings_in_force(load_settings())
    keys = tuple(dict.fromkeys(_key_of(settings, one, segment) for one in site))
    password = _password(password_file) if password_file else ""
    try:
        of, begin, end = days_of(period, first, last)
        with closing(shares(settings)) as kept:
            wanted = Share(
                title=title or ", ".join(keys),
                sites=keys,
                segment=segment,
                panels=panels or USUAL_PANELS,
                period=of,
                first=begin,
                last=end,
                k=k or 0,
                expires=kept.after(days) if days else 0.0,
                hosts=tuple(map(origin, hosts)),
                has_password=bool(password),
            )
            token, made = kept.make(wanted, password)
    except ShareRefused as problem:
        raise CannotDo(str(problem)) from None
    address = f"{dashboards_url(settings)}/share/{token}"
    click.echo(msgspec.json.encode({"address": address, **_row(made)}).decode() if as_json else address)
    click.echo(
        f"The link {made.id} is not shown again; `footfall share revoke {made.id}` takes it back. Whoever has it sees "
        f"{', '.join(made.panels)} of {', '.join(keys)}.",
        err=True,
    )
    if hosts:
        named = escape(made.title)
        click.echo(f'<iframe src="{address}" title="{named}" width="100%" height="900"></iframe>', err=True)


@share.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """The links that hold, the latest first. Their addresses are not known any more."""
    with closing(shares(settings_in_force(load_settings()))) as links:
        found = [_row(one) for one in links.all()]
    listed(found, as_json, _line, "there are no links; `footfall share create SITE` makes one")


@share.command()
@common
@click.argument("id_", metavar="ID")
@json_option
def revoke(load_settings: Load, id_: str, as_json: bool) -> None:
    """Take the link of that ID back: from now on nobody sees anything by it."""
    with closing(shares(settings_in_force(load_settings()))) as links:
        was_there = links.revoke(id_)
    if not was_there:
        told = id_ if len(id_) <= 8 else "ID"  # not what may be a link's own secret
        raise CannotDo(f"{told}: there is no link of that id; `footfall share list` lists them")
    click.echo(msgspec.json.encode({"revoked": id_}).decode() if as_json else f"{id_} is revoked")


def _key_of(settings: Settings, name: str, segment: str) -> str:
    """The key of a site, which has that segment. Raises CannotDo."""
    found = settings.site_called(name)
    if found is None:
        known = ", ".join(site.key for site in settings.all_sites) or "none"
        raise CannotDo(f"site {name!r} is not in the settings: there are {known}")
    try:
        refuse_segment(found.key, found.segments, segment)
    except ShareRefused as problem:
        raise CannotDo(str(problem)) from None
    return found.key


def _password(path: Path) -> str:
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        raise CannotDo(f"{path}: there is no password in it")
    return found


def _row(one: Share) -> dict[str, Any]:
    """A link for programs."""
    told: dict[str, Any] = msgspec.to_builtins(one)
    expires = moment_of(int(one.expires)) if one.expires else None
    return {"id": told.pop("id"), **told, "made": moment_of(int(one.made)), "expires": expires}


def _line(row: dict[str, Any]) -> str:
    days = f"{row['first']} to {row['last']}" if row["first"] else row["period"]
    told = [row["id"], ", ".join(row["sites"]), row["title"], days, ", ".join(row["panels"])]
    told += [f"segment {row['segment']}"] * bool(row["segment"]) + ["with a password"] * row["has_password"]
    told += [f"until {row['expires']}"] if row["expires"] else []
    told += [f"in frames of {', '.join(row['hosts'])}"] if row["hosts"] else []
    return "  ".join(told)
