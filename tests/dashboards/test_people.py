"""Rules of dashboards/accounts: who may be there, invited, removed; what is kept of them, and logged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dashboards.accounts.accounts import AccountRefused, Accounts
from dashboards.accounts.failures import TooManyFailures
from dashboards.accounts.people import INVITATION_LIVES_S, People
from dashboards.accounts.policy import EVERY_SITE, Role
from dashboards.accounts.tables import SHORT_LIVED
from footfall.backup.making import copied
from tests.conftest import CHEAP
from tests.dashboards.conftest import Clock

PASSWORD = "correct horse battery"
SITE = "a.example"
# As it was before there were roles.
BEFORE = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);
CREATE TABLE links (digest BLOB PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, expires REAL NOT NULL, by_link INTEGER NOT NULL
) WITHOUT ROWID;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.sqlite"


@pytest.fixture
def accounts(path: Path, clock: Clock) -> Iterator[Accounts]:
    with closing(Accounts(path, 14, clock, CHEAP)) as opened:
        opened.create_sign_in_link_token()
        yield opened


@pytest.fixture
def owner(accounts: Accounts) -> int:
    """The first owner's number."""
    session = accounts.redeem(accounts.create_sign_in_link_token())
    assert session
    accounts.set_password(session, "first", PASSWORD)
    return accounts.people.named("first").id


def test_the_first_link_makes_the_owner_of_the_house(accounts: Accounts, owner: int) -> None:
    assert accounts.people.rights(owner) == {EVERY_SITE: Role.OWNER}
    user = accounts.session(accounts.redeem(accounts.create_sign_in_link_token()))
    assert user
    assert user.id == owner


def test_names_that_differ_by_case_alone_are_one(accounts: Accounts, owner: int) -> None:
    accounts.people.add("Zoe\u0308 Straße", Role.VIEWER, SITE)
    for same in ("zoë strasse", "ZOË STRASSE", "Zoë Straße"):
        assert accounts.people.named(same).name == "Zoe\u0308 Straße"
        with pytest.raises(AccountRefused, match="taken"):
            accounts.people.add(same, Role.OWNER, EVERY_SITE)
    assert accounts.session(accounts.sign_in("FIRST", PASSWORD))
    # Failures of all spellings are of one name.
    for name in ("first", "First", "FIRST", "fIrst", "fiRst") * 2:
        accounts.sign_in(name, "wrong")
    with pytest.raises(TooManyFailures):
        accounts.sign_in("firsT", PASSWORD)


def test_two_who_had_one_name_before_are_each_found_by_his_own(accounts: Accounts, path: Path) -> None:
    accounts.people.add("Anna", Role.VIEWER, SITE)
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO users (name) VALUES ('anna')")
        db.commit()
    assert [accounts.people.named(name).name for name in ("Anna", "anna")] == ["Anna", "anna"]
    with pytest.raises(AccountRefused, match="nobody has that name"):
        accounts.people.named("ANNA")


