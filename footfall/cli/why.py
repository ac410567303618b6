"""Why an event is missing.

In: a running instance, and perhaps a site. Out: the last refusals and changes, as text or JSON.
"""

from __future__ import annotations

import time
from collections import Counter

import click
import msgspec

from collector.diagnostics.why import Entry
from schema.host import site_name

from ..control.opening import settings_in_force
from ..errors import CannotDo
from ..health import missing
from ..settings import Settings, SiteSettings
from ..supervisor.paths import key_directory
from .options import Load, common, json_option


@click.command()
@common
@click.argument("site", default="")
@click.option("--follow", is_flag=True, help="Go on, and print what comes until Ctrl-C.")
@json_option
def why(load_settings: Load, site: str, follow: bool, as_json: bool) -> None:
    """Why events are missing: the last refusals and changes of an hour, by reason, with nothing identifying."""
    settings = settings_in_force(load_settings())
    if not any(key_directory(settings).glob("why-*")):
        raise CannotDo(f"data = {str(settings.directory)!r}: no collector is running there; start `footfall up`")
    key = site_named(settings, site).key if site else ""
    found = missing.entries(settings, key)
    if as_json and not follow:
        click.echo(msgspec.json.encode([missing.plain(one) for one in found]).decode())
        return
    if not found and not follow:
        click.echo("Nothing was refused, dropped or changed in the last hour.")
    seen: Counter[Entry] = Counter()
    shared: set[tuple[str, str]] = set()
    while True:
        # The newest last, where the eye is.
        fresh = [one for one in (Counter(reversed(found)) - seen).elements() if _is_news(one, shared)]
        if as_json:
            for one in fresh:
                click.echo(msgspec.json.encode(missing.plain(one)).decode())
        else:
            click.echo("".join(f"{line}\n" for line in missing.lines(fresh)), nl=False)
        if not follow:
            break
        seen = Counter(found)
        time.sleep(1.0)
        found = missing.entries(settings, key)


def _is_news(one: Entry, shared: set[tuple[str, str]]) -> bool:
    """Of what only grows, the first is news. shared: what has been told of that."""
    if one.reason != missing.ONE_ADDRESS:
        return True
    told = (one.site, one.message.partition(" ")[2])
    is_news = told not in shared
    shared.add(told)
    return is_news


def site_named(settings: Settings, name: str) -> SiteSettings:
    """The site that a beacon of that name would count for. Raises CannotDo."""
    found = settings.site_called(name)
    if found is None:
        wanted = site_name(name)
        known = ", ".join(site.key for site in settings.all_sites) or "none"
        raise CannotDo(
            f"site {name!r} is not one of the settings: there are {known}; add it as a [[sites]] table with "
            f"key = {wanted!r}, or start `footfall up --site {wanted}`"
        )
    return found
