"""Each step by itself, the three presets as a table, and what of a person is left in an event: nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import structs

from collector import steps
from collector.anonymization import PRESETS, AnonymizationSettings, resolve
from collector.enrich.client_hints import ClientHints
from collector.enrich.geo import Geo
from collector.keys.key import NoKey
from collector.model import Beacon, Client, Draft, Rules
from collector.outcome import Reason
from collector.steps import STEPS, anonymize
from schema.event import NO_SCROLL, NOT_MEASURED, Event
from schema.site import Site, day_number, local_day

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.7123.5 Safari/537.36"
OTHER_BUILD = AGENT.replace("143.0.7123.5", "143.0.7123.6")
ADDRESS = "203.0.113.77"
NOW = 1_792_000_033
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Keys:
    """One key for every site and day."""

    def key(self, site: str, day: int) -> bytes:
        return f"{site}{day}".encode().ljust(32, b"k")


class NoKeys:
    def key(self, site: str, day: int) -> bytes:
        raise NoKey


class GeoDatabase:
    """Knows everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def of(self, network: str, time_zone: str = "") -> Geo:
        self.asked.append((network, time_zone))
        return Geo("DE", "DE-BE", "Berlin")


def rules(preset: str = "balanced", site: Site | None = None, **departs: Any) -> Rules:
    settings = structs.replace(PRESETS[preset], **departs)
    site = site or Site("example.com")
    return Rules(site, settings, settings.raw_days, frozenset(settings.query_parameters), site.names)


def draft(
    beacon: dict[str, Any] | None = None, client: dict[str, Any] | None = None, mine: Rules | None = None, **given: Any
) -> Draft:
    mine = mine or rules()
    page = {"name": "pageview", "url": "https://example.com/a", "domains": ("example.com",)}
    visitor = {"address": ADDRESS, "agent": AGENT, "languages": "de-AT,de;q=0.9"}
    parts = {"keys": Keys(), "geo_database": GeoDatabase()} | given
    return Draft(
        Beacon(**page | (beacon or {})), Client(**visitor | (client or {})), mine, NOW,
        local_day(mine.site.timezone, NOW), **parts,
    )  # fmt: skip


def event(**given: Any) -> Event:
    outcome = anonymize(draft(**given))
    assert isinstance(outcome, Event), outcome
    return outcome


# -- dropping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beacon", "client", "reason"),
    [
        ({}, {}, None),
        ({}, {"prefetch": True}, Reason.PREFETCH),
        ({}, {"agent": BOT}, Reason.BOT),
        ({}, {"agent": ""}, Reason.BOT),
        ({}, {"agent": "curl/8.5.0"}, Reason.LIBRARY),
        ({}, {"agent": AGENT.replace("Chrome/", "HeadlessChrome/")}, Reason.HEADLESS),
        ({}, {"client_hints": ClientHints('"HeadlessChrome";v="143"')}, Reason.HEADLESS),
        ({"referrer": "https://www.semalt.com/x"}, {}, Reason.REFERRER_SPAM),
        ({"url": "https://example.com/?utm_source=free.semalt.com"}, {}, Reason.REFERRER_SPAM),
        ({"referrer": "https://notsemalt.com/x"}, {}, None),
        ({"referrer": "https://semalt.com/"}, {"opted_out": True}, Reason.OPTED_OUT),
        ({}, {"opted_out": True}, Reason.OPTED_OUT),
        ({}, {"gpc": True}, Reason.COUNT_ONLY),
        ({"url": "data:text/html,x"}, {}, Reason.BAD_URL),
        ({"url": "javascript:alert(1)"}, {}, Reason.BAD_URL),
        ({"url": "file:///etc/passwd"}, {}, Reason.BAD_URL),
        ({"url": "https://anna@example.com/"}, {}, Reason.BAD_URL),
        ({"url": "https://[bad/"}, {}, Reason.BAD_URL),
        # The first reason in the order of STEPS is the one that is told.
        ({}, {"prefetch": True, "agent": BOT, "opted_out": True}, Reason.PREFETCH),
        ({}, {"agent": BOT, "opted_out": True, "gpc": True}, Reason.BOT),
        ({"url": "data:x"}, {"opted_out": True, "gpc": True}, Reason.OPTED_OUT),
        ({"url": "data:x"}, {"gpc": True}, Reason.COUNT_ONLY),
    ],
)
def test_a_beacon_ends_for_the_first_reason_there_is(
    beacon: dict[str, Any], client: dict[str, Any], reason: Reason | None
) -> None:
    outcome = anonymize(draft(beacon, client))
    assert outcome is reason if reason else isinstance(outcome, Event)


