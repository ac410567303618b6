"""What is called plain holds no find: the look that spares all other looks must agree with them."""

from __future__ import annotations

import random

import pytest

from collector.privacy import scrub as scrubber
from collector.privacy.prefilter import is_plain
from tests.collector.test_scrub import benign, positives


def looked_at(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text scrubbed by all rules, plain or not."""
    with monkeypatch.context() as patched:
        patched.setattr(scrubber, "is_plain", lambda _: False)
        return scrubber.scrub(text)


def made(draw: random.Random, every: list[str]) -> str:
    """A text at the edge: parts of real ones, pairs and numbers of addresses, identifiers, dates with more behind."""
    mark = draw.choice(["-", "_", " ", ".", "/"])
    drawn = draw.randrange(6)
    if drawn == 0:
        return mark.join(draw.choice(every)[: draw.randrange(3, 50)] for _ in range(draw.randrange(1, 4)))
    if drawn == 1:
        return "/x/" + mark.join(draw.choice("0123456789abcdef") + draw.choice("05af") for _ in range(6))
    if drawn == 2:
        return draw.choice(["ip-", "", "host."]) + mark.join(str(draw.choice([0, 1, 10, 25])) for _ in range(4))
    if drawn == 3:
        return draw.choice(["acct-", "user_", "ord-", "xoxb-"]) + "".join(draw.choice("ab1Z9") for _ in range(12))
    if drawn == 4:
        return draw.choice(["/2026/05/17", "2026-05-17"]) + mark + draw.choice(["1234567", "a12", "news", "030 12"])
    return "".join(draw.choice("abcdez019-/ _AZ.:,") for _ in range(draw.randrange(3, 45)))


def test_nothing_is_found_in_a_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    every = benign() + [text for _, text, _ in positives()]
    draw = random.Random(12)
    plain = [text for text in every + [made(draw, every) for _ in range(3000)] if is_plain(text)]
    found = [(text, looked_at(text, monkeypatch)) for text in plain]
    assert len(plain) > 1000
    assert [(text, scrubbed) for text, scrubbed in found if scrubbed != text] == []


@pytest.mark.parametrize(
    "text",
    [
        "/blog/2026/05/17/why-we-moved",
        "/produkte/nike-air-max-90",
        "/shop/samsung-galaxy-s24-ultra-512gb",
        "/über-uns",
        "/docs/v1.2.3/install.html",
        "Kategorie: Damen > Schuhe",
        "/wiki/Albert_Einstein",
        "/статьи/новости",
    ],
)
def test_the_text_of_most_pages_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    ["/reset/abc", "030 1234567", "anna@x", "tel:1", "/t.me/anna", "ab-12-cd-34-ef-56", "10.0.0.1", "１２", "a" * 100],
)
def test_what_may_be_a_find_is_not_plain(text: str) -> None:
    assert not is_plain(text)
