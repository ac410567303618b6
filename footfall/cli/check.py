"""Checking the instance; and one site: its settings, the last event, and the lines to paste.

In: a data directory, or a site of the settings. Out: findings with a remedy each, as text or JSON; exit code 1 if one
is bad, 2 if one is a warning. Promises: nothing is fetched but what listens on this machine; nothing is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click
import msgspec
from click.core import ParameterSource
from msgspec import structs

from collector.edge.tracker_scripts import script_of
from collector.enrich.site_filter import SiteFilter, site_filter_of
from dashboards.stats.released import enough_for_a_day
from dashboards.web.format import codes_instead
from pipeline.settings import SiteRules
from schema.segment import Segment
from schema.site import Goal

from ..control.checkup import look
from ..health import missing
from ..health.finding import BAD, EXIT_CODES, NOTE, OK, WARNING, Finding, as_lines, as_one_line, worst
from ..settings import Settings, SiteSettings
from ..supervisor.listening import public_url, url_at
from ..supervisor.stamp import refuse_newer
from .options import Load, common, json_option, prepare
from .why import site_named

# What of the instance a site depends on.
_OF_THE_INSTANCE = frozenset({"store", "running", "process", "worker", "answers", "keys", "spool"})
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
# Fewer events than so many times k may well be fewer than k people.
_FEW = 20
_SHOWN = 5


@click.group(invoke_without_command=True)
@common
@click.option("--line", "as_line", is_flag=True, help="Print one line, for a monitor.")
@click.option("--only-bad", is_flag=True, help="Exit with 0 where there are warnings only.")
@json_option
def check(load_settings: Load, as_line: bool, only_bad: bool, as_json: bool) -> None:
    """Check the instance: processes, jobs, store, disk, spool, keys. Exit 0 if all is well, 1 if something is bad, 2 if
    there is a warning."""
    context = click.get_current_context()
    if context.invoked_subcommand:
        early = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if early:
            raise click.UsageError(f"write the options behind `{context.command_path} {context.invoked_subcommand}`")
        return
    # What libraries and the store would log belongs on standard error, and without content.
    prepare("check")
    looked = look(load_settings())
    findings, status = [Finding("settings", OK, "are valid"), *looked.findings], looked.status
    state = worst(findings)
    if as_json:
        checks = [{"ok": one.state in (OK, NOTE), **structs.asdict(one)} for one in findings]
        told = {"ok": state == OK, "state": state, "checks": checks, "status": status}
        click.echo(msgspec.json.encode(told).decode())
    elif as_line:
        click.echo(as_one_line(findings))
    else:
        click.echo("\n".join(as_lines(findings)))
        for row in status.get("raw", []):
            click.echo(f"     {row['site']}: {row['rows']} raw events, the last at {row['last_event']} UTC")
        for row in status.get("last_24_hours", []):
            click.echo(f"     {row['site'] or '(no site)'}: {row['count']} {row['reason']} in the last 24 hours")
    if state == BAD or (state == WARNING and not only_bad):
        raise SystemExit(EXIT_CODES[state])


@check.command(name="site")
@common
@click.argument("site")
@json_option
def check_site(load_settings: Load, site: str, as_json: bool) -> None:
    """Check one SITE: settings, the instance, its last event. Print the lines to paste. Exit 1 if something is bad, 2
    if there is a warning."""
    prepare("check")
    given = load_settings()
    refuse_newer(given.directory)
    looked = look(given)
    settings, status = looked.settings, looked.status
    findings = [one for one in looked.findings if one.check in _OF_THE_INSTANCE]
    mine = site_named(settings, site)
    findings += [*_of_settings(settings, mine, status), *_of_events(status, mine, settings.rules_of(mine))]
    findings += _of_addresses(settings, mine)
    seen = missing.entries(settings, mine.key)
    reasons = {row["reason"]: row["count"] for row in status.get("last_24_hours", []) if row["site"] == mine.key}
    state = worst(findings)
    paste = to_paste(settings, mine)
    if as_json:
        told: dict[str, Any] = {
            "ok": state == OK,
            "state": state,
            "site": mine.key,
            "checks": findings,
            "last_24_hours": reasons,
        }
        told["missing"] = [missing.plain(one) for one in seen]
        click.echo(msgspec.json.encode(told | paste).decode())
    else:
        click.echo("\n".join(_as_text(findings, reasons, missing.lines(seen[:_SHOWN]), paste)))
    if state != OK:
        raise SystemExit(EXIT_CODES[state])


def to_paste(settings: Settings, site: SiteSettings) -> dict[str, str]:
    """The tag for the pages, the same with its bytes pinned, and what a Content-Security-Policy has to allow."""
    base = _base(settings)
    name, script = site.name_on_pages, script_of("script")
    parts = urlsplit(base)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {
        "tag": site.script_tag(base),
        "pinned_tag": f'<script defer data-domain="{name}" src="{base}{script.path}" integrity="{script.integrity}" '
        'crossorigin="anonymous"></script>',
        "csp": f"script-src {origin}; connect-src {origin}",
    }


# -- what is looked at ---------------------------------------------------------------------------------------------


def _of_settings(settings: Settings, site: SiteSettings, status: dict[str, Any]) -> Iterator[Finding]:
    mine, site_filter = settings.anonymity_of(site), site_filter_of(site.hosts, site.exclude)
    now = dt.datetime.now(ZoneInfo(site.timezone))
    yield Finding("time zone", OK, f"{site.timezone}, where it is {now:%Y-%m-%d %H:%M}")
    kept = f"preset {mine.preset}, release.k {mine.k}, raw rows live {mine.raw_days} days, consent {site.consent}"
    yield Finding("privacy", OK, kept)
    outside = sorted(name for name in site.names if "." in name and not site_filter.admits(name))
    if outside:
        remedy = "add them to the site's hosts, if pages are served there"
        yield Finding("hosts", NOTE, f"pages of {', '.join(outside)} are dropped: not among hosts", remedy)
    else:
        senders = f"any; pages of {', '.join(sorted(site.own_hosts))}, of what is below, and of localhost may send"
        yield Finding("hosts", OK, ", ".join(site.hosts) or senders)
    for goal in site.counted_goals:
        since = since_when(goal, site.key, status.get("goals", []))
        yield _of_pages("goal", goal.name, [goal.page], site_filter, since)
    for name, pattern in site.sections.items():
        since = section_since(site, name, status.get("sections", []))
        yield _of_pages("section", name, [pattern], site_filter, f": {pattern}{since}")
    for funnel in site.funnels:
        since = funnel_since(site, funnel.name, status.get("funnels", []))
        yield _of_pages("funnel", funnel.name, [step.page for step in funnel.steps], site_filter, since)
    for segment in site.segments:
        pages = [wanted for key, wanted in segment.asked if key in ("page", "entry_page", "exit_page")]
        yield _of_codes(segment) or _of_pages("segment", segment.name, pages, site_filter)
    properties = [f"{name}{property_since(site, name, status.get('properties', []))}" for name in site.properties]
    yield Finding("properties", OK, f"of {', '.join(properties)}" if properties else "none are counted")
    base = urlsplit(_base(settings))
    if base.hostname in _HERE:
        remedy = "set collector.public_url to the address by which browsers reach the collector"
        yield Finding("public URL", NOTE, f"{base.geturl()} is reached from this machine only", remedy)
    elif base.scheme != "https":
        remedy = "serve the collector by HTTPS and set collector.public_url to it"
        yield Finding("public URL", NOTE, f"{base.geturl()}: a page served by HTTPS may not load it", remedy)
    else:
        yield Finding("public URL", OK, base.geturl())


def _of_pages(check: str, name: str, patterns: list[str], site_filter: SiteFilter, more: str = "") -> Finding:
    """Whether pages of these patterns can be seen; "" stands for none. more: what is added where they can."""
    for pattern in filter(None, patterns):
        if site_filter.excludes_page(pattern):
            remedy = f"take it out of exclude.pages, or drop the {check}"
            return Finding(check, BAD, f"{name!r}: {pattern!r} is excluded and never reached", remedy)
    return Finding(check, OK, f"{name!r}{more}")


def _of_codes(segment: Segment) -> Finding | None:
    """Whether a condition names what is stored as a code, such as a country, by another word."""
    for kind, wanted in segment.asked:
        instead = codes_instead(kind, wanted)
        if instead:
            remedy = f"write {' or '.join(map(repr, instead))}"
            return Finding("segment", WARNING, f"{segment.name!r}: no visit has {kind} = {wanted!r}", remedy)
    return None


def since_when(goal: Goal, site: str, counted: list[dict[str, Any]]) -> str:
    """Since which released day a goal is counted, as the end of a sentence. counted: what the store says of all."""
    mine = [one for one in counted if (one["site"], one["goal"]) == (site, goal.name)]
    since = next((f", counted since {one['since']}" for one in mine if one["definition"] == goal.definition), "")
    former = [one["definition"] for one in mine if one["definition"] != goal.definition]
    return since + (f"; what it counted as {' and '.join(former)} is not in it" if former else "")


def section_since(site: SiteSettings, name: str, counted: list[dict[str, Any]]) -> str:
    """The same of a section as it is defined now."""
    mine = (site.key, name, site.section_definitions[name])
    found = (one["since"] for one in counted if (one["site"], one["section"], one["definition"]) == mine)
    return next((f", counted since {since}" for since in found), "")


def funnel_since(site: SiteSettings, name: str, counted: list[dict[str, Any]]) -> str:
    """The same of a funnel as it is defined now."""
    mine = (site.key, name, site.funnel_definitions[name])
    found = (one["since"] for one in counted if (one["site"], one["funnel"], one["definition"]) == mine)
    return next((f", counted since {since}" for since in found), "")


def property_since(site: SiteSettings, name: str, counted: list[dict[str, Any]]) -> str:
    """The same of a property."""
    mine = (one["since"] for one in counted if (one["site"], one["property"]) == (site.key, name))
    return next((f" (counted since {since})" for since in mine), "")


def _of_addresses(settings: Settings, site: SiteSettings) -> Iterator[Finding]:
    for one, finding, remedy in missing.unnamed_proxies(settings):
        if one.site == site.key and (one.is_certain or one.peer == "named"):
            yield Finding("addresses", BAD if one.is_certain else NOTE, finding, remedy)


def _of_events(status: dict[str, Any], site: SiteSettings, rules: SiteRules) -> Iterator[Finding]:
    if not status:
        return
    last = next((row for row in status["raw"] if row["site"] == site.key), None)
    today = {row["reason"]: row["count"] for row in status["last_24_hours"] if row["site"] == site.key}
    taken = today.get("accepted", 0)
    if taken and last:
        yield Finding("events", OK, f"{taken} accepted in the last 24 hours, the last at {last['last_event']} UTC")
        if rules.k > 1 and taken < _FEW * rules.k:
            remedy = f"to see single visits while trying things out: release_k = 1 for this site (now {rules.k})"
            if rules.least_networks > 1:
                remedy += "; release_networks = 1 where all visitors come from one network, as in an intranet"
            yield Finding(
                "dashboards", NOTE, f"a day is shown from {enough_for_a_day(rules.k, rules.least_networks)}", remedy
            )
    elif last:
        remedy = "open a page of the site: the tag below has to be in it; `footfall why --follow` shows what comes"
        yield Finding("events", BAD, f"none for 24 hours, the last at {last['last_event']} UTC", remedy)
    else:
        remedy = (
            "paste the tag below into its pages and open one; `footfall why --follow` shows what comes. Nothing comes "
            "from localhost without data-local, from driven browsers, after an opt-out, with Do Not Track, or where a "
            "policy or a blocker is in the way"
        )
        yield Finding("events", BAD, "none has ever been accepted", remedy)
    yield from _of_senders(status, site, today)
    nameless = sum(row["count"] for row in status["last_24_hours"] if row["reason"] == "unknown_site")
    if nameless:
        remedy = "compare data-domain in the tag with the site's key and domains"
        yield Finding("names", NOTE, f"{nameless} event(s) of 24 hours named a site that is not set up", remedy)


def _of_senders(status: dict[str, Any], site: SiteSettings, today: dict[str, int]) -> Iterator[Finding]:
    """Who is, or from now on would be, refused for where he sends from."""
    foreign = [page for page in status.get("foreign_pages", []) if page["site"] == site.key]
    if foreign:
        named = ", ".join(f"{page['host']} ({page['events']})" for page in foreign[:_SHOWN] if page["host"])
        events = sum(page["events"] for page in foreign)
        finding = f"{events} event(s) of 24 hours are of pages whose browsers may not send any more"
        remedy = "if these pages are the site's, name their hosts in its `domains`, or with all others in its `hosts`"
        state = BAD if events >= today.get("accepted", 0) else NOTE
        yield Finding("senders", state, finding + (f": {named}" if named else ""), remedy)
    if today.get("origin"):
        finding = f"{today['origin']} event(s) of 24 hours were sent by pages of other sites, and refused"
        remedy = f"`footfall why {site.key}` names the hosts in their URLs; see the site's `hosts`"
        yield Finding("senders", NOTE, finding, remedy)
    if today.get("new_visitors"):
        finding = f"{today['new_visitors']} event(s) of yesterday (UTC) were of too many new visitors of one network"
        remedy = "a proxy in front is to be named in collector.trusted_proxies; else see collector.new_visitors_limit"
        yield Finding("new visitors", NOTE, finding, remedy)


def _base(settings: Settings) -> str:
    """The URL by which pages reach the collector."""
    mine = settings.collector
    return public_url(mine.public_url, url_at(mine.host, mine.port))


def _as_text(findings: list[Finding], reasons: dict[str, int], seen: list[str], paste: dict[str, str]) -> Iterator[str]:
    yield from as_lines(findings)
    if reasons:
        yield "\nLast 24 hours:"
        yield from (f"  {times} {reason}" for reason, times in sorted(reasons.items(), key=lambda pair: -pair[1]))
    if seen:
        yield "\nWhy events were missing or changed, the last of an hour (`footfall why` has more):"
        yield from (f"  {line}" for line in seen)
    yield "\nPut this line into the pages:"
    yield f"  {paste['tag']}"
    yield "(on pages opened from localhost: with data-local in it; those opened from a file are not counted)"
    yield "or this one, whose bytes never change:"
    yield f"  {paste['pinned_tag']}"
    yield "If the pages have a Content-Security-Policy, it needs:"
    yield f"  {paste['csp']}"
    yield "and for the picture that stands in where no script runs, the same address at img-src"
