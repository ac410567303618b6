"""Browsers that ua-parser takes for another one, or for the engine they are made of: mostly apps that show pages.

In: an agent string. Out: the name by which people know the browser, and its major version; None where ua-parser is
right.
Promises: linear time (RE2); one search for almost every agent; names come from the table alone.
"""

from __future__ import annotations

from ..text.re2 import Pattern, regex

# (what only this browser sends, where its version stands, its name): the first that fits. An app stands before the
# engine or the toolkit that it is made with.
_TABLE = (
    (r"FB(?:AN|_IAB)/(?:Messenger|Orca)", r"FBAV/(\d{1,3})", "Messenger"),
    (r"\bBarcelona \d", r"\bBarcelona (\d{1,3})", "Threads"),
    (r"\b(?:aweme|Aweme)_\d|AppName/aweme", r"app_version/(\d{1,3})", "Douyin"),
    (r"NewsArticle/", r"NewsArticle/(\d{1,3})\.", "Toutiao"),
    (
        r"musical_ly_|\btrill_\d|AppName/(?:trill|musical_ly)|BytedanceWebview",
        r"(?:musical_ly_|app_version/)(\d{1,3})\.",
        "TikTok",
    ),
    (r"wxwork/", r"wxwork/(\d{1,3})", "WeCom"),
    (r"MicroMessenger/", r"MicroMessenger/(\d{1,3})", "WeChat"),
    (r" QQ/\d", r" QQ/(\d{1,3})", "QQ"),
    (r"LinkedInApp", r"LinkedInApp\]?/(\d{1,3})", "LinkedIn"),
    (r"\bQuark(?:PC)?/", r"\bQuark(?:PC)?/(\d{1,3})", "Quark"),
    (r"\bYaApp_|YaSearchApp", r"(?:YaApp_\w+|YaSearchApp)/(\d{1,3})", "Yandex App"),
    (r"KAKAOTALK", r"KAKAOTALK[ /](\d\d)", "KakaoTalk"),
    (r"\bNAVER\(inapp", r"NAVER\(inapp; [^;]{0,40}; \d{1,5}; (\d{1,3})", "Naver"),
    (r"baiduboxapp", r"baiduboxapp/(\d{1,3})", "Baidu App"),
    (r"AlipayClient", r"AlipayClient/(\d{1,3})", "Alipay"),
    (r"DingTalk", r"DingTalk/(\d{1,3})", "DingTalk"),
    (r"AliApp\(TB/", r"AliApp\(TB/(\d{1,3})", "Taobao"),
    (r"\bBiliApp/|bili-universal", r"bili-universal/(\d)\d{7}\b", "Bilibili"),
    (r"xhsdiscover|xiaohongshu|\bXHS/", r"discover/(\d{1,3})", "Xiaohongshu"),
    (r"\bViber/", r"\bViber/(\d{1,3})", "Viber"),
    (r"\bZalo ", r"Zalo \w+/(\d{1,3})", "Zalo"),
    (r"Telegram-(?:Android|iOS)|\bTelegram/", r"Telegram[\w-]*/(\d{1,3})", "Telegram"),
    (r"\bReddit/|RedditAndroid", r"Reddit/(?:Version )?(\d{1,3})\b", "Reddit"),
    (r"\bWhatsApp/\d", r"WhatsApp/(\d{1,3})", "WhatsApp"),
    (r"\bDiscord(?:-\w+)?/\d", r"Discord(?:-\w+)?/(\d{1,3})", "Discord"),
    (r"\bSlack(?:_SSB)?/\d", r"\bSlack(?:_SSB)?/(\d{1,3})", "Slack"),
    (r"TeamsMobile|\bTeams/\d", r"Teams(?:Mobile-\w+)?/(\d{1,3})", "Microsoft Teams"),
    (r"\bOutlook-(?:iOS|Android)", r"Outlook-\w+/(\d{1,3})", "Outlook"),
    (r"\bVKAndroidApp/|\bVK/\d|vkclient|\bcom\.vk(?:ontakte)?\.", r"VK(?:AndroidApp)?/(\d{1,3})", "VK"),
    (r"Beeshop/|ShopeeID|\bShopee/", r"\bShopee/(\d{1,3})\.", "Shopee"),
    (r"AliApp\(AliExpress/", r"AliExpress/(\d{1,3})", "AliExpress"),
    (r"AliApp\(LA/", r"AliApp\(LA/(\d{1,3})", "Lazada"),
    (r"\bDaumApps/", r"DaumApps/(\d{1,3})", "Daum"),
    (r"\bKwai(?:_\w+)?/|\bksNebula/", r"(?:Kwai(?:_\w+)?|ksNebula)/(\d{1,3})", "Kuaishou"),
    (r"AmazonWebView/", r"AmazonWebView/[\w ]{1,30}/(\d{1,3})", "Amazon"),
    (r"\bBluesky/\d", r"Bluesky/(\d{1,3})", "Bluesky"),
    (r"\bFlipboard/", r"Flipboard/(\d{1,3})", "Flipboard"),
    (r"\bEcosia (?:ios|android|mac|win)\w*@", r"\bEcosia \w+@(\d{1,3})", "Ecosia"),
    # ua-parser knows both where more numbers follow, or nothing else does.
    (r"\bVivaldi/\d", r"Vivaldi/(\d{1,3})", "Vivaldi"),
    (r"\bWhale/\d", r"Whale/(\d{1,3})", "Whale"),
    (r"\b(?:Focus|Klar)/\d", r"\b(?:Focus|Klar)/(\d{1,3})", "Firefox"),
    (r"LibreWolf", r"LibreWolf/(\d{1,3})", "LibreWolf"),
    (r"\bFloorp/", r"\bFloorp/(\d{1,3})", "Floorp"),
    (r"\bZen/\d", r"\bZen/(\d{1,3})", "Zen"),
    # ua-parser does not know it where "(lite)" stands behind it.
    (r"YaBrowser/[\d.]{1,20} \(", r"YaBrowser/(\d{1,3})", "Yandex Browser"),
    (r"BingSapphire/", r"BingSapphire/(\d{1,3})", "Bing App"),
    (r"YJApp-", r"$^()", "Yahoo! Japan"),
    (r"MZBrowser/", r"MZBrowser/(\d{1,3})", "Meizu Browser"),
    (r"Sleipnir/", r"Sleipnir/(\d{1,3})", "Sleipnir"),
    (r"PicoBrowser/", r"PicoBrowser/(\d{1,3})", "Pico Browser"),
    (r"pr\(UCBrowser/", r"UCBrowser/(\d{1,3})", "UC Browser"),
    # What it calls itself since it is made of Chromium; the last number is the product's.
    (r"\bOPR/\d{1,3}\.\d\.2254", r"OPR/(\d{1,3})", "Opera Mini"),
    (r"QIHU|\b360(?:SE|EE)\b|QihooBrowser", r"QihooBrowser/(\d{1,3})", "360 Secure Browser"),
    (r"MetaSr", r"$^()", "Sogou Explorer"),
    (r"SogouMobileBrowser/", r"SogouMobileBrowser/(\d{1,3})", "Sogou Explorer"),
    (r"\bFalkon/", r"Falkon/(\d{1,3})", "Falkon"),
    (r"CCleaner/", r"CCleaner/(\d{1,3})", "CCleaner Browser"),
    (r"VivoBrowser/", r"VivoBrowser/(\d{1,3})", "Vivo Browser"),
    (r"HonorBrowser/", r"HonorBrowser/(\d{1,3})", "Honor Browser"),
    (r"\bMintBrowser/|Mint Browser/", r"Mint ?Browser/(\d{1,3})", "Mint Browser"),
    (r"\bKiwi/|Kiwi Chrome", r"Kiwi/(\d{1,3})", "Kiwi"),
    (r"\bLightning/\d", r"Lightning/(\d{1,3})", "Lightning"),
    (r"\bOrion/", r"Orion/(\d{1,3})", "Orion"),
    (r"\bArc/\d", r"Arc/(\d{1,3})", "Arc"),
    (r"\bADG/", r"ADG/(\d{1,3})", "AOL Desktop"),
    (r"Tizen \d\.\d\) AppleWebKit/[\d.]{1,12} \(KHTML, like Gecko\) (?:\d|Version/)", r"$^()", "Tizen Browser"),
    (r"NintendoBrowser|\bNintendo (?:Switch|3DS|WiiU?)", r"NintendoBrowser/(\d{1,3})", "Nintendo Browser"),
    (r"PlayStation (?:[345]|Vita|Portable)|PLAYSTATION 3", r"$^()", "PlayStation"),
)


def _matching(pattern: str) -> Pattern:
    return regex(pattern.encode())


_ANY = _matching("|".join(f"(?:{sends})" for sends, _, _ in _TABLE))
_EACH = [(_matching(sends), _matching(version), name) for sends, version, name in _TABLE]


def app_of(agent: str) -> tuple[str, str] | None:
    """(name, major version or "") of a browser of the table."""
    raw = agent.encode("utf-8", "replace")
    if _ANY.search(raw) is None:
        return None
    for sends, version, name in _EACH:
        if sends.search(raw):
            found = version.search(raw)
            start, end = found.span(1) if found else (0, 0)
            return name, raw[start:end].decode() if start >= 0 else ""
    return None
