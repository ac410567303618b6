"""A Chromium without Playwright, which keeps every tab visible and focused: here tabs come to the front and go.

In: commands of the DevTools protocol over a pipe. Out: their results. A tab that is only opened, never attached to, is
as undisturbed as a visitor's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.browser.conftest import CHROMIUM, QUIET


class Tabs:
    """The browser's tabs. One window holds them all."""

    def __init__(self, profile: Path) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        launch = f'exec {CHROMIUM} "$@" 3<&{theirs_in} 4>&{theirs_out} 2>/dev/null'
        arguments = ("--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}", *QUIET, "about:blank")
        self._process = subprocess.Popen(
            ["bash", "-c", launch, "chromium", *arguments], pass_fds=(theirs_in, theirs_out)
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in, self._rest = ours_out, ours_in, b""
        # Not select(): descriptors may have numbers over 1,023 where other tests have opened many engines.
        self._coming = select.poll()
        self._coming.register(ours_in, select.POLLIN)
        self._numbers = itertools.count(1)

    def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            pass  # an event, which nobody waits for
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, address: str, background: bool = False) -> str:
        """A new tab; its id."""
        tab: str = self.send("Target.createTarget", url=address, background=background)["targetId"]
        return tab

    def show(self, tab: str) -> None:
        self.send("Target.activateTarget", targetId=tab)

    def close(self, tab: str) -> None:
        self.send("Target.closeTarget", targetId=tab)

    def ask(self, tab: str, expression: str) -> Any:
        """What the expression is in that tab's page."""
        session = self.send("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        answer = self.send("Runtime.evaluate", session, expression=expression, returnByValue=True, awaitPromise=True)
        self.send("Target.detachFromTarget", sessionId=session)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def end(self) -> None:
        with contextlib.suppress(AssertionError, OSError, TimeoutError):
            self.send("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not self._coming.poll(20_000):
                raise TimeoutError("the browser does not answer")
            read = os.read(self._in, 1 << 16)
            if not read:
                raise OSError("the browser is gone")
            self._rest += read
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message


@contextlib.contextmanager
def tabs(profile: Path) -> Iterator[Tabs]:
    """A started browser that is gone afterwards."""
    started = Tabs(profile)
    try:
        yield started
    finally:
        started.end()
