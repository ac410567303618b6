"""The crawlers that are told by name, and what they come for.

In: nothing. Out: `CRAWLERS`, `PURPOSES`. Promises: nothing of an agent string is ever stored; the names in reports are
these and no others.
"""

from __future__ import annotations

from msgspec import Struct

# By purpose what pages call it.
PURPOSES: dict[str, str] = {
    "search": "Search engines",
    "ai_search": "Search of AI services",
    "ai_training": "Collection for AI models",
    "ai_assistant": "AI assistants, on somebody's behalf",
    "seo": "SEO and marketing tools",
    "preview": "Previews of links",
    "feed": "Feed readers",
    "monitor": "Monitoring",
    "archive": "Archives and research",
}
# Behind each of their requests may be one person: who asked, who wrote a link into a message (some messengers fetch the
# preview from his own device), whose own server reads feeds.
_FOR_SOMEBODY = ("ai_assistant", "preview", "feed")


class Crawler(Struct, frozen=True):
    """A crawler by the name under which its operator publishes it. token: the part of its agent string, in lower case,
    that tells it. operator: who runs it."""

    name: str
    operator: str
    purpose: str
    token: str

    @property
    def is_for_somebody(self) -> bool:
        """Behind each of its requests may be one person."""
        return self.purpose in _FOR_SOMEBODY


