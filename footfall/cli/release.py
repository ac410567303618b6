"""What is released: the log of a site's manifest, its check, what a day holds.

In: sites, days. Out: tables, or JSON. Promises: nothing is changed, and of an open day nothing is told but how it
stands and what it waits for.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import Any

import click
import msgspec

from schema.manifest import FOUR_WEEKS, WEEK

from ..control.instance import iso_date
from ..control.opening import opened
from ..errors import CannotDo
from . import release_text
from .options import Load, common, json_option

_FIRST, _LAST = "1970-01-01", "2149-06-06"  # of ClickHouse's Date
_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@click.group()
def release() -> None:
    """Released days: log, verify, show."""


@release.command()
@common
@click.argument("site")
@click.option("--from", "first", default=_FIRST, metavar="DATE", help="First day, YYYY-MM-DD (default: all).")
@click.option("--to", "last", default=_LAST, metavar="DATE", help="Last day, included (default: all).")
@json_option
def log(load_settings: Load, site: str, first: str, last: str, as_json: bool) -> None:
    """The manifest of SITE, entry by entry, the newest last; then the days that are open and the blocks that are not
    closed, and what they wait for."""
    with opened(load_settings()) as instance:
        told = instance.release_log(site, first, last)
    click.echo(msgspec.json.encode(told).decode() if as_json else release_text.log(told))


@release.command()
@common
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@json_option
def verify(load_settings: Load, sites: tuple[str, ...], as_json: bool) -> None:
    """Hold all released rows, and the manifest's chain, against their digests. Exit code 1 where any fails.

    Without SITE all of them. A chain's last digest stands for the whole of it: note it down elsewhere, and see whether
    the entry of that number still has it.
    """
    told: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    with opened(load_settings()) as instance:
        there = instance.release_sites()
        unknown = sorted(set(sites) - set(there))
        if unknown:
            known = ", ".join(there) or "none"
            raise CannotDo(f"site {unknown[0]!r}: nothing of it is released; there are {known}")
        chains = [instance.release_chain(site) for site in dict.fromkeys(sites or there)]
        months = sum(len(chain["months"]) for chain in chains)
        hidden = as_json or not months
        with click.progressbar(length=max(1, months), label="Verifying", file=sys.stderr, hidden=hidden) as bar:
            for chain in chains:
                faults += chain.pop("faults")
                for month in chain.pop("months"):
                    faults += instance.release_faults(chain["site"], month)
                    bar.update(1)
                told.append(chain)
    if as_json:
        click.echo(msgspec.json.encode({"sites": told, "faults": faults}).decode())
    else:
        click.echo(release_text.verified(told, faults))
    if faults:
        click.get_current_context().exit(1)


@release.command()
@common
@click.argument("site")
@click.argument("days", metavar="DAY|WEEK")
@json_option
def show(load_settings: Load, site: str, days: str, as_json: bool) -> None:
    """What was released of a day of SITE (2026-11-23), or of a week (2026-W48), its days and its four weeks: by which
    rules, and how many values have rows of their own; of an open day since when it is, and what it waits for."""
    asked = _days(days)
    with opened(load_settings()) as instance:
        told = [instance.release_day(site, day.isoformat()) for day in asked]
        if len(asked) > 1:
            told += [instance.release_block(site, asked[0].isoformat(), span) for span in (WEEK, FOUR_WEEKS)]
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        click.echo(release_text.day(told[0]) if len(told) == 1 else release_text.week(days, told))


def _days(text: str) -> list[dt.date]:
    """The days of a day or of a week as ISO 8601 has it. Raises CannotDo."""
    week = _WEEK.fullmatch(text)
    if week is None:
        return [iso_date(text)]
    try:
        return [dt.date.fromisocalendar(int(week[1]), int(week[2]), number) for number in range(1, 8)]
    except ValueError:
        raise CannotDo(f"week {text!r}: there is no such week") from None
