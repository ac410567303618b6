"""Fault 19: what looks like SQL, HTML, a formula or a path stays text on its whole way: from a beacon or a question
through a real house to Chromium, under the product's own policy.

How a value is bound, escaped and quoted, one by one: tests/dashboards/ and tests/collector/.
"""

from __future__ import annotations

import csv
import http.client
import io
import re
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from schema.dimensions import DIMENSIONS
from schema.store import Store
from tests.browser.conftest import Watched, chromium, follow
from tests.conftest import times
from tests.faults.conftest import NO_TRACE, may_trace
from tests.house import Running, eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]

SECRET = "what-lies-outside"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SQL = (
    "'; DROP TABLE events; --", "' OR '1'='1", '" OR ""="', "`; DROP TABLE open_cells; --", "\\'; DROP TABLE events --",
    "/* */ UNION SELECT * FROM events -- ", "# comment", "{x:String}", "{site:String}", "{filter_0:String}",
    "{day:Date}", "%(site)s", "%s", "$1", "') FORMAT Null; DROP TABLE manifest --", "a|b'|c", "x' AND sleep(3) = '",
    "file('/etc/passwd')", "url('http://192.0.2.1/')",
)  # fmt: skip
HTML = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "'><svg/onload=alert(3)>",
    "</title><script>alert(4)//", "<iframe srcdoc='<script>alert(5)</script>'>", "<a href=javascript:alert(6)>x</a>",
    '" autofocus onfocus="alert(7)', "<style>*{display:none}</style>", "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "--><x-evil>", "&lt;b&gt;&amp;#60;",
    "<math><mi xlink:href=data:x,alert(8)>", "<form action=//evil.example><button>", "{{7*7}}", "{% raw %}", "${7*7}",
    "#{7*7}", "<%= 7*7 %>", "__proto__", "constructor[prototype]",
)  # fmt: skip
FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://evil.example")',
    "+1+1",
    "-1+1",
    "@ 1+1",
    "\t=1+1",
    "\r=1+1",
    '"=1+1',
    "=a,b\n=c",
)
PATHS = (
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%252f..%252fetc/passwd",
    "..\\..\\etc\\passwd", "..%c0%af..%c0%afetc/passwd", "/etc/passwd", "file:///etc/passwd", "//evil.example/x",
    "~root/.ssh", f"../{SECRET}.txt", f"../../{SECRET}.txt", "accounts.sqlite%00.css", "|cat /etc/passwd",
    "$(cat /etc/passwd)",
)  # fmt: skip
SIGNS = (
    "nul\x00byte",
    "bell\x07",
    "right\u202eleft",
    "\u2066isolate",
    "zero\u200bwidth",
    "tag\U000e0041",
    "line\u2028end",
)
URLS = ("javascript:alert(9)", "JaVaScRiPt:alert(10)", "data:text/html,<script>alert(11)</script>", "vbscript:x")
CORPUS = (*SQL, *HTML, *FORMULAS, *PATHS, *SIGNS, *URLS)

# Whatever opens, makes, moves or removes a file. Not what only asks for one: whoever resolves `..` has to.
CALLS = (
    "?open,openat,?openat2,?creat,truncate,?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,"
    "?mkdir,mkdirat,?rmdir,execve"
)

# Everything on a page that is not its own: elements it never has, handlers, addresses elsewhere, code of others.
FOREIGN = """() => [...document.querySelectorAll('*')].filter(element =>
    /^(iframe|object|embed|base|math|audio|video|style|template|marquee)$|-/.test(element.localName)
    || (element.localName === 'img' && !element.getAttribute('src').startsWith('/static/favicon.svg?'))
    || (element.localName === 'meta' && element.httpEquiv)
    || (element.localName === 'script' && (element.text || new URL(element.src).origin !== location.origin))
    || [...element.attributes].some(({name, value}) => name.startsWith('on') || name === 'srcdoc' || name === 'style'
        || (['href', 'src', 'action', 'formaction', 'xlink:href', 'data'].includes(name)
            && new URL(value, location).origin !== location.origin && !value.startsWith('data:image/svg+xml')))
    ).map(element => element.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A house that has counted the whole corpus, wherever a page may put it."""
    data = tmp_path_factory.mktemp("house") / "data"
    (data.parent / f"{SECRET}.txt").write_text(SECRET)
    settings = ("release.k=1", "anonymization.preset=accurate", "collector.rate_limit=0", "demo=false")
    with running(data, *(word for one in settings for word in ("--set", one))) as started:
        send(started, CORPUS)
        eventually(lambda: len(seen := values(started, "event")) > len(CORPUS) / 2 and "last" in seen, 60)
        yield started


