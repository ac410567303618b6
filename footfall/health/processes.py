"""Which parts of the instance run here, and how each of their processes and jobs is.

In: locks and heartbeats, as they are found. Out: findings. Promises: nobody is asked, so nobody can keep the answer.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.jobs import JobState
from schema.event import COARSE

from ..settings import Settings
from ..supervisor.heartbeat import Child, Heartbeat, place_of
from ..supervisor.listening import reached_at, url_at
from ..supervisor.locks import PARTS, is_held, note_of
from ..supervisor.parent_heartbeat import parent_of
from ..version import described
from .duration import at_most, duration
from .finding import BAD, OK, WARNING, Finding, State

# A process takes seconds to start, on a busy machine many of them.
_STARTS_WITHIN_S = 90.0
_ASK_WITHIN_S = 3.0
_LOG = "its log says why"
# One restart may be chance.
_MANY_RESTARTS = 3
# What fails once may succeed the next time.
_FAILS_S = 60.0
# Longer than a job's turn and its longest run that was ever seen; nothing succeeds less often.
_OVERDUE_S = {
    "expire": 2.5 * 3600,
    "publish_counts": 2.5 * 3600,
    "close": 1800.0,
    "add_goals": 1800.0,
    "sum_months": 1800.0,
    "erase": 1800.0,
}
_OVERDUE_OTHERWISE_S = 600.0
_DOES = {
    "roll_up": "counting open days",
    "close": "releasing days that are over",
    "add_goals": "counting goals, sections and pairs on days before they were declared",
    "sum_months": "summing months",
    "erase": "deleting who took their consent back",
    "expire": "removing raw rows past their lifetime",
    "publish_counts": "publishing counts of outcomes",
    "drain": "storing what waits in the spool",
}
_COMMANDS = {"keys": "keys serve"}


def parents_of(heartbeats: Mapping[str, Heartbeat]) -> dict[str, Heartbeat]:
    """The heartbeats of the parents, by part."""
    return {part: heartbeats[parent_of(part)] for part in PARTS if parent_of(part) in heartbeats}


def without_the_dead(heartbeats: Mapping[str, Heartbeat]) -> dict[str, Heartbeat]:
    """Those of the parents and of their present children: who was killed has left one that nobody takes away."""
    parents = parents_of(heartbeats).values()
    present = {(child.name, child.pid) for parent in parents for child in parent.children}
    mine = {parent.name for parent in parents}
    return {
        name: heartbeat for name, heartbeat in heartbeats.items() if name in mine or (name, heartbeat.pid) in present
    }


def of_parts(settings: Settings, heartbeats: Mapping[str, Heartbeat], now: float) -> Iterator[Finding]:
    """Which parts run on this data directory, and whether any of them is dead or frozen."""
    parents, here = parents_of(heartbeats), place_of(settings)
    held = [part for part in PARTS if is_held(settings.directory, part)]
    for part in PARTS:
        heartbeat, command = parents.get(part), _COMMANDS.get(part, part)
        if part in held and heartbeat is not None and heartbeat.is_fresh(now):
            yield Finding("running", OK, f"`footfall {command}`, for {duration(now - heartbeat.started)}")
        elif part in held and heartbeat is not None:
            silent = duration(now - heartbeat.beat)
            found = f"`footfall {command}` (process {heartbeat.pid}) has given no sign of life for {silent}"
            remedy = f"it is frozen (SIGCONT lets it go on); else SIGKILL it and start it again; {_LOG}"
            yield Finding("running", BAD, found, remedy)
        elif part in held and note_of(settings.directory, part) not in ("", here):
            yield Finding(
                "running",
                OK,
                f"`footfall {command}` runs in another container: `footfall check` there tells more",
            )
        elif part in held:
            remedy = f"if it is not just starting: /dev/shm may be full, or it is of an older version; {_LOG}"
            yield Finding("running", BAD, f"`footfall {command}` runs but gives no sign of life", remedy)
        elif heartbeat is not None:
            found = f"`footfall {command}` has ended without being stopped, {duration(now - heartbeat.beat)} ago"
            yield Finding("running", BAD, found, f"start it again; {_LOG}")
    if not held and not parents:
        yield Finding("running", BAD, "Footfall does not run on this data directory", "start `footfall up`")


def of_children(heartbeats: Mapping[str, Heartbeat], now: float) -> Iterator[Finding]:
    """Whether every process is there, alive, and ready; how often it was started again."""
    for parent in parents_of(heartbeats).values():
        if not parent.is_fresh(now):
            continue
        for child in parent.children:
            yield _of_child(child, heartbeats.get(child.name), now)
            if child.restarts:
                times = len(child.restarts)
                found = f"{child.name} was started again {times} time{'s' * (times > 1)} within the last hour"
                yield Finding("restarts", BAD if times >= _MANY_RESTARTS else WARNING, found, _LOG)
        if parent.children and not any(child.restarts for child in parent.children):
            yield Finding("restarts", OK, "no process was started again within the last hour")
        for heartbeat in [parent, *(heartbeats[child.name] for child in parent.children if child.name in heartbeats)]:
            if heartbeat.version != described():
                found = f"{heartbeat.name} runs version {heartbeat.version}, this command is of {described()}"
                yield Finding("version", WARNING, found, "restart Footfall")


def _of_child(child: Child, heartbeat: Heartbeat | None, now: float) -> Finding:
    worker = child.name.startswith("collector")
    check = "worker" if worker else "process"
    mine = heartbeat if heartbeat is not None and heartbeat.pid == child.pid else None
    age = now - child.started
    if not child.is_alive:
        return Finding(check, BAD, f"{child.name} has ended, and is about to be started again", _LOG)
    if mine is None:
        if age < _STARTS_WITHIN_S:
            return Finding(check, WARNING, f"{child.name} is starting", "ask again in a moment")
        return Finding(check, BAD, f"{child.name} has given no sign of life since its start {duration(age)} ago", _LOG)
    if not mine.is_fresh(now):
        found = f"{child.name} (process {child.pid}) has given no sign of life for {duration(now - mine.beat)}"
        remedy = f"it is frozen (SIGCONT lets it go on) or hangs: SIGKILL it, and it is started again; {_LOG}"
        return Finding(check, BAD, found, remedy)
    if mine.problem:
        return Finding(check, BAD, f"{child.name} refuses beacons: {mine.problem}", _remedy_of(mine.problem))
    return Finding(check, OK, f"{child.name} takes beacons" if worker else f"{child.name} is alive")


def of_refusals(heartbeats: Mapping[str, Heartbeat]) -> Iterator[Finding]:
    """Beacons that were lost today, unless their senders try again."""
    counts: dict[str, int] = {}
    for heartbeat in heartbeats.values():
        for reason, times in heartbeat.refused.items():
            counts[reason] = counts.get(reason, 0) + times
    # Some and none look alike: the first one would be somebody's visit.
    many = {reason: times for reason, times in sorted(counts.items()) if times}
    if many:
        told = ", ".join(f"{times:,} or more ({reason})" for reason, times in many.items())
        remedy = "see what the other checks say; the browser's next beacon comes with its next page"
        yield Finding("refused", WARNING, f"beacons answered with 503 since midnight UTC: {told}", remedy)
    elif heartbeats:
        yield Finding("refused", OK, f"fewer than {COARSE} beacons were answered with 503 since midnight UTC")


def of_jobs(heartbeats: Mapping[str, Heartbeat], now: float) -> Iterator[Finding]:
    """When each job succeeded last, how long it takes, why it fails, and whether it is overdue."""
    for heartbeat in heartbeats.values():
        for job in heartbeat.jobs:
            yield _of_job(job, now)


def _of_job(job: JobState, now: float) -> Finding:
    check, what = f"job {job.name}", _DOES.get(job.name, job.name)
    since = job.succeeded or job.added
    last = f"succeeded {duration(now - job.succeeded)} ago" if job.succeeded else "has not succeeded yet"
    before = f"; failed {duration(now - job.failed)} ago: {job.problem}" if job.problem else ""
    allowed = _OVERDUE_S.get(job.name, _OVERDUE_OTHERWISE_S)
    if job.failures:
        state: State = BAD if now - job.failing_since >= _FAILS_S or now - since > allowed else WARNING
        found = f"{what} fails, {job.failures} times in a row: {job.problem}; it {last}"
        return Finding(check, state, found, f"it is tried again by itself; {_LOG}")
    if now - since > allowed:
        if job.is_running:
            found = f"{what} is overdue: it {last}, and has been under way for {duration(now - job.began)}"
        else:
            found = f"{what} is overdue: it {last}"
        return Finding(check, BAD, found + before, f"restart Footfall; {_LOG}")
    took = f", took at most {at_most(job.longest_s)} of late" if job.succeeded else ""
    return Finding(check, OK, f"{what} {last}{took}{before}")


def of_answers(heartbeats: Mapping[str, Heartbeat], now: float) -> Iterator[Finding]:
    """Whether what listens answers a request, within a time limit."""
    for parent in parents_of(heartbeats).values():
        if not parent.is_fresh(now):
            continue
        for role, (host, port) in parent.addresses.items():
            where = url_at(host, port)
            if _answers(reached_at(host), port):
                yield Finding("answers", OK, f"{role} answers on {where}")
            else:
                found = f"{role} does not answer on {where} within {_ASK_WITHIN_S:.0f} s"
                yield Finding("answers", BAD, found, f"it hangs, or is overloaded; {_LOG}")


def of_memory(heartbeats: Mapping[str, Heartbeat], now: float) -> Iterator[Finding]:
    """What the processes hold, and the limit under which they are."""
    fresh = [heartbeat for heartbeat in heartbeats.values() if heartbeat.is_fresh(now) and heartbeat.memory]
    if not fresh:
        return
    told = ", ".join(f"{heartbeat.name} {max(10, heartbeat.memory // 10_000_000 * 10)} MB" for heartbeat in fresh)
    used, limit = _cgroup()
    if limit and used > 0.9 * limit:
        found = f"{used // 1_000_000} of {limit // 1_000_000} MB are in use: {told}"
        yield Finding("memory", WARNING, found, "allow the container or the service more memory")
    else:
        yield Finding("memory", OK, told)


def _cgroup() -> tuple[int, int]:
    """(bytes in use, the limit) of this container or service; (0, 0) where there is no limit."""
    with contextlib.suppress(OSError, ValueError):
        room = Path("/sys/fs/cgroup")
        counted = {
            name: int(value)
            for name, _, value in (
                line.partition(" ") for line in (room / "memory.stat").read_text(encoding="ascii").splitlines()
            )
        }
        limit = int((room / "memory.max").read_text(encoding="ascii"))
        # The cache of files is given back before anything is short.
        return counted.get("anon", 0) + counted.get("shmem", 0), limit
    return 0, 0


def _remedy_of(problem: str) -> str:
    if "keep_free_bytes" in problem:
        return "make room on the disk; it goes on by itself"
    if "max_bytes" in problem:
        return "bring the store back, or raise spool.max_bytes; it goes on by itself"
    if "key" in problem:
        return "`footfall keys status` tells which keys there are; the log says why there is none"
    return _LOG


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_ASK_WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
