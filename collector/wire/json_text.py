"""JSON as senders write it: well formed, though a text in it may not be.

In: bytes or text, and the decoder of what is expected. Out: what that finds. Promises: nothing but `Unreadable` is
raised by JSON of any kind; a mark at the beginning, or half of a letter beyond 16 bits, costs no beacon.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T")

Unreadable = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Some languages write a mark of their encoding before every text.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Both halves of a letter, half of one, or anything else that is escaped, such as a backslash before "ud83d". A page
# that cuts a text after so many characters leaves half of a smiley, which JSON.stringify escapes.
_ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_UNKNOWN_LETTER = rb"\ufffd"


def decoded(decoder: msgspec.json.Decoder[T], text: bytes | str | Raw) -> T:
    """What the decoder finds in it. Raises one of Unreadable."""
    try:
        return decoder.decode(text)
    except Unreadable:
        body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        mended = whole_letters(body)
        if mended == body:
            raise
        return decoder.decode(mended)


def anything(text: str) -> Any:
    """Whatever JSON a text is; None where it is none."""
    try:
        return decoded(_ANYTHING, text)
    except Unreadable:
        return None


def whole_letters(body: bytes) -> bytes:
    """The same JSON without a mark before it, in which half a letter is an unknown one."""
    return _ESCAPED.sub(lambda found: _UNKNOWN_LETTER if found[1] else found[0], body.removeprefix(BYTE_ORDER_MARK))


_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
