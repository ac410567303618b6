"""The forms of text that are recognized by themselves: combined and common, with a virtual host before or
X-Forwarded-For behind, and with fields of one's own between and after.

In: nothing. Out: `TEXT_FORMS`, by name.
"""

from __future__ import annotations

import re

from .forms import CLIENT, HOST, QUOTED, Form, of_pattern

# Lighttpd writes the host in place of the identity.
_IDENTITY = r"(?:(?P<host>(?![\d.]+ )[\w-]++(?:\.[\w-]++)++(?::\d{1,5})?)|\S++)"
# The user may hold blanks or be missing, and Jetty writes two blanks.
_REQUEST = (
    r" +(?:\S.*? +)?\[(?P<time>[^\]]{20,36})\]"
    rf' +"(?P<request>{QUOTED})" +(?P<status>\d{{3}}) +\S++'
)
_HEAD = rf"(?P<client>{CLIENT}) +{_IDENTITY}{_REQUEST}"
# With nothing for the client it is the same line without a host.
_VHOST_HEAD = rf"(?P<host>{HOST}) +(?!- )(?P<client>{CLIENT}) +\S++{_REQUEST}"
# A request's time, say, between the bytes and the referrer.
_BETWEEN = r'(?: +[^\s"]\S*+)*+'
_TAIL = rf'{_BETWEEN} +"(?P<referrer>{QUOTED})" +"(?P<agent>{QUOTED})"'
_FORWARDED = rf' +"(?P<forwarded>{QUOTED})"'
_REST = r"(?: .*)?"


def _form(name: str, *parts: str) -> Form:
    return Form(name, of_pattern(re.compile("".join((*parts, _REST)), re.DOTALL)), agent=_TAIL in parts)


# In the order in which they are tried. Those with a host first: where the second field is an address, too, the first
# one is no visitor's.
TEXT_FORMS = {
    form.name: form
    for form in (
        _form("vhost_main", _VHOST_HEAD, _TAIL, _FORWARDED),
        _form("vhost_combined", _VHOST_HEAD, _TAIL),
        _form("vhost_common", _VHOST_HEAD),
        _form("main", _HEAD, _TAIL, _FORWARDED),
        _form("combined", _HEAD, _TAIL),
        _form("common", _HEAD),
    )
}
