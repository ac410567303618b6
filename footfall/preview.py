"""What a request would be reduced to, before and after, for `footfall anonymize` and the dashboards' engineers' page.

In: a request, settings, presets. Out: plain values and tables. Promises: computed by the collector's own steps with
keys that are forgotten at once; nothing is stored or logged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import structs
from starlette.types import Scope

from collector.anonymization import PRESETS, Anonymization, AnonymizationSettings
from collector.diagnostics.preview import COMES_FROM, LABELS, Preview, hashed, preview_of
from collector.edge.client import client_of
from collector.enrich.geo import GeoDatabase
from collector.model import Beacon, Client
from collector.wire.values import bounded, clean
from dashboards.web.engineers import Compare, Compared, Sent
from schema.event import PAGEVIEW

from .errors import CannotDo
from .settings import Settings, SiteSettings
from .tables import table, text_of

_WIDEST = 44
_SIGNALS = frozenset({"sec-gpc", "dnt", "x-footfall-opt-out"})
_HINTS = frozenset({"sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"})


def before_and_after(
    settings: Settings,
    geo_database: GeoDatabase,
    beacon: Beacon,
    client: Client,
    site: str = "",
    presets: Sequence[str] = (),
) -> dict[str, Any]:
    """The answer of `footfall anonymize`: for one set of settings, or for several presets side by side."""
    sent = _sent(beacon, client)
    if presets:
        columns = [reduced(settings, geo_database, beacon, client, site, preset) for preset in presets]
        return {"sent": sent, "presets": [_plain(each) for _, each in columns]}
    return {"sent": sent} | _plain(reduced(settings, geo_database, beacon, client, site)[1])


def before_and_after_table(answer: Mapping[str, Any]) -> str:
    """Field by field: what was sent, what would be stored."""
    if "presets" in answer:
        return _side_by_side(answer)
    if answer["dropped"]:
        return f"preset {answer['preset']}: nothing would be stored, reason: {answer['dropped']}"
    lines = [f"preset {answer['preset']}"]
    for name, value in answer["sent"].items():
        lines += ["", f"{name}: {value or '(none)'}"]
        lines += [f"    {field} = {_kept(answer['stored'], field)}" for field in COMES_FROM[name]]
    return "\n".join(lines)


def comparer(in_force: Callable[[], Settings], geo_database: GeoDatabase) -> Compare:
    """What the dashboards show of a request that reached them: every preset, and what is set. in_force: the settings,
    whose sites may change."""
    proxies = in_force().collector.proxies()

    def compare(scope: Scope, form: Mapping[str, str]) -> Compared:
        settings = in_force()
        # A form of ours is not a page of the site.
        signalled = structs.replace(client_of(scope, proxies), origin="")
        # The signals have a row of their own; the other rows show what is stored where nobody objects.
        client = structs.replace(signalled, prefetch=False, opted_out=False, gpc=False)
        width = form.get("width", "")
        beacon = Beacon(
            PAGEVIEW,
            bounded(clean(form.get("url", "")).strip()),
            (),
            referrer=bounded(clean(form.get("referrer", "")).strip()),
            time_zone=clean(form.get("time_zone", ""))[:64],
            width=int(width) if width.isascii() and width.isdigit() and len(width) < 6 else 0,
        )
        site = form.get("site", "") if form.get("site") in {one.key for one in settings.all_sites} else ""

        def columns(whose: Client) -> list[tuple[Anonymization, Preview]]:
            return [reduced(settings, geo_database, beacon, whose, site, preset) for preset in (*PRESETS, "")]

        found = columns(client)

        def told(label: str, value: str, fields: Sequence[str]) -> Sent:
            return Sent(label, value, tuple((field, tuple(_cell(*each, field) for each in found)) for field in fields))

        sent = [told(LABELS[name], value, COMES_FROM[name]) for name, value in _sent(beacon, client).items()]
        outcomes = tuple(each.outcome for _, each in columns(signalled))
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        said = ", ".join(f"{name}: {value}" for name, value in headers if name in _SIGNALS)
        hints = ", ".join(f"{name}: {value}" for name, value in headers if name in _HINTS)
        sent.insert(2, told("Client hints", hints, ("browser", "browser_version", "os", "device")))
        return Compared(
            (*PRESETS, f"as set ({found[-1][0].preset})"),
            (*sent, Sent("Signals", said, (("outcome", outcomes),))),
        )

    return compare


def reduced(
    settings: Settings, geo_database: GeoDatabase, beacon: Beacon, client: Client, site: str, preset: str = ""
) -> tuple[Anonymization, Preview]:
    """With a site's settings, or with those of all; preset: that one and nothing else."""
    known = settings.site_called(site)
    if site and known is None:
        names = ", ".join(one.key for one in settings.all_sites)
        raise CannotDo(f"site {site!r} is not one of the settings: {names or 'there are none'}")
    # Nobody is counted, so what counts bots or needs consent for that is beside the question.
    mine = structs.replace(known or SiteSettings("example"), count_automated=True, consent="exempt")
    if preset:
        mine = structs.replace(mine, anonymization=AnonymizationSettings(preset=preset))  # type: ignore[arg-type]
    rules = structs.replace(settings, sites=(mine,), demo=False).collector_rules()[mine.key]
    return rules.anonymization, preview_of(beacon, client, rules, geo_database, int(time.time()))


def _sent(beacon: Beacon, client: Client) -> dict[str, str]:
    """What reaches the collector, by the names of COMES_FROM."""
    return {
        "address": client.address,
        "agent": client.agent,
        "url": beacon.url,
        "referrer": beacon.referrer,
        "language": client.languages,
        "time_zone": beacon.time_zone,
        "screen_width": str(beacon.width),
    }


def _plain(preview: Preview) -> dict[str, Any]:
    dropped = "" if preview.stored else preview.outcome
    number = {"visitor": f"{preview.visitor:016x} (another number tomorrow, and on every other site)"}
    stored = preview.stored | number if preview.stored else {}
    return {"preset": preview.preset, "dropped": dropped, "stored": stored}


def _kept(stored: Mapping[str, Any], field: str) -> str:
    value = stored.get(field)
    return text_of(value) if value not in ("", None) else "(not stored)"


def _cell(settings: Anonymization, preview: Preview, field: str) -> str:
    """What a column says of a field; "" where nothing is stored."""
    if field == "visitor" and preview.stored:
        return hashed(settings)
    value = preview.stored.get(field, "")
    return text_of(value) if value != "" else ""


def _side_by_side(answer: Mapping[str, Any]) -> str:
    columns = answer["presets"]
    rows = [["outcome", *(column["dropped"] or "recorded" for column in columns)]]
    for name, value in answer["sent"].items():
        rows.append([f"{name}: {value or '(none)'}"[:_WIDEST], *("" for _ in columns)])
        for field in COMES_FROM[name]:
            cells = (_kept(column["stored"], field).partition(" (another")[0] for column in columns)
            rows.append([f"    {field}", *(cell[:_WIDEST] for cell in cells)])
    return table(["", *(column["preset"] for column in columns)], rows)
