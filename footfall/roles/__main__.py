"""Entry point of the child processes: `python -m footfall.roles ROLE … DESCRIPTORS`, started by their parent only.

In: a role, the numbers of inherited sockets, settings on standard input. Out: the role, until SIGTERM.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

import structlog

from ..settings import Settings
from ..supervisor.channel import ChildStatus, send_status
from ..supervisor.process import set_up_logs
from .child import start_child


def main() -> None:
    """Run the role named on the command line."""
    role, *arguments = sys.argv[1:]
    set_up_logs(role)
    settings = start_child()
    try:
        _run(role, arguments, settings)
    except Exception as problem:
        _tell_parent(problem)
        raise


def _run(role: str, arguments: Sequence[str], settings: Settings) -> None:
    # Each imports its own here: a worker must not pay for the ClickHouse client, nor the key service for either.
    match role, arguments:
        case "collector", [index, descriptor]:
            from .collector import run_collector

            run_collector(settings, int(index), socket.socket(fileno=int(descriptor)))
        case "keys", [descriptor]:
            from .key_service import run_key_service

            run_key_service(settings, socket.socket(fileno=int(descriptor)))
        case (("engine" | "dashboards"), [descriptor]):
            from .engine import run_engine

            if role == "engine":
                _end_with_the_engine()
            run_engine(settings, role, socket.socket(fileno=int(descriptor)))
        case (("writer" | "pipeline"), []):
            from .engine import run_engine

            run_engine(settings, role, None)
        case _:
            raise SystemExit(f"footfall.roles: unknown role {role!r}")


def _tell_parent(problem: Exception) -> None:
    """Have the parent say what is in the way, where that can be said, and end as quietly."""
    # Imported here: a worker that has nothing to tell must not pay for the ClickHouse client.
    from ..supervisor.expected import line_of, may_pass

    line = line_of(problem)
    if line:
        send_status(ChildStatus(line, final=not may_pass(problem)))
        raise SystemExit(1)


def _end_with_the_engine() -> None:
    """A dead ClickHouse leaves Python alive, without a store, for minutes: end at once, and the parent starts anew."""
    # Imported here: a collector worker shares this module, and must not pay for the ClickHouse client.
    from schema.store import Store

    def end() -> None:
        structlog.get_logger("engine").error("engine_died")
        # Nothing may be closed in order: that would wait for the engine. What is not stored is in the spool.
        os._exit(1)

    Store.on_death = staticmethod(end)


if __name__ == "__main__":
    main()
