"""Users of the ClickHouse server for tests, with the grants that `footfall migrate --users` gave them.

In: the statements that make users, and who asks. Out: a configuration by which the engine itself refuses.
Promises: every statement of the kind is understood, or refused; what the engine lets pass and a server with its shipped
configuration does not (system tables, table engines without a grant) is refused here.

The embedded engine has one user and takes grants from a configuration file only, when it opens: each of our users is a
role there, which a request takes on before anything else. So users exist from the server's next start on.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from xml.sax.saxutils import escape

import msgspec
from msgspec import Struct

ADMIN = "default"
_ABOUT_USERS = re.compile(
    r"\s*(?:CREATE|ALTER) (?:USER|ROLE|QUOTA|SETTINGS PROFILE|ROW POLICY)\b|\s*(?:GRANT|REVOKE)\b"
)
_IDENTIFIED = re.compile(
    r"(CREATE USER IF NOT EXISTS|ALTER USER) (\w+) IDENTIFIED WITH sha256_hash BY '([0-9a-f]{64})'"
)
_REVOKED = re.compile(r"REVOKE ALL ON \*\.\* FROM (\w+)")
_GRANTED = re.compile(r"(GRANT [\w ,()]+ ON \S+) TO (\w+)")
_PROFILE = re.compile(r"CREATE SETTINGS PROFILE OR REPLACE \w+\sSETTINGS ([\w =,\n]+) TO (\w+)")
_QUOTA = re.compile(r"CREATE QUOTA OR REPLACE \w+ KEYED BY user_name\sFOR INTERVAL [\w =,]+ TO (\w+)")
_SYSTEM = re.compile(r"\bsystem\.(\w+)")
# A server lets everybody read these.
_SYSTEM_FOR_ALL = frozenset(("one", "settings", "time_zones", "functions", "formats"))
_ENGINE = re.compile(r"\bCREATE TABLE\b.*\bENGINE\s*=\s*(\w+)", re.DOTALL)


class Refused(Exception):
    """In the words of a server."""


class User(Struct):
    digest: str
    grants: list[str] = []
    settings: str = ""


class Users:
    """Those of one server. directory: where they are written down, outside of the engine's own."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "users.json"
        self._configuration = directory / "config.xml"
        # What the engine knows, and what its next start will.
        self._known = msgspec.json.decode(self._file.read_bytes(), type=dict[str, User]) if self._file.exists() else {}
        self._made = msgspec.convert(msgspec.to_builtins(self._known), dict[str, User])

    @property
    def options(self) -> str:
        """What follows the directory where the engine is opened."""
        if not self._known:
            return ""
        roles = {ADMIN: ["GRANT ALL ON *.* WITH GRANT OPTION"]}
        roles |= {name: user.grants for name, user in self._known.items()}
        queries = {
            name: "".join(f"<query>{escape(grant)}</query>" for grant in grants) for name, grants in roles.items()
        }
        made = "".join(f"<as_{name}><grants>{text}</grants></as_{name}>" for name, text in queries.items())
        taken = ", ".join(f"as_{name}" for name in roles)
        users = self._configuration.with_name("users.xml")
        users.write_text(
            f"<clickhouse><profiles><default/></profiles><quotas><default/></quotas><roles>{made}</roles><users><default>"
            "<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
            f"<grants><query>GRANT {taken}</query></grants></default></users></clickhouse>"
        )
        self._configuration.write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>")
        return f"?config-file={self._configuration}"

    def becoming(self, name: str, password: str) -> list[str]:
        """The statements by which a session becomes that user's. Raises Refused."""
        if not self._known:
            return []
        if name == ADMIN:
            return [f"SET ROLE as_{ADMIN}"]
        user = self._known.get(name)
        if user is None or user.digest != hashlib.sha256(password.encode()).hexdigest():
            raise Refused(f"Code: 516. DB::Exception: {name}: Authentication failed. (AUTHENTICATION_FAILED)")
        # What makes a session read-only comes last: nothing else can be set then.
        settings = sorted(user.settings.split(", "), key=lambda setting: setting.startswith("readonly"))
        return [f"SET ROLE as_{name}", *(f"SET {setting}" for setting in settings if setting)]

    def look(self, name: str, statement: str) -> None:
        """Refuse what a server refuses and the embedded engine does not."""
        if name == ADMIN or not self._known:
            return
        granted = self._known[name].grants
        for table in set(_SYSTEM.findall(statement)) - _SYSTEM_FOR_ALL:
            if f"GRANT SELECT ON system.{table}" not in granted:
                raise Refused(f"Code: 497. DB::Exception: {name}: SELECT ON system.{table}. (ACCESS_DENIED)")
        engine = _ENGINE.search(statement)
        if engine and f"GRANT TABLE ENGINE ON {engine[1]}" not in granted:
            raise Refused(f"Code: 497. DB::Exception: {name}: TABLE ENGINE ON {engine[1]}. (ACCESS_DENIED)")

    def take(self, name: str, statement: str) -> bool:
        """Carry out a statement about users; whether it is one. Raises Refused."""
        if not _ABOUT_USERS.match(statement):
            return False
        if name != ADMIN:
            raise Refused(f"Code: 497. DB::Exception: {name}: not the administrator. (ACCESS_DENIED)")
        statement = statement.strip()
        if found := _IDENTIFIED.fullmatch(statement):
            if found[1] == "ALTER USER" and found[2] not in self._made:
                raise Refused(f"Code: 192. DB::Exception: {found[2]}. (UNKNOWN_USER)")
            made = self._made.setdefault(found[2], User(found[3]))
            made.digest = found[3] if found[1] == "ALTER USER" else made.digest
        elif found := _REVOKED.fullmatch(statement):
            self._made[found[1]].grants = []
        elif found := _GRANTED.fullmatch(statement):
            self._made[found[2]].grants.append(found[1])
        elif found := _PROFILE.fullmatch(statement):
            self._made[found[2]].settings = found[1]
        elif not _QUOTA.fullmatch(statement):
            raise Refused(f"Code: 48. DB::Exception: not known to this server: {statement}. (NOT_IMPLEMENTED)")
        self._file.write_bytes(msgspec.json.encode(self._made))
        return True
