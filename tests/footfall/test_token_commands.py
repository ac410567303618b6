"""`footfall token` on a house that runs, and the client of the documentation against it."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.house import AGENT, eventually, footfall, rows, running
from tests.ports import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "docs" / "examples" / "footfall_client.py"
BROWSER = {"User-Agent": AGENT.format(142), "Accept-Language": "de-AT,de;q=0.9"}


def the_client() -> Any:
    """The file of the documentation, as it stands there."""
    spec = importlib.util.spec_from_file_location("footfall_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(data: Path, *arguments: str) -> str:
    done = footfall("token", *arguments, "--data", str(data))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tokens_are_made_told_once_listed_and_revoked(data: Path) -> None:
    assert "no tokens" in command(data, "list")
    assert json.loads(command(data, "list", "--json")) == []
    done = footfall("token", "create", "www.Example.com", "--name", "shop", "--data", str(data))
    token = done.stdout.strip()
    assert re.fullmatch(r"fft_[\w-]{43}", token)
    assert token not in done.stderr
    assert "not shown again" in done.stderr
    assert "not in these settings" in done.stderr
    made = json.loads(command(data, "create", "b.example", "--json"))
    assert (made["site"], made["name"], made["token"][:4]) == ("b.example", "", "fft_")
    listed = json.loads(command(data, "list", "--json"))
    assert [(row["site"], row["name"]) for row in listed] == [("b.example", ""), ("example.com", "shop")]
    assert token not in command(data, "list") + json.dumps(listed)
    assert "shop" in command(data, "list")
    assert command(data, "revoke", made["id"]) == f"{made['id']} is revoked"
    assert [row["site"] for row in json.loads(command(data, "list", "--json"))] == ["example.com"]


def test_tokens_that_read_say_of_what_how_long_and_how_often(data: Path) -> None:
    told = json.loads(command(data, "create", "a.example", "--read", "--days", "30", "--per-hour", "60", "--json"))
    assert (told["site"], told["token"][:4]) == ("a.example", "ffr_")
    assert command(data, "create", "--read", "--all").startswith("ffr_")
    every, one = json.loads(command(data, "list", "--json"))
    assert (every["site"], every["reads"], every["expires"], every["per_hour"]) == ("*", True, None, 600)
    assert (one["site"], one["reads"], one["per_hour"]) == ("a.example", True, 60)
    assert re.search(
        r"every site .* reads, 600 questions an hour, last used never\n.*60 questions an hour, until 20",
        command(data, "list"),
    )


def test_a_site_is_called_by_any_of_its_names(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "footfall.toml"
    config.write_text('[[sites]]\nkey = "shop"\ndomains = ["shop.example"]\n')
    done = footfall("token", "create", "www.shop.example", "--json", "--data", str(data), "--config", str(config))
    assert json.loads(done.stdout)["site"] == "shop"
    assert "not in these settings" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("revoke", "3f9c21aa"), "3f9c21aa: there is no token of that id"),
        (("revoke", "fft_secretsecretsecret"), "ID: there is no token of that id"),
        (("create", "no site"), "a site is named by letters"),
        (("create", "--read"), "name one SITE"),
        (("create", "a.example", "--days", "3"), "--days is of a token that reads"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_without_a_token(
    data: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = footfall("token", *arguments, "--data", str(data))
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "secret" not in done.stderr


def all_say(status: str, client: Any, sender: Any) -> bool:
    """Whether both workers, which look at the file once a second, say so of an event that nobody could read. One
    may take every connection there is, so the other is given its seconds first."""
    time.sleep(2)
    for _ in range(12):
        with pytest.raises(client.NotTaken) as told:
            sender.send({"name": "pageview", "urll": "x"})
        if status not in str(told.value):
            return False
    return True


@pytest.mark.clickhouse
def test_the_client_of_the_documentation_sends_events_that_count_once(data: Path) -> None:
    client = the_client()
    now = dt.datetime.now(dt.UTC)
    with running(data, "--workers", "2", "--set", "release.k=1", sites=("example.com", "other.example")) as house:
        token = command(data, "create", "example.com", "--name", "shop")
        footfall_ = client.Footfall(house.told["collector"], token)
        somebody = client.visitor("203.0.113.9", BROWSER)
        order = {
            "id": "order-10023",
            "name": "purchase",
            "url": "https://example.com/done",
            "revenue": {"amount": "19.90", "currency": "EUR"},
            "visitor": somebody,
        }
        eventually(lambda: all_say("400", client, footfall_))
        first = footfall_.send(order)
        assert first == {"accepted": 1, "dropped": [], "refused": []}
        assert footfall_.send(order, order)["accepted"] == 2
        page = {"name": "pageview", "url": "https://example.com/", "visitor": somebody}
        objecting = client.visitor("198.51.100.7", {**BROWSER, "Dnt": "1"})
        late = {**page, "timestamp": (now - dt.timedelta(days=1)).isoformat()}
        mixed = footfall_.send(page, {**page, "visitor": objecting}, late, {**page, "urll": "x"})
        assert mixed["accepted"] == 2
        assert [(one["index"], one["reason"], one["field"]) for one in mixed["refused"]] == [
            (2, "bad_time", "timestamp"),
            (3, "bad_body", "event"),
        ]
        with pytest.raises(client.NotTaken, match=r"400: .*is `url` meant"):
            footfall_.send({**page, "urll": "x"})
        total = eventually(lambda: (stats := house.stats("example.com")["totals"])["pageviews"] and stats)
        assert (total["visitors"], total["pageviews"], total["events"]) == (1, 1, 2)
        (listed,) = json.loads(command(data, "list", "--json"))
        command(data, "revoke", listed["id"])
        eventually(lambda: all_say("401", client, footfall_))
        for _ in range(4):
            with pytest.raises(client.NotTaken, match="401"):
                footfall_.send(page)
        house.stop()
        log = house.log.read_text()
    [stored] = rows(data, "SELECT site, name, id, visitor, amount FROM events ORDER BY name")
    assert [(site, name) for site, name, *_ in stored] == [("example.com", "pageview")] + [
        ("example.com", "purchase")
    ] * 3
    assert len({row[3] for row in stored}) == 1
    assert len({row[2] for row in stored if row[1] == "purchase"}) == 1
    assert token not in log
    kept = [path for path in data.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert kept == []


def test_the_client_sends_the_same_again_until_it_is_taken() -> None:
    client = the_client()
    bodies: list[bytes] = []
    statuses = [503, 429, 202]

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(statuses[len(bodies) - 1])
            self.end_headers()
            self.wfile.write(b'{"accepted":1,"dropped":[],"refused":[]}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert client.Footfall(url, "fft_x", (0.0, 0.0)).send({"name": "x"})["accepted"] == 1
        server.shutdown()
        thread.join()
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    (event,) = json.loads(bodies[0])
    assert len(event["id"]) == 36


def test_the_client_gives_up_and_says_so() -> None:
    client = the_client()
    with pytest.raises(client.NotTaken, match="no answer"):
        client.Footfall(f"http://127.0.0.1:{free_port()}", "fft_x", (0.0,)).send({"name": "x"})


def test_the_client_passes_on_what_the_visitor_asked_for() -> None:
    asked = the_client().visitor("203.0.113.9", {"DNT": "1", "sec-gpc": "1", "USER-AGENT": "x", "Cookie": "secret"})
    assert asked == {
        "address": "203.0.113.9",
        "agent": "x",
        "languages": "",
        "do_not_track": "1",
        "global_privacy_control": "1",
    }
