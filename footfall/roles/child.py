"""What every child process does first: settings from its parent, no core dumps, an end when its parent ends.

In: the channel to the parent. Out: settings; whatever they change to goes to those who follow it.
"""

from __future__ import annotations

import signal
import sys
import threading

import structlog

from schema.lasting import kind_and_place

from ..settings import Settings
from ..supervisor.channel import ChildStatus, read_message, send_status, settings_followers
from ..supervisor.process import end_soon, harden

log = structlog.get_logger("serve")


def start_child() -> Settings:
    """What every child does first: read the settings from its parent's line, harden, end with the parent."""
    harden()
    # uvicorn hands a signal on once it has stopped serving; as an exit it still lets everything be closed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    settings = read_message(Settings)
    if settings is None:
        raise SystemExit("footfall: a child process is started by `footfall up`, not by hand")
    threading.Thread(target=_follow_parent, name="lifeline", daemon=True).start()
    return settings


def _follow_parent() -> None:
    """Take on what the parent sends, until it ends."""
    number = 1
    while (settings := read_message(Settings)) is not None:
        number += 1
        try:
            for follow in settings_followers:
                follow(settings)
        except Exception as problem:
            log.error("settings_not_followed", **kind_and_place(problem))
            continue
        send_status(ChildStatus(applied=number))
    end_soon()
