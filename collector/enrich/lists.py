"""The tables that come from others' lists, made anew: `make lists LISTS=FOLDER`, which calls this with the folder.

In: a folder with the five files of `UPSTREAM`, as their projects publish them. Out: three tables beside this file, each
with its source, date and licence in its head. Promises: the same files give the same bytes; nothing is fetched; a file
that is missing or of another shape is an error and leaves the tables as they are. Nothing of the product imports this.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

HERE = Path(__file__).parent / "data"
# Table -> what stands in its head. A newer list is a new commit and date here.
UPSTREAM = {
    "sources_matomo.tsv": (
        "Search engines, social networks and AI assistants. Made by lists.py from matomo-SearchEngines.yml,",
        "matomo-Socials.yml and matomo-AIAssistants.yml: github.com/matomo-org/searchengine-and-social-list, commit",
        "3b3a82d of 2026-07-15, CC0 1.0. What sources.tsv says of a host comes first.",
        'Host, name, category. "*." before: with all below it. ".*" behind: in any country. With a path: below that.',
    ),
    "referrer_spam.tsv": (
        "Hosts that forge visits so that their name is read in statistics; their subdomains count, too. Made by",
        "lists.py from matomo-referrer-spam.txt: github.com/matomo-org/referrer-spam-list, commit b1c66b3 of",
        "2026-08-20, public domain. More by the setting collector.referrer_spam.",
    ),
    "datacenters_bad_asn.tsv": (
        "Number of an autonomous system, TAB, who runs it: hosting companies. Made by lists.py from",
        "bad-asn-list.csv: github.com/brianhama/bad-asn-list, commit cac788b of 2026-03-18. MIT License, Copyright (c)",
        "2025 Brian Hamachek: the notice is in bad_asn.LICENSE. Left out: networks through which people browse.",
    ),
}
# Names as people write them, where that list has another spelling or an older one.
_NAMES = {
    "360search": "360 Search",
    "auone": "au Web Portal",
    "bilibili": "Bilibili",
    "Cốc Cốc": "Coc Coc",
    "Deepseek": "DeepSeek",
    "Haboo": "Habbo",
    "Google syndicated search": "Google",
    "Google Translations": "Google Translate",
    "IxQuick": "Startpage",
    "Le Chat": "Mistral",
    "Mailru": "Mail.ru",
    "Metager": "MetaGer",
    "MySpace": "Myspace",
    "my.mail.ru": "Moi Mir",
    "Nasza-klasa.pl": "Nasza Klasa",
    "Onet.pl": "Onet",
    "Ozone": "Qzone",
    "reddit": "Reddit",
    "sm.cn": "Shenma",
    "StackOverflow": "Stack Overflow",
    "StartPage": "Startpage",
    "tumblr": "Tumblr",
    "Twitter": "X (Twitter)",
    "Vkontakte": "VK",
    "Web.de": "WEB.DE",
    "Windows Live Spaces": "Microsoft Account",
}
# What that list takes for a social network and people do not.
_CATEGORIES = {
    "Discord": "chat",
    "Telegram": "chat",
    "WeChat": "chat",
    "GitHub": "",
    "Microsoft Account": "",
    **dict.fromkeys(("Bilibili", "Douyu", "Huya", "Niconico", "Twitcast", "Vimeo", "YouTube"), "video"),
}
# People browse through them: offices, hotels and homes of their customers, filters, relays and exits of VPNs.
_PEOPLE = frozenset(
    {
        *(
            3561,
            4323,
            6939,
            8477,
            10200,
            13955,
            16535,
            18570,
            35366,
            36290,
            38279,
            53918,
            58073,
            327784,
            327942,
            394330,
        ),
        *(7598, 42465),  # Websense
        *(9009, 20448, 60068, 212238),  # M247, VPNtranet, DataCamp
        *(13335, 20940, 36183, 54113),  # Cloudflare, Akamai, Fastly: Private Relay and WARP
    }
)
_RESERVED = re.compile(r"-Reserved AS-|^UNKNOWN$")


def main(folder: Path, tables: Path = HERE) -> None:
    """Write the tables. Raises OSError or ValueError, naming the file."""
    contents = {
        "sources_matomo.tsv": list(_sources(folder)),
        "referrer_spam.tsv": _spam(folder / "matomo-referrer-spam.txt"),
        "datacenters_bad_asn.tsv": _networks(folder / "bad-asn-list.csv"),
    }
    for name, rows in contents.items():
        if not rows:
            raise ValueError(f"{name}: nothing was found for it in {folder}; are these the files of lists.py?")
    for name, rows in contents.items():
        head = [f"# {line}" for line in UPSTREAM[name]]
        (tables / name).write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


def _sources(folder: Path) -> Iterator[str]:
    # What assists is more than a search engine, where both lists have it; so is a network.
    found: dict[str, tuple[str, str]] = {}
    for file, category in (("AIAssistants", "ai"), ("Socials", "social"), ("SearchEngines", "search")):
        for name, urls in _read(folder / f"matomo-{file}.yml"):
            name = _NAMES.get(name, name)
            for url in urls:
                found.setdefault(_key(url, below=category != "search"), (name, _CATEGORIES.get(name, category)))
    for key, (name, category) in sorted(found.items()):
        yield f"{key}\t{name}\t{category}"


def _read(file: Path) -> Iterator[tuple[str, list[str]]]:
    listed: Any = yaml.safe_load(file.read_text("utf-8"))
    if not isinstance(listed, dict):
        raise ValueError(f"{file.name} is no list of names")
    for name, entries in listed.items():
        urls = [url for entry in entries for url in (entry["urls"] if isinstance(entry, dict) else [entry])]
        yield unquote(str(name)), urls


def _key(url: str, below: bool) -> str:
    """A host of that list in our way of writing it."""
    url = url.lower()
    # Once without its colon.
    if url.startswith("android-app"):
        return f"*.{url.split('/')[2]}"
    host, slash, path = url.removeprefix("www.").partition("/")
    if host.startswith("{}."):
        host, below = host.removeprefix("{}."), True
    # "images.{}.ask.com": all below ask.com.
    host, below = (host.partition(".{}.")[2], True) if ".{}." in host else (host.replace(".{}", ".*"), below)
    return ("*." if below and not slash else "") + host + (f"/{path.rstrip('/')}" if path else "")


def _spam(file: Path) -> list[str]:
    return sorted({line.strip().lower() for line in file.read_text("utf-8").splitlines() if line.strip()})


def _networks(file: Path) -> list[str]:
    found: dict[int, str] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, skipinitialspace=True):
            if len(row) < 2 or not row[0].strip().isdecimal():
                continue
            number, owner = int(row[0]), " ".join(row[1].split())
            if number not in _PEOPLE and not _RESERVED.search(owner):
                found.setdefault(number, owner)
    return [f"{number}\t{owner}" for number, owner in sorted(found.items())]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("python -m collector.enrich.lists FOLDER: the folder with the lists that it names")
    main(Path(sys.argv[1]))
