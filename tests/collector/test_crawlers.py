"""Which crawlers are told by name, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from collector.enrich.bots import kind_of
from collector.enrich.crawlers import crawler_of, section_of
from pipeline.spool.file import read_sealed, spool_files
from schema.crawlers import CRAWLERS, PURPOSES
from schema.site import Site
from tests.collector.test_endpoint import PAGEVIEW, House, run

AGENTS = {
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": "GPTBot",
    "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)": "ClaudeBot",
    "Mozilla/5.0 (compatible; Claude-User/1.0; +Claude-User@anthropic.com)": "Claude-User",
    "Mozilla/5.0 (compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)": "PerplexityBot",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Googlebot",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (Applebot-Extended/0.1)": "Applebot-Extended",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)": "Applebot",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)": "facebookexternalhit",
    "CCBot/2.0 (https://commoncrawl.org/faq/)": "CCBot",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_who_says_his_name_is_told_by_it(agent: str) -> None:
    assert kind_of(agent), "it is no person"
    assert crawler_of(agent) == AGENTS[agent]


@pytest.mark.parametrize("agent", ["", "curl/8.5", "Mozilla/5.0 (compatible; anna@example.org)", "x" * 100_000])
def test_of_others_nothing_of_what_they_say_is_told(agent: str) -> None:
    assert crawler_of(agent) == ""


def test_every_name_is_found_by_its_own_token_and_is_never_a_person_s() -> None:
    assert len({one.token for one in CRAWLERS.values()}) == len(CRAWLERS)
    for name, one in CRAWLERS.items():
        agent = f"Mozilla/5.0 (compatible; {name}/1.0; +https://example.com/about)"
        assert crawler_of(agent) == name
        assert kind_of(agent), name
        assert one.purpose in PURPOSES
        assert one.is_for_somebody == (one.purpose in ("ai_assistant", "preview", "feed"))


def test_a_section_is_what_the_site_says_also_of_a_path_that_backtracks() -> None:
    site = Site("x.test", sections={"Blog": "/blog/**", "Deep": "/a**a**a**a**a**b"})
    paths = ("/blog/1", "/docs/x", "/x", "/", "/docs/", "/blog", f"/{'a' * 2000}")
    for path in paths[:-1]:
        assert section_of(site, path) == site.section_of(path)
    assert section_of(site, paths[-1]) == "/"


def counted(
    tmp_path: Path, body: Mapping[str, object], agent: str, *headers: tuple[str, str]
) -> list[tuple[str, str, str, int]]:
    async def use(house: House) -> None:
        for _ in range(3):
            answer = await house.ask(body, [("user-agent", agent), *headers])
            assert answer.header("x-footfall-reason") == "bot"

    run(tmp_path, use)
    found = [one for path in spool_files(tmp_path) for one in read_sealed(path).crawlers]
    return [(one.site, one.crawler, one.section, one.views) for one in found]


def test_pages_that_a_crawler_asks_for_are_counted_by_section_and_day_and_nothing_else(tmp_path: Path) -> None:
    agent, name = next(iter(AGENTS.items()))
    url = "https://a.example/docs/anna@example.org?token=1"
    assert counted(tmp_path / "a", PAGEVIEW | {"u": url}, agent) == [("a.example", name, "/docs/", 3)]
    assert counted(tmp_path / "b", PAGEVIEW | {"n": "signup"}, agent) == [], "no page view"
    assert counted(tmp_path / "c", PAGEVIEW, "Fetcher/1.0 (+https://example.com/bot)") == [], "says no name we know"
    assert counted(tmp_path / "d", PAGEVIEW | {"u": "data:,x"}, agent) == [], "no page"


def test_of_somebody_who_sends_a_signal_nothing_is_counted_whatever_he_calls_himself(tmp_path: Path) -> None:
    agent = next(iter(AGENTS))
    for place, header in enumerate((("dnt", "1"), ("sec-gpc", "1"), ("x-footfall-opt-out", "1"))):
        assert counted(tmp_path / str(place), PAGEVIEW, agent, header) == [], header
    assert counted(tmp_path / "denied", PAGEVIEW | {"consent": "denied"}, agent) == []
    assert counted(tmp_path / "none", PAGEVIEW, agent, ("dnt", "0"), ("sec-gpc", "0")) != []
