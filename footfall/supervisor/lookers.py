"""Whether somebody looks at numbers: told by the process that shows them, in RAM, to those that take beacons.

In: whether somebody looks. Out: the same, for whoever asks. Promises: where nobody can tell, because numbers are shown
by a process of another machine, or none runs, somebody looks.
"""

from __future__ import annotations

import contextlib

from ..settings import Settings
from .paths import ram_directory


class Lookers:
    """A file that is there while nobody looks."""

    def __init__(self, settings: Settings) -> None:
        self._path = ram_directory(settings) / "nobody-looks"

    def tell(self, somebody: bool) -> None:
        """Say so. If that cannot be written down, somebody looks."""
        with contextlib.suppress(OSError):
            if somebody:
                self._path.unlink(missing_ok=True)
            else:
                self._path.touch(mode=0o600)

    def are_there(self) -> bool:
        """Whether somebody looks, as far as it is known."""
        return not self._path.exists()