def test_who_is_invited_learns_of_few_names_that_they_are_taken(
    accounts: Accounts, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    colleagues = {f"person {number}" for number in range(20)}
    for name in colleagues:
        accounts.people.add(name, Role.VIEWER, SITE)

    def learned(token: str) -> set[str]:
        found = set()
        for name in sorted(colleagues):
            try:
                if accounts.join(token, name, PASSWORD) is None:
                    break
            except AccountRefused:
                found.add(name)
        return found

    assert len(learned(accounts.people.invite(Role.VIEWER, SITE, owner))) == 5
    # Without the bound he knows them all, as this would show.
    monkeypatch.setattr(People, "count_taken", lambda *_: None)
    assert learned(accounts.people.invite(Role.VIEWER, SITE, owner)) == colleagues


def test_nor_does_who_is_signed_in_by_taking_other_names(accounts: Accounts, owner: int) -> None:
    accounts.people.add("ada", Role.VIEWER, SITE)
    session = accounts.sign_in("first", PASSWORD)
    assert session
    for _ in range(10):
        with pytest.raises(AccountRefused, match="taken"):
            accounts.set_password(session, "ADA", PASSWORD, PASSWORD)
    with pytest.raises(TooManyFailures):
        accounts.set_password(session, "ADA", PASSWORD, PASSWORD)


def test_an_invitation_holds_once_for_days_and_for_what_it_names(accounts: Accounts, clock: Clock, owner: int) -> None:
    token = accounts.people.invite(Role.EDITOR, SITE, owner)
    with pytest.raises(AccountRefused, match="taken"):
        accounts.join(token, "first", PASSWORD)
    with pytest.raises(AccountRefused, match="password"):
        accounts.join(token, "ada", "short")
    # What was refused has not used it up.
    user = accounts.session(accounts.join(token, "ada", PASSWORD))
    assert user
    assert user.rights == {SITE: Role.EDITOR}
    assert accounts.join(token, "eve", PASSWORD) is None
    assert accounts.people.invitation(token) is None
    late = accounts.people.invite(Role.OWNER, EVERY_SITE, owner)
    clock.now += INVITATION_LIVES_S
    assert accounts.join(late, "eve", PASSWORD) is None
    revoked = accounts.people.invite(Role.OWNER, EVERY_SITE, owner)
    found = accounts.people.invitation(revoked)
    assert found
    accounts.people.revoke(found.id, SITE, owner)  # of another site
    assert accounts.people.invitation(revoked)
    accounts.people.revoke(found.id, EVERY_SITE, owner)
    assert accounts.join(revoked, "eve", PASSWORD) is None
    assert accounts.join("x\ud800", "eve", PASSWORD) is None


def test_of_who_may_not_invite_any_more_no_invitation_holds(accounts: Accounts, owner: int) -> None:
    """An attacker who is about to be removed keeps invitations of his own, to come back by."""
    people = accounts.people
    people.add("eve", Role.OWNER, EVERY_SITE)
    people.add("ada", Role.OWNER, SITE)
    eve, ada = people.named("eve").id, people.named("ada").id
    back, mine = people.invite(Role.OWNER, EVERY_SITE, eve), people.invite(Role.OWNER, SITE, ada)
    by_server = people.invite(Role.VIEWER, SITE)
    people.give(eve, SITE, Role.OWNER)
    people.give(eve, EVERY_SITE, Role.VIEWER)
    assert (people.invitation(back), accounts.join(back, "eve2", PASSWORD)) == (None, None)
    people.remove(eve)
    people.give(ada, SITE, Role.EDITOR)
    assert [accounts.join(token, "eve2", PASSWORD) for token in (back, mine)] == [None, None]
    assert [one.role for one in people.invitations()] == [Role.VIEWER]
    assert accounts.join(by_server, "bob", PASSWORD)


@pytest.mark.parametrize("name", ["the server", "The  Server", "user 3", "USER 12"])
def test_nobody_takes_a_name_that_the_log_uses_itself(accounts: Accounts, owner: int, name: str) -> None:
    with pytest.raises(AccountRefused, match="another name"):
        accounts.people.add(name, Role.VIEWER, SITE)
    accounts.people.add("server", Role.VIEWER, SITE)


def test_a_sign_in_link_of_somebody_opens_that_account_once(accounts: Accounts, clock: Clock, owner: int) -> None:
    token = accounts.people.add("ada", Role.VIEWER, SITE)
    user = accounts.session(accounts.redeem(token))
    assert user
    assert (user.name, user.by_link, user.has_password) == ("ada", True, False)
    assert accounts.redeem(token) is None
    with pytest.raises(AccountRefused, match="taken"):
        accounts.people.add("ada", Role.VIEWER, SITE)
    with pytest.raises(AccountRefused, match="nobody has that name: ada, first"):
        accounts.people.named("eve")


def test_a_reset_signs_out_everywhere_and_ends_other_links(accounts: Accounts, owner: int) -> None:
    sessions = [accounts.sign_in("first", PASSWORD) for _ in range(2)]
    other = accounts.people.link(owner)
    token = accounts.people.reset(owner, second=False)
    assert [accounts.session(one) for one in sessions] == [None, None]
    assert accounts.redeem(other) is None
    assert accounts.redeem(token)


def test_sessions_are_listed_and_ended_one_by_one_or_all(accounts: Accounts, clock: Clock, owner: int) -> None:
    mine, other = (accounts.sign_in("first", PASSWORD) or "" for _ in range(2))
    stranger = accounts.redeem(accounts.people.add("ada", Role.VIEWER, SITE)) or ""
    clock.now += 86_400
    assert accounts.session(mine)
    found = accounts.sessions.of(owner, mine)
    assert sorted((one.mine, one.used) for one in found)[1:] == [(False, "2025-06-15"), (True, "2025-06-16")]
    for one in accounts.sessions.of(accounts.people.named("ada").id, ""):
        accounts.sessions.end_one(owner, one.id)  # somebody else's stays
    accounts.sessions.end_one(owner, next(one.id for one in found if not one.mine and one.used == "2025-06-15"))
    assert accounts.session(stranger)
    accounts.sign_out_everywhere(owner)
    assert [accounts.session(one) for one in (mine, other)] == [None, None]


def test_a_house_keeps_an_owner_until_the_last_person_goes(accounts: Accounts, owner: int) -> None:
    accounts.people.add("ada", Role.VIEWER, SITE)
    for change in (
        lambda: accounts.people.give(owner, EVERY_SITE, Role.VIEWER),
        lambda: accounts.people.give(owner, EVERY_SITE, None),
        lambda: accounts.people.remove(owner),
    ):
        with pytest.raises(AccountRefused, match="without an owner"):
            change()
    assert accounts.people.rights(owner) == {EVERY_SITE: Role.OWNER}
    ada = accounts.people.named("ada").id
    accounts.people.give(ada, EVERY_SITE, Role.OWNER)
    accounts.people.remove(owner)
    accounts.people.remove(ada)
    assert accounts.people.all() == []
    user = accounts.session(accounts.redeem(accounts.create_sign_in_link_token()))
    assert user
    # Numbers are never used again: or the log would be of somebody else.
    assert user.id > max(owner, ada)


def test_of_who_is_removed_a_number_in_the_log_stays_and_nothing_in_the_file(
    accounts: Accounts, owner: int, path: Path
) -> None:
    name = "ada.lovelace@example.org"
    session = accounts.redeem(accounts.people.add(name, Role.VIEWER, SITE))
    assert session
    accounts.set_password(session, name, PASSWORD)
    ada = accounts.people.named(name)
    accounts.second.propose(ada.id)
    assert name.encode() in path.read_bytes()
    accounts.people.remove(ada.id, owner)
    assert accounts.session(session) is None
    assert name.encode() not in b"".join(each.read_bytes() for each in path.parent.iterdir())
    told = [(one.who, one.what, one.whom) for one in accounts.audit.entries()]
    assert (told[0], told[1][0]) == (("first", "removed", f"user {ada.id}"), f"user {ada.id}")
    for table, column in (("rights", "user"), ("sessions", "user"), ("links", "user"), ("users", "id")):
        assert not accounts._db.rows(f"SELECT 1 FROM {table} WHERE {column} = ?", ada.id)


def test_the_log_says_who_did_what_and_ends(accounts: Accounts, clock: Clock, owner: int) -> None:
    accounts.sign_in("first", "wrong wrong wrong", "203.0.113.0")
    accounts.join(accounts.people.invite(Role.VIEWER, SITE, owner), "ada", PASSWORD)
    accounts.people.give(accounts.people.named("ada").id, SITE, Role.EDITOR, owner)
    entries = accounts.audit.entries(SITE)
    assert [(one.who, one.what, one.whom, one.role) for one in entries] == [
        ("first", "gave a role", "ada", "editor"),
        ("ada", "accepted an invitation", "", "viewer"),
        ("first", "invited", "", "viewer"),
    ]
    assert "203.0.113" not in repr(accounts._db.rows("SELECT * FROM audit"))
    assert len(accounts.audit.entries()) > len(entries)
    clock.now += 180 * 86_400
    assert accounts.audit.entries() == []
    accounts.people.link()
    assert len(accounts._db.rows("SELECT 1 FROM audit")) == 1


def test_the_first_owner_of_an_earlier_version_keeps_password_sessions_and_links(path: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(BEFORE)
        db.execute("INSERT INTO users (id, name, password) VALUES (1, 'ada', ?)", (CHEAP.hash(PASSWORD),))
        db.execute("INSERT INTO links (digest, expires) VALUES (?, ?)", (_digest("link"), clock.now + 60))
        db.execute(
            "INSERT INTO sessions (digest, user, expires, by_link) VALUES (?, 1, ?, 0)",
            (_digest("session"), clock.now + 60),
        )
        db.commit()
    with closing(Accounts(path, 14, clock, CHEAP)) as accounts:
        user = accounts.session("session")
        assert user
        assert (user.id, user.name, user.rights) == (1, "ada", {EVERY_SITE: Role.OWNER})
        assert accounts.sign_in("ada", PASSWORD)
        assert accounts.session(accounts.redeem("link"))
    # Again, beside another process, nothing is done twice.
    with closing(Accounts(path, 14, clock, CHEAP)) as one, closing(Accounts(path, 14, clock, CHEAP)) as other:
        one.people.add("eve", Role.VIEWER, SITE)
        assert [person.name for person in other.people.all()] == ["ada", "eve"]


def test_a_file_of_a_later_version_is_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="newer Footfall"):
        Accounts(path)


def test_a_backup_has_people_and_nothing_that_signs_somebody_in(accounts: Accounts, owner: int, path: Path) -> None:
    accounts.sign_in("first", PASSWORD)
    tokens = accounts.people.link(owner), accounts.people.invite(Role.OWNER, EVERY_SITE, owner)
    accounts.second.challenge(owner)
    copy = path.parent / "copy.sqlite"
    copy.write_bytes(copied(path, SHORT_LIVED))
    with closing(Accounts(copy, hasher=CHEAP, clock=lambda: Clock.now)) as restored:
        assert [one.name for one in restored.people.all()] == ["first"]
        assert restored.sign_in("first", PASSWORD)
        assert restored.redeem(tokens[0]) is None
        assert restored.join(tokens[1], "eve", PASSWORD) is None
        assert not restored._db.rows("SELECT 1 FROM challenges")


def test_roles_and_invitations_of_a_site_go_with_it(accounts: Accounts, owner: int) -> None:
    accounts.people.add("ada", Role.OWNER, SITE)
    token, other = accounts.people.invite(Role.VIEWER, SITE), accounts.people.invite(Role.VIEWER, "b.example")
    assert accounts.people.forget_site(SITE) == 1
    assert accounts.people.rights(accounts.people.named("ada").id) == {}
    assert (accounts.people.invitation(token), bool(accounts.people.invitation(other))) == (None, True)


def test_where_nothing_can_be_written_who_is_signed_in_goes_on_reading(
    accounts: Accounts, clock: Clock, owner: int
) -> None:
    session = accounts.sign_in("first", PASSWORD)
    clock.now += 86_400
    accounts._db.rows("PRAGMA query_only = ON")
    assert accounts.session(session)
    accounts.token_days.note("ab")


def test_the_day_of_a_token_is_written_once_a_day(accounts: Accounts, clock: Clock) -> None:
    accounts.token_days.note("ab")
    accounts._db.rows("UPDATE token_days SET day = 'untouched'")
    accounts.token_days.note("ab")
    assert accounts.token_days.all() == {"ab": "untouched"}
    clock.now += 86_400
    accounts.token_days.note("ab")
    assert accounts.token_days.all() == {"ab": "2025-06-16"}


def _digest(token: str) -> bytes:
    from hashlib import sha256

    return sha256(token.encode()).digest()
