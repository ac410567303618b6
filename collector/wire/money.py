"""Revenue: an amount in one of the world's currencies, counted in its minor units.

In: what a page or a server says. Out: (currency, minor units). Promises: a code that is none of ISO 4217 is no money,
so that two spellings never become two sums; an amount is exact up to 10^15 minor units.
"""

from __future__ import annotations

from typing import Any

from schema.currency import DECIMALS

from .json_text import anything
from .values import number_of

MAX_AMOUNT = 10**15


def money_of(value: Any) -> tuple[str, int]:
    """(currency, minor units); ("", 0) where it is absent or makes no sense: the event is kept all the same."""
    if isinstance(value, str):
        value = anything(value)
    if not isinstance(value, dict):
        return "", 0
    currency = currency_of(value.get("currency"))
    number = number_of(value.get("amount"))
    if not currency or number is None or abs(number) > MAX_AMOUNT:
        return "", 0
    minor = round(number * 10 ** DECIMALS[currency])
    return (currency, minor) if abs(minor) <= MAX_AMOUNT else ("", 0)


def currency_of(value: Any) -> str:
    """The code in capitals; "" where it is none of ISO 4217."""
    code = value.strip().upper() if isinstance(value, str) and len(value) <= 16 else ""
    return code if code in DECIMALS else ""
