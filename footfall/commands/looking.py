"""Looking: stats, settings, check, anonymize.

In: a question. Out: a table, or JSON.
"""

from __future__ import annotations

import datetime as dt
import time

import click
import msgspec

from collector.beacon import Beacon
from collector.keys import in_ram, read_journal
from collector.settings import PRESETS
from collector.sharing import finding_of, read_sharing, remedy_of, summed
from collector.steps import Client
from pipeline.release import ahead_of_time
from schema.event import PAGEVIEW
from schema.site import local_day
from schema.store import StoreError

from .. import explain, intake, preview
from ..databases import places_of
from ..engine import CannotDo, StatsRequest, iso_date, opened
from ..paths import key_directory, key_journal
from ..settings import Settings, describe
from .options import Load, common, json_option

# A spool reports every other second; its store may be away for a while.
_BEHIND_S = 15 * 60


@click.command()
@common
@click.argument("site")
@click.option("--from", "first", metavar="DATE", help="First day, YYYY-MM-DD (default: 29 days before --to).")
@click.option("--to", "last", metavar="DATE", help="Last day, included (default: today).")
@click.option("--by", default="", metavar="DIMENSION", help="Split by page, source, country, goal, day, hour, vital …")
@click.option("--filter", "filters", multiple=True, metavar="TEXT", help="Such as page==/pricing; may be repeated.")
@click.option("--limit", default=1000, show_default=True, help="At most so many rows.")
@json_option
def stats(
    load_settings: Load,
    site: str,
    first: str | None,
    last: str | None,
    by: str,
    filters: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Statistics of SITE, from the running instance or straight from the store."""
    with opened(load_settings()) as house:
        zone = intake.rules_of(house.settings, site).site.timezone
        last = last or local_day(zone, dt.datetime.now(dt.UTC).timestamp()).date.isoformat()
        first = first or (iso_date(last) - dt.timedelta(days=29)).isoformat()
        answer = house.stats(StatsRequest(site, first, last, by, filters, limit))
    click.echo(msgspec.json.encode(answer).decode() if as_json else explain.stats_table(answer))


@click.command()
@common
@json_option
def settings(load_settings: Load, as_json: bool) -> None:
    """Every setting: its value, where it comes from, what it means."""
    rows = describe(load_settings())
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        departs = f", departs from {row['departs_from']}" if row["departs_from"] else ""
        click.echo(f"{row['name']} = {row['value']}   ({row['origin']}{departs})\n    {row['meaning']}")


@click.group(invoke_without_command=True)
@common
@json_option
def check(load_settings: Load, as_json: bool) -> None:
    """Check the settings, the store, the spool and the keys; exit 1 if something is wrong."""
    if click.get_current_context().invoked_subcommand:
        return
    settings = load_settings()
    findings: list[tuple[str, bool, str]] = [("settings", True, "are valid")]
    try:
        with opened(settings) as house:
            status = house.status()
            settings = house.settings
        findings.append(("store", True, f"{status['store']} answers, ClickHouse {status['version']}"))
    except (StoreError, CannotDo) as problem:
        status = {}
        findings.append(("store", False, str(problem)))
    findings += _watermarks({row["spool"]: row["received_through"] for row in status.get("spools", [])})
    findings.append(("spool", *state_of_spools(settings)))
    findings += _addresses(settings)
    quarantined = sum(1 for _ in (settings.directory / "quarantine").glob("*.event"))
    findings.append(("quarantine", not quarantined, f"{quarantined} event(s)"))
    directory = key_directory(settings)
    there = directory.exists()
    findings.append(
        ("keys", not there or in_ram(directory), f"{directory} {'exists' if there else 'is made at start'}")
    )
    journal = read_journal(key_journal(settings))
    destroyed = [entry for entry in journal if entry["what"] == "destroyed"]
    if destroyed:
        last = destroyed[-1]
        findings.append(("last key destroyed", True, f"{last['site']} {last['day']}"))
    good = all(ok for _, ok, _ in findings)
    if as_json:
        checks = [{"check": name, "ok": ok, "finding": text} for name, ok, text in findings]
        click.echo(msgspec.json.encode({"ok": good, "checks": checks, "status": status}).decode())
    else:
        for name, ok, text in findings:
            click.echo(f"{'ok ' if ok else 'BAD'}  {name}: {text}")
        for row in status.get("raw", []):
            click.echo(f"     {row['site']}: {row['rows']} raw events, the last at {row['last_event']} UTC")
        for row in status.get("last_24_hours", []):
            click.echo(f"     {row['site'] or '(no site)'}: {row['count']} {row['reason']} in the last 24 hours")
    if not good:
        raise SystemExit(1)


def state_of_spools(settings: Settings) -> tuple[bool, str]:
    """Whether every file of the spools can be read, and how many wait."""
    spool = settings.directory / "spool"
    waiting = sum(1 for _ in spool.glob("*/*.sealed"))
    bad = sum(1 for _ in spool.glob("*/*.bad"))
    return not bad, f"{waiting} file(s) waiting, {bad} set aside as unreadable"


def _addresses(settings: Settings) -> list[tuple[str, bool, str]]:
    """Behind which proxies all are one visitor."""
    header = settings.collector.address_header
    certain = [one for one in summed(read_sharing(key_directory(settings), time.time())) if one.is_certain]
    return [("addresses", False, f"{finding_of(one, header)}: {remedy_of(one, header)}") for one in certain]


def _watermarks(marks: dict[str, int]) -> list[tuple[str, bool, str]]:
    """What keeps days from closing, or makes them look complete before they are."""
    ahead = ahead_of_time(marks, time.time())
    latest = max(marks.values(), default=0)
    behind = [spool for spool, second in marks.items() if second < latest - _BEHIND_S]
    findings = [("clock", not ahead, f"ahead when {', '.join(ahead)} reported" if ahead else "agrees with the spools")]
    if behind:
        findings.append(("spools", False, f"{', '.join(behind)} held back for long: no day closes before they report"))
    return findings if marks else []


@click.command()
@common
@click.option("--ip", required=True, help="The visitor's address.")
@click.option("--ua", required=True, help="The visitor's agent string.")
@click.option("--url", required=True, help="The page's URL.")
@click.option("--referrer", default="", help="The referring page's URL.")
@click.option("--language", default="", help="The Accept-Language header.")
@click.option("--time-zone", default="", help="The browser's time zone, such as Europe/Berlin.")
@click.option("--width", default=0, help="The screen's width.")
@click.option("--site", default="", help="With the settings of this site.")
@click.option(
    "--preset",
    "presets",
    multiple=True,
    type=click.Choice(list(PRESETS)),
    help="With this preset and nothing else; several are shown side by side.",
)
@json_option
def anonymize(
    load_settings: Load,
    ip: str,
    ua: str,
    url: str,
    referrer: str,
    language: str,
    time_zone: str,
    width: int,
    site: str,
    presets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what one request would be reduced to, field by field. Nothing is stored."""
    settings = load_settings()
    beacon = Beacon(PAGEVIEW, url, (), referrer=referrer, width=width, time_zone=time_zone)
    client = Client(ip, ua, language)
    answer = preview.before_and_after(settings, places_of(settings), beacon, client, site, presets)
    click.echo(msgspec.json.encode(answer).decode() if as_json else preview.before_and_after_table(answer))