@pytest.mark.parametrize(
    ("gpc", "opted_out", "setting", "reason"),
    [
        # The table "Signals" of docs/promises.md, exemption mode.
        (False, False, "count", None),
        (False, False, "drop", None),
        (True, False, "count", Reason.COUNT_ONLY),
        (True, False, "drop", Reason.GPC),
        (False, True, "count", Reason.OPTED_OUT),
        (True, True, "count", Reason.OPTED_OUT),
        (True, True, "drop", Reason.OPTED_OUT),
    ],
)
def test_signals_are_answered_as_the_table_says(
    gpc: bool, opted_out: bool, setting: str, reason: Reason | None
) -> None:
    outcome = anonymize(draft(client={"gpc": gpc, "opted_out": opted_out}, mine=rules(gpc=setting)))
    assert outcome is reason if reason else isinstance(outcome, Event)
    assert reason is None or reason.is_signal


@pytest.mark.parametrize("signal", [{"opted_out": True}, {"gpc": True}])
def test_after_a_signal_the_address_is_read_into_nothing(signal: dict[str, bool]) -> None:
    places = GeoDatabase()
    tried = draft(client=signal, geo_database=places, keys=NoKeys())
    assert isinstance(anonymize(tried), Reason)
    assert places.asked == []
    assert (tried.network, tried.visitor, tried.geo.country) == ("", 0, "")


def test_signals_are_decided_before_any_step_that_sees_the_address() -> None:
    names = [step.__name__ for step in STEPS]
    address = {"put_network", "put_geo", "put_visitor"}
    assert max(names.index("drop_opted_out"), names.index("drop_gpc")) < min(names.index(name) for name in address)
    assert all(name.startswith(("drop_", "put_")) for name in names)


def test_a_put_step_never_ends_a_beacon_and_a_drop_step_only_gives_reasons() -> None:
    for step in STEPS:
        tried = draft()
        for earlier in STEPS[: STEPS.index(step)]:
            earlier(tried)
        assert step(tried) is None


def test_a_site_may_count_machines() -> None:
    assert isinstance(
        anonymize(draft(client={"agent": BOT}, mine=rules(site=Site("demo", count_automated=True)))), Event
    )


def test_without_a_key_there_is_no_event() -> None:
    with pytest.raises(NoKey):
        anonymize(draft(keys=NoKeys()))


# -- presets -------------------------------------------------------------------------------------------------------

_SENT: dict[str, Any] = {
    "url": "https://example.com/a?utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=o&ref=r&secret=x",
    "referrer": "https://news.example.org/story?q=1",
    "width": 1440,
    "time_zone": "Europe/Berlin",
    "page_language": "fr-CA",
}


