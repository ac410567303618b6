"""The pages on which editors declare: a form, its preview, a version; refused beside the field; read by viewers."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import to_builtins

from collector.enrich.geo import GeoDatabase
from dashboards.accounts.accounts import Accounts
from dashboards.accounts.form_token import SESSION_COOKIE
from dashboards.accounts.policy import Role
from dashboards.app import create_app
from dashboards.editing import forms
from dashboards.editing.desk import Draft, EditRefused, digest_of
from dashboards.editing.doubts import doubts_of
from dashboards.stats.report import Reports
from footfall.about_site import teller
from footfall.control.editing import EditDesk
from footfall.control.engine import Engine
from footfall.notebook import EngineNotes
from footfall.settings import Settings, SiteSettings
from footfall.settings.edits import Declared
from footfall.settings.in_force import with_edits
from schema.funnel import Funnel, Step
from schema.goal import Goal
from schema.segment import Segment
from tests.dashboards.conftest import NOW, Rollups, TestClient
from tests.dashboards.test_sharing import text_of

pytestmark = pytest.mark.clickhouse


class House:
    """Settings that follow the desk, as a parent has them do."""

    def __init__(self, data: Path, site: SiteSettings) -> None:
        self.base = Settings(data=str(data), demo=False, sites=(site,))
        self.desk = EditDesk(lambda: self.settings, lambda _: 12, clock=NOW.timestamp)

    @property
    def settings(self) -> Settings:
        return with_edits(self.base, NOW.timestamp())


@pytest.fixture
def house(rollups: Rollups, tmp_path: Path) -> House:
    own = SiteSettings(
        rollups.site.key,
        timezone=rollups.site.timezone,
        goals=(Goal("Own", page="/own"),),
        segments=(Segment("Deep", {"any": [{"device": "mobile"}, {"country": "DE"}]}),),
    )
    return House(tmp_path, own)


def browsers(rollups: Rollups, accounts: Accounts, house: House, role: Role) -> Iterator[TestClient]:
    site = house.base.sites[0]
    reports = Reports(rollups.store, [site], clock=NOW.timestamp)
    engine = Engine(house.base, rollups.store)
    told = teller(lambda: house.settings, rollups.store, GeoDatabase())
    app = create_app(reports, accounts, about_site=told, desk=house.desk, notebook=EngineNotes(engine))
    assert accounts.redeem(accounts.create_sign_in_link_token())
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        client.cookies.set(SESSION_COOKIE, accounts.redeem(accounts.people.add("ed", role, site.key)) or "")
        yield client


@pytest.fixture
def editor(rollups: Rollups, accounts: Accounts, house: House) -> Iterator[TestClient]:
    yield from browsers(rollups, accounts, house, Role.EDITOR)


@pytest.fixture
def viewer(rollups: Rollups, accounts: Accounts, house: House) -> Iterator[TestClient]:
    yield from browsers(rollups, accounts, house, Role.VIEWER)


def hidden(text: str, form: str) -> dict[str, str]:
    """The hidden fields of the form that is sent there."""
    found = re.search(rf'<form method="post" action="{form}">(.*?)</form>', text, re.DOTALL)
    assert found is not None, form
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[1])
    return {name: html.unescape(value) for name, value in fields}


GOAL = {"name": "Buy", "kind": "page", "value": "/thanks*", "former": "", "based_on": "0"}


def test_a_goal_is_previewed_by_what_is_told_and_applied(
    editor: TestClient, rollups: Rollups, house: House, accounts: Accounts, ago: object
) -> None:
    day = NOW.date().replace(day=10)
    rollups.cell(day, visitors=40, released=True)
    for page, visitors in (("/thanks", 20), ("/thanks-again", 10), ("/other", 30)):
        rollups.cell(day, "page", page, visitors=visitors, released=True)
    rollups.release(day)
    path = f"/sites/{rollups.site.key}/edit"
    page = text_of(editor.get(f"{path}/goals").text)
    assert "Own a page like /own the settings of the start locked: the file has it" in page
    previewed = editor.post(f"{path}/goals/preview", data=GOAL)
    told = text_of(previewed.text)
    assert "new goal: Buy – a page like /thanks*" in told
    assert "It counts from 19 Jun 2031 on" in told
    assert "12 released days of raw rows" in told
    assert "/thanks: 20 visitors of the last 28 days /thanks-again: 10 visitors" in told
    assert "/other:" not in told
    assert house.desk.number(rollups.site.key) == 0
    applied = editor.post(f"{path}/apply", data=hidden(previewed.text, f"{path}/apply"))
    assert applied.headers["location"] == f"{path}/goals?done=1"
    done = text_of(editor.get(f"{path}/goals?done=1").text)
    assert "Version 1 is saved. It counts from 19 Jun 2031 on. What is counted is shown on the page Goals" in done
    assert "is saved" not in editor.get(f"{path}/goals?done=7").text
    assert "Buy a page like /thanks* from 19 Jun 2031 on the browser" in done
    noted = accounts.audit.entries()[0]
    assert (noted.who, noted.what, noted.site) == ("ed", "changed what is counted", rollups.site.key)
    assert "1 goal 'Buy' added ed" in html.unescape(text_of(editor.get(f"{path}/versions").text))
    # Changed by a form that is filled in, and taken out.
    filled = editor.get(f"{path}/goals?change=Buy").text
    assert 'value="/thanks*"' in filled
    changed = editor.post(f"{path}/goals/preview", data=GOAL | {"former": "Buy", "based_on": "1", "value": "/paid"})
    assert "changed goal: Buy a page like /thanks* a page like /paid" in text_of(changed.text)
    gone = {"former": "Buy", "remove": "1", "based_on": "1"}
    assert "gone goal: Buy" in text_of(editor.post(f"{path}/goals/preview", data=gone).text)


def test_what_cannot_be_is_said_beside_its_field_and_what_was_written_is_kept(
    editor: TestClient, rollups: Rollups
) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    refused = editor.post(f"{path}/goals/preview", data=GOAL | {"value": "thanks"})
    assert refused.status_code == 400
    field = re.search(r'<input name="value"[^>]*>.*?</label>', refused.text, re.DOTALL)
    assert field is not None
    assert 'value="thanks"' in field[0]
    assert 'aria-invalid="true" aria-describedby="why-value" autofocus' in field[0]
    assert "a path begins with '/', write '/thanks'" in html.unescape(field[0]).lower()
    for form, what, told in (
        (GOAL | {"name": "Own"}, "goals", "stands in the settings of the start: change it there"),
        (GOAL | {"kind": "scroll", "value": "much"}, "goals", "write a whole number"),
        (GOAL | {"kind": "scroll", "value": "130"}, "goals", "'130': write a whole number from 1 to 100"),
        (GOAL | {"kind": "duration", "value": "0"}, "goals", "a whole number from 1 to 86400"),
        (GOAL | {"kind": "revenue"}, "goals", "leave '/thanks*' out: any amount"),
        (GOAL | {"page": "/blog/**"}, "goals", "id=\"why-page\">Leave '/blog/**' out"),
        (GOAL | {"value": "https://a.example/thanks?x"}, "goals", "write '/thanks'"),
        (GOAL | {"kind": "event", "properties": "plan"}, "goals", "one property a line"),
        (GOAL | {"kind": "none"}, "goals", "choose what reaches it"),
        (GOAL | {"kind_1": "page", "step_1": "/"}, "funnels", "has 1 step"),
        (GOAL | {"kind_1": "k", "step_1": "/", "step_2": "/x"}, "funnels", "unknown field `k`"),
        (GOAL | {"pages": "x"}, "sections", "write '/x'"),
        (GOAL, "segments", "choose what holds for its visits"),
        (GOAL | {"value_1": "DE"}, "segments", "choose what has to be 'DE'"),
        (GOAL | {"dimension_1": "properties", "value_1": "pro"}, "segments", "write name=value"),
        (GOAL | {"dimension_1": "goal", "value_1": "No"}, "segments", "has no goal 'No' (it has 'Own')"),
        (GOAL | {"based_on": "7"}, "goals", "somebody has changed it meanwhile"),
    ):
        answer = editor.post(f"{path}/{what}/preview", data=form)
        assert (answer.status_code, told.lower() in html.unescape(answer.text).lower()) == (400, True), told
    assert editor.post(f"{path}/goals/preview", data={}).status_code == 400


@pytest.mark.parametrize(
    ("what", "form", "marked"),
    [
        # A row that is left free is no step, and counts all the same.
        ("funnels", {"kind_1": "page", "step_1": "/a", "kind_3": "goal", "step_3": "No"}, "step_3"),
        ("funnels", {"kind_1": "goal", "step_1": "Own", "kind_2": "page", "step_2": "b"}, "step_2"),
        ("funnels", {"kind_1": "page", "step_1": "/a"}, "step_1"),
        ("segments", {"dimension_1": "device", "value_1": "mobile", "dimension_2": "goal", "value_2": "No"}, "value_2"),
        ("segments", {"dimension_1": "device", "value_1": "tv", "dimension_2": "page", "value_2": "b"}, "value_2"),
        ("segments", {"dimension_1": "device", "value_1": "tv", "value_3": "DE"}, "dimension_3"),
        ("segments", {}, "dimension_1"),
    ],
)
def test_the_row_that_is_meant_is_marked_and_said_beside_it(
    editor: TestClient, rollups: Rollups, what: str, form: dict[str, str], marked: str
) -> None:
    refused = editor.post(f"/sites/{rollups.site.key}/edit/{what}/preview", data=GOAL | form)
    assert refused.status_code == 400
    fields = re.findall(
        r'<(?:input|select) name="(\w+)"[^>]*aria-invalid="true" aria-describedby="(\S+)"', refused.text
    )
    assert fields == [(marked, "why-steps" if what == "funnels" else "why-where")]
    assert refused.text.count(f'id="{fields[0][1]}"') == 1
    if marked[-1] != "1":
        beside = rf'name="(?:step|value)_{marked[-1]}"[^>]*></span><span class="error" id="{fields[0][1]}"'
        assert re.search(beside, refused.text)


def test_what_somebody_changed_meanwhile_is_told_and_what_was_not_previewed_is_not_done(
    editor: TestClient, rollups: Rollups, house: House
) -> None:
    path, key = f"/sites/{rollups.site.key}/edit", rollups.site.key
    first = hidden(editor.post(f"{path}/goals/preview", data=GOAL).text, f"{path}/apply")
    section = {"name": "Blog", "pages": "/blog/**", "based_on": "0", "former": ""}
    other = hidden(editor.post(f"{path}/sections/preview", data=section).text, f"{path}/apply")
    forged = first | {"draft": first["draft"].replace("/thanks*", "/secret")}
    answer = editor.post(f"{path}/apply", data=forged)
    assert (answer.status_code, "not what was previewed" in answer.text) == (409, True)
    assert editor.post(f"{path}/apply", data=other).status_code == 303
    late = editor.post(f"{path}/apply", data=first)
    assert late.status_code == 409
    assert "section 'Blog' added (version 1, by ed)" in html.unescape(late.text)
    # What he wrote is still there, on top of what is there now.
    assert 'value="/thanks*"' in late.text
    assert hidden(late.text, f"{path}/goals/preview")["based_on"] == "1"
    assert house.desk.number(key) == 1
    for draft in ('{"based_on": 1, "what": "sites", "thing": {"name": "x"}}', '{"based_on": 1, "release_k": 1}', "x"):
        assert editor.post(f"{path}/apply", data={"draft": draft, "digest": "x"}).status_code in (400, 409)
    assert house.desk.number(key) == 1


def test_a_version_is_taken_back_to_by_a_preview(editor: TestClient, rollups: Rollups, house: House) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    editor.post(f"{path}/apply", data=hidden(editor.post(f"{path}/goals/preview", data=GOAL).text, f"{path}/apply"))
    told = editor.post(f"{path}/versions/preview", data={"based_on": "1", "back": "0"})
    assert "gone goal: Buy" in text_of(told.text)
    answer = editor.post(f"{path}/apply", data=hidden(told.text, f"{path}/apply"))
    assert answer.headers["location"] == f"{path}/versions?done=2"
    assert [one.change for one in house.desk.versions(rollups.site.key)] == [
        "taken back to version 0",
        "goal 'Buy' added",
    ]
    again = editor.post(f"{path}/versions/preview", data={"based_on": "2", "back": "0"})
    assert (again.status_code, "changes nothing" in again.text) == (400, True)


_NESTED = ['{"not":' * deep + '{"device":"tv"}' + "}" * deep for deep in (25, 300, 985, 1900)]


def test_a_draft_that_was_made_by_hand_is_refused_and_nothing_breaks(
    editor: TestClient, rollups: Rollups, house: House
) -> None:
    path, key = f"/sites/{rollups.site.key}/edit", rollups.site.key
    for what, thing in (
        ("goals", '{"name": "x"}'),
        ("goals", '{"name": ["x"], "page": "/x"}'),
        ("goals", '{"name": "x\\u001b[2J", "page": "/x"}'),
        ("goals", '{"name": "x\\u202e", "page": "/x"}'),
        ("goals", '{"name": "x ", "page": "/x"}'),
        ("goals", '{"name": "x", "page": "/x", "properties": [1]}'),
        ("funnels", '{"name": "x", "steps": 5}'),
        ("funnels", '{"name": "x", "steps": [{}]}'),
        ("sections", '{"name": ["x"], "pages": "/x"}'),
        ("sections", '{"name": "x"}'),
        ("segments", '{"name": "x", "where": {"all": [5]}}'),
        *(("segments", f'{{"name": "x", "where": {nested}}}') for nested in _NESTED),
    ):
        for based_on in (0, 9):
            draft = f'{{"based_on":{based_on},"what":"{what}","thing":{thing}}}'
            digest = "x"
            with contextlib.suppress(RecursionError):
                digest = digest_of(msgspec.json.decode(draft, type=Draft))
            # Not spelled as browsers do: more of it than a form may have would be left of what they send.
            form = f"draft={draft}&digest={digest}"
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answer = editor.post(f"{path}/apply", content=form, headers=kind)
            assert answer.status_code in (400, 409), (what, thing[:80])
    assert house.desk.number(key) == 0
    assert editor.get(f"{path}/segments").status_code == 200


def test_a_pattern_of_many_stars_is_looked_at_in_time(editor: TestClient, rollups: Rollups) -> None:
    """Without RE2 this takes years, and whoever looks at other pages waits."""
    day, path = NOW.date().replace(day=10), f"/sites/{rollups.site.key}/edit/goals/preview"
    rollups.cell(day, visitors=40, released=True)
    rollups.cell(day, "page", "/a" * 40, visitors=30, released=True)
    rollups.cell(day, "event", "a" * 80, visitors=30, released=True)
    rollups.release(day)
    for form in ({"value": "/" + "**a" * 30 + "b"}, {"kind": "event", "value": "*a" * 30 + "b"}):
        assert "30 visitors" not in editor.post(path, data=GOAL | form).text
    assert "/a: 30 visitors" in text_of(editor.post(path, data=GOAL | {"value": "/**a**"}).text)


def test_viewers_read_and_change_nothing(viewer: TestClient, rollups: Rollups, house: House) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    house.desk.apply(
        rollups.site.key, one := Draft(0, "goals", "", {"name": "B", "event": "b"}), digest_of(one), "Grace"
    )
    for what in ("goals", "funnels", "sections", "segments", "notes", "versions"):
        page = viewer.get(f"{path}/{what}")
        assert page.status_code == 200
        assert f'action="{path}' not in page.text
        # Whoever reads may be a customer.
        assert "Grace" not in page.text
    assert "Editors of the site change it here" in viewer.get(f"{path}/goals").text
    assert viewer.post(f"{path}/goals/preview", data=GOAL).status_code == 403
    assert viewer.post(f"{path}/apply", data={}).status_code == 403
    assert "Edit " not in text_of(viewer.get(f"/sites/{rollups.site.key}").text)
    assert house.desk.number(rollups.site.key) == 1


def test_a_write_from_elsewhere_is_refused(editor: TestClient, rollups: Rollups) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    for what in ("goals/preview", "apply", "versions/preview", "notes/new", "notes/removed"):
        answer = editor.post(f"{path}/{what}", data=GOAL, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 403, what


def test_notes_are_written_and_removed(editor: TestClient, rollups: Rollups) -> None:
    path = f"/sites/{rollups.site.key}/edit/notes"
    refused = editor.post(f"{path}/new", data={"day": "", "text": " "})
    assert (refused.status_code, 'aria-describedby="why-text"' in refused.text) == (400, True)
    refused = editor.post(f"{path}/new", data={"day": "someday", "text": "Version <2>"})
    assert (refused.status_code, 'aria-describedby="why-day"' in refused.text) == (400, True)
    assert 'value="Version &lt;2&gt;"' in refused.text
    assert editor.post(f"{path}/new", data={"day": "", "text": "Version <2>"}).headers["location"] == path
    page = editor.get(path).text
    assert "Version &lt;2&gt;" in page
    [found] = re.findall(r'name="id" value="(\w+)"', page)
    assert editor.post(f"{path}/removed", data={"id": found}).headers["location"] == path
    assert "Version &lt;" not in editor.get(path).text
    # A slip in the year is seen, so it can be removed.
    for day, said in (("1999-12-31", 303), ("0026-11-30", 400), ("2999-01-01", 400)):
        answer = editor.post(f"{path}/new", data={"day": day, "text": "A slip"})
        assert (answer.status_code, "why-day" in answer.text) == (said, said == 400)
    assert "31 Dec 1999 A slip" in text_of(editor.get(path).text)


def test_a_segment_that_is_offered_opens_the_form_filled_in(editor: TestClient, rollups: Rollups) -> None:
    day = NOW.date().replace(day=10)
    rollups.cell(day, visitors=20, released=True)
    rollups.cell(day, "device", "mobile", visitors=10, released=True)
    rollups.release(day)
    days = "period=custom&from=2031-06-10&to=2031-06-10"
    page = html.unescape(editor.get(f"/sites/{rollups.site.key}?{days}&filter=device==mobile").text)
    path = f"/sites/{rollups.site.key}/edit/segments"
    assert f'href="{path}?filter=device%3D%3Dmobile#form"' in page
    form = editor.get(f"{path}?filter=device%3D%3Dmobile&filter=country!%3DDE|AT").text
    assert '<option value="device" selected>' in form
    assert 'aria-label="Condition 2, value" value="DE|AT"' in form
    assert "locked: the file has it" in form
    assert "There is no such segment that can be changed here" in editor.get(f"{path}?change=Deep").text


@pytest.mark.parametrize(
    ("what", "declared"),
    [
        ("goals", Declared(goals=(Goal("A", page="/a*"),))),
        ("goals", Declared(goals=(Goal("A", event="buy", properties={"plan": "pro", "x": "*"}),))),
        ("goals", Declared(goals=(Goal("A", scroll=50, page="/a"),))),
        ("goals", Declared(goals=(Goal("A", duration=60),))),
        ("goals", Declared(goals=(Goal("A", revenue=True),))),
        ("goals", Declared(goals=(Goal("A", section="/docs/"),))),
        ("funnels", Declared(funnels=(Funnel("F", (Step(page="/"), Step(event="x"), Step(goal="Own")), "strict"),))),
        ("sections", Declared(sections={"S": "/s/**"})),
        ("segments", Declared(segments=(Segment("S", {"device": "mobile", "not": {"country": ["DE", "AT"]}}),))),
        ("segments", Declared(segments=(Segment("S", {"properties": {"plan": "pro"}, "goal": "Own"}),))),
        ("segments", Declared(segments=(Segment("S", {"all": [{"not": {"device": "tv"}}, {"not": {"os": ""}}]}),))),
    ],
)
def test_a_form_says_again_what_it_was_filled_with(house: House, what: str, declared: Declared) -> None:
    key = house.base.sites[0].key
    if what == "sections":
        thing = {"name": "S", "pages": "/s/**"}
    else:
        [thing] = to_builtins(getattr(declared, what))
    fields = forms.fields_of(what, thing)
    assert fields is not None
    draft = Draft(0, what, "", forms.thing_of(what, fields))
    house.desk.apply(key, draft, digest_of(draft), "ed")
    made = house.desk.things(key)[what][-1]
    assert forms.fields_of(what, made.thing) == fields


@pytest.mark.parametrize("name", ["Sign\nup", "\u202epu ngiS", "Sign\x00up", "Sign\u2028up"])
def test_a_name_is_one_line_that_reads_as_it_is_written(name: str) -> None:
    with pytest.raises(EditRefused, match="in one line, without the control character U\\+") as refused:
        forms.thing_of("goals", GOAL | {"name": name})
    assert refused.value.where == "name"
    assert forms.thing_of("goals", GOAL | {"name": "👩‍💻 ثبت‌نام"})["name"] == "👩‍💻 ثبت‌نام"


@pytest.mark.parametrize(
    "where",
    [{"any": [{"device": "mobile"}]}, {"not": {"not": {"device": "tv"}}}, {"properties": {"a": "b", "c": "d"}}],
)
def test_what_the_form_has_no_rows_for_is_not_shown_as_something_else(where: dict[str, object]) -> None:
    assert forms.fields_of("segments", {"name": "S", "where": where}) is None


def test_what_something_else_needs_is_not_taken_out_and_it_is_told_why(editor: TestClient, rollups: Rollups) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    funnel = {"name": "F", "kind_1": "page", "step_1": "/", "kind_2": "goal", "step_2": "Buy", "based_on": "1"}
    for what, form in (("goals", GOAL), ("funnels", funnel)):
        editor.post(
            f"{path}/apply", data=hidden(editor.post(f"{path}/{what}/preview", data=form).text, f"{path}/apply")
        )
    mine = {"former": "Buy", "based_on": "2"}
    for form in (mine | {"remove": "1"}, GOAL | mine | {"name": "Bought"}):
        refused = editor.post(f"{path}/goals/preview", data=form)
        [said] = re.findall(r'role="alert">([^<]*)<', refused.text)
        assert (refused.status_code, "has no goal 'Buy'" in html.unescape(said)) == (400, True)


def test_the_foot_says_what_holds_for_the_site_and_the_kind(
    rollups: Rollups, accounts: Accounts, house: House, editor: TestClient
) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    added, today = "What is new is added to days that are over", "what is changed holds at once"
    goals, segments = (editor.get(f"{path}/{what}").text for what in ("goals", "segments"))
    assert (added in goals, added in segments, today in goals) == (True, False, False)
    assert "declared here is not added to days that are over" in segments
    no_past = "It has no past: it is counted from its first day on."
    assert (no_past in goals, no_past in segments) == (False, True)
    house.base = msgspec.structs.replace(
        house.base, sites=(msgspec.structs.replace(house.base.sites[0], release_k=1, release_networks=1),)
    )
    goals = editor.get(f"{path}/goals").text
    assert (added in goals, today in goals) == (False, True)


@pytest.mark.parametrize("below", ["goals", "segments", "notes", "versions"])
def test_what_an_editor_does_is_among_the_pages_of_the_site(editor: TestClient, rollups: Rollups, below: str) -> None:
    path = f"/sites/{rollups.site.key}"
    page = editor.get(f"{path}/edit/{below}").text
    chosen = re.findall(rf'<a href="{path}(/[a-z]+)?"(?: aria-current="(\w+)")?>(\w+)</a>', page)
    assert ("", "", "Overview") in chosen
    assert ("/goals", "", "Goals") in chosen
    assert [label for _, current, label in chosen if current] == ["Settings"]


_FUNNELS = "Name their steps in the settings file"
_LINES = "below the site in the settings file"


def offered(client: TestClient, rollups: Rollups) -> tuple[bool, bool, bool]:
    """Whether forms, and what to write into the settings file, are offered: on the pages of settings, of two filters,
    and of goals."""
    path, day = f"/sites/{rollups.site.key}", NOW.date().replace(day=10)
    rollups.cell(day, visitors=40, released=True)
    rollups.release(day)
    goals = client.get(f"{path}/goals?from={day}&to={day}").text
    settings = client.get(f"{path}/settings").text
    both = client.get(f"{path}?filter=device==mobile&filter=country==DE&period=7d").text
    return f'{path}/edit/notes">' in settings.partition("<h1>")[2], _LINES in both, _FUNNELS in goals


def test_what_is_changed_is_offered_to_who_may_change_it(editor: TestClient, rollups: Rollups) -> None:
    assert offered(editor, rollups) == (True, True, True)


def test_what_is_changed_is_not_offered_to_who_reads(viewer: TestClient, rollups: Rollups) -> None:
    assert offered(viewer, rollups) == (False, False, False)


_BLOG = {"page": "/blog"}


@pytest.mark.parametrize(
    ("what", "thing", "doubts"),
    [
        ("segments", {"where": {"country": "Germany"}}, ["no visit has country = 'Germany': write 'DE'"]),
        ("segments", {"where": {"not": {"device": ["phone", "tv"]}}}, ["no visit has device = 'phone': write"]),
        ("segments", {"where": {"country": ["DE", "A*", ""], "language": "de-AT", "source": "Germany"}}, []),
        ("goals", {"page": "/x?a=b"}, ["'/x?a=b' does: write '/x'"]),
        ("goals", {"scroll": 50, "page": "/x?a=b"}, ["'/x?a=b' does: write '/x'"]),
        ("goals", {"event": "a?, /b"}, []),
        ("sections", {"pages": "/a/** /b/**"}, ["looks like several: declare each by itself"]),
        ("segments", {"where": {"entry_page": "/a, /b"}}, ["looks like several: write them with a bar"]),
        ("sections", {"pages": "/a,b/**"}, []),
        ("funnels", {"steps": [_BLOG, _BLOG, {"event": "x"}]}, ["steps 1 and 2 are the same"]),
        ("funnels", {"steps": [_BLOG, {"event": "x"}, _BLOG]}, []),
    ],
)
def test_what_is_hardly_meant_is_said(what: str, thing: dict[str, object], doubts: list[str]) -> None:
    found = doubts_of(what, thing)
    assert len(found) == len(doubts)
    assert all(part in said for part, said in zip(doubts, found, strict=True))


def test_a_preview_says_what_is_hardly_meant_and_refuses_nothing(editor: TestClient, rollups: Rollups) -> None:
    path = f"/sites/{rollups.site.key}/edit"
    form = {"name": "Home", "dimension_1": "country", "value_1": "Germany", "former": "", "based_on": "0"}
    previewed = editor.post(f"{path}/segments/preview", data=form)
    assert "Is this meant? No visit has country = 'Germany': write 'DE'" in html.unescape(text_of(previewed.text))
    assert editor.post(f"{path}/apply", data=hidden(previewed.text, f"{path}/apply")).status_code == 303
