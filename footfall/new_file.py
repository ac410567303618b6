"""A file that a running Footfall writes for a command: new, whole or not there, readable by its owner alone.

In: a whole path. Out: an open file. Promises: nothing is replaced; what failed half-way leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from schema.atomic_file import fsync_directory

from .errors import CannotDo

PARTIAL = ".partial"


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write it. Raises CannotDo where the file is there already or cannot be written."""
    if not path.is_absolute():
        raise CannotDo(f"{path}: a running Footfall needs the whole path")
    if path.exists():
        raise CannotDo(f"{path} is there already; name another file, or move it away")
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with open(partial, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # unlike a rename it replaces nothing that has come there meanwhile
    except FileExistsError:
        raise CannotDo(f"{path} is there already; name another file, or move it away") from None
    except OSError as problem:
        raise CannotDo(f"{path}: cannot be written: {problem.strerror}; name a place that Footfall may write") from None
    finally:
        partial.unlink(missing_ok=True)
    fsync_directory(path.parent)
