"""The documents against the code: whatever can be set, called, asked or answered is told, and no link is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from msgspec import structs
from starlette.routing import Route

from collector.anonymization import PRESETS
from collector.outcome import Reason
from dashboards.stats.refused import Code
from dashboards.stats_api import listed
from dashboards.web.api import Api
from footfall.cli import main
from footfall.settings import DEMO_SITE, Settings, describe, load
from schema.dimensions import DIMENSIONS, OTHER
from schema.metrics import METRICS
from schema.reference import tables, with_tables
from schema.site import Goal
from schema.vitals import VITALS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A setting that is commented out: no blank after the "#"; prose has one. Lists go on in indented lines.
SETTING = re.compile(r"^#(?=[a-z0-9_]+ = |\[\[|    \{|\])", re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def example(tmp_path: Path) -> Path:
    """footfall.toml with everything in it uncommented."""
    file = tmp_path / "all.toml"
    file.write_text(SETTING.sub("", text_of("footfall.toml")), encoding="utf-8")
    return file


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- settings ------------------------------------------------------------------------------------------------------


def test_every_setting_is_in_the_example_file_with_its_default(tmp_path: Path) -> None:
    whole = load(str(example(tmp_path)), environment={})
    assert whole.sites
    shown = {row["name"]: row for row in describe(structs.replace(whole, sites=()))}
    for row in describe(Settings()):
        name = row["name"]
        if name != "sites":
            assert name in whole.origins, f"footfall.toml lacks {name}"
            assert shown[name]["value"] == row["value"], f"footfall.toml has another default for {name}"


def test_the_example_file_as_it_is_changes_nothing() -> None:
    assert structs.replace(load(str(ROOT / "footfall.toml"), environment={}), origins={}) == Settings()


def test_the_example_file_has_a_site_with_everything_a_site_can_have() -> None:
    text = SETTING.sub("", text_of("footfall.toml"))
    for name in type(DEMO_SITE).__struct_fields__:
        assert re.search(rf"\b{name} ?=|\[sites\.{name}\]", text), f"footfall.toml's site lacks {name}"
    for name in Goal.__struct_fields__:
        assert f"{name} = " in text, f"footfall.toml's goals lack {name}"


def test_every_setting_is_explained_with_its_default() -> None:
    lines = text_of("docs/settings.md").splitlines()
    assert describe(Settings())
    for row in describe(Settings()):
        line = next((line for line in lines if line.startswith(f"| `{row['name']}` |")), "")
        assert line, f"docs/settings.md has no row for {row['name']}"
        assert f"| `{row['value']}` |" in line, f"docs/settings.md has another default for {row['name']}: {line}"


def test_everything_a_site_can_have_is_explained() -> None:
    text = text_of("docs/settings.md")
    for name in (*type(DEMO_SITE).__struct_fields__, *Goal.__struct_fields__):
        assert f"| `{name}` |" in text, f"docs/settings.md has no row for {name}"


def test_the_table_of_presets_is_the_presets() -> None:
    table = [line for line in text_of("docs/engineers.md").splitlines() if line.startswith("| `")]
    for setting in ("raw_days", "k"):
        name = {"k": "release.k", "raw_days": "retention.raw_days"}[setting]
        row = next(line for line in table if line.startswith(f"| `{name}` |"))
        cells = [cell.strip() for cell in row.split("|")[2:5]]
        assert cells == [str(getattr(PRESETS[preset], setting)) for preset in ("strict", "balanced", "accurate")]
    for setting in ("visitor_address", "visitor_agent", "place", "language", "referrer", "timestamps", "gpc"):
        row = next(line for line in table if line.startswith(f"| `anonymization.{setting}`"))
        for cell, preset in zip(row.split("|")[2:5], ("strict", "balanced", "accurate"), strict=True):
            assert f"`{getattr(PRESETS[preset], setting)}`" in cell, f"{setting} of {preset}: {cell}"


# -- commands ------------------------------------------------------------------------------------------------------


def commands(group: click.Group = main, path: str = "footfall") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path} {name}", command


@pytest.mark.parametrize(("path", "command"), list(commands()), ids=[path for path, _ in commands()])
def test_every_command_and_option_is_explained(path: str, command: click.Command) -> None:
    text = text_of("docs/commands.md")
    head = re.search(rf"^## {path}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert head, f"docs/commands.md has no chapter {path!r}"
    common = text.partition("\n## ")[0]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = max(parameter.opts, key=len)
            assert f"{option}`" in head[1] + common or f"{option} " in head[1] + common, f"{path} {option} is not told"


def test_no_command_is_explained_that_does_not_exist() -> None:
    told = set(re.findall(r"^## (footfall .+)$", text_of("docs/commands.md"), re.MULTILINE))
    assert told == {path for path, _ in commands()}


# -- numbers and reasons -------------------------------------------------------------------------------------------


def test_every_metric_dimension_and_vital_is_defined() -> None:
    text = text_of("docs/metrics.md")
    assert f"`{OTHER}`" in text
    for name, known in [*METRICS.items(), *DIMENSIONS.items(), *VITALS.items()]:
        assert f"`{name}`" in text, f"docs/metrics.md lacks {name}"
        assert known.definition in text, f"docs/metrics.md defines {name} otherwise than the registries"


def test_the_tables_of_numbers_are_those_of_the_registries() -> None:
    page = text_of("docs/metrics.md")
    assert all(heading in page for heading in tables())
    assert page == with_tables(page, tables()), "run python -m schema.reference docs/metrics.md"


def test_the_lists_of_the_stats_api_are_those_of_its_structs() -> None:
    page = text_of("docs/stats-api.md")
    assert all(heading in page for heading in listed.tables())
    made = with_tables(page, listed.tables())
    assert page == made, "run python -m dashboards.stats_api.listed docs/stats-api.md"


def test_the_codes_of_errors_are_listed() -> None:
    text = text_of("docs/api.md")
    table = text[text.index("## Codes") : text.index("## Comparison")]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(Code)


@pytest.mark.parametrize("route", Api(None, None, 1).routes(), ids=lambda route: route.path)  # type: ignore[arg-type]
def test_every_address_of_the_json_interface_is_explained(route: Route) -> None:
    assert f"`{route.path}`" in text_of("docs/api.md")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(reason: Reason) -> None:
    assert f"| `{reason}` |" in text_of("docs/engineers.md")


def test_every_fault_has_a_file_and_a_row() -> None:
    rows = dict(
        re.findall(r"^\| (\d+) \|.*`tests/faults/(test_\w+)\.py` \|$", text_of("docs/promises.md"), re.MULTILINE)
    )
    files = {path.stem for path in (ROOT / "tests" / "faults").glob("test_[0-9]*.py")}
    assert [int(number) for number in rows] == list(range(1, 26))
    assert set(rows.values()) == files
    assert all(name.startswith(f"test_{int(number):02d}_") for number, name in rows.items())


# -- the documents themselves --------------------------------------------------------------------------------------


def test_every_relative_link_leads_somewhere() -> None:
    assert len(PAGES) > 50
    links = [(page, target) for page in PAGES for target in LINK.findall(page.read_text("utf-8"))]
    for page, target in links:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page_name(page)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page_name(page)} links to {target}, and there is no such heading"


def test_every_file_that_is_named_exists() -> None:
    rooms = "schema|collector|pipeline|dashboards|footfall|tests|bench|deploy"
    for page in PAGES:
        for name in re.findall(rf"`((?:{rooms})/[\w./-]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{page_name(page)} names {name}"


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_index() -> None:
    index = text_of("docs/index.md")
    for page in DOCS.rglob("*.md"):
        if page.name != "index.md":
            assert f"({page.relative_to(DOCS)}" in index, f"docs/index.md does not lead to {page_name(page)}"


def test_the_commands_of_the_readme_exist() -> None:
    makefile, names = text_of("Makefile"), {path.partition(" ")[2] for path, _ in commands()}
    text = text_of("README.md")
    targets = set(re.findall(r"\bmake ([a-z]+)\b", text)) - {"anonymous"}
    assert {"up", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README.md says make {target}"
    for command in re.findall(r"\bin/footfall ([a-z]+)", text):
        assert command in names


def test_no_page_tells_about_the_machine_it_was_written_on() -> None:
    for page in PAGES:
        told = re.search(r"/root\b|/work/|/home/|/opt/|pyenv", page.read_text(encoding="utf-8"))
        assert not told, f"{page_name(page)} tells of {told}"


def test_the_glossary_has_its_terms_in_order_and_each_has_a_home() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([^`|]+)` \|$", text_of("docs/glossary.md"), re.MULTILINE)
    terms = [term.casefold() for term, *_ in rows]
    assert len(rows) == text_of("docs/glossary.md").count("\n| ") - 1
    assert terms == sorted(set(terms))
    assert len(terms) >= 40
    for term, _, home in rows:
        assert (ROOT / home).exists(), f"docs/glossary.md: {term} is at home in {home}"


def test_the_architecture_names_every_package() -> None:
    text = text_of("ARCHITECTURE.md")
    packages = {path.parent.relative_to(ROOT) for path in ROOT.glob("footfall/*/*.py")}
    assert packages
    for package in packages:
        assert f"`{package}/`" in text, f"ARCHITECTURE.md does not name {package}"
