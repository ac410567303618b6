"""What is kept of an element's selector: layout, and nothing that may be data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.privacy.selector import MAX_SELECTOR, MOST_LEVELS, cleaned
from tests.conftest import examples

LAYOUT = """
main>figure.hero>img#cover
img
x-app>my-card.card>h1.card-title
a>img#slide-2
div.user-menu>img.avatar
div.userMenu>b.heroAtTop.banner-at-top
figure#welcome-hero
p.text-lg.font-bold
div.elementor-widget-image>img.attachment-large.size-large
div.MuiBox-root>span.HeadlineLarge
"""


@pytest.mark.parametrize("selector", LAYOUT.split())
def test_layout_is_kept(selector: str) -> None:
    assert cleaned(selector) == selector


@pytest.mark.parametrize(
    ("selector", "kept"),
    [
        # numbers, hashes, what a build makes
        ("div#post-48>p", "div>p"),
        ("img.order-4711.cover", "img.cover"),
        ("img.a1b2cd", "img"),
        ("p#deadbeef", "p"),
        ("img.Hero_image__3xK9a", "img"),
        ("section.sc-bdVaJa.hero", "section.hero"),
        ("img.kqzpdrmwx", "img"),
        # whose it is, and what a visitor is
        ("main.user-jane>p#greeting-jane", "main>p"),
        ("p#session-fGhTkQzP", "p"),
        ("div.is-admin>p.variant-b.intro", "div>p.intro"),
        ("p.token-abcdefgh", "p"),
        ("main.userJane>p#welcomeJaneDoe.isAdmin>b.variantB", "main>p>b"),
        ("div#jane-example-com>p.jane_doe_at_example_aero>b.jane_gmail_com", "div>p>b"),
        # what is no selector of ours is not there
        ("div.jane@example.com>img", ""),
        ("div>img:nth-child(2)", ""),
        ("img[alt=jane]", ""),
        ("a>b>i>p", ""),
        ("IMG", ""),
        ("x4711>p", ""),
        ("p." + "a" * MAX_SELECTOR, ""),
        ("", ""),
    ],
)
def test_what_may_be_data_is_not(selector: str, kept: str) -> None:
    assert cleaned(selector) == kept


_WORDS = st.text("abcdefgXYZ0123456789-_.@%/", min_size=1, max_size=12)


@examples(100)
@given(
    st.lists(st.tuples(_WORDS, st.sampled_from(".#>"), _WORDS), max_size=5).map(
        lambda each: "".join(map("".join, each))
    )
)
def test_a_cleaned_selector_is_small_and_stays_as_it_is(selector: str) -> None:
    kept = cleaned(selector)
    assert cleaned(kept) == kept
    assert len(kept) <= MAX_SELECTOR
    assert kept.count(">") < MOST_LEVELS
    assert kept.isascii()
    assert "@" not in kept
