"""What attackers got is in their report, too."""

from __future__ import annotations

from tests.attacks.conftest import report

__all__ = ["report"]
