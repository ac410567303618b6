"""The refusal of a whole log: which file, which line, what is wrong with it, and the remedy.

In: nothing. Out: the exception. Promises: its text quotes no address and no browser string.
"""

from __future__ import annotations


class Unreadable(Exception):
    """A log, or a format given for one, that cannot be read as it is."""
