"""A website for the tracker's tests: pages of any markup, status and headers, on an address of their own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from msgspec import Struct, field

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".pdf": "application/pdf"}


class Page(Struct):
    """What an address answers."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Website:
    """The pages by path. Every other path is an empty page, so that links lead somewhere."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.origin = ""

    def add(self, path: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """Its whole address."""
        self.pages[path] = Page(body.encode(), status, dict(headers or {}))
        return self.origin + path

    def page(
        self,
        path: str,
        script: str,
        body: str = "",
        head: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """A page with that script tag; its whole address."""
        markup = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{path}</title>'
            f'<link rel="icon" href="data:,">{head}{script}</head><body><h1>A page</h1>{body}</body></html>'
        )
        return self.add(path, markup, status, headers)


@contextlib.contextmanager
def website() -> Iterator[Website]:
    """A started website."""
    site = Website()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            page = site.pages.get(path) or Page(b"<!doctype html><title>empty</title>")
            suffix = "." + path.rpartition(".")[2]
            self.send_response(page.status)
            self.send_header("content-type", _TYPES.get(suffix, "text/html; charset=utf-8"))
            self.send_header("content-length", str(len(page.body)))
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(page.body)

        def do_POST(self) -> None:
            """Takes what comes as the collector would."""
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.origin = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