def send(house: Running, corpus: Sequence[str]) -> None:
    """Each of them wherever a page may put it; what was taken has reached the store."""
    for number, text in enumerate(corpus):
        url = f"https://example.com/{number}/{text}?" + "&".join(
            f"{name}={text}" for name in ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ref")
        )
        page = {
            "n": "pageview",
            "u": url,
            "d": "example.com",
            "r": f"https://r{number}.example/{text}",
            "p": {text: text},
        }
        bodies = (
            page,
            {**page, "u": f"https://example.com/{text}"},
            {**page, "n": text},
            {**page, "d": text},
            {**page, "u": text},
        )
        for body in bodies:
            assert house.post(body)[0] in (202, 400), body
        assert house.post({**page, "n": f"{text} {number}"})[0] == 202, text
    assert house.post({"n": "last", "u": "https://example.com/", "d": "example.com"})[0] == 202
    eventually(lambda: not [*house.data.glob("spool/*/*.open"), *house.data.glob("spool/*/*.sealed")], 60)


def values(house: Running, dimension: str) -> list[str]:
    return [str(row["value"]) for row in house.stats("example.com", "--by", dimension)["rows"]]


@pytest.fixture(scope="module")
def session(browser: Browser, house: Running) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.new_page().goto(house.told["sign_in"])
    yield context
    context.close()


@pytest.fixture
def page(session: BrowserContext, house: Running) -> Iterator[Page]:
    """A page on which nothing may go wrong but that a question is refused."""
    watched = Watched()
    opened = watched.watch(session.new_page(), house)
    yield opened
    opened.close()
    refused = re.compile("console: Failed to load resource: .* status of 40[04] ")
    assert not [problem for problem in watched.problems if not refused.match(problem)]


