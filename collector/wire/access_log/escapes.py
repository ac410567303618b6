r"""What servers write in place of bytes that would spoil a line: \xHH, \OOO, \", \\ and the like.

In: a field as it stands in the log. Out: the text that was sent. Promises: never raises; bytes that are not UTF-8 are
read as Latin-1.
"""

from __future__ import annotations

import re

# Apache writes \xc3\xa9, nginx \xC3\xA9, others \303\251; several in a row are the bytes of one text.
_BYTE = r"\\x[0-9A-Fa-f]{2}|\\[0-3][0-7]{2}"
_ESCAPE = re.compile(rf"((?:{_BYTE})+)|\\(u[0-9A-Fa-f]{{4}}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "v": "\v", "f": "\f"}


def unescaped(text: str) -> str:
    """The text without escapes."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _plain(match: re.Match[str]) -> str:
    run, other = match.groups()
    if run is not None:
        return _of_bytes(run)
    if len(other) == 5:
        code = int(other[1:], 16)
        # Half of a pair stands for no character.
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
    return _LETTERS.get(other, other)


def _of_bytes(run: str) -> str:
    raw = bytes(int(code[1:], 16) if code[0] == "x" else int(code, 8) for code in run[1:].split("\\"))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
