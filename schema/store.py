"""Opens ClickHouse: embedded in this process, one server, or a cluster. This file alone knows the client.

In: a DSN. Out: rows, or nothing; errors are `StoreDown` (try again later) or `RowsRefused` (never will be taken).
Promises: a client has one statement at a time, values are bound parameters, and no error text carries a row.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import structlog

from . import library
from .dsn import name_of
from .engine import MEMORY_SHARE, has_little_memory
from .engine import options as of_engine
from .lasting import Lasting

log = structlog.get_logger("store")

# ClickHouse error codes that name the statement's own data: sending it again can only fail again.
# 6 CANNOT_PARSE_TEXT, 26 CANNOT_PARSE_QUOTED_STRING, 27 CANNOT_PARSE_INPUT_ASSERTION_FAILED, 33 CANNOT_READ_ALL_DATA,
# 38 CANNOT_PARSE_DATE, 41 CANNOT_PARSE_DATETIME, 53 TYPE_MISMATCH, 69 ARGUMENT_OUT_OF_BOUND, 70 CANNOT_CONVERT_TYPE,
# 72 CANNOT_PARSE_NUMBER, 117 INCORRECT_DATA, 131 TOO_LARGE_STRING_SIZE, 321 VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
# 349 CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, 469 VIOLATED_CONSTRAINT.
_REFUSED_CODES = frozenset({6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 469})
# ABORTED; with these words it is what the embedded engine answers to everything after a fatal signal in one of its
# threads, for the minutes until it ends the process.
_ABORTED_CODE, _FATAL = 236, "fatal error"
# 81 UNKNOWN_DATABASE, 192 UNKNOWN_USER, 193 WRONG_PASSWORD, 194 REQUIRED_PASSWORD, 195 IP_ADDRESS_NOT_ALLOWED,
# 291 DATABASE_ACCESS_DENIED, 497 ACCESS_DENIED, 516 AUTHENTICATION_FAILED.
_NOT_FOR_US_CODES = frozenset({81, 192, 193, 194, 195, 291, 497, 516})
# The query string of a request: the client's messages quote it, with every bound value.
_URL_QUERY = re.compile(r"\?\S+=\S*")
_OF_THE_SYSTEM = re.compile(r"\[Errno -?\d+\] ([^\"')]{1,80})|timed out")
# The client's own default of 300 s would hold a thread of the pipeline for as long as the server hangs.
_RECEIVE_TIMEOUT_S = 30

# Asked for the third time, ClickHouse compiles a statement: 0.2 s for a page's, 0.5 s for a rollup's, no faster
# then.
_NOT_COMPILED = {"compile_aggregate_expressions": 0, "compile_expressions": 0, "compile_sort_description": 0}
# Its tables have no files.
_SCRATCH = "scratch"
# A page asks several statements at once, so each has enough of one thread.
_BRIEF = {"max_threads": 1}

Row = tuple[Any, ...]


class StoreError(Exception):
    """The store did not do what it was asked."""


class StoreDown(StoreError):
    """The store could not be reached or could not work now: the same statement may succeed later. unreachable: nobody
    answers, whatever is asked, and the log has it already; else others may succeed now."""

    def __init__(self, text: str, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


class StoreRefuses(StoreDown):
    """The store is there and refuses whoever asks: another user, password, database or grant is needed."""


class RowsRefused(StoreError):
    """The store, or the client on its behalf, refuses these rows for good."""


class Store:
    """One ClickHouse. dsn: `chdb:///directory` or `http(s)://user:password@host:8123/database`.
    patience_s: of a server, how long somebody waits for a statement; while it is silent, others are told at once.
    memory_share: of the machine's or container's memory, what the embedded engine may take.
    on_death: called when the embedded engine has died within this process, which cannot open another one."""

    on_death: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    _AWAY: ClassVar[dict[str, Lasting]] = {}

    def __init__(
        self, dsn: str, cluster: str = "", patience_s: float = 0.0, memory_share: float = MEMORY_SHARE
    ) -> None:
        self.dsn = dsn
        self._memory_share = memory_share
        self._patience_s = patience_s
        self._silent_until = 0.0
        self.cluster = cluster
        self.embedded = dsn.startswith("chdb:")
        self.has_little_memory = self.embedded and has_little_memory()
        # Shared: who waits for a store opens it anew each time.
        self._away = self._AWAY.setdefault(self.name, Lasting(log, "store_is_down", "store_is_back", "warning"))
        self._opened: list[Any] = []
        self._free: list[Any] = []
        self._lock = threading.Lock()
        if self.embedded:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.open_clients(1)
        if self.embedded:
            self.command(f"CREATE DATABASE IF NOT EXISTS {_SCRATCH} ENGINE = Memory")

    @property
    def directory(self) -> Path:
        """Where the embedded engine keeps its files."""
        return Path(urlsplit(self.dsn).path)

    @cached_property
    def name(self) -> str:
        """The store without its password."""
        return name_of(self.dsn)

    @property
    def scratch(self) -> str:
        """How names of tables begin that are in memory and dropped soon. Of the embedded engine these are in a database
        of their own, in which to make or drop one waits for no disk; on a server that would need more grants."""
        return f"{_SCRATCH}." if self.embedded else ""

    @property
    def brief(self) -> dict[str, Any]:
        """Settings for statements that take milliseconds. On a server the dashboards' user may not set any."""
        return dict(_BRIEF) if self.embedded else {}

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> list[Row]:
        """The rows of a SELECT. `{name:Type}` in the text is bound from parameters."""

        def read(client: Any) -> list[Row]:
            # The client reads an answer as its rows are asked for: a server that goes away half-way shows only here.
            return [*map(tuple, client.query(sql, parameters=dict(parameters or {}), settings=settings).result_rows)]

        found: list[Row] = self._run(read)
        return found

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> None:
        """Run a statement that returns nothing."""
        self._run(lambda client: client.command(sql, parameters=dict(parameters or {}), settings=settings))

    def text(self, sql: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """The answer of a SELECT … FORMAT … as it comes."""
        answer = self._run(lambda client: client.raw_query(sql, parameters=dict(parameters or {})))
        return bytes(answer)

    def insert(self, table: str, columns: Sequence[str], data: Sequence[Sequence[Any]], token: str = "") -> None:
        """Insert columns of values. token: names this exact content; the same token is stored once."""
        settings = self._inserting(token)
        try:
            self._run(
                lambda client: client.insert(
                    table, data, column_names=list(columns), column_oriented=True, settings=settings
                )
            )
        except (TypeError, ValueError, OverflowError, AttributeError, struct.error) as error:
            # Raised by the client while it packs a value that is not of its column's type.
            raise RowsRefused(f"the client cannot pack a value ({type(error).__name__})") from None

    def insert_text(self, table: str, columns: Sequence[str], text: bytes) -> None:
        """Insert rows that `text` gave as TSV."""
        settings = self._inserting()
        self._run(
            lambda client: client.raw_insert(
                table, column_names=list(columns), insert_block=text, fmt="TSV", settings=settings
            )
        )

    def _inserting(self, token: str = "") -> dict[str, Any]:
        """The settings of an insert."""
        # The writer batches already: an asynchronous insert would answer before the rows are durable.
        settings: dict[str, Any] = {"async_insert": 0, "insert_deduplicate": 1}
        # The client sends an insert again by itself when the connection breaks: each needs a token.
        settings["insert_deduplication_token"] = token or secrets.token_hex(16)
        return settings | self.foreground

    @property
    def foreground(self) -> dict[str, Any]:
        """Settings by which rows written to a distributed table are where they belong when the answer comes."""
        return {"distributed_foreground_insert": 1} if self.cluster else {}

    def local(self, table: str) -> str:
        """The name of a table's own part on the connected server: what ALTER … PARTITION needs in a cluster."""
        return f"{table}_local" if self.cluster else table

    def settle(self) -> None:
        """Give back the memory that it took to open and migrate, and that nothing needs from now on."""
        if self.embedded:
            self.command("SYSTEM JEMALLOC PURGE")
            library.give_back()

    def close(self) -> None:
        """Close every client."""
        with self._lock:
            for client in self._opened:
                client.close()
            self._opened.clear()
            self._free.clear()

    def open_clients(self, count: int) -> None:
        """Have so many ready: to open one takes tens of milliseconds, and others would wait for that."""
        for _ in range(count - len(self._free)):
            self._give_back(self._open())

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        """A client that nobody else has meanwhile. Not one for each thread, of which many ask but once."""
        with self._lock:
            free = self._free.pop() if self._free else None
        client = free or self._open()
        try:
            yield client
        finally:
            self._give_back(client)

    def _give_back(self, client: Any) -> None:
        with self._lock:
            if client in self._opened:  # or everything was closed meanwhile
                self._free.append(client)

    def _open(self) -> Any:
        # Loaded where a store is opened or asked: most commands open none.
        clickhouse = library.client()
        from clickhouse_connect.driver.exceptions import ClickHouseError

        # No session: while a server works on what nobody waits for any more, it refuses another statement of that one.
        options: dict[str, Any] = {"send_receive_timeout": _RECEIVE_TIMEOUT_S, "autogenerate_session_id": False}
        if self.embedded:
            library.engine()
            options = {"settings": _NOT_COMPILED, "chdb_options": of_engine(self._memory_share)}
        elif self._patience_s:
            options |= {"send_receive_timeout": self._patience_s, "connect_timeout": 2, "query_retries": 0}
        try:
            client = clickhouse.get_client(dsn=self.dsn, **options)
        except (ClickHouseError, OSError) as error:
            self._look_for_death(error)
            raise self._down(error, f"store.dsn: cannot open {self.name}") from None
        with self._lock:
            self._opened.append(client)
        return client

    def _run(self, call: Any) -> Any:
        from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

        if time.monotonic() < self._silent_until:
            raise StoreDown(f"{self.name}: did not answer a moment ago", unreachable=True)
        try:
            with self._client() as client:
                answer = call(client)
        except DataError as error:
            # Raised by the client before anything was sent; its text may quote a value, so only its type is told.
            raise RowsRefused(f"the client refuses a value ({type(error).__name__})") from None
        except ClickHouseError as error:
            code = error_code(error)
            if code in _REFUSED_CODES:
                raise RowsRefused(f"ClickHouse refuses a value (code {code})") from None
            self._look_for_death(error)
            raise self._down(error, self.name) from None
        except OSError as error:
            raise self._down(error, self.name) from None
        self._away.is_over(store=self.name)
        return answer

    def _down(self, error: Exception, what: str) -> StoreDown:
        """What is raised for it. That there is nobody to ask is told here, once for all who ask."""
        text, code = f"{what}: {_first_line(error)}", error_code(error)
        if code in _NOT_FOR_US_CODES:
            return StoreRefuses(text)
        if code:
            return StoreDown(text)
        if self._patience_s and "timed out" in str(error):
            self._silent_until = time.monotonic() + self._patience_s
        self._away.is_so(store=self.name, problem=_first_line(error))
        return StoreDown(text, unreachable=True)

    def _look_for_death(self, error: Exception) -> None:
        if self.embedded and error_code(error) == _ABORTED_CODE and _FATAL in str(error):
            type(self).on_death()


def error_code(error: Exception) -> int:
    """The ClickHouse error code in an exception, 0 where it has none."""
    code = getattr(error, "code", None)
    if isinstance(code, int) and code:
        return code
    _, _, after = str(error).partition("Code: ")
    digits = after[:6].partition(".")[0].strip()
    return int(digits) if digits.isdigit() else 0


def _first_line(error: Exception) -> str:
    # The client wraps what the system says into a page of its own words.
    system = _OF_THE_SYSTEM.search(str(error))
    if system and not error_code(error):
        return system[1] or "timed out"
    return _URL_QUERY.sub("", (str(error).splitlines() or [type(error).__name__])[0])[:300]
