"""What stops a start or a command for a reason that its operator can mend.

In: nothing. Out: exceptions. Promises: their text names the setting, file or argument, what is wrong with it, and what
to do; it quotes nothing of a visitor.
"""

from __future__ import annotations


class SettingsError(Exception):
    """The settings cannot be used."""


class CannotStart(Exception):
    """Something is in the way of a start; the text names it and the remedy."""


class CannotDo(Exception):
    """The request makes no sense; the text says why."""
