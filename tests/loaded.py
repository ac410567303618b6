"""What `footfall` commands import, all of it: for the process that forks them (tests/forked.py)."""

from __future__ import annotations

import gc
from importlib import import_module

from footfall.cli import _COMMANDS

for place in _COMMANDS.values():
    import_module(f"footfall.cli.{place.partition(':')[0]}")

# Or each of them copied what is loaded here, for its own count of references.
gc.freeze()
