"""A site: what all packages need to know about one website.

In: the settings file's `[[sites]]` tables. Out: frozen `Site` values; the local day of a moment.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, structs

from .funnel import Funnel
from .goal import OF_VISIT, resolved
from .goal import Goal as Goal
from .goal import goal_of as goal_of
from .host import host_name, site_name
from .pair import DEFAULT_PAIRS, Pair, paired, pairs_of
from .pattern import folder_of as folder_of
from .pattern import pattern_regex as pattern_regex
from .segment import Segment, definitions

# The key of the site that the demo pages count for.
DEMO = "demo"
_EPOCH = dt.date(1970, 1, 1)
# The days that can be asked about, and so be imported: a clock that was never set begins in 1970.
EARLIEST = dt.date(2000, 1, 1)
LATEST = dt.date(2099, 12, 31)
# Each is a row for each of its values and events, and one way more to tell people apart.
_MOST_PROPERTIES = 20
# Of the machine that is asked, and of none: parts on two machines would not have the same midnight.
_NOT_OF_A_PLACE = frozenset(("localtime", "posixrules", "Factory"))
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """One website. The key never changes; domains are attributes and may."""

    key: Annotated[str, Meta(description="The immutable name of the site.")]
    domains: Annotated[
        tuple[str, ...], Meta(description="Names by which beacons may call the site; the key is always one.")
    ] = ()
    ids: Annotated[
        tuple[str, ...],
        Meta(description="What other trackers call the site: Umami's website id, Matomo's idsite."),
    ] = ()
    timezone: Annotated[str, Meta(description="IANA time zone: where the site's midnight is.")] = "UTC"
    goals: Annotated[tuple[Goal, ...], Meta(description="What counts as a conversion.")] = ()
    sections: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=120)],
            Annotated[str, Meta(min_length=1, max_length=500)],
        ],
        Meta(description="Parts of the site by name: pages like this; of several the first. Others: the first folder."),
    ] = {}
    properties: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...],
        Meta(
            description="Properties of events and page views that are counted by their values: `url` of outbound links "
            "and downloads, `path` of pages that were not found and of forms. []: none.",
        ),
    ] = ("url", "path")
    pairs: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...],
        Meta(
            description="Two dimensions of a visit each, such as `country x channel`: their table is released with "
            "each day, so that a value of one filters the other. []: none.",
        ),
    ] = DEFAULT_PAIRS
    funnels: Annotated[
        tuple[Funnel, ...], Meta(description="Steps in an order, of which is counted how many people got how far.")
    ] = ()
    journeys: Annotated[
        bool,
        Meta(description="Count how many people go from section to section, from page to page, from entry to exit."),
    ] = False
    segments: Annotated[
        tuple[Segment, ...],
        Meta(description="Visits for which conditions hold, with numbers of their own of days that are over."),
    ] = ()
    release_k: Annotated[int, Meta(ge=1, le=10_000, description="This site's own release.k.")] | None = None
    release_networks: Annotated[int, Meta(ge=1, le=100, description="This site's own release.networks.")] | None = None
    retention_days: Annotated[int, Meta(ge=2, le=759, description="This site's own retention.raw_days.")] | None = None
    trailing_slash: Annotated[
        Literal["keep", "strip"],
        Meta(description="strip: /about/ is the page /about. Double slashes are always one."),
    ] = "keep"
    count_automated: Annotated[
        bool, Meta(description="Count bots and headless browsers, too: for the demo site and for tests.")
    ] = False
    group: Annotated[
        str, Meta(max_length=60, description="Under which heading the list of sites shows it; empty: under none.")
    ] = ""

    def __hash__(self) -> int:
        # Its sections are a mapping, which has no hash.
        return hash(self.key)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            likely = site_name(self.key)
            remedy = (
                f"write {likely!r}, as browsers send it" if _KEY.fullmatch(likely) else "write such as 'example.com'"
            )
            raise ValueError(
                f"a key has up to 100 small letters, digits, '.', '_' and '-' ({self.key!r}): {remedy} - at `$.key`"
            )
        structs.force_setattr(self, "domains", each_of("domains", self.domains, host_name))
        try:
            if self.timezone in _NOT_OF_A_PLACE:
                raise ValueError
            ZoneInfo(self.timezone)
        except Exception:
            raise ValueError(f"timezone {self.timezone!r} is not an IANA time zone such as 'Europe/Berlin'") from None
        names = [goal.name for goal in self.goals]
        if len(set(names)) != len(names):
            raise ValueError(f"site {self.key!r} has two goals of the same name")
        if len(self.properties) > _MOST_PROPERTIES:
            raise ValueError(
                f"site {self.key!r} has {len(self.properties)} properties: at most {_MOST_PROPERTIES} are counted, "
                "leave the others out"
            )
        for name in self.properties:
            if name != name.strip() or not name.isprintable() or "\n" in name:
                raise ValueError(
                    f"property {name!r} of site {self.key!r}: a name is written as the page sends it, without control "
                    "characters or spaces around it"
                )
            if self.properties.count(name) > 1:
                raise ValueError(f"site {self.key!r} has the property {name!r} twice: name it once")
        for name in self.sections:
            if name.startswith(("/", "(")):
                raise ValueError(f"section {name!r} of site {self.key!r}: a name does not begin with '/' or '('")
        resolved(self.goals, self.sections)
        try:
            crossed = pairs_of(self.pairs)
        except ValueError as problem:
            raise ValueError(f"site {self.key!r}: {problem}") from None
        # One table that is hidden in two ways: one would tell what the other hides.
        if self.journeys and paired("entry_page", "exit_page") in crossed:
            raise ValueError(
                f"site {self.key!r}: the pair 'entry_page x exit_page' is counted by journeys, too: leave one of them "
                "out"
            )
        self._refuse_funnels()
        definitions(self.segments, self.goal_definitions, self.sections)

    def _refuse_funnels(self) -> None:
        """Refuse funnels that go by one name, or whose steps name what the site does not have."""
        names = [funnel.name for funnel in self.funnels]
        for place, funnel in enumerate(self.funnels):
            if funnel.name in names[:place]:
                raise ValueError(f"two funnels are called {funnel.name!r}: rename one - at `$.funnels[{place}].name`")
            for nth, step in enumerate(funnel.steps):
                of, where = f"funnel {funnel.name!r}: the site has no", f"- at `$.funnels[{place}].steps[{nth}]`"
                if step.goal and step.goal not in self.goal_definitions:
                    known = ", ".join(map(repr, self.goal_definitions)) or "none"
                    raise ValueError(f"{of} goal {step.goal!r} (it has {known}): name one of its goals {where}")
                if step.goal and goal_of("", self.goal_definitions[step.goal]).kind in OF_VISIT:
                    raise ValueError(
                        f"funnel {funnel.name!r}: goal {step.goal!r} is of a visit as a whole, which is no step: "
                        f"name an event, a page or a section {where}"
                    )
                if step.section and step.section not in self.sections and not step.section.startswith("/"):
                    known = ", ".join(map(repr, self.sections)) or "none"
                    remedy = f"name one of its sections, or a first folder such as '/docs/' {where}"
                    raise ValueError(f"{of} section {step.section!r} (it has {known}): {remedy}")

    @property
    def kept_properties(self) -> tuple[str, ...]:
        """The properties that visits keep: those that are counted, and those that goals and segments ask for."""
        asked = [name for goal in self.goals for name in goal.properties]
        keys = (key for segment in self.segments for key, _ in segment.asked)
        asked += [key.removeprefix("properties.") for key in keys if key.startswith("properties.")]
        return tuple(dict.fromkeys((*self.properties, *asked)))

    @property
    def crossed(self) -> tuple[Pair, ...]:
        """The pairs."""
        return pairs_of(self.pairs)

    @property
    def counted_goals(self) -> tuple[Goal, ...]:
        """The goals, each with what its section is."""
        return resolved(self.goals, self.sections)

    @property
    def goal_definitions(self) -> dict[str, str]:
        """By name of each goal what it counts."""
        return {goal.name: goal.definition for goal in self.counted_goals}

    @property
    def funnel_definitions(self) -> dict[str, str]:
        """By name of each funnel what it counts: of a goal among its steps what that counts."""
        return {funnel.name: funnel.definition(self.goal_definitions) for funnel in self.funnels}

    @property
    def segment_definitions(self) -> dict[str, str]:
        """By name of each segment what it counts."""
        return definitions(self.segments, self.goal_definitions, self.sections)

    @property
    def section_patterns(self) -> dict[str, str]:
        """By name of each section the pattern of its pages as an anchored RE2 expression, in order."""
        return {name: pattern_regex(pattern) for name, pattern in self.sections.items()}

    @property
    def section_definitions(self) -> dict[str, str]:
        """By name of each section what it counts, in order, as the manifest keeps it; `section_sql` of
        pipeline/rollup/sections.py reads it: its pattern, and those before it that may have taken some of its pages."""
        found: dict[str, str] = {}
        before: list[str] = []
        for name, pattern in self.sections.items():
            found[name] = json.dumps([pattern, *(one for one in before if _may_meet(one, pattern))])
            before.append(pattern)
        return found

    def section_of(self, path: str) -> str:
        """The section that a page is in, as pipeline/rollup/sections.py says in SQL."""
        named = (name for name, pattern in self.section_patterns.items() if re.search(pattern, path))
        return next(named, folder_of(path))

    @property
    def own_hosts(self) -> frozenset[str]:
        """The key and the domains, without `www.`: from one of them to another is no referral."""
        return frozenset(map(site_name, (self.key, *self.domains)))

    @property
    def names(self) -> frozenset[str]:
        """What `site_name` makes of every name that a beacon may use for the site; and the key as it is."""
        return self.own_hosts | frozenset((self.key, *map(site_name, self.ids)))

    @property
    def name_on_pages(self) -> str:
        """What its pages call it: the key, or where that is no host name its first domain."""
        return self.key if "." in self.key else next(iter(self.domains), self.key)

    def script_tag(self, collector_url: str) -> str:
        """The line that goes into the site's pages. collector_url: how they reach the collector."""
        return f'<script defer data-domain="{self.name_on_pages}" src="{collector_url}/js/script.js"></script>'


