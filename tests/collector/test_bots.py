"""Machines are told from people by what they call themselves."""

# ruff: noqa: E501 - agent strings are as long as they are

from __future__ import annotations

import pytest

from collector.enrich.bots import kind_of, prefetch
from collector.enrich.device import device_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MACHINES = f"""
curl/8.5.0
Wget/1.21.4
python-requests/2.31.0
Python-urllib/3.11
python-httpx/0.27.0
Python/3.11 aiohttp/3.9.1
Go-http-client/1.1
Java/17.0.2
okhttp/4.12.0
Apache-HttpClient/4.5.13 (Java/11.0.2)
libwww-perl/6.67
Ruby
node-fetch/1.0 (+https://github.com/bitinn/node-fetch)
axios/1.6.2
GuzzleHttp/7
Scrapy/2.11.0 (+https://scrapy.org)
PostmanRuntime/7.36.0
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {WEBKIT} Chrome/120.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1)
Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)
Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)
Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)
Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)
Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)
Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)
Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36
Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/98.0.4695.0 Safari/537.36 Chrome-Lighthouse
facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)
WhatsApp/2.23.20.0
TelegramBot (like TwitterBot)
Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)
Twitterbot/1.0
LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)
Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot
Mozilla/5.0 {WEBKIT}; compatible; ChatGPT-User/1.0; +https://openai.com/bot
Mozilla/5.0 {WEBKIT} (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)
CCBot/2.0 (https://commoncrawl.org/faq/)
Mozilla/5.0 {WEBKIT}; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot
Mozilla/5.0 (Linux; Android 5.0) {WEBKIT} (compatible; Bytespider; spider-feedback@bytedance.com)
Mozilla/5.0 {WEBKIT} (compatible; Amazonbot/0.1) Chrome/119.0.6045.214 Safari/537.36
Mozilla/5.0 (compatible; DataForSeoBot/1.0; +https://dataforseo.com/dataforseo-bot)
meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)
Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)
Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)
check_http/v2.3.3 (nagios-plugins 2.3.3)
Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)
Tiny Tiny RSS/22.12 (https://tt-rss.org/)
kube-probe/1.28
Mozilla/5.0 zgrab/0.x
Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)
12345 / 6.7
"""
PEOPLE = f"""
Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36
Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0
Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36 OPR/105.0.0.0
Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0
Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko
Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0
Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/120.0.0.0 Safari/537.36
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0 Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/443.0.0.34.110;FBBV/543]
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 312.0.0.30.111
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/13.21.0
Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.44(0x1800) NetType/WIFI
Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1
Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/120.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 9; CUBOT X19) {WEBKIT} Chrome/117.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_P20 Build/O11019) {WEBKIT} Chrome/80.0.3987.99 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 7.0; Cubot) {WEBKIT} Chrome/80.0.3987.99 Mobile Safari/537.36
Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0
Mozilla/5.0 (Linux; Android 12; SM-A536B; wv) {WEBKIT} Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/443.0.0.23.229;]
Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) {WEBKIT} Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 Instagram 312.1.0.34.111 Android
Mozilla/5.0 (Linux; Android 13; Pixel Tablet) {WEBKIT} Chrome/120.0.0.0 Safari/537.36
Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {WEBKIT} SamsungBrowser/3.0 TV Safari/537.36
Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/87.0.4280.88 Safari/537.36 WebAppManager
Mozilla/5.0 (Mobile; Nokia_2720_Flip; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.2
Mozilla/5.0 (Linux; U; Android 11; en-us) {WEBKIT} Version/4.0 Chrome/100.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.4
Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/118.0.0.0 YaBrowser/23.11.0 Safari/537.36
Opera/9.80 (Android; Opera Mini/36.2/191.249; U; en) Presto/2.12.423 Version/12.16
Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3
Mozilla/5.0 (PlayStation 4 11.00) AppleWebKit/605.1.15 (KHTML, like Gecko)
Mozilla/5.0 (Linux; arm_64; Android 12; CPH2205) {WEBKIT} Chrome/114 YaApp_Android/23.75 YaSearchBrowser/23.75 BroPP/1.0 SA/3 Mobile Safari/537.36
"""


@pytest.mark.parametrize("agent", MACHINES.strip().splitlines())
def test_a_machine_that_says_so_is_a_bot(agent: str) -> None:
    assert device_of(agent).bot


@pytest.mark.parametrize("agent", PEOPLE.strip().splitlines())
def test_a_browser_for_people_is_no_bot(agent: str) -> None:
    assert device_of(agent).bot == ""
    assert kind_of(agent) == ""


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("curl/8.5.0", "library"),
        ("Go-http-client/1.1", "library"),
        ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "library"),
        ("MyShopSync/2.1", "library"),
        ("MyShop/2.1 (iPhone; iOS 17.2)", ""),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 7)", ""),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36", "headless"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/98.0.4695.0 Safari/537.36 Chrome-Lighthouse", "headless"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bot"),
        ("facebookexternalhit/1.1", "bot"),
        ("Mozilla/5.0 (compatible; archive.org_bot)", "bot"),
    ],
)
def test_a_machine_is_of_a_kind(agent: str, kind: str) -> None:
    assert kind_of(agent) == kind


@pytest.mark.parametrize("agent", ["", "-", "   ", "1.0", "()"])
def test_an_agent_without_a_letter_is_a_bot(agent: str) -> None:
    assert kind_of(agent) == "bot"
    assert device_of(agent).bot == "bot"


@pytest.mark.parametrize(
    ("purpose", "sec_purpose", "x_purpose", "x_moz", "ahead"),
    [
        ("", "", "", "", False),
        ("prefetch", "", "", "", True),
        ("", "prefetch;prerender", "", "", True),
        ("", "Prefetch;anonymous-client-ip", "", "", True),
        ("", "prerender", "", "", True),
        ("", "", "preview", "", True),
        ("", "", "", "prefetch", True),
        ("preview", "", "", "", False),
        ("document", "", "", "", False),
    ],
)
def test_a_page_fetched_ahead_is_told_by_its_headers(
    purpose: str, sec_purpose: str, x_purpose: str, x_moz: str, ahead: bool
) -> None:
    assert prefetch(purpose, sec_purpose, x_purpose, x_moz) is ahead
