"""Firefox and WebKit as Debian ships them, each driven by a standard protocol of its own; neither build is patched.

In: addresses, expressions, elements to press. Out: what an expression is. Firefox speaks WebDriver BiDi itself; WebKit
has a driver of its own and needs a display.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from websocket import WebSocket, create_connection

FIREFOX = "/usr/bin/firefox-esr"
WEBKIT_DRIVER = "/usr/bin/WebKitWebDriver"
ANSWERS_WITHIN_S = 180
# It asks nobody about updates, studies and the like.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


class Engine(Protocol):
    """A browser with one tab."""

    def open(self, address: str) -> None:
        """Go there, and wait until it is loaded."""

    def ask(self, expression: str) -> Any:
        """What an expression is in the page, through JSON."""

    def press(self, selector: str) -> None:
        """Click on an element as a person does, by the pointer."""


class Firefox:
    """Over WebDriver BiDi."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._send("session.new", capabilities={})
        # In the one it starts with the address bar has the focus, and no page.
        self._tab = self._send("browsingContext.create", type="tab")["context"]

    def open(self, address: str) -> None:
        self._send("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def ask(self, expression: str) -> Any:
        told = self._evaluate(f"(async () => JSON.stringify(await ({expression}) ?? null))()")
        return json.loads(told["value"])

    def press(self, selector: str) -> None:
        # Unlike a driver's click this moves to where the element is, in sight or not.
        self._evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{ block: 'center' }})")
        element = {"sharedId": self._evaluate(f"document.querySelector({json.dumps(selector)})")["sharedId"]}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": {"type": "element", "element": element}},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._send(
            "input.performActions", context=self._tab, actions=[{"type": "pointer", "id": "mouse", "actions": steps}]
        )

    def _evaluate(self, expression: str) -> dict[str, Any]:
        answer = self._send("script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=True)
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    def _send(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            pass  # an event, which nobody waits for
        assert "error" not in answer, answer
        return answer["result"]


class WebKit:
    """Over WebDriver."""

    def __init__(self, driver: webdriver.WebKitGTK) -> None:
        self._driver = driver

    def open(self, address: str) -> None:
        self._driver.get(address)

    def ask(self, expression: str) -> Any:
        return self._driver.execute_script(f"return ({expression})")

    def press(self, selector: str) -> None:
        self._driver.find_element(By.CSS_SELECTOR, selector).click()


@contextlib.contextmanager
def firefox(room: Path) -> Iterator[Engine]:
    """A Firefox of its own profile, ended with its use. room: a directory that is there."""
    preferences = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (room / "user.js").write_text("\n".join(preferences))
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(room), "--remote-debugging-port=0", "about:blank"]
    with (
        (room / "log").open("w+") as log,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stderr is not None
            listening = None
            for line in process.stderr:
                log.write(line)
                if listening := re.search(r"BiDi listening on (ws://\S+)", line):
                    break
            assert listening, "Firefox did not start"
            address = f"{listening[1]}/session"
            # With an Origin it would be taken for a page that wants to drive the browser.
            with contextlib.closing(create_connection(address, ANSWERS_WITHIN_S, suppress_origin=True)) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()


@contextlib.contextmanager
def webkit() -> Iterator[Engine]:
    """A WebKit on a display of its own, ended with its use."""
    display = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(display, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as screen:
        try:
            assert screen.stdout is not None
            options = Options()
            options.binary_location = str(next(Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")))
            options.add_argument("--automation")
            here = os.environ | {"DISPLAY": f":{screen.stdout.readline().strip()}"}
            with warnings.catch_warnings():
                # Selenium's own, about how it calls itself.
                warnings.simplefilter("ignore", DeprecationWarning)
                driver = webdriver.WebKitGTK(options=options, service=Service(WEBKIT_DRIVER, env=here))
            try:
                yield WebKit(driver)
            finally:
                driver.quit()
        finally:
            screen.terminate()