@pytest.mark.parametrize(
    ("field", "strict", "balanced", "accurate"),
    [
        ("received", NOW // 60 * 60, NOW, NOW),
        ("lifetime", 2, 30, 90),
        ("country", "DE", "DE", "DE"),
        ("region", "", "DE-BE", "DE-BE"),
        ("city", "", "", "Berlin"),
        ("network", "", "", "203.0.113.0"),
        ("language", "de", "de", "de-AT"),
        ("page_language", "fr", "fr", "fr"),
        ("referrer", "news.example.org", "news.example.org", "news.example.org/story"),
        (
            "query",
            "utm_campaign=c&utm_medium=m&utm_source=s",
            *["ref=r&utm_campaign=c&utm_content=o&utm_medium=m&utm_source=s&utm_term=t"] * 2,
        ),
        ("utm_term", "", "t", "t"),
    ],
)
def test_a_preset_keeps_what_its_column_says(field: str, strict: Any, balanced: Any, accurate: Any) -> None:
    kept = [getattr(event(beacon=_SENT, mine=rules(preset)), field) for preset in PRESETS]
    assert kept == [strict, balanced, accurate]


def test_a_network_has_a_number_of_its_own_for_each_site_and_day() -> None:
    """Rule N4: whoever has the truncated address in common has it, and nobody else."""
    mine = event().network_number
    assert event(client={"address": "203.0.113.78", "agent": OTHER_BUILD}).network_number == mine != 0
    assert event(client={"address": "203.0.114.77"}).network_number != mine
    assert event(mine=rules(site=Site("example.org"))).network_number != mine
    wider = [event(client={"address": one}, mine=rules(ipv4_bits=16)) for one in (ADDRESS, "203.0.1.1")]
    assert wider[0].network_number == wider[1].network_number
    assert mine not in {event().visitor, event().id}


@pytest.mark.parametrize(
    ("change", "strict", "balanced", "accurate"),
    [
        # Does a change of this tell two visitors apart?
        ({"client": {"address": "203.0.113.78"}}, False, False, True),
        ({"client": {"address": "203.0.114.77"}}, True, True, True),
        ({"client": {"agent": OTHER_BUILD}}, False, True, True),
        ({"client": {"agent": AGENT.replace("Chrome/143", "Chrome/144")}}, True, True, True),
        ({"client": {"languages": "fr"}}, False, True, True),
        ({"client": {"languages": "de-CH"}}, False, False, False),
        ({"beacon": _SENT | {"width": 400}}, False, False, True),
        ({"beacon": _SENT | {"width": 1441}}, False, False, False),
        ({"beacon": _SENT | {"page_language": "en"}}, False, False, False),
        ({"beacon": _SENT | {"url": "https://example.com/b"}}, False, False, False),
        ({"beacon": _SENT | {"time_zone": "Asia/Tokyo"}}, False, False, False),
    ],
)
def test_a_preset_tells_visitors_apart_by_what_its_column_says(
    change: dict[str, Any], strict: bool, balanced: bool, accurate: bool
) -> None:
    apart = []
    for preset in PRESETS:
        mine = rules(preset)
        apart.append(event(beacon=_SENT, mine=mine).visitor != event(**({"beacon": _SENT} | change), mine=mine).visitor)
    assert apart == [strict, balanced, accurate]


@pytest.mark.parametrize(
    ("preset", "k", "days", "gpc"),
    [("strict", 10, 2, "drop"), ("balanced", 5, 30, "count"), ("accurate", 2, 90, "count")],
)
def test_a_preset_decides_release_retention_and_gpc(preset: str, k: int, days: int, gpc: str) -> None:
    settings = PRESETS[preset]
    assert (settings.preset, settings.k, settings.raw_days, settings.gpc) == (preset, k, days, gpc)


def test_a_single_value_departs_from_its_preset() -> None:
    settings = resolve(AnonymizationSettings(preset="strict", place="city", visitor_language=True))
    assert settings == structs.replace(PRESETS["strict"], place="city", visitor_language=True)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("de", "de"),
        ("DE-ch", "de"),
        ("pt_BR", "pt"),
        ("zh-Hant-TW", "zh"),
        ("gsw", "gsw"),
        *((said, "") for said in ("", "klingon", "x-default", "ann@example.org", "<b>", "1", "en@posix", "en.UTF-8")),
    ],
)
def test_of_a_pages_language_the_primary_one_is_stored_and_nothing_that_is_none(said: str, stored: str) -> None:
    assert event(beacon={"page_language": said}).page_language == stored


