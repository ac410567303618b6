"""Where a text that is too long ends.

In: a text and the bytes it may have. Out: its beginning, whole words only. Promises: half of an e-mail address, a
number or a token is never left at the end: it is a name that the scrubber does not know for one.
"""

from __future__ import annotations

# What no address, number or token goes on behind.
_ENDS = " \t\n/?&#=,;|"
# As long as an e-mail address may be.
_LONGEST_WORD = 320


def cut(text: str, most: int) -> str:
    """The text, or as many of its first words as fit into that many bytes of UTF-8."""
    if len(text) * 4 <= most or len(text if text.isascii() else text.encode("utf-8", "replace")) <= most:
        return text
    text = text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    last = text[-_LONGEST_WORD:]
    return text[: len(text) - len(last) + max(map(last.rfind, _ENDS)) + 1]
