"""Shadow mode, the parent's side: after a day, the workers' sketches become one line per candidate, and go.

In: the files of `shadow.py`. Out: by how many percent each candidate would have miscounted, in DATA/shadow.jsonl.
Promises: what is published is rounded to whole percent, once per site and day, and never of a handful; no sketch
outlives its day's key.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog

from schema.site import Site, day_bounds

from ..keys.journal import iso_day
from ..keys.key import DESTROY_AFTER_S
from .hyperloglog import HyperLogLog
from .shadow import SiteDay, read_saved

log = structlog.get_logger("shadow")

# One visitor of fewer could be seen in a rounded percentage.
LEAST_VISITORS = 100
_FILE = re.compile(r"shadow-\d+-(?P<day>\d+)-(?P<site>[a-z0-9._-]+?)(\.partial)?")


class ShadowPublisher:
    """Publishes and removes. wanted: whether there are candidates; if not, what others left is removed."""

    def __init__(
        self,
        directory: Path,
        journal: Path,
        sites: Sequence[Site],
        wanted: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._journal = journal
        self._wanted = wanted
        self.follow(sites)
        self._clock = clock
        self._swept = False

    def follow(self, sites: Sequence[Site]) -> None:
        """Publish what was measured of these sites."""
        self._zones = {site.key: site.timezone for site in sites} if self._wanted else {}

    def turn(self) -> None:
        """Publish and remove what is over. Called every second, after the keys' own turn."""
        if self._swept and not self._zones:
            return
        self._swept = True
        now = self._clock()
        for (site, day), paths in self._files().items():
            if site in self._zones and now < day_bounds(self._zones[site], day).end + DESTROY_AFTER_S:
                continue
            try:
                if site in self._zones:
                    self._publish(site, day, paths)
            finally:
                # Whatever becomes of the figures, the sketches go with the key.
                for path in paths:
                    path.unlink(missing_ok=True)

    def _files(self) -> dict[SiteDay, list[Path]]:
        found: dict[SiteDay, list[Path]] = {}
        for path in sorted(self._directory.glob("shadow-*")):
            match = _FILE.fullmatch(path.name)
            if match:
                found.setdefault((match["site"], int(match["day"])), []).append(path)
        return found

    def _publish(self, site: str, day: int, paths: Sequence[Path]) -> None:
        saved = [file for path in paths if path.suffix != ".partial" and (file := read_saved(path)) is not None]
        if not saved:
            return
        # Workers started with other settings measured something else.
        settings = saved[-1].settings
        merged = [HyperLogLog() for _ in range(1 + 2 * len(settings))]
        for file in saved:
            if file.settings == settings:
                for sketch, registers in zip(merged, file.sketches, strict=True):
                    sketch.merge(HyperLogLog(registers))
        published = {entry["candidate"] for entry in read_shadow(self._journal) if (entry["site"], entry["day"])
                == (site, iso_day(day))}  # fmt: skip
        lines = [
            {"site": site, "day": iso_day(day), "candidate": name} | figures
            for (name, _), figures in zip(settings, _figures(merged), strict=True)
            if name not in published
        ]
        try:
            with open(self._journal, "a", encoding="utf-8") as file_:
                file_.writelines(json.dumps(line) + "\n" for line in lines)
                file_.flush()
                os.fsync(file_.fileno())
        except OSError as problem:
            log.warning("shadow_not_published", kind=type(problem).__name__)


def read_shadow(path: Path) -> list[dict[str, str]]:
    """What was published: entries with site, day, candidate, visitors_error_percent, merged_percent; the last two are
    None where too few were there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def _figures(sketches: Sequence[HyperLogLog]) -> Iterator[dict[str, int | None]]:
    """Per candidate the rounded error of its count, and of 100 people told apart by whole address and agent how many
    vanish in another's number."""
    whole, *rest = (sketch.estimate() for sketch in sketches)
    for numbers, pairs in zip(rest[::2], rest[1::2], strict=True):
        enough = whole >= LEAST_VISITORS
        yield {
            "visitors_error_percent": round(100 * (numbers / whole - 1)) if enough else None,
            "merged_percent": max(0, round(100 * (1 - numbers / pairs))) if enough else None,
        }
