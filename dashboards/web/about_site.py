"""What a site's pages tell of its settings and of what is kept of its visitors, as plain values.

In: what the composition root hands in as `AboutSite`. Out: what the pages show. Promises: the dashboards know no
settings but their own; what is handed in here is for everybody who sees the site, so it holds no secret and no path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from .campaign_link import TryOut


class Setting(Struct, frozen=True):
    """One setting, or one thing that is declared. name: as the settings file calls it. default: what holds where
    nothing is set. origin: where it was set. since: the first day that counted it, "" where that means nothing."""

    name: str
    label: str
    value: str
    default: str = ""
    origin: str = ""
    meaning: str = ""
    since: str = ""


class Group(Struct, frozen=True):
    """Settings under one heading. declared: whether they are things that are counted, each since some day. meaning:
    what docs/settings.md says of them all."""

    name: str
    title: str
    settings: tuple[Setting, ...]
    declared: bool = False
    meaning: str = ""


class Kept(Struct, frozen=True):
    """What is kept of one thing that a browser sends. sent: what that is; kept: what remains of it."""

    sent: str
    kept: str


class Promise(Struct, frozen=True):
    """rule: its name in docs/promises.md, where the code and the tests are that keep it."""

    rule: str
    text: str


class Privacy(Struct, frozen=True):
    """preset: of the anonymization. kept: of what is sent. times: what goes when. never: what is not kept at all.
    rights: what a visitor can do. promises: those that hold. notice: paragraphs for visitors of the site."""

    preset: str
    k: int
    networks: int
    kept: tuple[Kept, ...]
    times: tuple[Kept, ...]
    never: tuple[str, ...]
    rights: tuple[Kept, ...]
    promises: tuple[Promise, ...]
    notice: tuple[str, ...]


class AboutSite(Struct, frozen=True):
    """What is told of the site with this key; try_out: what the collector makes of a link to it."""

    settings: Callable[[str], Sequence[Group]]
    privacy: Callable[[str], Privacy]
    try_out: TryOut
