"""Mail and alerts as an operator has them: by commands, through the settings, in a backup; and by a house that runs."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from dashboards.delivery.digest import list_of
from dashboards.delivery.settings import Alert, Digest
from footfall.cli import main
from footfall.control.engine import Engine
from footfall.data_directory import outbox
from footfall.delivery import deliveries
from footfall.errors import CannotDo, CannotStart
from footfall.health.finding import OK, WARNING
from footfall.health.sent import of_sent
from footfall.settings import Settings, describe, load
from footfall.settings.of_site import groups_of
from footfall.supervisor.paths import with_absolute_paths
from schema.site import Site
from schema.store import Store
from tests.dashboards.conftest import Rollups
from tests.dashboards.test_deliver import week
from tests.dashboards.test_webhook import Hook
from tests.dashboards.test_webhook import serving as serving_hook
from tests.forked import footfall
from tests.mail_server import Inbox, serving

SITE, BOSS = "mailed.example", "boss@example.com"
HOOK = "slack+https://hooks.example.com/services/T0/secret"


def file_of(tmp_path: Path, **values: str) -> Path:
    """Settings of one site with a digest and an alert."""
    (tmp_path / "secret").write_text("0123456789abcdef")
    path = tmp_path / "footfall.toml"
    given = {"server": "mail.example.com", "sender": "stats@shop.example", "security": "none", "to": BOSS, "on": "drop"}
    given |= values
    path.write_text(
        f'data = "{tmp_path / "data"}"\n[mail]\nserver = "{given["server"]}"\nport = {given.get("port", "587")}\n'
        f'sender = "{given["sender"]}"\nsecurity = "{given["security"]}"\n'
        f'[alerts]\nsecret_file = "{given.get("secret", "secret")}"\n'
        f'[[sites]]\nkey = "{SITE}"\ndigests = [{{ every = "week", to = ["{given["to"]}"] }}]\n'
        f'alerts = [{{ on = "{given["on"]}", to = ["{BOSS}", "{given.get("hook", HOOK)}"] }}]\n'
    )
    return path


def command(file: Path, *arguments: str, fails: bool = False) -> str:
    done = CliRunner().invoke(main, [*arguments, "--config", str(file)])
    assert bool(done.exit_code) is fails, done.output
    return done.output.strip()


def test_the_server_and_a_webhook_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(Inbox()) as inbox, serving_hook(Hook()) as hook:
        file = file_of(tmp_path, server="127.0.0.1", port=str(inbox.port))
        assert command(file, "mail", "test", BOSS) == "sent"
        assert command(file, "mail", "test", hook.address) == "sent"
    assert [to for to, _ in inbox.mails] == [[BOSS]]
    assert len(hook.got) == 1
    assert f"mail.server 127.0.0.1:{inbox.port}: Connection refused" in command(file, "mail", "test", BOSS, fails=True)
    assert "is no mail address" in command(file, "mail", "test", "boss", fails=True)
    assert "begins with https://" in command(file, "mail", "test", "http://hooks.example.com/x", fails=True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"to": "boss"}, "'boss' is no mail address; write one such as 'boss@example.com'"),
        ({"to": "https://hooks.example.com/x"}, "is no mail address"),
        ({"sender": ""}, "mail has no sender"),
        ({"server": ""}, "no server takes mail"),
        ({"server": "https://mail.example.com"}, "write 'mail.example.com'"),
        ({"security": "ssl"}, "must be one of none, starttls, tls"),
        ({"secret": ""}, "webhooks are signed"),
        ({"hook": "http://hooks.example.com/secret"}, "begins with https://"),
        ({"on": "goal"}, "has goal = '…' and below = percent"),
        ({"on": "rain"}, "must be one of drop, goal, lcp, leak, spike"),
    ],
)
def test_what_could_not_be_sent_is_refused_at_the_start(tmp_path: Path, values: dict[str, str], told: str) -> None:
    said = command(file_of(tmp_path, **values), "settings", fails=True)
    assert told in said
    assert "secret" not in said.replace("alerts.secret_file", "").replace("the secret in", "")


def test_a_webhook_is_listed_by_its_host_alone(tmp_path: Path) -> None:
    settings = load(str(file_of(tmp_path)), environment={})
    shown = {row["name"]: row["value"] for row in describe(settings)}
    assert "slack+https://hooks.example.com/…" in shown["sites"]
    assert "T0" not in json.dumps(shown)
    # Children start elsewhere.
    assert with_absolute_paths(settings).alerts.secret_file == str(Path("secret").absolute())


def test_without_the_secret_nothing_starts(tmp_path: Path, store: Store) -> None:
    settings = msgspec.convert({"data": str(tmp_path), "alerts": {"secret_file": str(tmp_path / "no")}}, Settings)
    box = outbox(settings)
    with pytest.raises(CannotStart, match=r"alerts\.secret_file"):
        deliveries(lambda: settings, Engine(settings, store)._reports(*Engine(settings, store)._site("demo")), box)
    box.close()


def test_a_digest_can_be_looked_at_before_anybody_gets_it(tmp_path: Path, store: Store) -> None:
    rollups = Rollups(store, Site(SITE))
    week(rollups)
    settings = msgspec.convert({"data": str(tmp_path), "demo": False, "sites": [{"key": SITE}]}, Settings)
    engine = Engine(settings, store)
    made = engine.digest(SITE, "week", "2031-06-18")
    assert made["subject"].startswith(f"{SITE}, week of 9–15 Jun 2031: 721 visitors")
    assert "http://localhost:8001/sites/mailed.example?" in made["text"]
    assert made["html"].startswith("<!doctype html>")
    with pytest.raises(CannotDo, match="not all of its days are released"):
        engine.digest(SITE, "week", "2031-06-11")
    with pytest.raises(CannotDo, match="a digest is of a 'week' or of a 'month'"):
        engine.digest(SITE, "year", "")
    assert not list(tmp_path.iterdir())


def test_what_was_sent_is_listed_by_who_got_it_and_who_is_off_comes_back(tmp_path: Path) -> None:
    file = file_of(tmp_path)
    assert "there is nothing there yet" in command(file, "mail", "list", fails=True)
    (tmp_path / "data").mkdir()
    assert command(file, "mail", "list") == "nothing was sent yet"
    settings = load(str(file), environment={})
    box = outbox(settings)
    for to in (BOSS, "gone@example.com"):
        assert box.take("digest week mailed.example 2031-06-09", to)
    box.refused("digest week mailed.example 2031-06-09", BOSS, "the server refused at RCPT TO (550)")
    told = command(file, "mail", "list")
    assert re.search(rf"refused  digest week {SITE} 2031-06-09  {BOSS}  the server refused", told)
    assert "gone@example.com" not in told
    assert {one["receiver"] for one in json.loads(command(file, "mail", "list", "--json"))} == {
        BOSS,
        box.mark("gone@example.com"),
    }
    list_ = list_of(settings.sites[0], "week")
    assert "has not taken itself off" in command(file, "mail", "resume", BOSS, SITE, fails=True)
    assert "'boss' is no mail address" in command(file, "mail", "resume", "boss", SITE, fails=True)
    box.unsubscribe(list_, box.token(list_, BOSS))
    assert command(file, "mail", "resume", BOSS, SITE).endswith("again")
    assert box.wants(list_, BOSS)
    box.close()


@pytest.mark.process
def test_who_took_himself_off_stays_off_in_a_backup(data: Path, tmp_path: Path) -> None:
    def run(folder: Path, *arguments: str) -> None:
        done = footfall(*arguments, "--data", str(folder), "--set", f'sites=[{{key="{SITE}"}}]')
        assert done.returncode == 0, done.stderr

    run(data, "note", "add", SITE, "a store")
    settings, file = msgspec.convert({"data": str(data)}, Settings), tmp_path / "kept.zip"
    box = outbox(settings)
    box.unsubscribe("digest week a.example", box.token("digest week a.example", BOSS))
    box.close()
    run(data, "backup", str(file))
    run(tmp_path / "again", "restore", str(file))
    box = outbox(replace(settings, data=str(tmp_path / "again")))
    assert not box.wants("digest week a.example", BOSS)
    assert box.wants("digest month a.example", BOSS)
    box.close()


def test_who_looks_at_a_sites_settings_is_told_how_many_are_sent_what_and_nobody_is_named(tmp_path: Path) -> None:
    settings = load(str(file_of(tmp_path)), environment={})
    told = {one.name: one.value for group in groups_of(settings, SITE, {}) for one in group.settings}
    assert (told["digests"], told["alerts"]) == ("every week to 1", "drop to 2")


def test_what_did_not_arrive_lately_is_a_warning_of_the_check(tmp_path: Path) -> None:
    settings = msgspec.convert({"data": str(tmp_path)}, Settings)
    now = time.time()
    assert list(of_sent(settings, now)) == []
    assert not list(tmp_path.iterdir())  # looking makes nothing
    with closing(outbox(settings)) as box:
        assert list(of_sent(settings, now)) == []
        for what in ("digest week a 2031-06-09", "digest week b 2031-06-09"):
            assert box.take(what, BOSS)
            box.sent(what, BOSS)
        assert [one.state for one in of_sent(settings, now)] == [OK]
        box.again("digest week b 2031-06-09", BOSS, "the server refused at DATA (451)")
    [told] = of_sent(settings, now)
    assert (told.check, told.state) == ("mail", WARNING)
    assert told.finding == "1 of 2 mails and alerts of the last 7 days did not arrive: the server refused at DATA (451)"
    assert [one.state for one in of_sent(settings, now + 8 * 86_400)] == []


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (Alert, {"on": "drop", "goal": "Buy"}, "has goal = '…' and below = percent, and no other has them"),
        (Alert, {"on": "leak", "below": 2.0}, "has goal = '…' and below = percent, and no other has them"),
        (Alert, {"on": "goal", "goal": "Buy"}, "has goal = '…' and below = percent, and no other has them"),
        (Alert, {"on": "drop", "to": []}, "it is sent to nobody"),
        (Digest, {"every": "week", "to": []}, "it is sent to nobody"),
    ],
)
def test_what_would_be_sent_to_nobody_or_never_is_refused(kind: type, given: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(told)):
        msgspec.convert({"to": [BOSS]} | given, kind)
