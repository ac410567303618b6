"""Where visits come from: host, friendly name and channel."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.enrich.page import Page, parse_page
from collector.enrich.referrer import CHANNELS, traffic_source_of
from collector.enrich.sources import source_of

KEEP = frozenset(("utm_source", "utm_medium", "utm_campaign", "ref"))
PLAIN = Page("example.com", "/")
OWN = frozenset(("example.com", "shop.example.com"))


@pytest.mark.parametrize(
    ("referrer", "host", "source", "channel"),
    [
        ("", "", "", "Direct"),
        ("https://www.google.com/", "google.com", "Google", "Organic Search"),
        ("https://google.co.uk/search?q=secret", "google.co.uk", "Google", "Organic Search"),
        ("https://www.google.com.br", "google.com.br", "Google", "Organic Search"),
        ("https://google.example.org/", "google.example.org", "google.example.org", "Referral"),
        ("https://notgoogle.com/", "notgoogle.com", "notgoogle.com", "Referral"),
        ("https://cn.bing.com/x", "cn.bing.com", "Bing", "Organic Search"),
        ("https://duckduckgo.com/", "duckduckgo.com", "DuckDuckGo", "Organic Search"),
        ("https://l.facebook.com/l.php?u=x", "l.facebook.com", "Facebook", "Organic Social"),
        ("https://m.facebook.com/", "m.facebook.com", "Facebook", "Organic Social"),
        ("https://t.co/abc", "t.co", "X (Twitter)", "Organic Social"),
        ("https://news.ycombinator.com/item?id=1", "news.ycombinator.com", "Hacker News", "Organic Social"),
        ("https://www.youtube.com/watch?v=1", "youtube.com", "YouTube", "Organic Video"),
        ("https://t.me/anna", "t.me", "Telegram", "Organic Social"),
        ("https://mail.google.com/mail/u/0", "mail.google.com", "Gmail", "Email"),
        ("https://chatgpt.com/", "chatgpt.com", "ChatGPT", "AI Assistants"),
        ("https://gemini.google.com/app", "gemini.google.com", "Gemini", "AI Assistants"),
        ("https://www.amazon.de/dp/1", "amazon.de", "Amazon", "Organic Shopping"),
        ("https://docs.google.com/document/d/1", "docs.google.com", "Google Docs", "Referral"),
        ("android-app://com.google.android.gm/", "com.google.android.gm", "Gmail", "Email"),
        ("android-app://org.example.app", "org.example.app", "org.example.app", "Referral"),
        ("http://203.0.113.7/x", ":ip", ":ip", "Referral"),
        ("https://example.com/other", "", "", "Direct"),
        ("https://www.example.com/other", "", "", "Direct"),
        ("https://shop.example.com/", "", "", "Direct"),
        ("http://localhost:3000/", "", "", "Direct"),
        ("http://127.0.0.1/", "", "", "Direct"),
        ("file:///home/me/x.html", "", "", "Direct"),
        ("chrome-extension://abc/x", "", "", "Direct"),
        ("https://anna:pw@example.net/", "", "", "Direct"),
        ("http://[bad", "", "", "Direct"),
        ("nonsense", "", "", "Direct"),
    ],
)
def test_a_referrer_is_named_and_classed(referrer: str, host: str, source: str, channel: str) -> None:
    assert traffic_source_of(referrer, PLAIN, OWN) == (host, source, channel)


@pytest.mark.parametrize(
    ("query", "referrer", "source", "channel"),
    [
        ("utm_source=google&utm_medium=cpc", "", "Google", "Paid Search"),
        ("utm_source=google&utm_medium=organic", "", "Google", "Organic Search"),
        ("utm_source=bing&utm_medium=ppc", "", "Bing", "Paid Search"),
        ("utm_source=fb&utm_medium=paid_social", "", "Facebook", "Paid Social"),
        ("utm_source=ig&utm_medium=social", "", "Instagram", "Organic Social"),
        ("utm_source=youtube&utm_medium=cpv", "", "YouTube", "Paid Video"),
        ("utm_source=amazon&utm_medium=cpc", "", "Amazon", "Paid Shopping"),
        ("utm_source=google&utm_medium=cpc&utm_campaign=de-shopping", "", "Google", "Paid Shopping"),
        ("utm_source=taboola&utm_medium=cpc", "", "taboola", "Paid Other"),
        ("utm_source=https://www.facebook.com/&utm_medium=social", "", "Facebook", "Organic Social"),
        ("utm_source=https://blog.example.net/a/b?c", "", "blog.example.net", "Referral"),
        ("utm_source=bsky", "", "Bluesky", "Organic Social"),
        ("utm_source=google-display", "", "Google", "Display"),
        ("utm_source=net&utm_medium=aff", "", "net", "Affiliates"),
        ("utm_source=adnet&utm_medium=cpm", "", "adnet", "Display"),
        ("utm_source=adnet&utm_medium=banner", "", "adnet", "Display"),
        ("utm_source=newsletter", "", "Newsletter", "Email"),
        ("utm_source=May+Letter&utm_medium=email", "", "May Letter", "Email"),
        ("utm_medium=e-mail", "", "", "Email"),
        ("utm_source=blogger&utm_medium=affiliate", "", "blogger", "Affiliates"),
        ("utm_source=spot&utm_medium=audio", "", "spot", "Audio"),
        ("utm_source=crm&utm_medium=sms", "", "crm", "SMS"),
        ("utm_source=app&utm_medium=web_push", "", "app", "Mobile Push Notifications"),
        ("utm_source=x1&utm_medium=referral", "", "x1", "Referral"),
        ("utm_source=google&utm_medium=x&utm_campaign=Cross-network", "", "Google", "Cross-network"),
        ("utm_source=chatgpt.com", "", "ChatGPT", "AI Assistants"),
        ("utm_source=my-partner.example", "", "my-partner.example", "Referral"),
        ("ref=producthunt", "", "Product Hunt", "Organic Social"),
        ("ref=a&utm_source=b", "", "b", "Referral"),
        ("utm_source=newsletter", "https://www.google.com/", "Newsletter", "Email"),
        ("gclid=1", "", "Google", "Paid Search"),
        ("gclid=1", "https://www.google.com/", "Google", "Paid Search"),
        ("msclkid=1", "https://www.bing.com/", "Bing", "Paid Search"),
        ("gclid=1&utm_source=may&utm_medium=email", "", "may", "Email"),
        ("ttclid=1", "", "TikTok", "Paid Social"),
        ("dclid=1", "https://news.example/", "news.example", "Display"),
        ("cjevent=1", "https://deals.example/", "deals.example", "Affiliates"),
        ("fbclid=1", "https://l.facebook.com/", "Facebook", "Organic Social"),
        ("utm_campaign=spring", "", "", "Direct"),
    ],
)
def test_a_link_that_names_its_campaign_is_believed_first(query: str, referrer: str, source: str, channel: str) -> None:
    page = parse_page(f"https://example.com/?{query}", KEEP, False)
    assert traffic_source_of(referrer, page, OWN)[1:] == (source, channel)


@pytest.mark.parametrize(
    ("referrer", "stored"),
    [
        ("https://blog.example.net/a/b?q=1", "blog.example.net/a/b"),
        ("https://blog.example.net/u/anna@example.com", "blog.example.net/u/:email"),
        ("https://blog.example.net/", "blog.example.net"),
        ("https://t.me/anna", "t.me/:handle"),
        ("https://wa.me/4915112345678", "wa.me/:handle"),
    ],
)
def test_where_the_path_is_kept_it_is_scrubbed(referrer: str, stored: str) -> None:
    assert traffic_source_of(referrer, PLAIN, OWN, keep_path=True).referrer == stored


def test_every_line_of_the_table_is_one_source_of_a_known_category() -> None:
    lines = (resources.files("collector.enrich") / "data" / "sources.tsv").read_text("utf-8").splitlines()
    assert lines[0].startswith("#")
    rows = [line.split("\t") for line in lines[1:]]
    assert {each for _, _, each in rows} == {"search", "social", "video", "shopping", "mail", "ai", "chat", "ads", ""}
    keys = [key for key, _, _ in rows]
    assert len(keys) == len(set(keys))
    assert all(key == key.lower() and name for key, name, _ in rows)


@given(st.text(max_size=100), st.text(max_size=30), st.text(max_size=30))
def test_any_text_gets_a_known_channel(referrer: str, source: str, medium: str) -> None:
    page = Page("example.com", "/", utm_source=source, utm_medium=medium)
    for candidate in (referrer, f"https://{referrer}"):
        assert traffic_source_of(candidate, page, OWN, keep_path=True).channel in CHANNELS
    assert source_of(referrer).name or not referrer


CHANNEL_ROWS = [
    line.split("\t")
    for line in (Path(__file__).parent / "corpus" / "channels.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("referrer", "query", "source", "channel"),
    [row[1:] for row in CHANNEL_ROWS],
    ids=[f"{row[0]}-{row[1] or row[2] or 'nothing'}" for row in CHANNEL_ROWS],
)
def test_the_channel_is_that_of_the_published_rules(referrer: str, query: str, source: str, channel: str) -> None:
    page = parse_page(f"https://example.com/?{query}", KEEP, False)
    assert traffic_source_of(referrer, page, OWN)[1:] == (source, channel)


def test_the_table_of_channels_is_long_and_has_every_channel() -> None:
    assert len(CHANNEL_ROWS) >= 120
    assert {row[4] for row in CHANNEL_ROWS} == set(CHANNELS)
    assert {row[0] for row in CHANNEL_ROWS} >= {str(rule) for rule in range(1, 19)}


@pytest.mark.parametrize(
    ("referrer", "source", "channel"),
    [
        ("https://copilot.com/", "Copilot", "AI Assistants"),
        ("https://m365.cloud.microsoft/chat", "Copilot", "AI Assistants"),
        ("https://www.kimi.com/", "Kimi", "AI Assistants"),
        ("https://x.com/i/grok", "Grok", "AI Assistants"),
        ("https://x.com/i/grokking", "X (Twitter)", "Organic Social"),
        ("https://safeframe.googlesyndication.com/", "Google Ads", "Display"),
        ("https://1234.safeframe.googlesyndication.com/x", "Google Ads", "Display"),
        ("https://syndicatedsearch.goog/", "Google", "Organic Search"),
        ("https://google.cat/", "Google", "Organic Search"),
        ("https://www.google.com.sg/", "Google", "Organic Search"),
        ("https://images.google.de/", "Google Images", "Organic Search"),
        ("https://www.google.de/imgres?imgurl=x", "Google Images", "Organic Search"),
        ("https://google.example.com/", "google.example.com", "Referral"),
        ("https://suche.web.de/", "WEB.DE", "Organic Search"),
        ("https://suche.gmx.net/", "GMX", "Organic Search"),
        ("https://go.mail.ru/search", "Mail.ru", "Organic Search"),
        ("https://deref-gmx.net/mail/client/x", "GMX", "Email"),
        ("https://deref-web.de/", "WEB.DE", "Email"),
        ("https://e.mail.ru/", "Mail.ru", "Email"),
        ("https://mail.google.com/", "Gmail", "Email"),
        ("https://outlook.cloud.microsoft/mail/", "Outlook", "Email"),
        ("https://eur01.safelinks.protection.outlook.com/", "Outlook", "Email"),
        ("https://webmail.example.org/", "webmail.example.org", "Email"),
        ("https://mail.example.co.uk/", "mail.example.co.uk", "Email"),
        ("https://webmail.com/", "webmail.com", "Referral"),
        ("https://mstdn.social/@anna/1", "Mastodon", "Organic Social"),
        ("https://hachyderm.io/", "Mastodon", "Organic Social"),
        ("https://infosec.exchange/@anna", "Mastodon", "Organic Social"),
        ("https://searx.example.org/", "SearXNG", "Organic Search"),
        ("https://www.bing.com/chat?q=x", "Copilot", "AI Assistants"),
        ("https://www.bing.com/search?q=x", "Bing", "Organic Search"),
        ("https://mastodon.example.org/", "Mastodon", "Organic Social"),
        ("https://www.temu.com/", "Temu", "Organic Shopping"),
        ("https://www.kleinanzeigen.de/", "Kleinanzeigen", "Organic Shopping"),
        ("https://allegro.pl/", "Allegro", "Organic Shopping"),
        ("android-app://com.google.android.apps.bard/", "Gemini", "AI Assistants"),
        ("android-app://com.openai.chatgpt/", "ChatGPT", "AI Assistants"),
        ("android-app://com.discord/", "Discord", "Organic Social"),
        ("android-app://com.snapchat.android/", "Snapchat", "Organic Social"),
        ("android-app://com.google.android.apps.searchlite/", "Google", "Organic Search"),
        ("android-app://com.google.android.googlequicksearchbox/https/www.google.com", "Google", "Organic Search"),
        ("android-app://com.google.android.apps.magazines/", "Google News", "Referral"),
        ("android-app://com.microsoft.teams/", "Microsoft Teams", "Organic Social"),
        ("android-app://com.yahoo.mobile.client.android.mail/", "Yahoo! Mail", "Email"),
        ("android-app://org.joinmastodon.android/", "Mastodon", "Organic Social"),
        (
            "https://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion/",
            "DuckDuckGo",
            "Organic Search",
        ),
    ],
)
def test_a_source_is_called_as_people_call_it(referrer: str, source: str, channel: str) -> None:
    assert traffic_source_of(referrer, PLAIN, OWN)[1:] == (source, channel)


@pytest.mark.parametrize(
    ("named", "source", "channel"),
    [
        ("facebook-ads", "Facebook", "Paid Social"),
        ("Facebook Ads", "Facebook", "Paid Social"),
        ("facebookads", "Facebook", "Paid Social"),
        ("fb_ads", "Facebook", "Paid Social"),
        ("meta-ads", "Facebook", "Paid Social"),
        ("ig-ads", "Instagram", "Paid Social"),
        ("google_ads", "Google", "Paid Search"),
        ("GoogleAds", "Google", "Paid Search"),
        ("google.ads", "Google", "Paid Search"),
        ("adwords", "Google", "Paid Search"),
        ("google_pmax", "Google", "Paid Search"),
        ("bing-ads", "Bing", "Paid Search"),
        ("microsoft_ads", "Bing", "Paid Search"),
        ("yandex.direct", "Yandex", "Paid Search"),
        ("yt-ads", "YouTube", "Paid Video"),
        ("linkedin_ads", "LinkedIn", "Paid Social"),
        ("tiktok-ads", "TikTok", "Paid Social"),
        ("x-ads", "X (Twitter)", "Paid Social"),
        ("reddit-ads", "Reddit", "Paid Social"),
        ("snapchat_ads", "Snapchat", "Paid Social"),
        ("pinterest-ads", "Pinterest", "Paid Social"),
        ("amazon-ads", "Amazon", "Paid Shopping"),
        ("paid-instagram", "Instagram", "Paid Social"),
        ("some-ads", "some-ads", "Paid Other"),
        # Nothing of advertising in them.
        ("meta", "Facebook", "Organic Social"),
        ("instagram_stories", "Instagram", "Organic Social"),
        ("fb-page", "Facebook", "Organic Social"),
        ("reads", "reads", "Referral"),
        ("downloads", "downloads", "Referral"),
        ("threads", "Threads", "Organic Social"),
        ("facebook-fans", "facebook-fans", "Referral"),
    ],
)
def test_the_everyday_name_of_an_advertisement_keeps_its_channel(named: str, source: str, channel: str) -> None:
    page = parse_page(f"https://example.com/?utm_source={named.replace(' ', '+')}", KEEP)
    assert traffic_source_of("", page, OWN)[1:] == (source, channel)
    if channel.startswith("Paid"):
        for medium in ("cpc", "ppc", "paid", "paid_social", "ads", "social", "retargeting"):
            page = parse_page(f"https://example.com/?utm_source={named.replace(' ', '+')}&utm_medium={medium}", KEEP)
            assert traffic_source_of("https://www.google.com/", page, OWN).channel.startswith("Paid"), medium
        page = parse_page(f"https://example.com/?utm_source={named.replace(' ', '+')}&utm_medium=email", KEEP)
        assert not traffic_source_of("", page, OWN).channel.startswith("Paid")


@pytest.mark.parametrize(
    ("query", "channel"),
    [
        ("utm_source=google&utm_medium=organic&gclid=1", "Paid Search"),
        ("utm_source=tiktok&utm_medium=social&ttclid=1", "Paid Social"),
        ("utm_source=facebook&utm_medium=social&fbclid=1", "Organic Social"),
        ("utm_source=chatgpt.com&utm_medium=cpc", "Paid Other"),
        ("utm_source=partner&utm_medium=paid_social", "Paid Social"),
        ("utm_source=partner&utm_medium=paid-search", "Paid Search"),
        ("utm_source=partner&utm_medium=sea", "Paid Search"),
        ("utm_source=partner&utm_medium=sponsored", "Paid Other"),
        ("utm_source=partner&utm_medium=programmatic", "Display"),
        ("utm_source=partner&utm_medium=display-ads", "Display"),
        ("utm_source=newsletter&utm_medium=cpc", "Paid Other"),
    ],
)
def test_what_is_paid_for_wins_over_what_is_not(query: str, channel: str) -> None:
    assert (
        traffic_source_of("https://www.google.com/", parse_page(f"https://example.com/?{query}", KEEP), OWN).channel
        == channel
    )


def test_what_somebody_wrote_on_a_social_network_is_not_kept_as_a_path() -> None:
    for path in ("/@anna", "/@anna/1234", "/%40anna/1234"):
        assert traffic_source_of(f"https://fosstodon.org{path}", PLAIN, OWN, keep_path=True).referrer == "fosstodon.org"


def test_every_host_of_the_tables_is_called_by_a_name_in_them() -> None:
    texts = [
        (resources.files("collector.enrich") / "data" / name).read_text("utf-8")
        for name in ("sources.tsv", "sources_matomo.tsv")
    ]
    rows = [line.split("\t") for text in texts for line in text.splitlines() if not line.startswith("#")]
    names = {name for _, name, _ in rows}
    hosts = [key.removeprefix("*.").replace(".*", ".de") for key, _, _ in rows if "." in key and " " not in key]
    assert len(hosts) > 1200
    for host in hosts:
        assert traffic_source_of(f"https://{host}", PLAIN, OWN).source in names, host
