"""A head by its bytes: two requests that have the same, the length of their bodies aside, were read alike.

In: what came on a connection. Out: the head's text and the body. Promises: where the parser has found one text to be
the head of a whole request, it finds so of each that has the same text and is split here.
Source: a parser of HTTP/1 is an automaton (RFC 9112, section 2.2): what it makes of the lines around the length does
not depend on the digits, which here are those of the body that came.
"""

from __future__ import annotations

_ENDS = b"\r\n\r\n"
_LENGTH = b"\r\nContent-Length: "
_LINE = _LENGTH + b"%d\r\n"


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """A head without its body's length, and the body. None where the head does not say, in the one usual way, that the
    body is all that comes after it."""
    end = data.find(_ENDS)
    line = _LINE % (len(data) - end - len(_ENDS))
    at = data.find(line, 0, end + 2)
    if end < 0 or at < 0:
        return None
    # The name stays where it is: lines that follow may go on with it, and two lengths are none.
    return data[: at + len(_LENGTH)] + data[at + len(line) - 2 : end], data[end + len(_ENDS) :]
