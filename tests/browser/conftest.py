"""Real Chromium on a real house."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.house import Running, running

CHROMIUM = "/usr/bin/chromium"
# The same without windows of its own, in which a page costs a fifth; where it is not installed, the whole browser.
_SHELL = Path("/usr/bin/chromium-headless-shell")
QUIET = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A browser. Its event loop is in the way of whoever wants one of his own in this thread."""
    with sync_playwright() as playwright:
        executable = _SHELL if _SHELL.exists() else CHROMIUM
        launched = playwright.chromium.launch(executable_path=executable, args=[*QUIET, *arguments])
        yield launched
        launched.close()


def whole(beside: Browser) -> Browser:
    """The whole browser, to be closed by whoever asks for it. beside: one that is driven in this thread already."""
    return beside.browser_type.launch(executable_path=CHROMIUM, args=list(QUIET))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for these tests, ended with them: a second one would want an event loop of its own in this thread. It
    knows this machine as a neighbour in a local network, too."""
    with chromium("--host-resolver-rules=MAP stats.lan 127.0.0.1") as launched:
        yield launched


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One house for all browser tests."""
    config = tmp_path_factory.mktemp("config") / "footfall.toml"
    config.write_text(
        '[release]\nk = 1\n[[sites]]\nkey = "shop"\ndomains = ["shop.example"]\ntimezone = "Europe/Berlin"\n'
        'goals = [{name = "Signup", event = "signup"}]\n'
    )
    data: Path = tmp_path_factory.mktemp("house") / "data"
    with running(data, "--config", str(config), sites=()) as started:
        yield started


@pytest.fixture(scope="package")
def signed_in(browser: Browser, house: Running) -> Iterator[BrowserContext]:
    """A browser that followed the one-time link."""
    with signed_in_to(browser, house) as context:
        yield context


@contextlib.contextmanager
def signed_in_to(browser: Browser, house: Running) -> Iterator[BrowserContext]:
    """The same, of any house."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(house.told["sign_in"])
    page.close()
    yield context
    context.close()


def follow(page: Page, selector: str) -> None:
    """Clicks, and waits until the page it leads to is whole. A click alone ends when that page begins, and what is
    counted, evaluated or read then is of a page that is half there."""
    with page.expect_navigation():
        page.click(selector)


class Watched:
    """Pages that fail their test on any console error, dialog, or request to another origin."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def watch(self, page: Page, house: Running) -> Page:
        own = re.compile(rf"({re.escape(house.told['collector'])}|{re.escape(house.told['dashboards'])}|data:)")

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                self.problems.append(f"console: {message.text}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.problems.append("dialog"), dialog.dismiss())[0])
        page.on("request", lambda request: None if own.match(request.url) else self.problems.append(request.url))
        return page


@pytest.fixture
def watched() -> Iterator[Watched]:
    watcher = Watched()
    yield watcher
    assert not watcher.problems
