"""Several collectors, one set of keys: handed by TLS to who is enrolled, for days that are not over."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from collector.keys.certificate import certificate
from collector.keys.client import CannotFetch, Handed, KeyFollower, fetch_keys
from collector.keys.enrolments import AlreadyEnrolled, Enrolments, Fetches, read_fetches
from collector.keys.files import KeyFile, list_keys, read_keys, write_keys
from collector.keys.journal import lost_days, read_journal
from collector.keys.keeper import KeyKeeper
from collector.keys.key import DESTROY_AFTER_S, KEY_BYTES, Held, NoKey
from collector.keys.server import KeyService
from collector.privacy.visitor_id import visitor_number
from footfall.roles.key_service import key_server
from schema.site import Site, day_bounds, local_day
from tests.house import eventually, footfall, rows, running
from tests.ports import free_port

pytestmark = pytest.mark.process

BERLIN = Site("berlin", timezone="Europe/Berlin")
APIA = Site("apia", timezone="Pacific/Apia")
TODAY = local_day("Europe/Berlin", 1_792_900_000)
NOON = TODAY.start + 12 * 3600
VISITOR = ("203.0.113.0", "Mozilla/5.0", "de")


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Holder:
    """The collector that makes the keys, and its real HTTPS service. One clock for everybody."""

    def __init__(self, ram: Path, disk: Path, clock: Clock, *sites: Site) -> None:
        self.ram, self.disk, self.clock, self.sites = ram, disk, clock, sites
        self.keeper = KeyKeeper(ram / "holder", disk / "holder.jsonl", sites, clock=clock)
        self.keeper.turn()
        self.enrolments = Enrolments(disk / "enrolled.json")
        self.fetches = disk / "fetched.json"
        self.fingerprint = certificate(disk / "tls.pem")
        self.service = KeyService(
            KeyFile(ram / "holder" / "keys", clock), sites, self.enrolments, Fetches(self.fetches), clock
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = key_server(self.service, disk / "tls.pem")
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        eventually(lambda: self._server.started)

    def enrol(self, name: str, *sites: Site) -> KeyFollower:
        """Another collector, enrolled, that has asked once."""
        token = self.enrolments.enrol(name)
        follower = KeyFollower(
            self.ram / name,
            self.disk / f"{name}.jsonl",
            sites or self.sites,
            lambda: fetch_keys(self.url, token, self.fingerprint),
            clock=self.clock,
        )
        follower.ask()
        follower.settle()
        return follower

    def worker(self, name: str) -> KeyFile:
        return KeyFile(self.ram / name / "keys", self.clock)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
            self._socket.close()

    def close(self) -> None:
        self.stop()
        self.keeper.close()


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory in RAM."""
    directory = Path("/dev/shm") / f"footfall-test-{uuid.uuid4().hex}"
    directory.mkdir(mode=0o700)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def make(ram: Path, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Holder]]:
    with contextlib.ExitStack() as stack:

        def holder(*sites: Site) -> Holder:
            made = Holder(ram, tmp_path, clock, *(sites or (BERLIN,)))
            stack.callback(made.close)
            return made

        yield holder