@pytest.mark.parametrize(("bits", "network"), [(24, "203.0.113.0"), (16, "203.0.0.0"), (8, "203.0.0.0")])
def test_the_network_is_as_coarse_as_the_setting(bits: int, network: str) -> None:
    places = GeoDatabase()
    event(mine=rules("accurate", ipv4_bits=bits), geo_database=places)
    assert places.asked == [(network, "")]


def test_places_never_sees_a_whole_address_and_is_not_asked_for_nothing() -> None:
    for preset in PRESETS:
        places = GeoDatabase()
        event(client={"address": "2001:db8:1:2:3:4:5:6"}, mine=rules(preset), geo_database=places)
        assert places.asked == [("2001:db8:1::", "")]
    places = GeoDatabase()
    assert event(mine=rules(place="none"), geo_database=places).country == ""
    assert places.asked == []


# -- what an event holds -------------------------------------------------------------------------------------------


def test_an_event_holds_what_was_measured_and_nothing_where_it_was_not() -> None:
    left = event(beacon={"name": "engagement", "engaged_ms": 500, "scroll": 40, "vitals": {"lcp": 1200.5, "cls": 0.0}})
    assert (left.engaged_ms, left.scroll, left.lcp, left.cls, left.inp) == (500, 40, 1200.5, 0.0, NOT_MEASURED)
    plain = event()
    assert (plain.scroll, plain.lcp, plain.id, plain.currency) == (NO_SCROLL, NOT_MEASURED, 0, "")
    assert (plain.device, plain.browser, plain.browser_version, plain.os) == ("desktop", "Chrome", "143", "Linux")
    assert plain.day == day_number(dt.datetime.fromtimestamp(NOW, dt.UTC).date())


def test_an_element_is_kept_as_layout_where_the_site_keeps_elements() -> None:
    left = {"name": "engagement", "vitals": {"lcp": 1.5}, "elements": {"lcp": "main>img#cover.user-jane"}}
    assert event(beacon=left).elements == {"lcp": "main>img#cover"}
    assert event(beacon=left, mine=rules("strict")).elements == {}
    assert event(beacon=left | {"elements": {"lcp": "jane@example.com"}}).elements == {}
    assert event().elements == {}


def test_an_id_is_hashed_with_the_days_key() -> None:
    one = event(beacon={"id": "order-4711"})
    assert one.id not in (0, one.visitor)
    assert one.id == event(beacon={"id": "order-4711"}, client={"address": "198.51.100.1"}).id
    assert one.id != event(beacon={"id": "order-4711"}, mine=rules(site=Site("other"))).id


@pytest.mark.parametrize(
    ("props", "kept"),
    [
        ({"plan": "three"}, {"plan": "three"}),
        ({"email": "x"}, {"email": ":secret"}),
        (
            {"Token": "abc", "user_id": "7", "api-key": "k"},
            {"Token": ":secret", "user_id": ":secret", "api-key": ":secret"},
        ),
        ({"note": "anna@example.org"}, {"note": ":email"}),
        ({"anna@example.org": "x"}, {":email": "x"}),
        ({"url": "/u/550e8400-e29b-41d4-a716-446655440000"}, {"url": "/u/:uuid"}),
    ],
)
def test_properties_lose_secrets_by_name_and_persons_by_shape(props: dict[str, str], kept: dict[str, str]) -> None:
    assert event(beacon={"name": "x", "props": props}).props == kept


def test_an_events_name_is_scrubbed() -> None:
    assert event(beacon={"name": "mail to anna@example.org"}).name == "mail to :email"


@pytest.mark.parametrize("preset", PRESETS)
def test_no_event_holds_the_address_or_the_agent_in_any_form(preset: str) -> None:
    sent = {**_SENT, "name": "x", "props": {"a": "b"}, "id": "id-canary"}
    raw = msgspec.msgpack.encode(event(beacon=sent, mine=rules(preset)))
    for mark in (ADDRESS, AGENT, "143.0.7123", "7123", "id-canary", "secret"):
        assert mark.encode() not in raw
    assert bytes(int(part) for part in ADDRESS.split(".")) not in raw


