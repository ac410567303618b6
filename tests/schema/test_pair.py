"""Pairs as the settings write them."""

from __future__ import annotations

import pytest

from schema.pair import CROSSED, DEFAULT_PAIRS, MOST_PAIRS, Pair, above, exclude, pair_of, paired, pairs_of
from schema.site import Site


def test_a_pair_has_one_name() -> None:
    assert pair_of("country x channel") == pair_of(" channel × country ") == Pair("channel", "country")
    assert pair_of("country x channel").name == "channel x country"
    assert paired("country", "channel").beside("country") == "channel"
    assert above("referrer") == ("source", "channel")
    assert len(DEFAULT_PAIRS) == 15
    assert [pair.name for pair in Site("example.com").crossed] == [*DEFAULT_PAIRS]


def test_two_pairs_exclude_one_another() -> None:
    every = [paired(one, other) for place, one in enumerate(CROSSED) for other in CROSSED[place + 1 :]]
    assert all(exclude(one, other) == exclude(other, one) for one in every for other in every)
    assert exclude(pair_of("source x country"), pair_of("channel x region"))


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (("country",), "write two dimensions"),
        (("country x channel x device",), "write two dimensions"),
        (("country x colour",), "there is no dimension 'colour'"),
        (("country x page",), "a visit may have several values of 'page'"),
        (("country x country",), "the two are the same"),
        (("country x channel", "channel x country"), "once more"),
        (("source x region", "country x channel"), "both dimensions of the first belong to those of the second"),
        (("source x country", "region x channel"), "each is narrower than the other in one dimension"),
        (tuple(paired(CROSSED[0], one).name for one in CROSSED[1:]) * 3, f"at most {MOST_PAIRS}"),
    ],
)
def test_others_are_refused(texts: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pairs_of(texts)
    with pytest.raises(ValueError, match="site 'example.com': .*" + why):
        Site("example.com", pairs=texts)
    assert pairs_of(("source x region", "country x source"))
    assert pairs_of(("source x region", "region x channel"))
