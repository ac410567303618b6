"""What a command asks, of a Footfall that runs: over DATA/control.sock.

In: the path of the socket. Out: plain values. Promises: the same answers as from `Engine`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline.imports import Batch
from schema.event import Event
from schema.site import Site
from schema.store import StoreError

from ..errors import CannotDo
from ..health.finding import Finding
from ..settings import Settings
from .instance import ImportEnd, StatsRequest, spools_of
from .unix_http import PATIENT_S, UnixConnection


class Remote:
    """The instance, in another process."""

    def __init__(self, path: Path, timeout_s: float = PATIENT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._settings = msgspec.json.decode(self._call("settings", None), type=Settings)

    @property
    def settings(self) -> Settings:
        return self._settings

    def stats(self, request: StatsRequest) -> dict[str, Any]:
        return self._ask("stats", request)

    def import_begin(self, site: Site) -> str:
        return str(self._ask("import_begin", site)["run"])

    def import_add(self, run: str, rows: list[list[Any]]) -> None:
        self._ask("import_add", Batch(run, Event.__struct_fields__, rows))

    def import_finish(self, run: str, origin: str) -> dict[str, Any]:
        return self._ask("import_finish", ImportEnd(run, origin))

    def import_preview(self, run: str) -> dict[str, Any]:
        return self._ask("import_preview", run)

    def import_abandon(self, run: str) -> None:
        self._ask("import_abandon", run)

    def import_runs(self) -> list[dict[str, Any]]:
        return list(self._ask("import_runs", None)["runs"])

    def import_undo(self, run: str) -> dict[str, Any]:
        return self._ask("import_undo", run)

    def backup(self, path: str) -> dict[str, Any]:
        return self._ask("backup", path)

    def status(self) -> dict[str, Any]:
        return self._ask("status", None)

    def health(self) -> list[Finding]:
        return msgspec.json.decode(self._call("health", None), type=list[Finding])

    def spools(self) -> list[dict[str, Any]]:
        return list(self._ask("spools", None)["spools"])

    def spools_of(self, host: str) -> list[dict[str, Any]]:
        return spools_of(self.spools(), host)

    def spools_forget(self, spools: list[str]) -> None:
        self._ask("spools_forget", spools)

    def sites(self) -> list[dict[str, Any]]:
        return list(self._ask("sites", None)["sites"])

    def site_data(self, key: str) -> dict[str, Any]:
        return self._ask("site_data", key)

    def site_remove(self, key: str) -> dict[str, Any]:
        return self._ask("site_remove", key)

    def site_months(self, key: str) -> list[str]:
        return list(self._ask("site_months", key)["months"])

    def site_rows(self, key: str, family: str, month: str) -> list[dict[str, Any]]:
        return list(self._ask("site_rows", (key, family, month))["rows"])

    def _ask(self, what: str, argument: Any) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.json.decode(self._call(what, argument))
        return answer

    def _call(self, what: str, argument: Any) -> bytes:
        connection = UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("POST", f"/{what}", msgspec.msgpack.encode(argument))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status == 400:
            raise CannotDo(body.decode())
        if answer.status != 200:
            raise StoreError(f"the running instance answers {answer.status}: {body.decode()[:300]}")
        return body
