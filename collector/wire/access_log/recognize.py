"""Which format a log is in, told by its first lines and then held for all of it.

In: lines. Out: a `Format`. Promises: a log in which nobody could be told from anybody is refused here, before
anything is counted, with the line, the reason and the remedy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from ...privacy.address import written_address
from .client_field import UNIX_PEER
from .format_strings import form_of
from .forms import Entry, Form
from .json_lines import json_form
from .prefixes import PREFIXES, Prefix
from .shape import diagnosis
from .text_forms import TEXT_FORMS
from .unreadable import Unreadable
from .w3c_lines import FIELDS, NAME, w3c_form

# So many lines are looked at. Where a container's own messages come first, so many more until one can be read.
SAMPLE = 200
LONGEST_SAMPLE = 1000
REMEDY = "name its fields with --format '…', as the server's own settings do"
NO_AGENT = (
    "these lines have no browser string, so nobody can be told from a bot: log in combined format (nginx's default, "
    "Apache's `combined`; in Traefik accessLog.fields.headers.names.User-Agent = keep; in IIS cs(User-Agent)); "
    f"where it stands elsewhere in a line, {REMEDY}"
)
_NAME = re.compile(r"-|[\w-]+(\.[\w-]+)*")
# What stands for no forwarded address.
_UNTOLD = ("-", "unknown")
_TIME_ZONE = ZoneInfo("UTC")


class Format(Struct, frozen=True):
    """How the lines of a log are read."""

    prefix: Prefix
    form: Form

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.form.name}, carried by {self.prefix.name}" if self.prefix.name else self.form.name

    def entry(self, line: str) -> Entry | None:
        """The fields of a line; None where it is of another format."""
        own = self.prefix.strip(line)
        return None if own is None else self.form.parse(own)


class _Found(Struct):
    """What a format makes of the sample. good: lines with a time and an address."""

    format: Format
    entries: list[Entry]
    good: int


def recognize(lines: Sequence[str], given: str = "") -> Format:
    """The format of these lines. given: `--format`: a format string, or a name. Raises Unreadable."""
    header = given.strip() or next((line for line in lines if line.startswith(FIELDS)), "")
    fixed = _given(header) if header else None
    for start in range(0, max(1, len(lines)), SAMPLE):
        sample = lines[start : start + SAMPLE]
        found = [result for prefix in PREFIXES for result in _tried(prefix, sample, fixed)]
        best = _best(found)
        if best is not None:
            _check(best)
            return best.format
    told = "--format gives" if given else f"{FIELDS} names"
    what = f"is not of the format that {told}" if fixed else "is of no format that is known"
    numbered = enumerate(lines, start=1)
    number, first = next(((number, line) for number, line in numbered if line and not line.startswith(FIELDS)), (1, ""))
    raise Unreadable(f"line {number} {what}: {diagnosis(first)}; {REMEDY}")


def _given(text: str) -> Form:
    return w3c_form(text) if text.startswith(FIELDS) else TEXT_FORMS.get(text) or form_of(text)


def _tried(prefix: Prefix, sample: Sequence[str], fixed: Form | None) -> Iterable[_Found]:
    own = [text for text in map(prefix.strip, sample) if text]
    if not own:
        return
    as_json = None if fixed else json_form(own) if any(text.startswith("{") for text in own) else None
    for form in [fixed] if fixed else [as_json] if as_json else TEXT_FORMS.values():
        entries = [entry for entry in map(form.parse, own) if entry is not None]
        if entries:
            yield _Found(Format(prefix, form), entries, sum(1 for entry in entries if _is_good(form, entry)))


def _is_good(form: Form, entry: Entry) -> bool:
    # Where it is not said which field is which, an address further on does not make the first one a client.
    is_told = entry.client == UNIX_PEER or form.name in ("JSON", NAME, "--format")
    return (
        (_is_addressed(entry.client.rpartition(",")[2]) or (is_told and _is_addressed(entry.forwarded)))
        and form.moment(entry.time, _TIME_ZONE) is not None
        # A number before the address is no host.
        and (not entry.host or any(letter.isalpha() for letter in entry.host) or _is_addressed(entry.host))
        and (not form.name.endswith("main") or entry.forwarded in _UNTOLD or _is_addressed(entry.forwarded))
    )


def _is_addressed(field: str) -> bool:
    """Whether an address is in the field."""
    return any(map(written_address, field.split(",")))


def _best(found: list[_Found]) -> _Found | None:
    """The one that reads the most addresses. A form with more fields need not read quite as many as one with less: what
    a stranger can send may look like anything."""
    most = max((result.good for result in found), default=0)
    if most:
        best = next(result for result in found if result.good == most)
        richer = [
            result
            for result in found
            if result.format.prefix is best.format.prefix
            and best.format.form.name.rpartition("_")[0] == result.format.form.name.rpartition("_")[0]
        ]
        return next((result for result in richer if 2 * result.good >= most), best)
    # No address anywhere, but names of hosts. The reader will tell, line by line.
    named = (result for result in found if not result.format.form.name.startswith("vhost"))
    return next((result for result in named if any(_is_named(result, entry) for entry in result.entries)), None)


def _is_named(found: _Found, entry: Entry) -> bool:
    return _NAME.fullmatch(entry.client) is not None and found.format.form.moment(entry.time, _TIME_ZONE) is not None


def _check(found: _Found) -> None:
    """Raises Unreadable for a log without browser strings, or with something else in their place."""
    form = found.format.form
    if not form.agent:
        raise Unreadable(NO_AGENT)
    agents = Counter(_kind(entry.agent) for entry in found.entries)
    said = agents["agent"] + agents["other"]
    if agents["other"] > agents["agent"]:
        raise Unreadable(
            "the field in the place of the browser string holds numbers, addresses or URLs: it stands elsewhere; "
            f"{REMEDY}"
        )
    if not said and len(found.entries) >= 5:
        raise Unreadable(NO_AGENT)


def _kind(agent: str) -> str:
    if agent in ("", "-"):
        return ""
    is_other = agent.startswith(("http://", "https://", "/")) or not any(letter.isalpha() for letter in agent)
    return "other" if is_other or written_address(agent) else "agent"