@pytest.mark.parametrize("thing", [draft().client, draft()], ids=["client", "draft"])
@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_what_holds_an_address_does_not_show_it(thing: object, show: Callable[[object], str]) -> None:
    assert ADDRESS not in show(thing)
    assert "Chrome" not in show(thing)


def test_drafts_do_not_share_their_properties() -> None:
    first, second = draft({"props": {"a": "1"}}), draft()
    steps.put_name_and_props(first)
    steps.put_name_and_props(second)
    assert second.props == {}


# -- machines ------------------------------------------------------------------------------------------------------


class Hosting:
    """Holds one network."""

    def hold(self, network: str) -> bool:
        return network == "203.0.113.0"


@pytest.mark.parametrize(
    ("client", "site", "reason"),
    [
        ({}, Site("example.com"), Reason.DATACENTER),
        ({"address": "198.51.100.9"}, Site("example.com"), None),
        ({"opted_out": True}, Site("example.com"), Reason.OPTED_OUT),
        ({}, Site("example.com", count_automated=True), None),
    ],
)
def test_a_network_of_machines_ends_a_beacon_after_the_signals(
    client: dict[str, Any], site: Site, reason: Reason | None
) -> None:
    outcome = anonymize(draft({}, client, rules(site=site), datacenters=Hosting()))
    assert outcome is reason if reason else isinstance(outcome, Event)


@pytest.mark.parametrize("agent", [BOT, "curl/8.5.0", AGENT.replace("Chrome/", "HeadlessChrome/")])
def test_a_site_may_count_machines_of_every_kind(agent: str) -> None:
    event(client={"agent": agent}, mine=rules(site=Site("example.com", count_automated=True)))


def test_more_hosts_may_be_named_as_spam() -> None:
    mine = structs.replace(rules(), referrer_spam=frozenset(("forged.example",)))
    assert anonymize(draft({"referrer": "https://a.forged.example/"}, {}, mine)) is Reason.REFERRER_SPAM


@pytest.mark.parametrize("preset", PRESETS)
def test_hints_change_the_device_and_never_the_visitor(preset: str) -> None:
    hints = ClientHints('"Not/A)Brand";v="8", "Chromium";v="143", "Vivaldi";v="7"', "?0", '"macOS"')
    plain, hinted = (event(client=more, mine=rules(preset)) for more in ({}, {"client_hints": hints}))
    assert (hinted.browser, hinted.browser_version, hinted.os) == ("Vivaldi", "7", "macOS")
    assert (plain.browser, plain.os) == ("Chrome", "Linux")
    assert hinted.visitor == plain.visitor


# -- nothing valid is lost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Save 20%", "50% off", "100%", "100% cotton, 5% elastane"])
def test_a_percent_sign_in_a_name_and_a_property_is_text(text: str) -> None:
    found = event(beacon={"name": text, "props": {text: text}})
    assert (found.name, found.props) == (text, {text: text})


def test_an_advertisement_with_a_long_click_id_keeps_its_channel() -> None:
    long = "x" * 2500
    found = event(
        beacon={
            "url": f"https://example.com/landing?utm_source=google&utm_medium=cpc&gclid={long}",
            "referrer": f"https://www.google.com/search?q={long}",
        }
    )
    assert (found.path, found.source, found.channel) == ("/landing", "Google", "Paid Search")
    assert found.referrer == "google.com"


def test_a_property_whose_name_nobody_can_read_is_left_out() -> None:
    assert event(beacon={"props": {"\u034f": "x", "a": "y"}}).props == {"a": "y"}


def test_a_long_name_is_cut_when_it_is_scrubbed() -> None:
    name = "a " * 55 + "anna.schmidt@example.com"
    assert event(beacon={"name": name}).name == "a " * 55 + ":email"