def each_of(field: str, names: Sequence[str], turn: Callable[[str], str]) -> tuple[str, ...]:
    """A list of the settings, turned. Raises ValueError with the place of what cannot be, as msgspec tells places."""
    return tuple(turned(f"{field}[{index}]", name, turn) for index, name in enumerate(names))


def turned(field: str, text: str, turn: Callable[[str], str]) -> str:
    """The same of one value."""
    try:
        return turn(text)
    except ValueError as problem:
        raise ValueError(f"{problem} - at `$.{field}`") from None


def _may_meet(one: str, other: str) -> bool:
    """Whether a page can be of both patterns, as far as what is before their first star tells."""
    begins = [pattern.partition("*")[0].rstrip("/") for pattern in (one, other)]
    return begins[0].startswith(begins[1]) or begins[1].startswith(begins[0])


class LocalDay(Struct, frozen=True):
    """A site-local day: number = days since 1970-01-01; it lasts from start to end, Unix seconds, end excluded."""

    number: int
    start: int
    end: int

    @property
    def date(self) -> dt.date:
        return _EPOCH + dt.timedelta(days=self.number)


@lru_cache(maxsize=4096)
def day_bounds(timezone: str, number: int) -> LocalDay:
    """The local day of that number, 23, 24 or 25 hours long."""
    zone = ZoneInfo(timezone)
    date = _EPOCH + dt.timedelta(days=number)
    return LocalDay(number, _midnight(date, zone), _midnight(date + dt.timedelta(days=1), zone))


def local_day(timezone: str, moment: float) -> LocalDay:
    """The site-local day that holds the moment (Unix seconds)."""
    date = dt.datetime.fromtimestamp(moment, ZoneInfo(timezone)).date()
    day = day_bounds(timezone, day_number(date))
    # Where clocks went back just after midnight (Newfoundland until 2010, at 0:01), an hour of the new day is called by
    # the old day's name a second time; a day that is over does not come back.
    return day if moment < day.end else day_bounds(timezone, day.number + 1)


def day_number(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - _EPOCH).days


def _midnight(date: dt.date, zone: ZoneInfo) -> int:
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())
