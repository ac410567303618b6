"""The tables out of others' lists are made anew by one command, and the same lists give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.enrich.lists import UPSTREAM, main

ENGINES = """\
Find:
  -
    urls:
      - www.find.example
      - 'find.{}'
      - '{}.finder.example'
    params:
      - q
  -
    urls:
      - find.example/pictures/
Both:
  -
    urls:
      - both.example
"""
SOCIALS = """\
Twitter:
  - twitter.example
Google%2B:
  - plus.example
"""
ASSISTANTS = """\
Both:
  - both.example
"""
NETWORKS = """\
ASN,Entity
64500,"RENT-A-RACK -  Rent a Rack, US"
64500,Twice
6939,"People browse through it"
395978,UNKNOWN
"""


def folder(at: Path) -> Path:
    for name, text in (
        ("matomo-SearchEngines.yml", ENGINES),
        ("matomo-Socials.yml", SOCIALS),
        ("matomo-AIAssistants.yml", ASSISTANTS),
        ("matomo-referrer-spam.txt", "B.example\na.example\n\na.example\n"),
        ("bad-asn-list.csv", NETWORKS),
    ):
        (at / name).write_text(text)
    return at


def test_the_tables_say_where_they_are_from_and_hold_what_the_lists_do(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    main(folder(tmp_path), out)
    made = {file.name: file.read_text() for file in out.iterdir()}
    assert made.keys() == UPSTREAM.keys()
    for name, text in made.items():
        assert text.startswith("# ")
        assert "commit" in text
        assert all(f"# {line}\n" in text for line in UPSTREAM[name])
    rows = {name: [line for line in text.splitlines() if line[0] != "#"] for name, text in made.items()}
    assert rows == {
        "sources_matomo.tsv": [
            "*.both.example\tBoth\tai",
            "*.finder.example\tFind\tsearch",
            "*.plus.example\tGoogle+\tsocial",
            "*.twitter.example\tX (Twitter)\tsocial",
            "both.example\tBoth\tsearch",
            "find.*\tFind\tsearch",
            "find.example\tFind\tsearch",
            "find.example/pictures\tFind\tsearch",
        ],
        "referrer_spam.tsv": ["a.example", "b.example"],
        "datacenters_bad_asn.tsv": ["64500\tRENT-A-RACK - Rent a Rack, US"],
    }
    main(tmp_path, out)
    assert {file.name: file.read_text() for file in out.iterdir()} == made


@pytest.mark.parametrize(("name", "text"), [("matomo-Socials.yml", "[1]"), ("matomo-referrer-spam.txt", "\n")])
def test_a_list_of_another_shape_leaves_the_tables_as_they_are(tmp_path: Path, name: str, text: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (folder(tmp_path) / name).write_text(text)
    with pytest.raises(ValueError, match=r"matomo|spam"):
        main(tmp_path, out)
    assert not list(out.iterdir())
