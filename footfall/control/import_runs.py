"""What a command may ask of imports.

In: events in batches. Out: what was released of them. Promises: a run that is not known is refused by its name.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import structs

from pipeline.imports import Batch, Import
from pipeline.undo import runs, undo
from schema.event import CrawlerViews
from schema.store import Store

from ..errors import CannotDo
from ..settings import Settings
from .known import Known


class ImportRuns(Known):
    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        super().__init__(settings, store, live)
        self._imports: dict[str, tuple[Import, str]] = {}

    def import_begin(self, site: str) -> str:
        """Make room for an import; its name."""
        run = Import(self.store)
        run.begin()
        self._imports[run.run] = (run, site)
        return run.run

    def import_add(self, batch: Batch) -> None:
        """Store some events of an import. Raises LayoutUnknown."""
        self._run(batch.run)[0].add(batch.in_order())

    def import_crawlers(self, run: str, views: list[CrawlerViews]) -> None:
        """Store what crawlers looked at, of an import."""
        self._run(run)[0].add_crawlers(views)

    def import_finish(self, run: str, origin: str) -> dict[str, Any]:
        """Release what can be released, and forget the rest."""
        imported, site = self._run(run)
        del self._imports[run]
        self.store.settle()
        return structs.asdict(imported.finish([self._site(site)], time.time(), origin))

    def import_preview(self, run: str) -> dict[str, Any]:
        """What `import_finish` would release; forget all of it."""
        imported, site = self._run(run)
        del self._imports[run]
        told, skipped = imported.preview([self._site(site)], time.time())
        answer: dict[str, Any] = msgspec.to_builtins(told)
        return answer | {"skipped": skipped}

    def import_runs(self) -> list[dict[str, Any]]:
        """Every import that has released days."""
        return [msgspec.to_builtins(run) for run in runs(self.store)]

    def import_undo(self, run: str) -> dict[str, Any]:
        """Take an import back. Raises CannotDo where there is none of that name."""
        undone = undo(self.store, run, time.time())
        if undone is None:
            raise CannotDo(f"import {run!r} is not known; `footfall import list` tells the names")
        answer: dict[str, Any] = msgspec.to_builtins(undone)
        return answer

    def import_abandon(self, run: str) -> None:
        imported, _ = self._run(run)
        del self._imports[run]
        imported.abandon()

    def _run(self, run: str) -> tuple[Import, str]:
        if run not in self._imports:
            raise CannotDo(f"import {run!r} is not under way; start it again")
        return self._imports[run]
