"""Rules H1 and H5: a number that means nothing on another site, another day, or under another key."""

from __future__ import annotations

import itertools
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.privacy.visitor_id import event_number, usual_visitor_number, visitor_number

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
PARTS = ("203.0.113.0", "Mozilla/5.0", "de", "")


def test_the_same_visitor_has_the_same_number_all_day() -> None:
    assert visitor_number(KEY, "a", PARTS) == visitor_number(bytearray(KEY), "a", iter(PARTS))


def test_h1_the_construction_is_keyed_blake2b_of_eight_bytes_over_length_prefixed_parts() -> None:
    """Worked out by hand once; a change of the construction would split every visitor of the day it is deployed."""
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in ("a", *PARTS))
    expected = blake2b(message, key=KEY, digest_size=8).digest()
    assert visitor_number(KEY, "a", PARTS) == int.from_bytes(expected, "big")


_PART = st.text(max_size=6) | st.sampled_from([letter * length for letter in "aé" for length in (127, 128, 255, 256)])


@given(_PART, st.tuples(*[_PART] * 4))
def test_h1_the_short_way_to_the_number_of_four_parts_gives_the_same(
    site: str, parts: tuple[str, str, str, str]
) -> None:
    assert usual_visitor_number(KEY, site, *parts) == visitor_number(KEY, site, parts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("ab", ""), ("a", "b")),
        (("", "ab"), ("ab", "")),
        (("a",), ("a", "")),
        (("a\x00", "b"), ("a", "\x00b")),
        (("\x00\x00\x00\x01a",), ("", "a")),
    ],
)
def test_h1_moving_a_character_between_parts_gives_another_visitor(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert visitor_number(KEY, "s", one) != visitor_number(KEY, "s", other)


@given(*[st.lists(st.text(max_size=6), min_size=1, max_size=4)] * 2)
def test_h1_different_parts_are_different_visitors(one: list[str], other: list[str]) -> None:
    assert (visitor_number(KEY, "s", one) == visitor_number(KEY, "s", other)) == (one == other)


def test_h1_the_site_is_among_the_inputs_even_where_a_part_could_imitate_it() -> None:
    assert visitor_number(KEY, "a", ("b", "c")) != visitor_number(KEY, "b", ("a", "c"))
    # Sites that share their first 16 bytes, where BLAKE2's own `person` would be cut.
    long = "a-very-long-domain.example"
    assert visitor_number(KEY, f"{long}.one", PARTS) != visitor_number(KEY, f"{long}.two", PARTS)


def test_h5_one_browser_on_many_sites_and_days_has_unrelated_numbers() -> None:
    """H5: no bit of one number is predicted by another. Every bit differs in about half of all pairs."""
    numbers = [visitor_number(bytes([day]) * 32, f"site-{site}", PARTS) for day in range(16) for site in range(16)]
    assert len(set(numbers)) == len(numbers)
    pairs = list(itertools.pairwise(numbers))
    for bit in range(64):
        differing = sum((one ^ other) >> bit & 1 for one, other in pairs)
        assert 70 <= differing <= 185, bit  # 255 pairs; each bound is 7 standard deviations away


def test_an_agent_that_is_no_unicode_is_a_visitor_like_any_other() -> None:
    assert visitor_number(KEY, "a", ("\udcff",)) != visitor_number(KEY, "a", ("\udcfe",))


def test_numbers_fit_their_column() -> None:
    assert all(0 <= visitor_number(KEY, "a", (str(i),)) < 2**64 for i in range(500))


def test_an_event_number_is_never_nought_and_never_a_visitor() -> None:
    assert event_number(KEY, "x") == event_number(KEY, "x") != 0
    assert event_number(KEY, "x") != event_number(OTHER_KEY, "x")
    assert event_number(KEY, "x") != event_number(KEY, "y")


def test_an_event_number_of_nought_becomes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.privacy.visitor_id._keyed", lambda key, parts: 0)
    assert event_number(KEY, "x") == 1
