"""A ClickHouse server for tests: its HTTP protocol on loopback, from the embedded engine, with faults on command.

In: `python -m tests.faults.clickhouse_http DIR PORT`, a process of its own because a process opens one engine. Out: one
JSON line with its ports. Promises: what is answered is what the engine says; a fault is what was asked for, no other;
users may what they were granted (clickhouse_users.py).
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import json
import os
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
from clickhouse_connect.driver.compression import comp_map, get_compressor
from msgspec import Struct

from .clickhouse_users import ADMIN, Users

# What the HTTP interface takes for itself; every other parameter is a setting of the engine.
_TRANSPORT = frozenset(
    (
        *("query", "database", "session_id", "session_check", "session_timeout", "query_id", "quota_key", "role"),
        *("compress", "decompress", "buffer_size", "wait_end_of_query", "client_protocol_version", "default_format"),
        *("enable_http_compression", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        *("cancel_http_readonly_queries_on_client_close", "user", "password"),
    )
)
_INSERT = re.compile(rb"\s*INSERT\s+INTO\s+((?:(?!SELECT|VALUES)[^\n])+?)\s+FORMAT\s+(\w+)[ \t]*\n", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
# UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE: the server's own choice of status.
_NOT_FOUND = frozenset((47, 60, 81))
# READONLY, ACCESS_DENIED.
_FORBIDDEN = frozenset((164, 497))
_PIECE = 64 * 1024
FAULTS = ("none", "refuse", "hang", "error", "reset", "cut", "slow")


class Fault(Struct, forbid_unknown_fields=True):
    """What is to go wrong: refuse connections; never answer; answer 500 with the code; do it, then reset the
    connection; answer half of it and stop there; answer it byte by byte, with pauses of wait_s.

    only: a statement is hit if it holds this. times: how many are hit; -1: all of them.
    """

    mode: str = "none"
    only: str = ""
    times: int = -1
    code: int = 241
    wait_s: float = 0.001


class Endpoint:
    """The engine, the fault that is set, and who is connected."""

    def __init__(self, directory: str, port: int) -> None:
        self.directory = directory
        beside = Path(f"{directory}-users")
        beside.mkdir(exist_ok=True)
        self.users = Users(beside)
        self._opened_as = directory + self.users.options
        self.keep_open = chdb.connect(self._opened_as)
        # What somebody was refused for want of a right.
        self.refused: list[str] = []
        self.timezone = bytes(self.keep_open.query("SELECT timezone()", "TSV").bytes()).decode().strip()
        self.fault = Fault()
        self.hits = 0
        self._listening = threading.Event()
        self._listening.set()
        self._lock = threading.Lock()
        self._connected: set[socket.socket] = set()
        # Keeps the port ours while nobody listens on it.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("127.0.0.1", port))
        self.port: int = self._holder.getsockname()[1]
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)

    def serve(self) -> None:
        """Accept for ever."""
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                self._listening.wait()
                continue
            with self._lock:
                self._connected.add(connection)
            threading.Thread(target=self._serve_one, args=(connection, address), daemon=True).start()

    def _serve_one(self, connection: socket.socket, address: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            _Handler(connection, address, self)  # type: ignore[arg-type] - it asks of its server only what is here
        with self._lock:
            self._connected.discard(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def set(self, fault: Fault) -> int:
        """From now on this goes wrong; how many statements the last fault hit."""
        if fault.mode not in FAULTS:
            raise ValueError(f"fault = {fault.mode!r}: one of {', '.join(FAULTS)}")
        with self._lock:
            hits, self.hits, self.fault = self.hits, 0, fault
            connected = list(self._connected)
        if fault.mode == "refuse":
            self._refuse(connected)
        elif not self._listening.is_set():
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            self._listening.set()
        return hits

    def _refuse(self, connected: Sequence[socket.socket]) -> None:
        self._listening.clear()
        for each in (self._listener, *connected):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def meets(self, statement: str) -> Fault:
        """The fault that hits this statement."""
        with self._lock:
            fault = self.fault
            if fault.mode == "none" or not fault.times or fault.only not in statement:
                return Fault()
            fault.times -= 1
            self.hits += 1
            return fault

    def run(self, statement: bytes, parameters: Mapping[str, str], user: str = ADMIN, password: str = "") -> bytes:
        """What the engine answers. Raises what it raises."""
        handle = chdb.connect(self._opened_as)
        try:
            for each in self.users.becoming(user, password):
                handle.query(each, "TSV")
            if parameters.get("database"):
                handle.query(f"USE {_quoted(parameters['database'], '`')}", "TSV")
            settings = [
                f"{name} = {_quoted(value)}"
                for name, value in parameters.items()
                if name not in _TRANSPORT and not name.startswith("param_") and _NAME.fullmatch(name)
            ]
            if settings:
                handle.query(f"SET {', '.join(settings)}", "TSV")
            insert = _INSERT.match(statement)
            if insert:
                return self._insert(handle, insert[1].decode(), insert[2].decode(), statement[insert.end() :])
            self.users.look(user, statement.decode())
            if self.users.take(user, statement.decode()):
                return bytes(handle.query(f"SELECT formatQuery({_quoted(statement.decode())}) FORMAT Null").bytes())
            bound = {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}
            return bytes(handle.query(statement.decode(), "TabSeparated", params=bound).bytes())
        finally:
            handle.close()

    def _insert(self, handle: Any, into: str, form: str, data: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=self.directory, suffix=".body") as file:
            file.write(data)
            file.flush()
            return bytes(
                handle.query(f"INSERT INTO {into} FROM INFILE {_quoted(file.name)} FORMAT {form}", "TSV").bytes()
            )


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Endpoint  # type: ignore[assignment]

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(200, b"Ok.\n", {})
        else:
            self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        received = self._body()
        try:
            body = _expanded(received, self.headers.get("Content-Encoding", ""))
        except Exception as problem:
            # A client that cannot pack a value sends garbage, so that the insert fails.
            self._fail(f"Code: 271. DB::Exception: {type(problem).__name__}. (CANNOT_DECOMPRESS)", 271)
            return
        if self.headers.get_content_type() == "multipart/form-data":
            parameters |= _fields(self.headers["Content-Type"], body)
            body = b""
        asked = parameters.get("query", "").encode()
        statement = asked + b"\n" + body if asked and body else asked or body
        told = statement[:4096].decode(errors="replace").replace("`", "")
        fault = self.server.meets(told)
        if fault.mode == "hang":
            self._wait_for_the_end()
        elif fault.mode == "error":
            self._fail(f"Code: {fault.code}. DB::Exception: as asked for. (AS_ASKED)", fault.code)
        else:
            self._run(statement, parameters, fault)

    def _run(self, statement: bytes, parameters: Mapping[str, str], fault: Fault) -> None:
        _, _, given = self.headers.get("Authorization", "").partition("Basic ")
        user, _, password = base64.b64decode(given).decode().partition(":")
        try:
            answer = self.server.run(statement, parameters, user or ADMIN, password)
        except Exception as problem:
            found = _CODE.search(str(problem))
            code = int(found[1]) if found else 1002
            if code in _FORBIDDEN:
                self.server.refused.append(f"{user}: {statement[:300].decode(errors='replace')}: {problem}")
            self._fail(str(problem), code)
            return
        if fault.mode == "reset":
            self._reset()
            return
        headers = {"X-ClickHouse-Timezone": self.server.timezone, "X-ClickHouse-Summary": "{}"}
        form = _FORMAT.search(statement[-100:].decode(errors="replace"))
        if answer or form:
            headers["X-ClickHouse-Format"] = form[1] if form else "TabSeparated"
        wanted = self.headers.get("Accept-Encoding", "").split(",")[0].strip()
        if answer and parameters.get("enable_http_compression") == "1" and wanted in comp_map:
            compressor = get_compressor(wanted)
            answer = bytes(compressor.compress_block(answer)) + bytes(compressor.flush() or b"")
            headers["Content-Encoding"] = wanted
        self._answer(200, answer, headers, fault)

    def _fail(self, text: str, code: int) -> None:
        headers = {"X-ClickHouse-Exception-Code": str(code)}
        self._answer(404 if code in _NOT_FOUND else 500, f"{text.strip()}\n".encode(), headers)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None) -> None:
        """In chunks, as the server does."""
        self.send_response(status)
        for name, value in (("Content-Type", "text/plain; charset=UTF-8"), *headers.items()):
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        mode = fault.mode if fault else ""
        size = 1 if mode == "slow" else _PIECE
        for start in range(0, len(body) // 2 if mode == "cut" else len(body), size):
            piece = body[start : start + size]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if mode == "slow" and fault:
                self.wfile.flush()
                time.sleep(fault.wait_s)
        if mode == "cut":
            self.wfile.flush()
            self._wait_for_the_end()
            return
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _wait_for_the_end(self) -> None:
        """Say nothing until the client has gone."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            while self.connection.recv(_PIECE):
                pass

    def _reset(self) -> None:
        """RST instead of an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, *_: Any) -> None:
        """Statements hold rows: nothing is logged."""


def _expanded(body: bytes, encoding: str) -> bytes:
    """The body as it was before the client compressed it, block by block."""
    if not body or encoding in ("", "identity"):
        return body
    if encoding == "lz4":
        import lz4.frame

        whole = b""
        while body:
            frame = lz4.frame.LZ4FrameDecompressor()
            whole += frame.decompress(body)
            body = frame.unused_data or b""
        return whole
    if encoding == "zstd":
        from backports import zstd

        return zstd.decompress(body)
    raise ValueError(f"Content-Encoding: {encoding}")


def _fields(kind: str, body: bytes) -> dict[str, str]:
    """A form's fields: how the client sends parameters that are too long for a URL."""
    form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        for part in form.iter_parts()  # type: ignore[attr-defined]
    }


def _quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _control(endpoint: Endpoint) -> ThreadingHTTPServer:
    """Where a fault is set: POST the fields of `Fault`; the answer is how many statements the last one hit. GET: what
    was refused for want of a right since the last time."""

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            refused, endpoint.refused = endpoint.refused, []
            self._answer(refused)

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(endpoint.set(Fault(**given)))

        def _answer(self, value: Any) -> None:
            answer = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Control)


def main(directory: str, port: str) -> None:
    Path(directory).mkdir(parents=True, exist_ok=True)
    endpoint = Endpoint(directory, int(port))
    control = _control(endpoint)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    threading.Thread(target=endpoint.serve, daemon=True).start()
    print(json.dumps({"port": endpoint.port, "control": control.server_port}), flush=True)
    sys.stdin.read()  # the test that started it has ended
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
