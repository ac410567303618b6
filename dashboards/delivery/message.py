"""What is sent: one thing, told as a mail and as a webhook.

In: texts. Out: `Message`. Promises: everything is text; HTML is made by templates that escape.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Message(Struct, frozen=True):
    """what: names it among everything that is sent, so that it is sent once. subject: one line. text: as a mail without
    HTML has it. html: "" where there is none. facts: what a webhook gets. list_: what a receiver can take himself off;
    "" where there is nothing to."""

    what: str
    subject: str
    text: str
    html: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    list_: str = ""


class CannotSend(Exception):
    """It did not arrive. again: whether another attempt may help. The text names no receiver."""

    def __init__(self, problem: str, again: bool) -> None:
        super().__init__(problem)
        self.again = again


class Unclear(Exception):
    """It may have arrived: the other side has said nothing more."""
