"""Imports of access logs: files → lines → the collector's steps → the instance, unless a file is not what it seems.

In: files, and how they are to be read. Out: a summary. Promises: a log in which visitors cannot be told apart is
refused before a day of it is released.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from msgspec import Struct

from collector.enrich.geo import GeoDatabase
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.wire.access_log.lines import STDIN
from collector.wire.access_log.reader import Log, Reading
from collector.wire.access_log.verdict import Crowd, behind_proxies, of_other_hosts, unreadable, without_agents

from ..control.instance import Instance
from ..errors import CannotDo
from .intake import Sent, Summary, is_declared, rules_of, run


class LogOptions(Struct, frozen=True):
    """How access logs are read. format: a format string. redirects: count them, too. accept_…: what a log may be,
    though it looks wrong. dry: release nothing."""

    format: str = ""
    redirects: bool = False
    accept_one_address: bool = False
    accept_unreadable: bool = False
    dry: bool = False


_USUAL = LogOptions()


def check_readable(files: Iterable[str]) -> None:
    """Raises CannotDo for a file that cannot be read, or is given twice, as `access.log access.log*` does: its page
    views would be twice as many. None is opened: a pipe can be opened only once."""
    seen: set[tuple[int, int]] = set()
    for file in files:
        if file != STDIN and not os.access(file, os.R_OK):
            raise CannotDo(f"{file}: {'may not be read' if os.path.exists(file) else 'there is no such file'}")
        found = (0, 0) if file == STDIN else (os.stat(file).st_dev, os.stat(file).st_ino)
        if found in seen:
            raise CannotDo(f"{file}: is given twice; name each file once")
        seen.add(found)


def import_access_log(
    instance: Instance,
    site: str,
    files: Iterable[str],
    geo_database: GeoDatabase,
    progress: Callable[[str, int], None],
    options: LogOptions = _USUAL,
) -> Summary:
    """Import log files given together, so that a day split between two of them is one day. Raises Unreadable, and
    CannotDo where a log cannot be what it seems; then nothing is released."""
    rules = rules_of(instance.settings, site)
    proxies = Proxies(instance.settings.collector.trusted_proxies)
    reading = Reading(rules, is_declared(instance, rules), proxies, options.redirects, options.format)
    logs: list[Log] = []
    crowd = Crowd()

    def sent() -> Iterable[Sent | Reason]:
        for file in files:
            log = Log(file, reading, lambda at, file=file: progress(file, at))  # type: ignore[misc]
            logs.append(log)
            yield from log
            problem = without_agents(log) or ("" if options.accept_unreadable else unreadable(log))
            if problem:
                raise CannotDo(f"{problem}; nothing was released")
        problem = of_other_hosts(logs)
        if not problem and not options.accept_one_address:
            problem = crowd.problem() or next(filter(None, map(behind_proxies, logs)), "")
        if problem:
            raise CannotDo(f"{problem}; nothing was released")

    summary = run(instance, rules, sent(), geo_database, "import", crowd.add, options.dry)
    summary.formats = {log.name: log.format for log in logs if log.format}
    return summary
