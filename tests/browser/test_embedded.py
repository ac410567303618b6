"""A link for others in a real browser: its page, and in frames of the pages that may have it and of no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from dashboards.sharing.shares import Share, Shares
from tests.browser.conftest import Watched
from tests.house import Running, eventually

pytestmark = pytest.mark.process
TITLE = "For the board"


class Blog:
    """A website of another origin whose page has an address in a frame."""

    address = ""

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Its port on this machine."""
        blog = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f'<!doctype html><title>Blog</title><iframe src="{blog.address}"></iframe>'.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()


def test_a_link_is_seen_without_an_account_and_is_gone_when_it_is_revoked(
    browser: Browser, house: Running, watched: Watched
) -> None:
    shares, context = Shares(house.data / "shares.sqlite"), browser.new_context()
    token, made = shares.make(Share(TITLE, ("demo",), k=1))
    page = watched.watch(context.new_page(), house)
    page.goto(f"{house.told['dashboards']}/share/{token}")
    assert TITLE in page.inner_text("main")
    assert context.cookies() == []
    assert shares.revoke(made.id)
    page = context.new_page()
    page.goto(f"{house.told['dashboards']}/share/{token}")
    assert "There is nothing behind this link" in page.inner_text("main")
    shares.close()
    context.close()


def test_only_pages_that_it_names_have_it_in_a_frame(browser: Browser, house: Running) -> None:
    shares, context, blog = Shares(house.data / "shares.sqlite"), browser.new_context(), Blog()
    with blog.serving() as port:
        token, _ = shares.make(Share(TITLE, ("demo",), k=1, hosts=(f"http://127.0.0.1:{port}",)))
        blog.address = f"{house.told['dashboards']}/share/{token}"
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        assert TITLE in page.frame_locator("iframe").locator("main").inner_text(timeout=60_000)
        # The same page by another name is another origin.
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.goto(f"http://localhost:{port}/")
        eventually(lambda: any("frame-ancestors" in text for text in refused))
        assert page.frame_locator("iframe").locator("main").count() == 0
    shares.close()
    context.close()