def test_a_site_may_strip_the_slash_at_the_end() -> None:
    stripping = rules(site=Site("example.com", trailing_slash="strip"))
    for path in ("/about", "/about/", "//about", "/about//"):
        found = event(beacon={"url": f"https://example.com{path}"}, mine=stripping)
        assert found.path == "/about"
        kept = event(beacon={"url": f"https://example.com{path}"})
        assert kept.path == ("/about/" if path.endswith("/") else "/about")


def test_u2_a_name_in_the_hosts_of_a_page_and_of_a_referrer_is_not_stored() -> None:
    mark = "550e8400-e29b-41d4-a716-446655440000"
    stored = event(
        beacon={
            "url": f"https://{mark}.example.com/a",
            "referrer": f"https://{mark}.example.org/",
            "props": {"next": f"https://{mark}.example.net/"},
        }
    )
    assert stored.hostname == ":uuid.example.com"
    assert stored.referrer == ":uuid.example.org"
    assert stored.props == {"next": "https://:uuid.example.net/"}


def test_u2_where_nothing_is_found_names_and_properties_stay_as_they_were_sent() -> None:
    stored = event(beacon={"name": "Save 20%25", "props": {"off": "50%25", "title": "Preis：５０％"}})
    assert stored.name == "Save 20%25"
    assert stored.props == {"off": "50%25", "title": "Preis：５０％"}


def test_u2_a_property_is_secret_by_the_last_part_of_its_name() -> None:
    props = {"user[email]": "anna", "customerPhone": "x", "sort_key": "price"}
    stored = event(beacon={"props": props})
    assert stored.props == {"user[email]": ":secret", "customerPhone": ":secret", "sort_key": "price"}


PAID = {"name": "purchase", "currency": "EUR", "amount": 4990}


@pytest.mark.parametrize("key", ["transaction_id", "transactionId", "order-id", "Order ID", "order_number", "order"])
def test_the_id_of_a_paid_order_is_kept_as_a_keyed_hash_and_not_as_a_property(key: str) -> None:
    paid = event(beacon=PAID | {"props": {key: "A-10023", "plan": "pro"}})
    assert paid.props == {"plan": "pro"}
    assert "A-10023" not in repr(msgspec.to_builtins(paid))
    # The browser and the site's server are told apart by nothing: the order's id is before a made-up one.
    of_server = event(beacon=PAID | {"props": {key: "A-10023"}, "id": "made up anew"}, client={"address": "192.0.2.1"})
    assert paid.id == of_server.id == event(beacon=PAID | {"id": "A-10023"}).id != 0
    assert event(beacon=PAID | {"props": {key: "A-10024"}}).id != paid.id


def test_a_refund_of_an_order_is_not_the_order_sent_again() -> None:
    of_order = {"props": {"order_id": "A-10023"}}
    refund = event(beacon=PAID | of_order | {"amount": -4990})
    assert refund.id == event(beacon=PAID | of_order | {"amount": -990}).id
    assert refund.id != event(beacon=PAID | of_order).id


def test_several_events_of_one_order_that_are_no_payment_are_not_one_event() -> None:
    for item in ("shirt", "shoes"):
        sent = event(beacon={"name": "item", "props": {"order_id": "A-10023", "item": item}})
        assert (sent.id, sent.props) == (0, {"item": item})


@pytest.mark.parametrize("props", [{"order": "asc"}, {"border": "A1"}, {"orders": "2"}, {"transaction": "sale"}])
def test_what_is_no_order_stays_a_property(props: dict[str, str]) -> None:
    sent = event(beacon={"name": "sort", "props": props})
    assert (sent.id, sent.props) == (0, props)


def test_an_order_without_an_id_is_its_own_event() -> None:
    sent = event(beacon=PAID | {"props": {"order_id": ""}})
    assert (sent.id, sent.props) == (0, {})
    assert event(beacon=PAID | {"props": {"order_id": ""}, "id": "x"}).id == event(beacon=PAID | {"id": "x"}).id
