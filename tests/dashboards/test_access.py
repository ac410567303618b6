"""Rules of dashboards/accounts/accounts.py: links, passwords, sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from dashboards.accounts.accounts import MAX_WAITING, AccountRefused, Accounts
from dashboards.accounts.failures import TooManyFailures
from tests.conftest import CHEAP
from tests.dashboards.conftest import Clock

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path / "accounts.sqlite", 14, clock, CHEAP)
    yield opened
    opened.close()


@pytest.fixture
def session(accounts: Accounts) -> str:
    session = accounts.redeem(accounts.create_sign_in_link_token())
    assert session
    return session


def test_a_link_works_once_and_within_a_day(accounts: Accounts, clock: Clock) -> None:
    token = accounts.create_sign_in_link_token()
    assert accounts.redeem(token)
    assert accounts.redeem(token) is None
    late = accounts.create_sign_in_link_token()
    clock.now += 24 * 3600
    assert accounts.redeem(late) is None
    assert accounts.redeem("x\ud800") is None


def test_a_session_ends_by_time_or_by_signing_out(accounts: Accounts, clock: Clock, session: str) -> None:
    assert accounts.session(session)
    other = accounts.redeem(accounts.create_sign_in_link_token())
    accounts.sign_out(other)
    assert accounts.session(other) is None
    clock.now += 14 * 86400
    assert accounts.session(session) is None
    assert accounts.session(None) is None


def test_a_password_signs_in_and_ends_other_sessions(accounts: Accounts, session: str) -> None:
    assert not accounts.has_users()
    other = accounts.redeem(accounts.create_sign_in_link_token())
    accounts.set_password(session, " ada ", PASSWORD)
    assert accounts.has_users()
    assert accounts.session(other) is None
    signed_in = accounts.session(accounts.sign_in("ada", PASSWORD))
    assert signed_in
    assert (signed_in.name, signed_in.has_password, signed_in.by_link) == ("ada", True, False)
    assert accounts.sign_in("ada", "wrong") is None
    assert accounts.sign_in("nobody", PASSWORD) is None


def test_a_new_password_needs_the_current_one_unless_a_link_was_just_used(accounts: Accounts, session: str) -> None:
    accounts.set_password(session, "ada", PASSWORD)
    with pytest.raises(AccountRefused, match="current password"):
        accounts.set_password(session, "ada", "another password", "guess")
    accounts.set_password(session, "ada", "another password", PASSWORD)
    recovered = accounts.redeem(accounts.create_sign_in_link_token())
    assert recovered
    accounts.set_password(recovered, "ada", PASSWORD)
    with pytest.raises(AccountRefused, match="current password"):
        accounts.set_password(recovered, "ada", "a third password")


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "short"), ("", PASSWORD), ("a\x00b", PASSWORD), ("ada", "x" * 2000)]
)
def test_names_and_passwords_have_bounds(accounts: Accounts, session: str, name: str, password: str) -> None:
    with pytest.raises(AccountRefused):
        accounts.set_password(session, name, password)


def test_ten_failures_of_a_name_close_it_for_their_network_for_ten_minutes(
    accounts: Accounts, clock: Clock, session: str
) -> None:
    accounts.set_password(session, "ada", PASSWORD)
    for _ in range(10):
        assert accounts.sign_in("ada", "wrong wrong", "203.0.113.0") is None
    with pytest.raises(TooManyFailures) as caught:
        accounts.sign_in("ada", PASSWORD, "203.0.113.0")
    assert 0 < caught.value.retry_after <= 600
    assert accounts.sign_in("bob", PASSWORD, "203.0.113.0") is None
    clock.now += 601
    assert accounts.sign_in("ada", PASSWORD, "203.0.113.0")


def test_a_stranger_shuts_nobody_out(accounts: Accounts, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.set_password(session, "ada", PASSWORD)
    with monkeypatch.context() as quick:
        quick.setattr(accounts.passwords, "verify", lambda stored, password: False)
        for number in range(300):
            accounts.sign_in("ada" if number % 2 else f"name{number}", "wrong", f"198.51.{number // 10}.0")
        for _ in range(10):
            accounts.sign_in("ada", "wrong", "198.51.100.0")
        with pytest.raises(TooManyFailures):
            accounts.sign_in("ada", "wrong", "198.51.100.0")
    assert accounts.sign_in("ada", PASSWORD, "203.0.113.0")
    # Nor out of his own account, nor by the name of a network.
    accounts.set_password(session, "ada", PASSWORD, PASSWORD)
    assert accounts.redeem(accounts.create_sign_in_link_token())


def test_passwords_are_looked_at_one_after_another_and_few_wait(
    accounts: Accounts, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.set_password(session, "ada", PASSWORD)
    gate = threading.Event()
    verify = accounts.passwords.verify
    monkeypatch.setattr(accounts.passwords, "verify", lambda *given: gate.wait(20) and verify(*given))
    with ThreadPoolExecutor(MAX_WAITING) as pool:
        guesses = [pool.submit(accounts.sign_in, "ada", "wrong", f"198.51.{n}.0") for n in range(MAX_WAITING)]
        while accounts.passwords.waiting._value:
            time.sleep(0.01)
        with pytest.raises(TooManyFailures) as caught:
            accounts.sign_in("ada", PASSWORD, "203.0.113.0")
        gate.set()
        assert [guess.result() for guess in guesses] == [None] * MAX_WAITING
    assert caught.value.retry_after <= 60
    assert accounts.sign_in("ada", PASSWORD, "203.0.113.0")


def test_a_success_does_not_count_as_a_failure(accounts: Accounts, session: str) -> None:
    accounts.set_password(session, "ada", PASSWORD)
    for _ in range(11):
        assert accounts.sign_in("ada", PASSWORD)


def test_many_names_do_not_give_many_tries(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.passwords, "verify", lambda stored, password: False)
    for number in range(50):
        assert accounts.sign_in(f"name{number}", "wrong", "203.0.113.0") is None
    with pytest.raises(TooManyFailures):
        accounts.sign_in("one more", "wrong", "203.0.113.0")


def test_nothing_that_signs_in_is_in_the_file(accounts: Accounts, session: str, tmp_path: Path) -> None:
    token = accounts.create_sign_in_link_token()
    accounts.set_password(session, "ada", PASSWORD)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (token, session, PASSWORD):
        assert secret.encode() not in stored
    assert (tmp_path / "accounts.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_password_costs_what_the_library_recommends_unless_a_test_says_otherwise(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.sqlite")
    session = accounts.redeem(accounts.create_sign_in_link_token())
    assert session
    accounts.set_password(session, "ada", PASSWORD)
    assert accounts.sign_in("bob", PASSWORD) is None
    kept = accounts._db.rows("SELECT password FROM users")[0][0]
    accounts.close()
    for stored in (kept, accounts.passwords._dummy):  # of the one who is there, and for those who are not
        cost = extract_parameters(stored)
        assert cost == PasswordHasher()._parameters
        assert cost.type is Type.ID
        assert (cost.memory_cost, cost.time_cost) >= (64 * 1024, 3)
