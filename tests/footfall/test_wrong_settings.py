"""Each wrong setting ends in one line that names it, its value without secrets, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from footfall.cli import parts
from footfall.errors import SettingsError
from footfall.settings import SiteSettings, load, needs_restart

SERVER = "http(s)://user:password@host:8123/database"


def wrong(*sets: str, file: str | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        load(file, sets, environment={})
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("store.dsn=localhost:8123/x", f"has no scheme: write {SERVER}"),
        ("store.dsn=clickhouse://h:9000/x", f"begins with clickhouse://: write {SERVER}"),
        ("store.dsn=http://h:8123", f"names no database: write {SERVER}"),
        ("store.dsn=http://h:8123/", "names no database"),
        ("store.dsn=http://h:8123/a/b", "names no database"),
        ("store.dsn=http:///x", "names no host"),
        ("store.dsn=http://h:99999/x", "a port (up to 65535) that cannot be"),
        ("store.dsn=chdb://relative", "write chdb:///directory"),
        ("store.dsn=chdb:relative", "write chdb:///directory"),
        ("store.cluster=a'b", "is no name of a cluster"),
        ("collector.host=bad host", "'bad host' is no address to listen on"),
        ("collector.address_header=a b", "write one such as 'X-Forwarded-For'"),
        ('sites=[{key="EXAMPLE.com"}]', "write 'example.com', as browsers send it"),
        (
            'sites=[{key="a", goals=[{name="Thanks", page="thanks"}]}]',
            "sites[0].goals[0].page = 'thanks': no page is like",
        ),
        ('sites=[{key="a", sections={Blog="blog/**"}}]', "write '/blog/**'"),
        ('sites=[{key="a", funnels=[{name="F", steps=[{page="/"}, {page="cart"}]}]}]', "write '/cart'"),
        ('sites=[{key="a", segments=[{name="S", where={not={page="admin"}}}]}]', "write '/admin'"),
        ('sites=[{key="a", segments=[{name="S", where={properties={order_id="1"}}}]}]', "is the id of an order"),
        ('sites=[{key="a", properties=["plan", "order_id"]}]', "sites[0].properties[1] = 'order_id'"),
        ("Release.k=3", "did you mean 'release'?"),
        ("spool.keep_free_byte=3", "did you mean 'keep_free_bytes'?"),
        ("keys.serve=0.0.0.0:99999", "with a port up to 65535"),
        ("keys.serve=h8443", "write such as '0.0.0.0:8443'"),
        ("keys.from_url=http://h", "write such as 'https://host:8443'"),
        ("keys.from_url=https://h/path", "write such as 'https://host:8443'"),
        ("data=", "names no directory"),
        ("data=/a?b/c", "'/a?b/c' has a '?' or '#' in it, which end the path of the built-in store"),
        ("data=/a/b#", "name another directory"),
        ('keys.directory="a\\u0000"', "holds a control character (U+0000)"),
        (
            'sites=[{key="a", goals=[{name="Sign\\nup", event="b"}]}]',
            "sites[0].goals[0].name: holds a control character (U+000A)",
        ),
        ('sites=[{key="a", segments=[{name="\u202eS", where={page="/"}}]}]', "holds a control character (U+202E)"),
        ('sites=[{key="a", sections={"B\\u0007"="/b/**"}}]', "holds a control character (U+0007)"),
        ("=3", "write name=value"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_write_and_no_regular_expression(given: str, told: str) -> None:
    text = wrong(given)
    assert told in text
    assert "regex" not in text
    assert given.partition("=")[0].partition(".")[0] in text


@pytest.mark.parametrize(
    "given",
    [
        *("spool.keep_free_bytes=1e15", "spool.keep_free_bytes=1000000000000000"),
        *("spool.max_bytes=99999999999999999999", "collector.workers=10000", "collector.port=65536"),
        *("dashboards.port=-1", "retention.raw_days=100000", "dashboards.session_days=1000"),
        *("dashboards.table_rows=0", "rollup.every_s=inf", "spool.seal_after_s=nan"),
        *("release.k=1000000", "collector.rate_limit=1e99", "dashboards.refresh_seconds=0"),
    ],
)
def test_no_number_is_without_bounds(given: str) -> None:
    assert given.partition("=")[0] in wrong(given)


@pytest.mark.parametrize(
    "dsn",
    [
        *("http://me:hunter2@h:8123", "me:hunter2@h:8123/x", "http://:hunter2@h", "http://me:hun@ter2@h"),
        "x://me:hunter2@h/x",
    ],
)
def test_a_dsn_that_is_refused_loses_its_password(dsn: str) -> None:
    assert "ter2" not in wrong(f"store.dsn={dsn}")


@pytest.mark.parametrize(
    "dsn", ["", "http://h/x", "https://u:p@h:8443/db", "chdb:///a/b", "chdb:///a?config-file=/c.xml"]
)
def test_a_dsn_that_can_be_one_is_taken(dsn: str) -> None:
    assert load(None, [f"store.dsn={dsn}"], environment={}).store.dsn == dsn


def test_a_file_may_begin_with_the_mark_of_its_encoding(tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_bytes("\ufeffdemo = false\n".encode())
    assert load(str(file), environment={}).demo is False
    file.write_bytes("demo = false\n".encode("utf-16"))
    assert "is not text in UTF-8; save it so" in wrong(file=str(file))
    assert "Is a directory" in wrong(file=str(tmp_path))
    assert "No such file" in wrong(file=str(tmp_path / "none"))


def test_of_two_sets_of_settings_the_names_that_need_a_restart_are_told() -> None:
    before = load(None, ["release.k=3"], environment={})
    after = load(None, ["release.k=4", "dashboards.table_rows=5", 'sites=[{key="a"}]'], environment={})
    assert needs_restart(before, after) == ["release.k", "dashboards.table_rows"]
    assert needs_restart(after, structs.replace(after, sites=())) == []


def test_fifty_sites_leave_the_sign_in_link_in_sight() -> None:
    sites = tuple(SiteSettings(f"s{number}.example") for number in range(50))
    settings = structs.replace(load(None, environment={}), sites=sites)
    link = "http://d/sign-in/x"
    told = {"collector": "http://c", "dashboards": "http://d", "demo": None, "data": "/d", "sign_in": link}
    lines = parts._announcement(settings, told).splitlines()
    assert len(lines) < 30
    assert lines[-1] == f"Sign in (this link works once): {link}"
    assert "47 more sites" in "\n".join(lines)
