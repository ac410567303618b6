"""What is kept of the element that was responsible for a web vital: its place in the page's layout, and no data.

In: a selector as the tracker makes it, `main>figure.hero>img#cover`. Out: the same without the ids and classes that may
be data; "" where it is none. Promises: at most `MOST_LEVELS` levels and `MAX_SELECTOR` characters of ASCII; what the
scrubber finds anything in is cut to its tags; cleaned(cleaned(x)) == cleaned(x).
"""

from __future__ import annotations

import re
from functools import lru_cache

from .pii_detectors.detector import words
from .pii_detectors.folders import looks_like_code
from .scrub import scrub

MAX_SELECTOR = 80
MOST_LEVELS = 3
_LEVEL = re.compile(r"([a-z][a-z0-9-]{0,29})((?:[#.][A-Za-z][\w-]*)*)", re.ASCII)
# A word of a layout has two letters or more, and a digit now and then: "hero-2", never "post-48".
_WORD = re.compile(r"[A-Za-z](?=.*[A-Za-z])(?:[A-Za-z_-]|[0-9](?![0-9])){1,29}")
_MOST_DIGITS = 2
# What stands behind them is whose the element is, unless it is a word of layouts.
_OWNER = re.compile(
    r"(?:user|author|member|customer|client|account|profile|person|patient|student|employee|order|invoice|ticket|session|"
    r"token|key|id|name|e?mail|phone|greeting|hello|welcome|tag|category)s?[_-]+",
    re.IGNORECASE,
)
_LAYOUT = words(
    """
    area avatar back badge banner bar block body box button buttons card cards cell close content cover details dialog
    field fields foot footer form frame grid group head header heading hero icon icons image images info inner input
    item items label left line link links list logo main media menu message modal name nav navigation note outer page
    pages panel photo picture preview primary right row rows search section select sidebar slide slider small strip
    submit summary tab table tabs teaser text thumb thumbnail tile title toolbar top video view widget wrap wrapper
    """
)
# What builds a page writes behind these: a hash of a file.
_BUILT = re.compile(r"(?:css|sc|jsx|svelte|emotion|astro|ember|chakra|mantine)[_-]", re.IGNORECASE)
# What one visitor is, or was chosen to see.
_STATE = re.compile(
    r"(?:is|has|no|not|logged|signed|premium|vip|admin|paid|trial|subscrib\w*|variant|experiment|cohort|segment|ab(?:test)?)"
    r"(?:[_-].*)?",
    re.IGNORECASE,
)
_HEX = re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{8,}(?![A-Za-z0-9])", re.IGNORECASE)
_BETWEEN = re.compile(r"[-_]+")
# userJane is user-jane.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# An address of mail in which what no selector may hold was replaced: jane-example-com, jane_at_example_org.
_MAILBOX = re.compile(r".+[_-](?:at[_-].+[_-].+|.+[_-](?:com|net|org|edu|gov))", re.IGNORECASE)


@lru_cache(maxsize=4096)
def cleaned(selector: str) -> str:
    """The selector without what may be data."""
    levels = selector.split(">")
    if len(selector) > MAX_SELECTOR or len(levels) > MOST_LEVELS:
        return ""
    found = [_LEVEL.fullmatch(level) for level in levels]
    kept = [_level(level[1], level[2]) for level in found if level and not _is_data(level[1])]
    if len(kept) < len(levels):
        return ""
    clean = ">".join(kept)
    if scrub(clean.replace(">", "/")) == clean.replace(">", "/"):
        return clean
    tags = ">".join(level[1] for level in found if level)
    return tags if scrub(tags) == tags else ""


def _level(tag: str, named: str) -> str:
    return tag + "".join(word for word in re.findall(r"[#.][^#.]+", named) if not _is_data(word[1:]))


def _is_data(word: str) -> bool:
    """Whether a word may be drawn at random, counted, or somebody's."""
    if len(word) == 1 or word[1:].isdigit():  # tags: "p", "h1"
        return not word.islower() or len(word) > 2
    digits = sum(map(str.isdigit, word))
    if not _WORD.fullmatch(word) or digits > _MOST_DIGITS or _BUILT.match(word) or _HEX.search(word):
        return True
    apart = _HUMP.sub("-", word)
    if _STATE.fullmatch(apart) or _MAILBOX.fullmatch(word):
        return True
    owner = _OWNER.match(apart)
    if owner and not _LAYOUT.issuperset(_BETWEEN.split(apart[owner.end() :].lower())):
        return True
    return looks_like_code(word) or scrub(word) != word
