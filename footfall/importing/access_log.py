"""Imports of access logs: files → pieces → lines → the collector's steps → the instance, unless a file is not what it
seems.

In: files, and how they are to be read. Out: a summary. Promises: a log in which visitors cannot be told apart is
refused before a day of it is released.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator

from msgspec import Struct

from collector.enrich.geo import GeoDatabase
from collector.privacy.address import Proxies
from collector.wire.access_log.lines import STDIN
from collector.wire.access_log.reader import Log, Reading
from collector.wire.access_log.verdict import Crowd, behind_proxies, of_other_hosts, unreadable, without_agents
from schema.manifest import OF_LOG

from ..control.instance import Instance
from ..errors import CannotDo
from .anonymize import Anonymized
from .intake import Summary, hand_over, is_declared, rules_of
from .piece import LineFailed, Part
from .readers import Readers


class LogOptions(Struct, frozen=True):
    """How access logs are read. format: a format string. redirects: count them, too. accept_…: what a log may be,
    though it looks wrong. dry: release nothing."""

    format: str = ""
    redirects: bool = False
    accept_one_address: bool = False
    accept_unreadable: bool = False
    dry: bool = False


_USUAL = LogOptions()
Progress = Callable[[str, int, int], object]


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
    progress: Progress,
    options: LogOptions = _USUAL,
) -> Summary:
    """Import log files given together, so that a day split between two of them is one day. Raises Unreadable, and
    CannotDo where a log cannot be what it seems; then nothing is released. progress: is told the file, how many bytes
    of it are read, how many lines of all files."""
    rules = rules_of(instance.settings, site)
    proxies = Proxies(instance.settings.collector.trusted_proxies)
    reading = Reading(rules, is_declared(instance, rules), proxies, options.redirects, options.format)
    logs: list[Log] = []
    crowd = Crowd()

    def taken() -> Generator[Anonymized]:
        # They end before days are released, which takes memory, too.
        with Readers(instance.settings, site, reading, geo_database) as readers:
            for file in files:
                log = Log(file, reading)
                logs.append(log)
                for part in _parts_of(log, readers):
                    crowd.add_all(part.crowd)
                    yield part.taken
                    progress(file, log.at, sum(log.tally.numbered for log in logs))
                problem = without_agents(log) or ("" if options.accept_unreadable else unreadable(log))
                if problem:
                    raise CannotDo(f"{problem}; nothing was released")
        problem = of_other_hosts(logs)
        if not problem and not options.accept_one_address:
            problem = crowd.problem() or next(filter(None, map(behind_proxies, logs)), "")
        if problem:
            raise CannotDo(f"{problem}; nothing was released")

    with contextlib.closing(taken()) as found:
        summary = hand_over(instance, rules, found, OF_LOG, options.dry)
    summary.formats = {log.name: log.format for log in logs if log.format}
    return summary


def _parts_of(log: Log, readers: Readers) -> Iterator[Part]:
    """What its pieces come to, which the log's own tally has then."""
    try:
        for part in readers.parts(log):
            log.tally.add(part.tally)
            yield part
    except LineFailed as failed:
        raise CannotDo(
            f"{log.name}: line {log.tally.numbered + failed.number}: the program fails on it ({failed.kind}), a fault "
            "that should be reported; without this line the log can be imported; nothing was released"
        ) from None