def looked_at(page: Page, address: str) -> str:
    """The text of a page of ours on which nothing is foreign."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status in (200, 400, 404), address
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert page.evaluate(FOREIGN) == [], address
    return page.inner_text("body")


# -- what is stored ------------------------------------------------------------------------------------------------


def test_stored_text_is_text_on_every_page(page: Page, house: Running) -> None:
    ours = house.told["dashboards"]
    shown = looked_at(page, f"{ours}/sites/example.com?period=today")
    for dimension in DIMENSIONS:
        shown += looked_at(page, f"{ours}/sites/example.com/by/{dimension}?period=today")
    for path in ("/", "/account", "/engineers/why", "/engineers/request"):
        looked_at(page, ours + path)
    for text in ("<script>alert(1)</script>", "onerror=alert(2)", "{{7*7}}", "{x:String}", "DROP TABLE events", "=1+1"):
        assert text in shown, "the corpus never came here"
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cf") and sign not in "\n\t\xad"]


def test_the_watch_over_a_page_sees_what_it_is_there_for(session: BrowserContext, house: Running) -> None:
    watched, planted = Watched(), session.new_page()
    watched.watch(planted, house)
    planted.goto(f"{house.told['dashboards']}/account")
    planted.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://evil.example/x'}))"
    )
    planted.evaluate("document.body.append(document.createElement('x-evil'))")
    assert len(planted.evaluate(FOREIGN)) == 2
    assert any("Content Security Policy" in problem for problem in watched.problems)
    planted.close()


def test_stored_text_is_text_in_json_and_a_cell_in_csv(session: BrowserContext, house: Running) -> None:
    base = f"{house.told['dashboards']}/api/sites/example.com"
    overview = session.request.get(f"{base}/overview?period=today")
    assert overview.headers["content-type"].startswith("application/json")
    starts = set[str]()
    for dimension in DIMENSIONS:
        asked = f"period=today&limit=10000&by={dimension}"
        told = [row["value"] for row in session.request.get(f"{base}/stats?{asked}").json()["rows"]]
        answer = session.request.get(f"{base}/stats.csv?{asked}")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        head, *lines = csv.reader(io.StringIO(answer.text(), newline=""))
        assert {len(line) for line in lines} <= {len(head)}
        cells = [line[0] for line in lines]
        assert not [cell for line in lines for cell in line if cell.startswith(FORMULA_STARTS)]
        assert [
            cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell for cell in cells
        ] == told
        starts |= {cell[1] for cell in cells if cell.startswith("'") and len(cell) > 1}
    assert {"=", "+", "-", "@"} <= starts, "no formula ever came here"


# -- what is asked -------------------------------------------------------------------------------------------------


def test_a_hostile_question_is_refused_or_answered_and_never_run(session: BrowserContext, house: Running) -> None:
    base = f"{house.told['dashboards']}/api/sites"
    everything = session.request.get(f"{base}/example.com/stats?period=today").json()["totals"]
    paths = [f"example.com/stats?period=today&filter=page{how}{quote(text)}" for text in CORPUS for how in ("==", "~")]
    for text in map(quote, (*SQL, *PATHS[:3], *SIGNS[:2])):
        paths += [f"example.com/stats?{name}={text}" for name in ("period", "from", "by", "filter", "limit", "metrics")]
        paths += [f"example.com/stats.csv?period=today&by={text}", f"{text.replace('/', '%2F')}/stats"]
    for path in paths:
        answer = session.request.get(f"{base}/{path}")
        assert answer.status in (200, 400, 404), (path, answer.status)
        assert "DB::Exception" not in answer.text()
    assert session.request.get(f"{base}/example.com/stats?period=today").json()["totals"] == everything


@pytest.mark.parametrize(
    "where", ["sites/example.com/by/page?contains=", "sites/example.com?period=", "sites/", "sign-in?next="]
)
def test_a_hostile_address_is_text_on_the_page_that_answers(page: Page, house: Running, where: str) -> None:
    for text in (*HTML[: times(10)], *SQL[:2], *SIGNS[:2], *URLS[:2]):
        looked_at(page, f"{house.told['dashboards']}/{where}{quote(text, safe='')}")


def test_a_hostile_form_is_text_on_the_page_that_answers(page: Page, house: Running) -> None:
    for text in (*HTML[:4], *URLS[:1]):
        page.goto(f"{house.told['dashboards']}/engineers/request")
        for name in ("url", "referrer"):
            page.fill(f"[name={name}]", f"https://example.com/{text}")
        follow(page, "main form button")
        assert page.evaluate(FOREIGN) == []
        assert "example.com/" in page.inner_text("main")


# -- what is on the disk -------------------------------------------------------------------------------------------


def test_no_file_is_reached_by_a_name_from_outside(house: Running, tmp_path: Path) -> None:
    """Of what is asked and sent here nothing may become the name of a file, in any process of the house."""
    before = sorted(house.data.parent.iterdir())
    trace = tmp_path / "trace"
    tracer = None
    if may_trace():
        pids = [word for pid in house.processes() for word in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, *pids])
        # It is at work once it has seen the house do anything at all.
        eventually(lambda: trace.exists() and trace.stat().st_size)
    try:
        for text in PATHS:
            asked = quote(text, safe="/%")
            for start in ("static/", "static/..%2f", "js/", "js/..%2f", "", "sites/", "api/sites/", "sign-in/"):
                for address in (house.told["dashboards"], house.told["collector"]):
                    assert SECRET not in fetched(address, f"/{start}{asked}")
        send(house, (*PATHS, *SQL[:3], *HTML[:3], *SIGNS))
    finally:
        if tracer:
            tracer.terminate()
            tracer.wait(120)
    assert sorted(house.data.parent.iterdir()) == before
    if not tracer:
        pytest.skip(f"{NO_TRACE}: what was opened was not seen")
    touched = set(re.findall(r'"((?:[^"\\]|\\.)*)"', trace.read_text(errors="replace")))
    assert any("/spool/" in name for name in touched), "nothing was seen"
    words = ("passwd", SECRET, "evil", "DROP", "alert", ".ssh", "sqlite%", "7*7", "1+1", "byte", "isolate")
    # How much memory there may be: `limit_in_bytes` is no name from outside.
    touched = {name for name in touched if not name.startswith("/sys/fs/cgroup/")}
    assert not [name for name in touched if any(word in name for word in words)]


def fetched(address: str, path: str) -> str:
    """What an address answers to a path that no browser would have left as it is."""
    connection = http.client.HTTPConnection(urlsplit(address).hostname or "", urlsplit(address).port, timeout=60)
    try:
        connection.putrequest("GET", re.sub(r"[^!-~]", "", path), skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status in (200, 303, 400, 401, 404, 405, 410), path
        text = answer.read().decode("utf-8", "replace")
        assert "root:x:" not in text
        assert "SQLite format" not in text
        return text
    finally:
        connection.close()


def test_in_the_end_every_table_and_every_event_is_there(house: Running, store: Store) -> None:
    """Last: it stops the house."""
    assert house.stop() == 0
    tables, counted, found = rows(
        house.data,
        "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name",
        "SELECT sum(count) FROM ingest WHERE reason = 'accepted'",
        "SELECT count() FROM events",
    )
    expected = store.rows("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    assert {name for (name,) in expected} == {name for (name,) in tables}
    assert found == counted
    assert found[0][0] > 2 * len(CORPUS)
    assert "Traceback" not in house.log.read_text()
    assert (house.data.parent / f"{SECRET}.txt").read_text() == SECRET