def ask(holder: Holder, **headers: str) -> http.client.HTTPResponse:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(holder.url.removeprefix("https://"), context=context, timeout=60)
    connection.request("GET", "/keys", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


# -- enrolled ------------------------------------------------------------------------------------------------------


def test_two_enrolled_collectors_number_the_same_visitor_alike_on_the_same_day_only(
    make: Callable[..., Holder], clock: Clock
) -> None:
    holder = make(BERLIN, APIA)
    followers = [holder.enrol(name) for name in ("frankfurt", "oslo")]
    workers = [holder.worker(name) for name in ("holder", "frankfurt", "oslo")]

    def numbers(day: int) -> set[int]:
        return {visitor_number(worker.key("berlin", day), "berlin", VISITOR) for worker in workers}

    today = numbers(TODAY.number)
    assert len(today) == 1
    clock.now = TODAY.end - 30
    holder.keeper.turn()
    for follower in followers:
        follower.ask()
        follower.settle()
    assert numbers(TODAY.number) == today  # handed out again, it is the same
    clock.now = TODAY.end + 1
    tomorrow = numbers(TODAY.number + 1)
    assert len(tomorrow) == 1
    assert tomorrow != today
    for follower in followers:
        follower.close()


def test_tomorrows_key_is_handed_out_before_midnight_and_yesterdays_never(
    make: Callable[..., Holder], clock: Clock
) -> None:
    holder = make()

    def days() -> list[int]:
        holder.keeper.turn()
        return [handed.day for handed in holder.service.handed_out()]

    assert days() == [TODAY.number]
    clock.now = TODAY.end - 60
    assert days() == [TODAY.number, TODAY.number + 1]
    for clock.now in (TODAY.end, TODAY.end + DESTROY_AFTER_S - 1):
        # Still alive for the requests in flight, but nobody else's business any more.
        assert days() == [TODAY.number + 1]
        assert ("berlin", TODAY.number) in read_keys(holder.ram / "holder" / "keys")
        token = holder.enrolments.enrol(f"late-{clock.now}")
        assert [one.day for one in fetch_keys(holder.url, token, holder.fingerprint)] == [TODAY.number + 1]


def test_when_the_holder_is_away_today_goes_on_tomorrow_does_not_begin_and_the_key_dies_on_time(
    make: Callable[..., Holder], clock: Clock
) -> None:
    holder = make()
    follower, worker = holder.enrol("frankfurt"), holder.worker("frankfurt")
    key = worker.key("berlin", TODAY.number)
    holder.stop()
    for clock.now in (NOON + 3600, TODAY.end - 1):
        assert not follower.ask()
        follower.settle()
        assert worker.key("berlin", TODAY.number) == key
    for clock.now in (TODAY.end, TODAY.end + 5):
        assert not follower.ask()
        follower.settle()
        with pytest.raises(NoKey):
            worker.key("berlin", TODAY.number + 1)
    clock.now = TODAY.end + DESTROY_AFTER_S
    follower.settle()
    assert list_keys(holder.ram / "frankfurt" / "keys") == []
    worker.refresh()
    assert key == bytes(KEY_BYTES)
    follower.close()
    journal = [(entry["what"], entry["at"]) for entry in read_journal(holder.disk / "frankfurt.jsonl")]
    assert journal == [("received", NOON), ("destroyed", TODAY.end + DESTROY_AFTER_S)]


def test_a_holder_that_never_answers_holds_nothing_up(ram: Path, tmp_path: Path, clock: Clock) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang() -> list[Handed]:
        asked.set()
        release.wait(100)
        raise CannotFetch("too late")

    answers = iter([lambda: [Handed("berlin", TODAY.number, TODAY.end, bytearray(b"k" * KEY_BYTES))]])
    follower = KeyFollower(ram / "a", tmp_path / "j", (BERLIN,), lambda: next(answers, hang)(), clock=clock)
    follower.turn()
    thread = threading.Thread(target=follower.ask)
    thread.start()
    assert asked.wait(30)
    clock.now = TODAY.end + DESTROY_AFTER_S
    began = time.monotonic()
    follower.turn()
    assert time.monotonic() - began < 20
    assert list_keys(ram / "a" / "keys") == []
    release.set()
    thread.join()
    follower.close()


def test_a_holder_that_had_to_make_a_new_key_is_followed_and_the_day_is_marked(
    make: Callable[..., Holder], clock: Clock
) -> None:
    holder = make()
    follower, worker = holder.enrol("frankfurt"), holder.worker("frankfurt")
    before = bytes(worker.key("berlin", TODAY.number))
    holder.keeper.close()
    (holder.ram / "holder" / "keys").unlink()
    holder.keeper = KeyKeeper(holder.ram / "holder", holder.disk / "holder.jsonl", (BERLIN,), clock=clock)
    holder.keeper.turn()
    follower.ask()
    follower.settle()
    worker.refresh()
    assert worker.key("berlin", TODAY.number) == holder.worker("holder").key("berlin", TODAY.number) != before
    assert lost_days(holder.disk / "frankfurt.jsonl") == {("berlin", TODAY.date.isoformat())}
    follower.close()


@pytest.mark.parametrize(
    "handed",
    [
        Handed("berlin", TODAY.number, TODAY.end, bytearray(16)),
        Handed("berlin", TODAY.number, TODAY.end, bytearray(KEY_BYTES)),
        Handed("berlin", TODAY.number, TODAY.end + 3600, bytearray(b"k" * KEY_BYTES)),
        Handed("berlin", TODAY.number - 1, TODAY.start, bytearray(b"k" * KEY_BYTES)),
        Handed("berlin", 10**9, 0, bytearray(b"k" * KEY_BYTES)),
        Handed("other", TODAY.number, TODAY.end, bytearray(b"k" * KEY_BYTES)),
    ],
    ids=["short", "zeros", "another time zone", "yesterday", "no such day", "no such site"],
)
def test_what_a_holder_should_not_hand_out_is_not_taken(
    ram: Path, tmp_path: Path, clock: Clock, handed: Handed
) -> None:
    follower = KeyFollower(ram / "a", tmp_path / "j", (BERLIN,), lambda: [handed], clock=clock)
    follower.ask()
    follower.settle()
    assert list_keys(ram / "a" / "keys") == []
    follower.close()


# -- refused -------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_refused(make: Callable[..., Holder]) -> None:
    holder = make()
    right = holder.enrolments.enrol("frankfurt")
    for token in ("", "x", right[:-1], right + "x", "frankfurt", sha256(right.encode()).hexdigest()):
        with pytest.raises(CannotFetch, match=r"keys\.token"):
            fetch_keys(holder.url, token, holder.fingerprint)
    for headers in ({}, {"Authorization": right}, {"Authorization": f"Basic {right}"}, {"Authorization": "Bearer"}):
        assert ask(holder, **headers).status == 401
    assert read_fetches(holder.fetches) == {}
    assert fetch_keys(holder.url, right, holder.fingerprint)


def test_a_revoked_token_is_refused_at_once(make: Callable[..., Holder]) -> None:
    holder = make()
    token, other = holder.enrolments.enrol("frankfurt"), holder.enrolments.enrol("oslo")
    assert fetch_keys(holder.url, token, holder.fingerprint)
    # By another process, as `footfall keys enrol --revoke` is.
    assert Enrolments(holder.disk / "enrolled.json").revoke("frankfurt")
    with pytest.raises(CannotFetch, match=r"keys\.token"):
        fetch_keys(holder.url, token, holder.fingerprint)
    assert fetch_keys(holder.url, other, holder.fingerprint)


def test_another_certificate_is_shown_no_token(make: Callable[..., Holder], tmp_path: Path) -> None:
    holder = make()
    token = holder.enrolments.enrol("frankfurt")
    with pytest.raises(CannotFetch, match=r"keys\.fingerprint"):
        fetch_keys(holder.url, token, certificate(tmp_path / "other.pem"))
    assert read_fetches(holder.fetches) == {}
    spelt = ":".join(re.findall("..", holder.fingerprint.upper()))
    assert fetch_keys(holder.url, token, f"sha256:{spelt}")


def test_nothing_is_told_in_the_clear_nor_by_old_tls(make: Callable[..., Holder]) -> None:
    holder = make()
    port = int(holder.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.sendall(b"GET /keys HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not plain.recv(4096).startswith(b"HTTP/1.1 200")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", port), timeout=60) as old, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(old)


def test_who_asks_too_often_waits(make: Callable[..., Holder]) -> None:
    holder = make()
    answers = [ask(holder, Authorization="Bearer guess").status for _ in range(40)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_of_a_token_only_the_hash_is_kept_and_a_name_has_one(tmp_path: Path) -> None:
    enrolments = Enrolments(tmp_path / "enrolled.json")
    token = enrolments.enrol("frankfurt")
    text = (tmp_path / "enrolled.json").read_text()
    assert token not in text
    assert sha256(token.encode()).hexdigest() in text
    assert stat.S_IMODE((tmp_path / "enrolled.json").stat().st_mode) == 0o600
    with pytest.raises(AlreadyEnrolled):
        enrolments.enrol("frankfurt")
    assert enrolments.whose(token) == "frankfurt"
    assert not enrolments.revoke("oslo")


def test_the_certificate_is_made_once_and_its_key_is_ours_alone(tmp_path: Path) -> None:
    first = certificate(tmp_path / "tls.pem")
    assert certificate(tmp_path / "tls.pem") == first
    assert stat.S_IMODE((tmp_path / "tls.pem").stat().st_mode) == 0o600
    assert certificate(tmp_path / "other.pem") != first


# -- as typed ------------------------------------------------------------------------------------------------------


def test_two_houses_with_one_set_of_keys(data: Path) -> None:
    serve = ("--set", f"keys.serve=127.0.0.1:{free_port()}")
    holder, other = data / "holder", data / "other"
    done = footfall("keys", "enrol", "--name", "frankfurt", "--json", "--data", str(holder), *serve)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    enrolment = [
        word for name in ("from_url", "fingerprint", "token") for word in ("--set", f"keys.{name}={told[name]}")
    ]
    beacon = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}
    with running(holder, *serve) as first, running(other, *enrolment) as second:
        for house in (first, second):
            assert house.post(beacon)[0] == 202
        keys = json.loads(first.command("keys", "status", "--json").stdout)
        assert keys["problems"] == []
        assert keys["in_ram"] is True
        assert keys["core_dumps_off"] is True
        assert keys["keeper"] == first.processes()[0]
        assert {key["site"] for key in keys["keys"]} == {"example.com", "demo"}
        assert [one["name"] for one in keys["enrolled"]] == ["frankfurt"]
        assert time.time() - keys["enrolled"][0]["last_fetch"] < 60
        at_other = footfall("keys", "status", "--json", "--data", str(other), *enrolment)
        assert json.loads(at_other.stdout)["made_by"] == told["from_url"]
        text = footfall("keys", "status", "--data", str(holder)).stdout
        # Neither a key nor anything made from one, nor a token.
        assert not re.search(r"[0-9a-f]{17}", text.replace(str(holder), ""))
        for house in (first, second):
            house.stop()
    [[[one]], [[two]]] = [rows(place, "SELECT visitor FROM events")[0] for place in (holder, other)]
    assert one == two
    secrets = [told["token"].encode()]
    for path in (path for place in (holder, other) for path in place.rglob("*") if path.is_file()):
        assert not any(secret in path.read_bytes() for secret in secrets), f"{path} holds the token"
    revoked = footfall("keys", "enrol", "--revoke", "frankfurt", "--data", str(holder))
    assert revoked.returncode == 0
    # A house that gets no keys runs, and says that it is not ready.
    shutil.rmtree(json.loads(at_other.stdout)["directory"])
    with running(holder, *serve), running(other, *enrolment) as second:
        status, headers = second.post(beacon)
        assert (status, headers["x-footfall-reason"]) == (503, "no_key")
        assert "keys.token" in second.log.read_text()
        assert told["token"] not in second.log.read_text()


def test_the_enrolment_is_one_line_of_environment(data: Path) -> None:
    arguments = ("--data", str(data), "--url", "https://keys.example:8443/")
    done = footfall("keys", "enrol", "--name", "oslo", *arguments)
    [line] = done.stdout.splitlines()
    assert re.fullmatch(
        r"FOOTFALL_KEYS_FROM_URL=https://keys\.example:8443 FOOTFALL_KEYS_FINGERPRINT=[0-9a-f]{64} "
        r"FOOTFALL_KEYS_TOKEN=[\w-]{43}",
        line,
    )
    again = footfall("keys", "enrol", "--name", "oslo", *arguments)
    assert (again.returncode, "revoke it first" in again.stderr) == (1, True)
    nowhere = footfall("keys", "enrol", "--name", "bergen", "--data", str(data))
    assert (nowhere.returncode, "keys.serve is not set" in nowhere.stderr) == (1, True)
    unknown = footfall("keys", "enrol", "--revoke", "bergen", "--data", str(data))
    assert (unknown.returncode, "no collector of that name" in unknown.stderr) == (1, True)


def test_a_key_that_outlived_its_day_because_nothing_ran_is_told_and_swept(data: Path, ram: Path) -> None:
    data.mkdir()
    place = ram / "keys"
    arguments = ("--data", str(data), "--set", f"keys.directory={ram}", "--set", "demo=false")
    yesterday = local_day("UTC", time.time()).number - 1
    until = day_bounds("UTC", yesterday).end + DESTROY_AFTER_S
    write_keys(place, {("gone", yesterday): Held(bytearray(b"k" * KEY_BYTES), until)})
    told = footfall("keys", "status", *arguments)
    assert told.returncode == 1
    assert "of days that are over still exist" in told.stdout
    assert footfall("keys", "sweep", *arguments).returncode == 0
    assert b"kkkk" not in place.read_bytes()
    assert footfall("keys", "status", *arguments).returncode == 0


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["keys.from_url=http://a:1", "keys.token=t0ken"], "keys.from_url"),
        (["keys.from_url=https://a:1"], "keys.token is missing"),
        (["keys.from_url=https://a:1", "keys.token=t0ken"], "keys.fingerprint"),
        (["keys.from_url=https://a:1", "keys.token=t0ken", "keys.fingerprint=ab"], "keys.fingerprint"),
        (["keys.from_url=https://a:1", "keys.token=t0ken", "keys.serve=b:1"], "keys.serve"),
        (['keys.token=["t0ken"]'], "keys.token"),
        (["keys.tokn=t0ken"], "keys.tokn"),
        (["keys=t0ken"], "keys"),
        (["keys.serve=8443"], "keys.serve"),
    ],
)
def test_settings_that_do_not_fit_are_named_without_the_token(sets: list[str], told: str) -> None:
    done = footfall("settings", *(word for one in sets for word in ("--set", one)))
    assert done.returncode == 1
    assert told in done.stderr
    assert "t0ken" not in done.stderr + done.stdout


