"""Brings a store to the newest layout: the numbered SQL files of sql/, each applied once and recorded.

In: a store. Out: the names of the files applied now. Promises: a file that was applied is never applied again, and
one that was changed afterwards is refused, because what is in the store would no longer be what the file says.
The first file, the baseline, is what a new store begins with. A store that was begun before there was one gets what it
lacks of the files in sql/before/, whose sum it is, and counts as having it.
Beside them `users.sql`, applied only when asked: users of a server, with the grants of rule A2.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from .families import FAMILIES, LATE, WAITING
from .store import Store, StoreError

_CREATE = """CREATE TABLE IF NOT EXISTS {{ local('migrations') }}{{ on_cluster }}
(name String, sha256 String, applied_at DateTime('UTC'))
ENGINE = {{ engine('MergeTree') }} ORDER BY name;
{{ distributed('migrations', 'rand()') }}"""


# The users of a server; each part of the instance signs in as its own.
USERS = ("footfall_writer", "footfall_pipeline", "footfall_dashboards")


class WrittenByNewer(Exception):
    """Data that a later version has written, which this one would misread."""

    def __init__(self, what: str, by: str) -> None:
        super().__init__(f"{what}: written by a newer Footfall ({by}): install it again or restore a backup")


class MigrationChanged(Exception):
    """A file that is already applied has other content than it had then."""


def migrations() -> dict[str, str]:
    """The source of the baseline, and of every migration after it, by file name, in order."""
    return _sources(resources.files("schema") / "sql")


def before() -> dict[str, str]:
    """The same of the migrations whose sum the baseline is."""
    return _sources(resources.files("schema") / "sql" / "before")


def missing(recorded: Iterable[str]) -> list[str]:
    """What a store lacks where these are applied, in order."""
    had, known = set(recorded), migrations()
    baseline, steps = min(known), before()
    if had.isdisjoint(steps):
        return [name for name in known if name not in had]
    return [name for name in (*steps, *known) if name not in had and name != baseline]


def last_migration() -> int:
    """The number of the last migration that this program knows."""
    return int(max(migrations())[:4])


def statements(source: str, cluster: str = "", **values: Any) -> list[str]:
    """The statements of a file for one server (cluster "") or for a cluster of that name. values: its variables."""
    # Imported here: who only knows what a migration may raise writes no SQL.
    import jinja2

    template = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined).from_string(source)  # noqa: S701 - SQL, not HTML
    text = template.render(
        on_cluster=f" ON CLUSTER '{cluster}'" if cluster else "",
        local=lambda name: f"{name}_local" if cluster else name,
        engine=lambda kind, *arguments: _engine(kind, arguments, cluster),
        distributed=lambda name, key: _distributed(name, key, cluster) if cluster else "",
        tables=lambda *names: [table for name in names for table in ([name, f"{name}_local"] if cluster else [name])],
        **values,
    )
    parts = (_without_comments(part).strip().removesuffix(";") for part in text.split(";\n"))
    return [part for part in parts if part.strip()]


def migrate(store: Store) -> list[str]:
    """Apply what is missing; the names of the files applied. Raises WrittenByNewer, MigrationChanged."""
    for statement in statements(_CREATE, store.cluster):
        store.command(statement)
    recorded: dict[str, str] = dict(store.rows("SELECT name, sha256 FROM migrations"))
    known = before() | migrations()
    refuse_newer_store(store, recorded, known)
    for name, then in recorded.items():
        now = digest_of(known[name])
        if then != now:
            raise MigrationChanged(
                f"{name}: applied as sha256 {then[:12]}…, the file is now {now[:12]}…; "
                "restore the file and put the change into a new one"
            )
    applied = missing(recorded)
    for name in applied:
        for statement in statements(known[name], store.cluster):
            store.command(statement)
        record = ((name,), (digest_of(known[name]),), (int(time.time()),))
        store.insert("migrations", ("name", "sha256", "applied_at"), record)
    return applied


def digest_of(source: str) -> str:
    """What is recorded of a file that was applied."""
    return hashlib.sha256(source.encode()).hexdigest()


def refuse_newer_store(store: Store, recorded: Iterable[str], known: Iterable[str]) -> None:
    """Raise WrittenByNewer if migrations were applied that this program does not know."""
    unknown = sorted(set(recorded) - set(known))
    if unknown:
        raise WrittenByNewer(
            f"store.dsn = {store.name!r}", f"it has {', '.join(unknown[:3])}, this one knows {max(known)}"
        )


def pending(store: Store) -> list[str]:
    """The files that are not applied, of a store that may be looked into; changes nothing. Of a store that does not
    tell, as a server does not tell the dashboards, it is known of none. Raises WrittenByNewer."""
    try:
        recorded = {name for (name,) in store.rows("SELECT name FROM migrations")}
    except StoreError:
        return []
    refuse_newer_store(store, recorded, before() | migrations())
    return missing(recorded)


def user_statements(database: str, passwords: Mapping[str, str], cluster: str = "") -> list[str]:
    """The statements that make the users of USERS. They hold the passwords' SHA-256 only."""
    source = resources.files("schema").joinpath("sql", "users.sql").read_text(encoding="utf-8")
    hashes = {user: hashlib.sha256(passwords[user].encode()).hexdigest() for user in USERS}
    quoted = "`{}`".format(database.replace("\\", "\\\\").replace("`", "\\`"))
    return statements(
        source, cluster, database=quoted, hashes=hashes, families=FAMILIES, waiting=list(WAITING), late=LATE
    )


def create_users(store: Store, passwords: Mapping[str, str]) -> list[str]:
    """Make or change the users, one password for each of USERS; their names. Raises StoreError without a server."""
    if store.embedded:
        raise StoreError(f"store.dsn = {store.name!r}: the embedded engine has no users; name a ClickHouse server")
    database: str = store.rows("SELECT currentDatabase()")[0][0]
    for statement in user_statements(database, passwords, store.cluster):
        store.command(statement)
    return list(USERS)


def _sources(folder: Traversable) -> dict[str, str]:
    names = sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", entry.name))
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in names}


def _engine(kind: str, arguments: tuple[str, ...], cluster: str) -> str:
    if not cluster:
        return f"{kind}({', '.join(arguments)})"
    where = ("'/clickhouse/tables/{shard}/{database}/{table}'", "'{replica}'")
    return f"Replicated{kind}({', '.join((*where, *arguments))})"


def _distributed(name: str, key: str, cluster: str) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {name} ON CLUSTER '{cluster}' AS {name}_local\n"
        f"ENGINE = Distributed('{cluster}', currentDatabase(), '{name}_local', {key});\n"
    )


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
