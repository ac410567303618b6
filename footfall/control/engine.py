"""What a command can ask of the house: statistics, imports, a sign-in link. Done here, or by the running instance.

In: settings and a store. Out: plain values. Promises: the same answers from `Engine` (this process holds the store)
and from `Remote` (another one does, reached over DATA/control.sock).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, structs
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.access import Accounts
from dashboards.query import BadQuery, Query
from dashboards.report import Reports
from pipeline.copying import ROWS_STAY
from pipeline.enrolled import Enrolled, enrolled, named
from pipeline.enrolled import forget as forget_spools
from pipeline.former import last_declared, looked_up, once_set_up
from pipeline.imports import Batch, Import, abandon_all
from pipeline.layout import LayoutUnknown
from pipeline.release import received_by_spool
from pipeline.settings import SiteRules
from pipeline.site_data import Removed, released_months, released_rows, remove_site, what_there_is
from pipeline.undo import runs, undo
from schema.event import Event
from schema.host import site_name
from schema.manifest import RELEASED_DAYS
from schema.migrate import migrate, pending
from schema.site import Site
from schema.store import Store, StoreDown, StoreError

from ..errors import CannotDo
from ..health.finding import Finding
from ..health.outcomes import outcomes
from ..health.stored import of_store
from ..settings import DEMO_SITE, Settings, SiteSettings
from ..supervisor.locks import is_held
from ..supervisor.paths import former_sites
from ..supervisor.stamp import refuse_newer, write_stamp
from .foreign_pages import foreign_pages
from .sites import list_sites
from .unix_http import PATIENT_S, UnixConnection

if TYPE_CHECKING:
    from pipeline.schedule import Pipeline

# An engine that starts anew takes seconds, after a fatal signal on a busy machine many of them.
_STARTS_WITHIN_S = 30.0


class StatsRequest(Struct, frozen=True):
    """first, last: ISO dates, both included. filters: texts such as `page==/pricing`."""

    site: str
    first: str
    last: str
    by: str = ""
    filters: tuple[str, ...] = ()
    limit: int = 1000


class _ImportEnd(Struct, frozen=True):
    """That everything of an import has been handed over."""

    run: str
    origin: str


class House(Protocol):
    """What `Engine` and `Remote` have in common."""

    @property
    def settings(self) -> Settings: ...
    def stats(self, request: StatsRequest) -> dict[str, Any]: ...
    def import_begin(self, site: Site) -> str: ...
    def import_add(self, run: str, rows: list[list[Any]]) -> None: ...
    def import_finish(self, run: str, origin: str) -> dict[str, Any]: ...
    def import_preview(self, run: str) -> dict[str, Any]: ...
    def import_abandon(self, run: str) -> None: ...
    def import_runs(self) -> list[dict[str, Any]]: ...
    def import_undo(self, run: str) -> dict[str, Any]: ...
    def backup(self, path: str) -> dict[str, Any]: ...
    def status(self) -> dict[str, Any]: ...
    def spools(self) -> list[dict[str, Any]]: ...
    def spools_of(self, host: str) -> list[dict[str, Any]]: ...
    def spools_forget(self, spools: list[str]) -> None: ...
    def sites(self) -> list[dict[str, Any]]: ...
    def site_data(self, key: str) -> dict[str, Any]: ...
    def site_remove(self, key: str) -> dict[str, Any]: ...
    def site_months(self, key: str) -> list[str]: ...
    def site_rows(self, key: str, family: str, month: str) -> list[dict[str, Any]]: ...


class Engine:
    """The house, in the process that holds the store. live: its settings are those by which open days are folded."""

    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        self._settings = settings
        self.store = store
        self._live = live
        self._imports: dict[str, tuple[Import, Site]] = {}
        # The one that works in this process.
        self.pipeline: Pipeline | None = None

    @property
    def settings(self) -> Settings:
        return self._settings

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings

    def stats(self, request: StatsRequest) -> dict[str, Any]:
        """The answer of `footfall stats`."""
        site, rules = self._site(request.site)
        self._refuse_unknown(site)
        if not self._live:
            rules = structs.replace(rules, k=self._last_k(site) or rules.k)
        first, last = iso_date(request.first), iso_date(request.last)
        try:
            query = Query.of(site.key, first, last, request.by, request.filters, request.limit)
            rounded = (site.key,) if rules.strict and rules.k > 1 else ()
            return Reports(self.store, [structs.replace(site, release_k=rules.k)], rounded=rounded).stats(query)
        except BadQuery as problem:
            raise CannotDo(str(problem)) from None

    def import_begin(self, site: Site) -> str:
        """Make room for an import; its name."""
        run = Import(self.store)
        run.begin()
        self._imports[run.run] = (run, site)
        return run.run

    def import_add(self, run: str, rows: list[list[Any]]) -> None:
        self._run(run)[0].add(rows)

    def import_finish(self, run: str, origin: str) -> dict[str, Any]:
        """Release what can be released, and forget the rest."""
        imported, site = self._run(run)
        del self._imports[run]
        return structs.asdict(imported.finish([self._site(site.key)], time.time(), origin))

    def import_preview(self, run: str) -> dict[str, Any]:
        """What `import_finish` would release; forget all of it."""
        imported, site = self._run(run)
        del self._imports[run]
        told, skipped = imported.preview([self._site(site.key)], time.time())
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

    def backup(self, path: str) -> dict[str, Any]:
        """Write a backup into a new file, by its whole path."""
        from ..backup.making import make, plain  # which needs what is here

        return plain(make(self._settings, self.store, Path(path)), Path(path))

    def status(self) -> dict[str, Any]:
        """What `footfall check` reports of the store."""
        last = self.store.rows("SELECT site, toString(max(received)), count() FROM events GROUP BY site ORDER BY site")
        released = self.store.rows(
            f"SELECT site, count(), toString(max(day)) FROM {RELEASED_DAYS} GROUP BY site ORDER BY site"
        )
        marks = received_by_spool(self.store)
        return {
            "store": self.store.name,
            "version": self.store.rows("SELECT version()")[0][0],
            "raw": [{"site": s, "last_event": last_event, "rows": rows} for s, last_event, rows in last],
            "released": [{"site": s, "days": days, "last": day} for s, days, day in released],
            "spools": [{"spool": spool, "received_through": second} for spool, second in marks.items()],
            "last_24_hours": [{"site": s, "reason": reason, "count": n} for s, reason, n in outcomes(self.store)],
            "foreign_pages": [structs.asdict(one) for one in foreign_pages(self.store, self._settings)],
        }

    def health(self) -> list[Finding]:
        """What the store tells of the house."""
        sites = list(self._settings.site_rules())
        if not (self._live or self._settings.has_file):
            # Flags named them, and are gone with the house that had them.
            known = {site.key for site, _ in sites}
            sites += [self._site(key) for key in sorted(last_declared(former_sites(self._settings)) - known)]
        return of_store(self.store, sites, self._site, self._settings.rollup.grace_s, time.time())

    def spools(self) -> list[dict[str, Any]]:
        """Every spool that days wait for."""
        sites = [site for site, _ in looked_up(former_sites(self._settings), self._settings.site_rules())]
        return [structs.asdict(one) for one in enrolled(self.store, sites, time.time())]

    def spools_of(self, host: str) -> list[dict[str, Any]]:
        """Those that may be forgotten with a host. Raises CannotDo."""
        return spools_of(self.spools(), host)

    def spools_forget(self, spools: list[str]) -> None:
        """Wait for these no longer."""
        forget_spools(self.store, spools)

    def sites(self) -> list[dict[str, Any]]:
        """Every site of the settings, and every other one with data."""
        return list_sites(self._settings, self.store)

    def site_data(self, key: str) -> dict[str, Any]:
        """What a removal would delete. Raises CannotDo where the settings name the site, or there is nothing of it."""
        if key in {site.key for site in self._settings.all_sites}:
            how = "set demo = false" if key == DEMO_SITE.key else "take it out of the settings"
            raise CannotDo(f"site {key!r}: is in the settings; {how}, have Footfall read them again, then remove it")
        if key not in {one["site"] for one in self.sites()}:
            raise CannotDo(f"site {key!r}: there is nothing of it; `footfall site list` lists those there are")
        return structs.asdict(what_there_is(self.store, key))

    def site_remove(self, key: str) -> dict[str, Any]:
        """Delete all of a site that the settings do not name. Raises CannotDo."""
        self.site_data(key)

        def work() -> Removed:
            return remove_site(self.store, key, time.time())

        with ROWS_STAY:
            return structs.asdict(self.pipeline.leave(key, work) if self.pipeline else work())

    def site_months(self, key: str) -> list[str]:
        """The months with released days, as ISO dates. Raises CannotDo where there are none."""
        months = [month.isoformat() for month in released_months(self.store, key)]
        if not months:
            raise CannotDo(f"site {key!r}: no day of it is released; `footfall site list` lists those there are")
        return months

    def site_rows(self, key: str, family: str, month: str) -> list[dict[str, Any]]:
        """The released rows of a month in one family."""
        rows: list[dict[str, Any]] = msgspec.to_builtins(released_rows(self.store, key, family, iso_date(month)))
        return rows

    def _refuse_unknown(self, site: Site) -> None:
        declared = [known.key for known in self._settings.all_sites]
        if site.key in declared:
            return
        stored = self.store.rows("SELECT site FROM manifest UNION DISTINCT SELECT site FROM events ORDER BY site")
        known = list(dict.fromkeys([*declared, *(key for (key,) in stored)]))
        if site.key not in known:
            raise CannotDo(f"site {site.key!r} is not known: there are {', '.join(known) or 'none'}")

    def _last_k(self, site: Site) -> int:
        """The k of the site's last release; 0 before its first."""
        rows = self.store.rows("SELECT argMax(k, number) FROM manifest WHERE site = {s:String}", {"s": site.key})
        return int(rows[0][0])

    def _run(self, run: str) -> tuple[Import, Site]:
        if run not in self._imports:
            raise CannotDo(f"import {run!r} is not under way; start it again")
        return self._imports[run]

    def _site(self, name: str) -> tuple[Site, SiteRules]:
        rules = self._settings.site_rules()
        for site, mine in rules:
            if site_name(name) in site.names:
                return site, mine
        # Removed, or given as a flag to another start: what is stored of it can still be read and added to.
        alone = ad_hoc_site(name)
        return once_set_up(former_sites(self._settings), alone.key) or (alone, self._settings.rules_of(alone))