def test_the_token_is_not_listed_among_the_settings() -> None:
    fingerprint = "ab" * 32
    done = footfall(
        *("settings", "--set", "keys.from_url=https://a:1", "--set", "keys.token=t0ken"),
        *("--set", f"keys.fingerprint={fingerprint}"),
    )
    assert done.returncode == 0, done.stderr
    assert "t0ken" not in done.stdout
    assert fingerprint in done.stdout


def test_a_machine_that_collects_nothing_may_hold_the_keys(data: Path) -> None:
    arguments = ("--data", str(data), "--set", f"keys.serve=127.0.0.1:{free_port()}")
    told = json.loads(footfall("keys", "enrol", "--name", "frankfurt", "--json", *arguments).stdout)
    with (data / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "footfall", "keys", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"keys: {told['from_url']}\n".replace("127.0.0.1", "localhost")

        def handed() -> list[Handed]:
            try:
                return fetch_keys(told["from_url"], told["token"], told["fingerprint"])
            except CannotFetch:
                return []

        assert {one.site for one in eventually(handed)} == {"demo"}
        second = footfall("up", *arguments, "--port", "0", "--dashboard-port", "0")
        assert (second.returncode, "another process keeps keys there" in second.stderr) == (1, True)
        process.terminate()
        assert process.wait(60) == 0
        assert handed() == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
