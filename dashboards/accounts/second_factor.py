"""The second factor: a code of an authenticator at each sign-in, or a recovery code.

In: somebody, a code. Out: yes or no. Promises: a code holds once: none of its half minute or of an earlier one is taken
again; of recovery codes only digests are stored, and each holds once; ten wrong codes of one person, from wherever,
close it for ten minutes: who tries them knows the password.
"""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Callable

from pyotp import TOTP, random_base32
from pyotp.exceptions import OTPVerificationError

from ..database import Database, digest_of
from .audit import Audit, Deed
from .failures import Failures
from .user_names import AccountRefused

CHALLENGE_LIVES_S = 300
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


class SecondFactor:
    """clock: Unix seconds."""

    def __init__(self, db: Database, audit: Audit, clock: Callable[[], float]) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock
        self._failures = Failures(clock, "codes")

    def propose(self, user: int) -> str:
        """A secret for an authenticator, which holds once a code of it was given; until then the same each time."""
        with self._db.changing() as db:
            db.execute("UPDATE users SET proposed = ? WHERE id = ? AND proposed = ''", (random_base32(), user))
            found: str = db.execute("SELECT proposed FROM users WHERE id = ?", (user,)).fetchone()[0]
            return found

    def turn_on(self, user: int, code: str) -> list[str]:
        """With a code of the proposed secret: the recovery codes, which are not told again. Raises AccountRefused,
        TooManyFailures."""
        attempt = self._failures.begin("", str(user))
        with self._db.changing() as db:
            proposed = db.execute("SELECT proposed FROM users WHERE id = ?", (user,)).fetchone()[0]
            step = step_of(proposed, _plain(code), self._clock()) if proposed else 0
            if not step:
                raise AccountRefused("that is not the code of now: look at the authenticator, and at its clock")
            db.execute("UPDATE users SET secret = ?, proposed = '', step = ? WHERE id = ?", (proposed, step, user))
            codes = _new_recovery(db, user)
            self._audit.note(db, user, Deed.SECOND_ON)
        self._failures.forgive(attempt)
        return codes

    def turn_off(self, user: int) -> None:
        """Whoever asks has proved who he is."""
        with self._db.changing() as db:
            db.execute("UPDATE users SET secret = '', proposed = '', step = 0 WHERE id = ?", (user,))
            db.execute("DELETE FROM recovery WHERE user = ?", (user,))
            self._audit.note(db, user, Deed.SECOND_OFF)

    def left(self, user: int) -> int:
        """How many recovery codes somebody has."""
        found: int = self._db.rows("SELECT count() FROM recovery WHERE user = ?", user)[0][0]
        return found

    def challenge(self, user: int) -> str:
        """The token by which somebody whose password was right is asked for a code."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._db.changing() as db:
            db.execute("DELETE FROM challenges WHERE expires <= ?", (now,))
            db.execute(
                "INSERT INTO challenges (digest, user, expires) VALUES (?, ?, ?)",
                (digest_of(token), user, now + CHALLENGE_LIVES_S),
            )
        return token

    def challenged(self, token: str) -> int:
        """Who is asked; 0 where nobody is any more."""
        rows = self._db.rows(
            "SELECT user FROM challenges WHERE digest = ? AND expires > ?", digest_of(token), self._clock()
        )
        return rows[0][0] if rows else 0

    def is_right(self, user: int, code: str) -> bool:
        """Whether that is a code of somebody's, which is used up then. Raises TooManyFailures."""
        attempt = self._failures.begin("", str(user))
        with self._db.changing() as db:
            right = self._takes_code(db, user, _plain(code)) or self._takes_recovery(db, user, _plain(code))
            if not right:
                self._audit.note(db, user, Deed.CODE_WRONG)
        if right:
            self._failures.forgive(attempt)
        return right

    def _takes_code(self, db: sqlite3.Connection, user: int, code: str) -> bool:
        secret, last = db.execute("SELECT secret, step FROM users WHERE id = ?", (user,)).fetchone() or ("", 0)
        step = step_of(secret, code, self._clock()) if secret else 0
        if step <= last:
            return False
        db.execute("UPDATE users SET step = ? WHERE id = ?", (step, user))
        return True

    def _takes_recovery(self, db: sqlite3.Connection, user: int, code: str) -> bool:
        digest = digest_of(code.upper())
        if not db.execute("DELETE FROM recovery WHERE user = ? AND digest = ?", (user, digest)).rowcount:
            return False
        self._audit.note(db, user, Deed.RECOVERY_USED)
        return True


def address_of(secret: str, name: str) -> str:
    """What an authenticator opens."""
    return TOTP(secret).provisioning_uri(name=name, issuer_name="Footfall")


def step_of(secret: str, code: str, now: float) -> int:
    """The half minute whose code that is; 0 where it is none. One to either side is taken, for the clock of a telephone
    and for what typing takes (RFC 6238, 5.2)."""
    if not (code.isascii() and code.isdigit()):
        return 0  # the library takes digits of other scripts, too, and raises for what is no text
    try:
        return TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=1)
    except OTPVerificationError:
        return 0


def _new_recovery(db: sqlite3.Connection, user: int) -> list[str]:
    """New ones, in place of those before. 80 bits each: nobody guesses what a digest is of."""
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    db.execute("DELETE FROM recovery WHERE user = ?", (user,))
    db.executemany("INSERT INTO recovery (user, digest) VALUES (?, ?)", [(user, digest_of(code)) for code in codes])
    return [f"{code[:4]}-{code[4:8]}-{code[8:12]}-{code[12:]}" for code in codes]


def _plain(code: str) -> str:
    """Without the blanks and hyphens that it is written with."""
    return "".join(code.split()).replace("-", "")