class Remote:
    """The house, in another process."""

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
        return self._ask("import_finish", _ImportEnd(run, origin))

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


@contextlib.contextmanager
def opened(settings: Settings, make: bool = False) -> Iterator[House]:
    """The running instance of this data directory, or else the store itself. make: also where there is none yet, or
    only one of an older version; who only looks changes nothing. Raises CannotDo."""
    refuse_newer(settings.directory)
    running = _running(settings)
    if running is not None:
        yield running
        return
    store = open_store(settings, make)
    try:
        if make:
            migrate(store)
            if settings.directory.is_dir():
                write_stamp(settings.directory)
            if store.embedded:  # nobody else holds it, so nobody is importing
                abandon_all(store)
        else:
            refuse_older(settings, store)
        yield Engine(settings, store, live=False)
    finally:
        store.close()


@contextlib.contextmanager
def opened_for_changes(settings: Settings) -> Iterator[House]:
    """The same for what only an administrator of a server may do: not by the running part, whose user may not, but by
    the user that this command's own `store.dsn` names."""
    if settings.dsn.startswith("chdb:"):
        with opened(settings) as house:
            yield house
        return
    store = open_store(settings)
    try:
        yield Engine(settings, store, live=False)
    except StoreError as problem:
        if "ACCESS_DENIED" in str(problem) or "privileges" in str(problem):
            raise CannotDo(
                f"{store.name}: its user may not do that; give the DSN of an administrator in FOOTFALL_STORE_DSN"
            ) from None
        raise
    finally:
        store.close()


