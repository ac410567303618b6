"""Every command that a page shows can be given as it stands: it exists, and so do its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from footfall.cli import main

ROOT = Path(__file__).resolve().parents[1]
# Of a change that is over the page of changes tells what was true then.
PAGES = [
    page for page in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))) if page.stem != "CHANGELOG"
]
# In a code block, also behind a prompt, a path, variables or another program; or quoted in a sentence.
BLOCK = re.compile(r"^ {4,}(?:.*?[\s/])?footfall ((?!footfall )[a-z-].*)$", re.MULTILINE)
QUOTED = re.compile(r"`(?:[\w./]*/)?footfall\s+([a-z-][^`]*)`")
# What the shell, and not Footfall, makes of the rest of the line.
AFTER = re.compile(r"(\s\|\|?\s|\s<\s|\s>\s|\s#\s|\\$).*", re.DOTALL)
MAKE = re.compile(r"(?:^ {4,}|`)make ([a-z-]+)", re.MULTILINE)


def shown() -> Iterator[tuple[str, str]]:
    """The page and what stands behind "footfall"."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in [*BLOCK.findall(text), *QUOTED.findall(text)]:
            yield str(page.relative_to(ROOT)), AFTER.sub("", " ".join(line.split())).strip()


def wrong(line: str) -> str:
    """What cannot be given so; "" when all can."""
    words = shlex.split(line.replace("[", "").replace("]", ""))
    command: click.Command = main
    for word in words:
        if word.startswith("-") and word != "-":
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            known |= set(command.get_help_option_names(click.Context(command)))
            if word.partition("=")[0] not in known:
                return f"{command.name} has no option {word}"
        elif isinstance(command, click.Group) and not command.invoke_without_command:
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"{command.name} has no command {word}"
            command = found
        elif isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command
    return ""


def test_a_command_that_is_shown_can_be_given() -> None:
    found = [(page, line, why) for page, line in sorted(set(shown())) if (why := wrong(line))]
    assert not found


def test_what_cannot_be_given_is_found() -> None:
    assert wrong("chek") == "main has no command chek"
    assert wrong("demo --dais 3") == "demo has no option --dais"
    assert wrong("site export example.com x.zip --format csv") == ""
    assert len(set(shown())) > 60


def test_what_make_is_told_to_do_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        assert set(MAKE.findall(page.read_text(encoding="utf-8"))) <= targets, page
