"""Funnels on the page, in the interface and as CSV: what days do not tell is at least, never less than was told."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from schema.funnel import Funnel, Step

pytestmark = pytest.mark.clickhouse
BUY, READ = "Buy <b>", "Read"


@pytest.fixture
def rollups(rollups: Any, ago: Callable[[int], dt.date]) -> Any:
    """Three days: the first one counted the funnel by another definition, the third one does not tell all."""
    steps = (Step(page="/a<i>"), Step(section="/shop/"), Step(goal="Purchase"))
    funnels = (Funnel(BUY, steps), Funnel(READ, (Step(page="/"), Step(event="end"))))
    rollups.site = structs.replace(rollups.site, funnels=funnels)
    defined = rollups.site.funnel_definitions
    with rollups.together():
        for day in (1, 2, 3):
            rollups.cell(ago(day), visitors=50, released=True)
            rollups.release(ago(day), funnels=defined if day < 3 else {BUY: "another one"})
        for step, people in enumerate((30, 20, 12), start=1):
            rollups.step(ago(2), BUY, step, people)
            rollups.step(ago(3), BUY, step, 900)
        rollups.step(ago(1), BUY, 1, 40)
        rollups.step(ago(1), BUY, 3, 10, unsure=4)
        rollups.step(ago(2), BUY, 1, 8, dimension="country", value="DE")
        for value, visitors in (("AT", 20), ("DE", 30), ("(other)", 9)):
            rollups.cell(ago(2), "country", value, visitors=visitors, released=True)
    return rollups


def stats(client: TestClient, site: str, first: dt.date, last: dt.date, more: str = "", form: str = "") -> Any:
    return client.get(f"/api/sites/{site}/stats{form}?by=funnels&from={first}&to={last}{more}")


def test_each_step_has_people_rates_and_what_is_sure_of_them(client: TestClient, rollups: Any, ago: Any) -> None:
    answer = stats(client, rollups.site.key, ago(2), ago(1)).json()
    steps = [row for row in answer["rows"] if row["value"] == BUY]
    told = [(row["step"], row["people"], row["at_most"], row["certainty"], row["not_shown_days"]) for row in steps]
    assert told == [(1, 70, 70, "exact", 0), (2, 30, None, "at least", 1), (3, 22, 26, "at least", 1)]
    assert [row["what"] for row in steps] == ["page /a<i>", "section /shop/", "goal Purchase"]
    assert [(row["of_first"], row["of_before"], row["drop"], row["drop_certainty"]) for row in steps] == [
        (None, None, None, "exact"),
        (42.9, 42.9, 40, "about"),
        (31.4, 73.3, 8, "about"),
    ]
    assert any(note.startswith("A step of a funnel is “at least”") for note in answer["notes"])


def test_one_day_that_tells_all_is_exact(client: TestClient, rollups: Any, ago: Any) -> None:
    rows = stats(client, rollups.site.key, ago(2), ago(2), "&filter=funnel==Buy <b>").json()["rows"]
    assert [(row["people"], row["certainty"], row["drop"], row["drop_certainty"]) for row in rows] == [
        (30, "exact", None, "exact"),
        (20, "exact", 10, "exact"),
        (12, "exact", 8, "exact"),
    ]


def test_each_day_tells_its_steps_if_it_counted_the_funnel_as_it_is(client: TestClient, rollups: Any, ago: Any) -> None:
    address = f"/api/sites/{rollups.site.key}/stats?by=funnel_day&from={ago(3)}&to={ago(1)}"
    rows = client.get(address).json()["rows"]
    assert [(row["value"], row["funnel"], row["step"], row["people"], row["at_most"], row["drop"]) for row in rows] == [
        (str(ago(2)), BUY, 1, 30, 30, None),
        (str(ago(2)), BUY, 2, 20, 20, 10),
        (str(ago(2)), BUY, 3, 12, 12, 8),
        (str(ago(1)), BUY, 1, 40, 40, None),
        (str(ago(1)), BUY, 2, 10, None, 30),
        (str(ago(1)), BUY, 3, 10, 14, 0),
    ]
    assert [row["certainty"] for row in rows] == ["exact"] * 4 + ["at least"] * 2
    assert client.get(f"{address}&filter=funnel=={READ}").json()["rows"] == []
    of_country = client.get(f"{address}&filter=country==DE").json()["rows"]
    assert (of_country[0]["value"], of_country[0]["people"]) == (str(ago(2)), 8)


def test_days_of_another_definition_are_not_among_its_days(client: TestClient, rollups: Any, ago: Any) -> None:
    first = stats(client, rollups.site.key, ago(3), ago(1)).json()["rows"][0]
    assert (first["people"], first["certainty"], first["counted_since"]) == (70, "at least", str(ago(2)))


def test_by_channel_device_and_country_only(client: TestClient, rollups: Any, ago: Any) -> None:
    rows = stats(client, rollups.site.key, ago(2), ago(2), "&filter=country==DE").json()["rows"]
    assert [(row["people"], row["certainty"]) for row in rows[:2]] == [(8, "at least"), (0, "at least")]
    # Nobody is not what is known: a share of none would say so.
    assert [(row["of_first"], row["of_before"], row["drop"]) for row in rows[:3]] == [(None, None, None)] * 3
    page = client.get(f"/sites/{rollups.site.key}?period=custom&from={ago(2)}&to={ago(2)}&filter=country==DE").text
    card = page.partition('id="card-funnels"')[2].partition("</section>")[0]
    assert "≥ 8" in card
    assert not [sign for sign in ("≥ 0", "≈") if sign in card]
    refused = stats(client, rollups.site.key, ago(2), ago(2), "&filter=page==/")
    assert refused.status_code == 400
    assert "funnels are not kept by page: filter on channel, device, country" in refused.json()["error"]


def test_the_page_and_the_table_of_csv_show_them_as_text(client: TestClient, rollups: Any, ago: Any) -> None:
    page = client.get(f"/sites/{rollups.site.key}?period=custom&from={ago(2)}&to={ago(1)}").text
    card = page.partition('id="card-funnels"')[2].partition("</section>")[0]
    for text in ("Buy &lt;b&gt;", "1. page /a&lt;i&gt;", "≥ 30", "≈ 43%", "≈ 40", "≥: at least."):
        assert text in card, f"the card lacks {text}"
    table = stats(client, rollups.site.key, ago(2), ago(1), form=".csv").text
    rows = [*csv.DictReader(io.StringIO(table.lstrip("\ufeff")))]
    assert [(row["value"], row["step"], row["people"]) for row in rows][:3] == [
        (BUY, "1", "70"),
        (BUY, "2", "30"),
        (BUY, "3", "22"),
    ]


def test_the_table_in_full_has_every_step_of_the_whole_site_and_of_each_country(
    client: TestClient, rollups: Any, ago: Any
) -> None:
    table = f"/sites/{rollups.site.key}/by/funnels"
    days = f"from={ago(2)}&to={ago(2)}"
    answer = client.get(f"/api{table}.json?{days}&contains=buy").json()
    assert [(row["step"], row["people"], row["drop"]) for row in answer["rows"]] == [
        (1, 30, None),
        (2, 20, 10),
        (3, 12, 8),
    ]
    page = client.get(f"{table}?period=custom&{days}&of=country").text
    for text in ("Buy &lt;b&gt;", "page /a&lt;i&gt;", "Germany", "Went no further", '<option value="device">'):
        assert text in page, text
    rows = client.get(f"/api{table}.json?{days}&of=country&order=people").json()["rows"]
    assert rows[0] == client.get(f"/api/sites/{rollups.site.key}/stats?by=funnels&{days}&filter=country==DE").json()[
        "rows"
    ][0] | {"country": "DE"}
    assert {row["country"] for row in rows} == {"AT", "DE"}
    (only,) = {
        row["country"] for row in client.get(f"/api{table}.json?{days}&of=country&filter=country==AT").json()["rows"]
    }
    assert only == "AT"
    table_as_csv = client.get(f"/api{table}.csv?{days}&of=country").text
    assert next(csv.DictReader(io.StringIO(table_as_csv.lstrip("\ufeff"))))["country"] == "DE"
    for wrong, said in (("of=page", "channel, device, country"), ("of=country&filter=device==mobile", "not")):
        refused = client.get(f"/api{table}.json?{days}&{wrong}")
        assert (refused.status_code, said in refused.json()["error"]) == (400, True)
    linked = client.get(f"/sites/{rollups.site.key}/goals?period=custom&{days}&split=country").text
    assert f'href="{table}?period=custom&amp;from={ago(2)}&amp;to={ago(2)}&amp;of=country"' in linked
