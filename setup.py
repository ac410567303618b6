"""Bakes the commit into what is built (footfall/commit.txt); everything else is in pyproject.toml.

The commit is that of the environment variable FOOTFALL_COMMIT, or else of the checkout that is built from.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class _WithCommit(build_py):
    def run(self) -> None:
        super().run()
        commit = os.environ.get("FOOTFALL_COMMIT", "").strip() or _asked()
        # An editable installation runs from the checkout, whose commit changes: there git is asked.
        if commit and not self.editable_mode:
            place = Path(self.build_lib) / "footfall" / "commit.txt"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{commit}\n", encoding="ascii")


def _asked() -> str:
    here = Path(__file__).resolve().parent
    # A source archive below somebody else's checkout is not of that one's commit.
    if not (here / ".git").exists():
        return ""
    asked = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - our words
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


setup(cmdclass={"build_py": _WithCommit})
