"""Send events from your own server to Footfall. Copy this file; it needs Python 3.9 and nothing else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any


class NotTaken(Exception):
    """The request has to be mended, or Footfall did not answer; the text says what is wrong."""


def visitor(address: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The visitor of a request that your server got. headers: by name, in whatever case."""
    sent = {name.lower(): value for name, value in headers.items()}
    return {
        "address": address,
        "agent": sent.get("user-agent", ""),
        "languages": sent.get("accept-language", ""),
        # What the visitor asked for. Footfall honours it; it has to know.
        "do_not_track": sent.get("dnt"),
        "global_privacy_control": sent.get("sec-gpc"),
    }


class Footfall:
    """url: the collector's. token: from `footfall token create SITE`; keep it out of pages and repositories."""

    def __init__(self, url: str, token: str, waits_s: tuple[float, ...] = (0.5, 2.0, 6.0)) -> None:
        self._url = url.rstrip("/") + "/api/events"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._waits_s = waits_s

    def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        """What became of up to 1,000 events. Waits and sends the same again where that can help. Raises NotTaken."""
        # With an id an event counts once, however often it arrives.
        body = json.dumps([{"id": str(uuid.uuid4()), **event} for event in events]).encode()
        for wait_s in (*self._waits_s, None):
            try:
                request = urllib.request.Request(self._url, body, self._headers)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    result: dict[str, Any] = json.load(answer)
                    return result
            except urllib.error.HTTPError as problem:
                if problem.code not in (429, 503) or wait_s is None:
                    raise NotTaken(f"{problem.code}: {problem.read().decode()}") from None
            except OSError as problem:
                if wait_s is None:
                    raise NotTaken(f"no answer: {problem}") from None
            time.sleep(wait_s)
        raise AssertionError("the last try returns or raises")
