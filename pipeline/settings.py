"""The pipeline's settings: spool, rollup, release and retention. Frozen; read once by `footfall/settings`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MiB = 1024 * 1024
# 16 TiB: more is a slip of the pen, and would refuse every beacon, or fill any disk.
MOST_BYTES = 16 * 1024 * 1024 * MiB
# Networks of a cell are counted no further than this: each would take memory of every cell there is.
MOST_NETWORKS = 100
# Of raw rows that live for fewer days nothing waits for its week (rule N2).
LEAST_RAW_DAYS = 9


class SpoolSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How events wait on disk before they reach ClickHouse."""

    seal_after_s: Annotated[
        float, Meta(ge=0.1, le=60, description="Seconds until a spool file is handed to the writer.")
    ] = 0.5
    seal_behind_after_s: Annotated[
        float,
        Meta(ge=0.1, le=600, description="The same while files pile up, because the store is away: few large inserts."),
    ] = 30.0
    seal_unwatched_after_s: Annotated[
        float,
        Meta(
            ge=0.1, le=60, description="The same while nobody looks at any numbers: fewer files, and less is written."
        ),
    ] = 10.0
    seal_bytes: Annotated[
        int, Meta(ge=64 * 1024, le=1024 * MiB, description="Size at which a file is handed over earlier.")
    ] = 8 * MiB
    max_bytes: Annotated[
        int,
        Meta(
            ge=MiB,
            le=MOST_BYTES,
            description="Bytes one worker may hold; above it beacons get 503 until the store is back.",
        ),
    ] = 8 * 1024 * MiB
    keep_free_bytes: Annotated[
        int, Meta(ge=0, le=MOST_BYTES, description="Bytes of disk to leave free; below it beacons get 503.")
    ] = 256 * MiB


class RollupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How often open days are recomputed and when they close."""

    every_s: Annotated[float, Meta(ge=0.5, le=60, description="Seconds between recomputations of open days.")] = 1.0
    grace_s: Annotated[
        int, Meta(ge=15, le=6 * 3600, description="Seconds after a site's midnight until its day may close.")
    ] = 300
    nice: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description="How far the process that counts and releases days, and tells of them, gives way where "
            "processors are short: 0 not at all, 19 the most. From the next start on.",
        ),
    ] = 0


class ReleaseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is small enough to hide."""

    k: (
        Annotated[
            int, Meta(ge=1, le=10_000, description="Fewest visitors in a visible cell; smaller ones become (other).")
        ]
        | None
    ) = None
    networks: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MOST_NETWORKS,
                description="Fewest networks that the visitors of a visible cell come from; 1 where all come from one, "
                "as in an intranet. Unset: as many as release.k.",
            ),
        ]
        | None
    ) = None
    k_late: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=10_000,
                description="Fewest visitor-days of a value that days hide and its week or four weeks show; 0: none "
                "are. Never fewer than release.k.",
            ),
        ]
        | None
    ) = None
    late_others: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=10_000,
                description="How many of these visitor-days are left, at least, when of every day the network is taken "
                "away that most of them came from; 0: a row may be one person who comes every day.",
            ),
        ]
        | None
    ) = None
    bound: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            description="One visitor adds to a figure of a day at most the page views, events and revenue that this "
            "share of the visitors of the 28 days before stays within (50 page views and events at least); 0, and with "
            "release.k = 1: no bound.",
        ),
    ] = 0.999


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long raw rows live. The cap, 759 days, is the 25 months of CNIL's audience-measurement sheet."""

    raw_days: Annotated[int, Meta(ge=2, le=759, description="Days a raw event lives.")] | None = None


class SiteRules(Struct, frozen=True):
    """What rolling up one site needs, all defaults resolved. strict: open days are rounded down (rule H4). networks: of
    how many networks the people of a visible cell are at least (rule N4); 0: of as many as they are people. k_late,
    late_others: how many visitor-days a value of a block has at least, and how many of these beside the largest network
    of each day (rule N2); k_late 0: no blocks. bound: the quantile of what visitors of the days
    before added, above which nobody adds more to a figure; 0: none."""

    k: int
    retention_days: int
    preset: str
    strict: bool = False
    networks: int = 0
    k_late: int = 0
    late_others: int = 0
    bound: float = 0.0

    @property
    def least_networks(self) -> int:
        """The same as a number: k people are from k networks at most."""
        return min(self.networks or self.k, self.k, MOST_NETWORKS)