def _running(settings: Settings) -> Remote | None:
    """The running instance, waited for while it starts: its engine may be on its way up, and a command that opened the
    store before it would be in its way. Raises CannotDo where it does not come."""
    path, deadline = control_path(settings), time.monotonic() + _STARTS_WITHIN_S
    while True:
        if path.exists():
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                return Remote(path)
        if not (settings.dsn.startswith("chdb:") and is_held(settings.directory, "up")):
            return None
        if time.monotonic() >= deadline:
            raise CannotDo(
                f"data = {str(settings.directory)!r}: Footfall is running there, but its engine has not answered for "
                f"{_STARTS_WITHIN_S:.0f} s; its log says why"
            )
        time.sleep(0.2)


def refuse_older(settings: Settings, store: Store) -> None:
    """Raises CannotDo where the store waits for migrations."""
    waiting = pending(store)
    if waiting:
        raise CannotDo(
            f"data = {str(settings.directory)!r}: the store is of an older Footfall, {waiting[0]} is not applied; "
            "start `footfall up` once, or run `footfall migrate`"
        )


def open_store(settings: Settings, make: bool = False) -> Store:
    """The store, for this process alone if it is embedded. Raises CannotDo where a running house holds it, or, unless
    it is to be made, where there is none, and WrittenByNewer."""
    refuse_newer(settings.directory)
    embedded, directory = settings.dsn.startswith("chdb:"), str(settings.directory)
    if embedded and not make and not Path(urlsplit(settings.dsn).path).exists():
        raise CannotDo(f"data = {directory!r}: there is nothing there yet; name another --data, or run `footfall up`")
    try:
        return Store(settings.dsn, settings.store.cluster)
    except StoreDown:
        if embedded and is_held(settings.directory, "up"):
            raise CannotDo(
                f"data = {directory!r}: Footfall is running there and holds the store; stop it, or try again if it "
                "has just been started"
            ) from None
        raise


