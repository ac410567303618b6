"""A link for a campaign: an address with the tags by which its visits are counted, and what becomes of each tag.

In: what a form says, and what the collector's own steps leave of the link (`TryOut`). Out: a `Link`. Promises: nothing
is stored; what a tag would lose is said before the link is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from . import format as names


class Tag(Struct, frozen=True):
    """name: of the argument of the page; the parameter of the link is `utm_` and this."""

    name: str
    label: str
    example: str
    required: bool = False

    @property
    def parameter(self) -> str:
        return f"utm_{self.name}"


TAGS = (
    Tag("source", "Source", "newsletter", required=True),
    Tag("medium", "Medium", "email"),
    Tag("campaign", "Campaign", "spring sale"),
    Tag("content", "Content", "button"),
    Tag("term", "Term", "shoes"),
)
ADDRESS = "address"
ARGUMENTS = (ADDRESS, *(tag.name for tag in TAGS))
_LONGEST = 2000


class Tagged(Struct, frozen=True):
    """What is counted of a link. reason: why nothing would be, "" where it is. kept: by parameter what is stored."""

    reason: str
    kept: Mapping[str, str]
    source: str
    channel: str


# What the collector makes of a link to a page of the site with this key.
TryOut = Callable[[str, str], Tagged]


class Link(Struct, frozen=True):
    """address: the whole link. counted: in words as what. warnings: what is lost, or likely not meant."""

    address: str
    counted: str
    warnings: tuple[str, ...]


def link_of(key: str, asked: Mapping[str, str], try_out: TryOut) -> Link | str:
    """The link of a form, or what is wrong with that. key: of the site."""
    given = {name: asked.get(name, "").strip()[:_LONGEST] for name in ARGUMENTS}
    address = given[ADDRESS] if "://" in given[ADDRESS] else f"https://{given[ADDRESS]}"
    try:
        parts = urlsplit(address)
        hostname = parts.hostname
    except ValueError:
        hostname = None
    if not given[ADDRESS] or not hostname or parts.scheme not in ("http", "https"):
        return "Write the address of a page of yours, such as https://example.com/pricing."
    if not given["source"]:
        return "Write a source, such as newsletter: without one nobody can tell where the visit came from."
    wanted = {tag.parameter: given[tag.name] for tag in TAGS if given[tag.name]}
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in wanted]
    link = urlunsplit(parts._replace(query=urlencode([*kept, *wanted.items()])))
    told = try_out(key, link)
    campaign = f", campaign {told.kept['utm_campaign']}" if told.kept.get("utm_campaign") else ""
    counted = "" if told.reason else f"Source {told.source or 'none'}, channel {told.channel}{campaign}."
    return Link(link, counted, tuple(_warnings(given, told)))


def _warnings(given: Mapping[str, str], told: Tagged) -> Iterator[str]:
    if told.reason:
        yield f"Visits by this link are not counted: {names.REASONS.get(told.reason, told.reason)}."
        return
    for tag in TAGS:
        wanted, kept = given[tag.name], told.kept.get(tag.parameter, "")
        if not wanted:
            continue
        if not kept:
            yield f"{tag.label} “{wanted}” is not kept: by this site's settings {tag.parameter} is dropped."
        elif kept != wanted:
            yield f"{tag.label} “{wanted}” is stored as “{kept}”: it reads like what names a person. Write another."
        elif kept != kept.lower():
            yield f"{tag.label} “{kept}” and “{kept.lower()}” are counted apart: small letters are safer."
