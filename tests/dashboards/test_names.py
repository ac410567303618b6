"""Rules of dashboards/web/format.py: how values and numbers are worded."""

from __future__ import annotations

import pytest

from dashboards.web import format as names


@pytest.mark.parametrize(
    ("dimension", "value", "shown"),
    [
        ("country", "DE", "Germany"),
        ("country", "GB", "United Kingdom"),
        ("country", "ZZ", "ZZ"),
        ("country", "", "(not set)"),
        ("region", "DE-BE", "DE-BE, Germany"),
        ("language", "de-AT", "German (de-AT)"),
        ("served_language", "de-AT → en", "German (de-AT) → English (en)"),
        ("served_language", "gsw → und", "gsw → unknown (und)"),
        ("device", "tv", "TV"),
        ("source", "", "Direct / None"),
        ("page", "(other)", "Other"),
        ("page", "/x", "/x"),
    ],
)
def test_values_have_names(dimension: str, value: str, shown: str) -> None:
    assert names.name_of(dimension, value) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (123_450, "EUR", "€1,234.50"),
        (9000, "JPY", "¥9,000"),
        (1_234_567, "KWD", "1,234.567 KWD"),
        (-500, "USD", "−$5.00"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, shown: str) -> None:
    assert names.money(amount, currency) == shown


def test_numbers_are_worded() -> None:
    assert [names.counted(n, "visitor") for n in (0, 1, 34_058)] == ["0 visitors", "1 visitor", "34,058 visitors"]
    assert [names.change(n) for n in (0.04, -4.25, 45.2, 1234.0)] == ["+0", "−4.2", "+45", "+1,234"]
    assert [names.duration(s) for s in (None, 7, 187, 3720)] == ["–", "7s", "3m 07s", "1h 02m"]
    assert [names.percent(p) for p in (None, 0, 0.01, 4.25, 9.97, 45.2)] == ["–", "0%", "<0.1%", "4.2%", "10%", "45%"]
    assert [names.vital(v, u) for v, u in ((2345, "ms"), (88, "ms"), (0.083, ""))] == ["2.35 s", "88 ms", "0.08"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the name 'Ada' is taken", "The name 'Ada' is taken."),
        ("period='week' is not known", "period='week' is not known."),
        ("Try again.", "Try again."),
    ],
)
def test_an_error_is_told_as_a_sentence_and_names_stay_as_they_are(text: str, said: str) -> None:
    assert names.sentence(text) == said