def control_app(engine: Engine) -> Starlette:
    """What the running instance answers on its socket (0600: only its own user reaches it)."""

    def call(what: str, argument: Any) -> Any:
        match what:
            case "settings":
                return engine.settings
            case "stats":
                return engine.stats(msgspec.convert(argument, StatsRequest))
            case "import_begin":
                return {"run": engine.import_begin(msgspec.convert(argument, SiteSettings))}
            case "import_add":
                batch = msgspec.convert(argument, Batch)
                engine.import_add(batch.run, batch.in_order())
                return {}
            case "import_finish":
                end = msgspec.convert(argument, _ImportEnd)
                return engine.import_finish(end.run, end.origin)
            case "import_preview":
                return engine.import_preview(argument)
            case "import_runs":
                return {"runs": engine.import_runs()}
            case "import_undo":
                return engine.import_undo(argument)
            case "import_abandon":
                engine.import_abandon(argument)
                return {}
            case "backup":
                return engine.backup(argument)
            case "status":
                return engine.status()
            case "health":
                return engine.health()
            case "spools":
                return {"spools": engine.spools()}
            case "spools_forget":
                engine.spools_forget(msgspec.convert(argument, list[str]))
                return {}
            case "sites":
                return {"sites": engine.sites()}
            case "site_data":
                return engine.site_data(argument)
            case "site_remove":
                return engine.site_remove(argument)
            case "site_months":
                return {"months": engine.site_months(argument)}
            case "site_rows":
                return {"rows": engine.site_rows(*msgspec.convert(argument, tuple[str, str, str]))}
        raise CannotDo(f"{what!r} is nothing this version does")

    async def answer(request: Request) -> Response:
        argument = msgspec.msgpack.decode(await request.body())
        try:
            value = await run_in_threadpool(call, request.path_params["what"], argument)
        except CannotDo as problem:
            return Response(str(problem), 400)
        except (msgspec.ValidationError, LayoutUnknown) as problem:
            # Neither names a value: the one a place in the argument, the other a field.
            what = f"{request.path_params['what']}: {problem}"
            return Response(f"{what}; use the command of the version that is running, or restart Footfall", 400)
        except StoreError as problem:
            return Response(str(problem), 503)
        return Response(msgspec.json.encode(value), media_type="application/json")

    return Starlette(routes=[Route("/{what}", answer, methods=["POST"])])


def control_path(settings: Settings) -> Path:
    return settings.directory / "control.sock"


def accounts(settings: Settings) -> Accounts:
    """The people who may sign in. Raises WrittenByNewer, CannotDo."""
    refuse_newer(settings.directory)
    path = settings.directory / "accounts.sqlite"
    try:
        return Accounts(path, settings.dashboards.session_days)
    except sqlite3.OperationalError as problem:
        raise CannotDo(f"{path}: cannot be opened: {problem}; give this user the rights, or make room") from None
    except sqlite3.DatabaseError as problem:
        raise CannotDo(
            f"{path}: cannot be read: {problem}; restore it from a backup, or move it away: accounts are then made anew"
        ) from None


def spools_of(found: list[dict[str, Any]], host: str) -> list[dict[str, Any]]:
    """Those of a host, none of which reports. Raises CannotDo."""
    mine = [structs.asdict(one) for one in named([Enrolled(**one) for one in found], host)]
    if not mine:
        there = ", ".join(one["spool"] for one in found) or "none"
        raise CannotDo(f"host {host!r}: no spool of it has ever reported; there are {there}")
    reporting = [one["spool"] for one in mine if one["reports"]]
    if reporting:
        raise CannotDo(f"host {host!r}: {', '.join(reporting)} has reported within a minute; stop its collector first")
    return mine


def ad_hoc_site(name: str) -> SiteSettings:
    """A site that no settings file names, with every default. Raises CannotDo for an impossible name."""
    try:
        return msgspec.convert({"key": site_name(name)}, SiteSettings)
    except msgspec.ValidationError:
        raise CannotDo(f"site {name!r}: a site is named by letters, digits, '.', '_' and '-'") from None


def iso_date(text: str) -> dt.date:
    """A date as a person or a script writes it. Raises CannotDo."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CannotDo(f"date {text!r}: write YYYY-MM-DD") from None