# By purpose and operator the names.
_KNOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "ai_assistant": {
        "OpenAI": ("ChatGPT-User",),
        "Anthropic": ("Claude-User", "Claude-Web"),
        "Perplexity": ("Perplexity-User",),
        "Mistral": ("MistralAI-User",),
        "Meta": ("Meta-ExternalFetcher",),
        "Amazon": ("Amzn-User",),
        "Google": ("Google-NotebookLM", "GoogleAgent-Mariner"),
        "DuckDuckGo": ("DuckAssistBot",),
        "Cohere": ("cohere-ai",),
    },
    "ai_search": {
        "OpenAI": ("OAI-SearchBot",),
        "Anthropic": ("Claude-SearchBot",),
        "Perplexity": ("PerplexityBot",),
        "Amazon": ("Amzn-SearchBot", "Amazonbot"),
        "You.com": ("YouBot",),
        "Meta": ("meta-webindexer",),
        "Huawei": ("PanguBot",),
        "Andi": ("Andibot",),
    },
    "ai_training": {
        "OpenAI": ("GPTBot",),
        "Anthropic": ("ClaudeBot", "anthropic-ai"),
        "Google": ("Google-CloudVertexBot", "GoogleOther"),
        "Meta": ("meta-externalagent", "FacebookBot"),
        "ByteDance": ("Bytespider",),
        "Apple": ("Applebot-Extended",),
        "Cohere": ("cohere-training-data-crawler",),
        "Allen Institute": ("AI2Bot",),
        "Diffbot": ("Diffbot",),
        "Webz.io": ("omgili", "Webzio-Extended"),
        "Timpi": ("Timpibot",),
        "Velen": ("VelenPublicWebCrawler",),
        "ImageSift": ("ImagesiftBot",),
        "iAsk": ("iaskspider",),
        "SBIntuitions": ("SBIntuitionsBot",),
    },
    "search": {
        "Google": ("Googlebot", "Google-InspectionTool", "Storebot-Google", "AdsBot-Google", "Mediapartners-Google"),
        "Microsoft": ("bingbot", "BingPreview", "adidxbot", "msnbot"),
        "Yandex": ("YandexBot", "YandexImages", "YandexMobileBot", "YandexRenderResourcesBot"),
        "Baidu": ("Baiduspider",),
        "DuckDuckGo": ("DuckDuckBot",),
        "Apple": ("Applebot",),
        "Yahoo": ("Slurp",),
        "Naver": ("Yeti",),
        "Seznam": ("SeznamBot",),
        "Sogou": ("Sogou web spider",),
        "360": ("360Spider", "HaoSouSpider"),
        "Huawei": ("PetalBot",),
        "Coc Coc": ("coccocbot",),
        "Mojeek": ("MojeekBot",),
        "Qwant": ("Qwantbot", "Qwantify"),
        "Brave": ("Bravebot",),
        "Ecosia": ("EcosiaBot",),
        "Marginalia": ("search.marginalia.nu",),
        "Mail.ru": ("Mail.RU_Bot",),
        "Yep": ("YepBot",),
        "Exalead": ("Exabot",),
    },
    "seo": {
        "Ahrefs": ("AhrefsBot", "AhrefsSiteAudit"),
        "Semrush": ("SemrushBot", "SiteAuditBot"),
        "Majestic": ("MJ12bot",),
        "Moz": ("DotBot", "rogerbot"),
        "DataForSEO": ("DataForSeoBot",),
        "Screaming Frog": ("Screaming Frog",),
        "Sistrix": ("SISTRIX",),
        "Serpstat": ("serpstatbot",),
        "SEOkicks": ("SEOkicks",),
        "Babbar": ("Barkrowler",),
        "Webmeup": ("BLEXBot",),
        "Sitebulb": ("Sitebulb",),
        "Oncrawl": ("OnCrawl",),
        "Botify": ("botify",),
        "Lumar": ("deepcrawl",),
        "MegaIndex": ("MegaIndex",),
        "Awario": ("AwarioBot",),
        "Domain Stats": ("domainstatsbot",),
    },
    "preview": {
        "Meta": ("facebookexternalhit", "facebookcatalog"),
        "X": ("Twitterbot",),
        "LinkedIn": ("LinkedInBot",),
        "Slack": ("Slackbot", "Slack-ImgProxy"),
        "Discord": ("Discordbot",),
        "Telegram": ("TelegramBot",),
        "WhatsApp": ("WhatsApp",),
        "Pinterest": ("Pinterestbot",),
        "Reddit": ("redditbot",),
        "Embedly": ("Embedly",),
        "Iframely": ("Iframely",),
        "Skype": ("SkypeUriPreview",),
        "VK": ("vkShare",),
        "Mastodon": ("Mastodon",),
        "Bluesky": ("Bluesky Cardyb",),
        "Line": ("Linespider",),
        "Microsoft": ("MicrosoftPreview",),
    },
    "feed": {
        "Feedly": ("Feedly",),
        "Google": ("FeedFetcher-Google",),
        "Feedbin": ("Feedbin",),
        "Inoreader": ("inoreader",),
        "NewsBlur": ("NewsBlur",),
        "The Old Reader": ("theoldreader",),
        "FreshRSS": ("FreshRSS",),
        "Tiny Tiny RSS": ("Tiny Tiny RSS",),
        "Miniflux": ("Miniflux",),
        "Feedburner": ("FeedBurner",),
    },
    "monitor": {
        "UptimeRobot": ("UptimeRobot",),
        "Pingdom": ("Pingdom",),
        "StatusCake": ("StatusCake",),
        "Site24x7": ("Site24x7",),
        "Better Stack": ("Better Stack", "Better Uptime"),
        "Datadog": ("DatadogSynthetics",),
        "Uptime Kuma": ("Uptime-Kuma",),
        "HetrixTools": ("HetrixTools",),
        "Freshping": ("FreshpingBot",),
        "Checkly": ("Checkly",),
        "Google": ("GoogleStackdriverMonitoring", "Chrome-Lighthouse", "PageSpeed"),
        "Sansec": ("SansecBot",),
        "Censys": ("CensysInspect",),
        "Palo Alto Networks": ("Expanse",),
        "Netcraft": ("NetcraftSurveyAgent",),
    },
    "archive": {
        "Common Crawl": ("CCBot",),
        "Internet Archive": ("archive.org_bot", "ia_archiver"),
        "Heritrix": ("heritrix",),
        "Arquivo.pt": ("Arquivo-web-crawler",),
        "Turnitin": ("TurnitinBot",),
    },
}

# By name. A token that holds another one comes before it: an agent is the first that is found in its string.
CRAWLERS: dict[str, Crawler] = {
    name: Crawler(name, operator, purpose, name.lower())
    for name, operator, purpose in sorted(
        (
            (name, operator, purpose)
            for purpose, operators in _KNOWN.items()
            for operator, names in operators.items()
            for name in names
        ),
        key=lambda one: (-len(one[0]), one[0]),
    )
}
