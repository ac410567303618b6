"""The lab: what settings cost in privacy and in accuracy, before they go live.

In: an access log or synthetic visits, sets of settings. Out: a table, JSON, a page. Promises: nothing of what is read
is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.anonymization import PRESETS
from collector.diagnostics.shadow_publisher import read_shadow
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.wire.access_log.lines import STDIN
from collector.wire.access_log.reader import Log, Reading

from ..databases import geo_database_of
from ..errors import CannotDo
from ..importing.access_log import check_readable
from ..importing.intake import rules_of
from ..lab import page, report, sample, trial
from ..lab.candidates import candidates
from ..lab.releasing import Releasing
from ..lab.store import store_in_ram
from ..settings import Settings
from .options import Load, common, json_option, prepare, progress

# A log's first line that can be read tells where the file belongs; one that starts with so much else is no log.
_LINES_TRIED = 1000
# What a log is called of which no site is named.
_NO_SITE = "lab.invalid"


@click.command(name="lab")
@common
@click.option(
    "--log", "files", multiple=True, metavar="FILE", help="An access log (also compressed, or -); may be repeated."
)
@click.option("--format", "log_format", default="", metavar="TEXT", help="The log's format, as the server's settings.")
@click.option("--sample", "synthetic", is_flag=True, help="Measure synthetic visits instead of a log.")
@click.option("--days", type=click.IntRange(1, 366), default=sample.DAYS, show_default=True, help="Of so many days.")
@click.option(
    "--visits",
    type=click.IntRange(1, 100_000),
    default=sample.VISITS_PER_DAY,
    show_default=True,
    help="About so many visits a day.",
)
@click.option("--shadow", is_flag=True, help="Show what shadow mode has found out on live traffic.")
@click.option("--site", help="The site whose settings and time zone hold (default: the only one, or none).")
@click.option("--preset", "presets", multiple=True, type=click.Choice(list(PRESETS)), help="Compare this preset.")
@click.option(
    "--candidate", "texts", multiple=True, metavar="TEXT", help='Compare "name: visitor_address=full, ipv4_bits=16".'
)
@click.option("--k", "ks", multiple=True, type=click.IntRange(2, 10_000), help="Release at this k (default: 2, 5, 10).")
@json_option
@click.option("--html", "html", metavar="FILE", help="Write the report as a page of its own.")
def lab(
    load_settings: Load,
    files: tuple[str, ...],
    log_format: str,
    synthetic: bool,
    days: int,
    visits: int,
    shadow: bool,
    site: str | None,
    presets: tuple[str, ...],
    texts: tuple[str, ...],
    ks: tuple[int, ...],
    as_json: bool,
    html: str | None,
) -> None:
    """Compare sets of anonymization settings on an access log or on synthetic visits. Nothing is stored."""
    if bool(files) + synthetic + shadow != 1:
        raise CannotDo("lab: name one or more --log FILE, or --sample, or --shadow")
    prepare("lab")
    settings = load_settings()
    if shadow:
        entries = _published(settings, site)
        click.echo(msgspec.json.encode(entries).decode() if as_json else report.shadow_text(entries))
        return
    rules = rules_of(settings, site or (settings.sites[0].key if len(settings.sites) == 1 else _NO_SITE))
    chosen = candidates(rules.anonymization, list(dict.fromkeys(presets)), texts)
    proxies = Proxies(settings.collector.trusted_proxies)
    reading = Reading(rules, rules.site in settings.sites, proxies, format=log_format)
    sent: Iterable[trial.Sent | Reason] = (
        sample.beacons(rules.site.timezone, days, visits) if synthetic else _requests(files, reading)
    )
    geo_database = geo_database_of(settings)
    tried = sorted(set(ks)) or (2, 5, 10)
    try:
        with store_in_ram() as store:
            releasing = Releasing(store, rules.site, chosen, tried, settings.release.bound)
            progress("reading, once for each set of settings")
            experiment = trial.run(sent, chosen, rules, geo_database, tried, releasing.take)
            if not experiment.days:
                raise CannotDo("lab: there was no page view in what was read")
            for outcome, released in zip(experiment.outcomes, releasing.finish(progress), strict=True):
                outcome.released = released
    finally:
        geo_database.close()
    if html:
        Path(html).write_text(page.html_of(experiment, _source(files, days)), encoding="utf-8")
    click.echo(msgspec.json.encode(report.plain(experiment)).decode() if as_json else report.text_of(experiment))


def _requests(files: Sequence[str], reading: Reading) -> Iterator[trial.Sent | Reason]:
    """What the lines ask for, file by file, the oldest first: a shell lists access.log before access.log.1."""
    check_readable(files)
    for file in files if len(files) == 1 else sorted(files, key=lambda file: _begin(file, reading)):
        yield from Log(file, reading)


def _begin(file: str, reading: Reading) -> int:
    if file == STDIN:
        raise CannotDo("--log -: standard input is read alone, without other files")
    read = itertools.islice(Log(file, reading), _LINES_TRIED)
    return next((outcome[2] for outcome in read if not isinstance(outcome, Reason)), 0)


def _source(files: Sequence[str], days: int) -> str:
    return ", ".join(Path(file).name for file in files) if files else f"{days} days of synthetic visits"


def _published(settings: Settings, site: str | None) -> list[dict[str, Any]]:
    """What shadow mode has published, the last days last."""
    entries = read_shadow(settings.directory / "shadow.jsonl")
    return [entry for entry in entries if site is None or entry["site"] == site]
