"""Texts that people declare: each stands in a line of a table, a mail's subject, a spreadsheet's cell.

In: a text. Out: whether it is one line that reads as it is written.
"""

from __future__ import annotations

import re

# Control characters, ends of lines and paragraphs, what turns the direction of letters round, halves of letters. Not
# what joins letters and pictures.
_NEVER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def not_in_a_line(text: str) -> str:
    """The first character that no line can have, such as U+000A; "" if there is none."""
    found = _NEVER.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""
