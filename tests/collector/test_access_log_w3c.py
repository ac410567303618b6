"""Logs whose lines are told by a line `#Fields:`: of IIS, with blanks, and of CloudFront, with tabs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from collector.model import Client
from collector.outcome import Reason
from collector.wire.access_log.lines import PIECE, lines_of, pieces
from collector.wire.access_log.reader import Log
from collector.wire.access_log.recognize import recognize
from collector.wire.access_log.tally import Tally
from collector.wire.access_log.unreadable import Unreadable
from tests.collector.log_lines import ADDRESS, AGENT, read, reader, reading, rules

IIS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
CLOUDFRONT = (
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query x-host-header x-forwarded-for"
)
MOMENT = int(dt.datetime(2025, 10, 14, 21, 2, 31, tzinfo=dt.UTC).timestamp())


def iis(page: str = "/a", query: str = "-", address: str = ADDRESS, status: str = "200", agent: str = "") -> str:
    agent = agent or AGENT.replace(" ", "+")
    return f"2025-10-14 21:02:31 10.0.0.4 GET {page} {query} 443 - {address} {agent} https://a.test/x?y {status} 0 0 15"


def cloudfront(agent: str, forwarded: str = "-") -> str:
    values = ("2025-10-14", "21:02:31", "LAX1", "392", ADDRESS, "GET", "d1.cloudfront.net", "/a", "200", "-", agent)
    return "\t".join((*values, "b=c", "example.com", forwarded))


# A zone of its own has no say: the format's times are of UTC.
BERLIN = rules(timezone="Europe/Berlin")


def test_lines_of_iis_have_their_fields_by_name() -> None:
    found = read(iis(query="b=c"), [IIS, iis()], site=BERLIN)
    assert found == ("https://example.com/a?b=c", "https://a.test/x?y", Client(ADDRESS, AGENT), MOMENT)
    assert recognize([IIS, iis()]).name == "W3C"


@pytest.mark.parametrize("blank", ["%20", "%2520"])
def test_lines_of_cloudfront_have_tabs_and_the_host_that_visitors_asked_for(blank: str) -> None:
    text = cloudfront(AGENT.replace(" ", blank))
    assert read(text, [CLOUDFRONT, text]) == ("https://example.com/a?b=c", "", Client(ADDRESS, AGENT), MOMENT)


def test_a_value_in_quotes_has_blanks() -> None:
    header = "#Fields: c-ip date time cs-method cs-uri sc-status cs(User-Agent)"
    text = f'{ADDRESS} 2025-10-14 21:02:31 GET /a?b=c 200 "{AGENT} ""x"""'
    assert read(text, [header, text]) == ("https://example.com/a?b=c", "", Client(ADDRESS, f'{AGENT} "x"'), MOMENT)


def test_forwarded_addresses_are_believed_of_named_proxies_only() -> None:
    text = cloudfront(AGENT.replace(" ", "%20"), "203.0.113.9,%20198.51.100.99")
    assert read(text, [CLOUDFRONT, text])[2].address == ADDRESS
    assert read(text, [CLOUDFRONT, text], proxies=(f"{ADDRESS}/32",))[2].address == "198.51.100.99"


def test_the_line_of_fields_may_be_given_where_the_log_has_none() -> None:
    assert read(iis(), format=IIS)[3] == MOMENT
    with pytest.raises(Unreadable, match="no format that is known: it begins like one of the W3C format"):
        reader([iis()])
    with pytest.raises(Unreadable, match="has a name for each value; its fields are: time time address word"):
        reader([IIS, iis().rpartition(" ")[0]])


@pytest.mark.parametrize(("field", "what"), [("c-ip", "client's address"), ("date", "date"), ("sc-status", "status")])
def test_a_log_that_lacks_a_field_is_refused_by_its_name(field: str, what: str) -> None:
    with pytest.raises(Unreadable, match=rf"none for the {what} \({field}\)"):
        reader([IIS.replace(f" {field}", " x"), iis()])


def test_a_log_without_browser_strings_is_refused() -> None:
    with pytest.raises(Unreadable, match="no browser string"):
        reader([IIS.replace("cs(User-Agent)", "x"), iis()])


def test_a_line_with_a_field_too_few_is_a_bad_one_and_quotes_end_somewhere() -> None:
    for text in (iis().rpartition(" ")[0], f'{iis()} "', '"' * 5000, "# " + iis()):
        assert reader([IIS, iis()]).read(text) is Reason.BAD_LINE


def test_a_day_of_nobody_is_an_empty_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"#Version: 1.0\n{IIS}\n")
    log = Log(str(tmp_path / "log"), reading())
    assert (list(log), log.format) == ([], "")


def test_fields_that_change_hold_from_there_on_in_every_piece_whoever_reads_it(tmp_path: Path) -> None:
    turned = IIS.replace("cs-uri-stem cs-uri-query", "cs-uri-query cs-uri-stem")
    many = PIECE // len(iis()) + 10
    first, later = [iis()] * many, [iis("-", "/b")] * many
    (tmp_path / "log").write_text("\n".join([IIS, *first, turned, *later, IIS.replace("c-ip", "x"), iis()]))
    urls: list[str] = []
    tally = Tally()
    for piece in pieces(str(tmp_path / "log"), lambda _: None):
        # Of another process, which has read none of the pieces before.
        outcomes = list(reader([IIS, iis()]).outcomes(lines_of(piece), tally))
        urls += [each.name if isinstance(each, Reason) else each[0].url for each in outcomes]
    assert urls == ["https://example.com/a"] * many + ["https://example.com/b"] * many + ["BAD_LINE"]
    assert (tally.numbered, tally.lines) == (2 * many + 4, 2 * many + 1)
