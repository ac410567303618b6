"""Which properties are an order's id: the number by which a shop knows a customer.

In: a property's name, and whether its event brings revenue. Out: whether its value is an order's id. Promises: such a
value is no property; an event's keyed id may be made of it.
"""

from __future__ import annotations

# As shops and tag managers call it, without case and without what joins words.
_ORDER_IDS = frozenset({"transactionid", "orderid", "ordernumber"})
# What may be the way a list is sorted, or the number of a payment, where nothing is paid.
_ORDER_IDS_OF_REVENUE = _ORDER_IDS | {"order", "transaction"}
# Before the id of an order whose money is given back, which is not the order sent again.
REFUND = "refund"
_JOINTS = str.maketrans("", "", "_- .")


def is_order_id(key: str, has_revenue: bool) -> bool:
    """Whether a property of that name is an order's id."""
    return key.lower().translate(_JOINTS) in (_ORDER_IDS_OF_REVENUE if has_revenue else _ORDER_IDS)
