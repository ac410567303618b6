"""Which Footfall this is: its version, and the commit that it was built from.

In: nothing. Out: texts for `--version`, logs and the data directory's stamp. Promises: a built package knows its commit
by itself; only a checkout asks git, and where neither helps it is "unknown".
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
import subprocess
from pathlib import Path

UNKNOWN = "unknown"
# Written by setup.py into what is built, never into the checkout.
_BAKED = Path(__file__).with_name("commit.txt")
_CHECKOUT = Path(__file__).resolve().parents[1]
_GIT_WITHIN_S = 5.0

PROGRAM = importlib.metadata.version("footfall")


@functools.cache
def commit() -> str:
    """The commit, with -dirty after it where the checkout has changes."""
    return commit_of(_CHECKOUT, _BAKED)


def commit_of(checkout: Path, baked: Path) -> str:
    """The commit in the file if there is one, or else of the checkout."""
    try:
        return baked.read_text(encoding="ascii").strip() or UNKNOWN
    except OSError:
        pass
    if not (checkout / ".git").exists():
        return UNKNOWN
    asked = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            asked, capture_output=True, text=True, timeout=_GIT_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return done.stdout.strip() or UNKNOWN


def release_of(program: str) -> tuple[int, ...]:
    """What orders versions by what they can read: major and minor; patches change no data."""
    return tuple(int(number) for number in re.findall(r"\d+", program)[:2])


def described() -> str:
    """For a person: version and commit."""
    return f"{PROGRAM} (commit {commit()})"
