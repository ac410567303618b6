"""The `plan` command: what changed settings would do, before they are applied.

In: settings, sites. Out: a text, or JSON. Promises: nothing is written into the store; numbers are of rows that the
rules would release, and none of an open day.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence

import click
import msgspec
import structlog

from pipeline.former import last_declared, once_set_up
from schema.host import site_name

from ..control.opening import in_force, opened_for_changes
from ..errors import CannotDo
from ..lab.store import store_in_ram
from ..plan.changes import Held, changes_of, held_by
from ..plan.planning import MOST_ROWS, Planned, Window, planned, read
from ..settings import Settings, load
from ..supervisor.paths import former_sites
from .options import Load, common, json_option, prepare, progress, with_sites
from .plan_text import in_words, text_of

_DAYS = 30


@click.command()
@common
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@click.option(
    "--against", metavar="FILE", help="Compare with this settings file (default: what runs, or was started last)."
)
@click.option(
    "--days",
    type=click.IntRange(1, 759),
    default=_DAYS,
    show_default=True,
    help="Look at the raw rows of so many days.",
)
@click.option(
    "--site", "flagged", multiple=True, metavar="DOMAIN", help="A website that `footfall up --site` is given, too."
)
@json_option
def plan(
    load_settings: Load, sites: tuple[str, ...], flagged: tuple[str, ...], against: str | None, days: int, as_json: bool
) -> None:
    """What the settings as they are written now would change of those in force: goals, funnels, sections, properties,
    pairs, segments, rules of release; and what becomes of the days whose raw rows are left. Nothing is changed."""
    prepare("plan")
    settings = with_sites(flagged, load_settings)
    before, after = _before(settings, against), held_by(settings)
    told = [Planned(key, changes_of(before.get(key), after.get(key))) for key in _chosen(sites, before, after)]
    told = [one for one in told if one.changes]
    there = [one for one in told if one.site in before and one.site in after]
    windows = _windows(settings, there, dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days))
    if windows:
        with store_in_ram() as store, _without_its_log():
            for place, one in enumerate(told):
                if one.site in windows:
                    held, window = (before[one.site], after[one.site]), windows.pop(one.site)
                    told[place] = planned(store, *held, one.changes, window, time.time(), progress)
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        click.echo(text_of([in_words(one, before.get(one.site), after.get(one.site)) for one in told]))


def _before(settings: Settings, against: str | None) -> dict[str, Held]:
    """What is in force: of a file, of the instance that runs, or of the last start."""
    if against is not None:
        return held_by(load(against))
    running = in_force(settings)
    if running is not None:
        return held_by(running)
    # Of these their rules of release are known, not what is anonymized how.
    path = former_sites(settings)
    known = {key: once_set_up(path, key) for key in sorted(last_declared(path))}
    if not known:
        raise CannotDo(
            f"data = {str(settings.directory)!r}: nothing was started there yet; name the settings to compare with: "
            "--against FILE"
        )
    return {key: Held(*one) for key, one in known.items() if one}


def _chosen(sites: Sequence[str], before: dict[str, Held], after: dict[str, Held]) -> list[str]:
    """Keys of the sites that are asked for. Raises CannotDo for one that is in neither."""
    there = list(dict.fromkeys([*after, *before]))
    if not sites:
        return there
    names = {name: key for held in (before, after) for key, one in held.items() for name in one.site.names}
    for site in sites:
        if site_name(site) not in names:
            raise CannotDo(f"site {site!r}: is neither in these settings nor in those in force: {', '.join(there)}")
    return list(dict.fromkeys(names[site_name(site)] for site in sites))


def _windows(settings: Settings, sites: Sequence[Planned], first: dt.date) -> dict[str, Window]:
    """What is left of each. It is read before the store in RAM is opened: one process has one embedded engine at a
    time. Raises CannotDo."""
    if not sites:
        return {}
    with opened_for_changes(settings) as instance:
        found = {one.site: read(instance, one.site, first, progress) for one in sites}
    for site, window in found.items():
        rows = sum(window.rows.values())
        if rows > MOST_ROWS:
            raise CannotDo(
                f"site {site!r}: {rows:,} raw rows of {len(window.rows)} days are more than fit into RAM with all that "
                f"is made of them ({MOST_ROWS:,}); name fewer --days"
            )
    return found


@contextlib.contextmanager
def _without_its_log() -> Iterator[None]:
    """What the pipeline notes of goals that it adds is true of the store in RAM only."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)
