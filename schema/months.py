"""How the sums of a month say which releases they are of: what the pipeline writes and the dashboards compare.

In: nothing. Out: the tables' names, and SQL for a release's mark.
"""

from __future__ import annotations

from .families import FAMILIES

# `months` last: its row is what makes the others count.
TABLES = ("months_cells", "months_vitals", "months")
# One released day in 64 bits. The marks of several days are combined by XOR: another day, another release of a day
# after a restored backup, or one day less gives another number.
MARK = "sipHash64(day, number, digest)"
TOTALS = ("day", *FAMILIES["cells"].measure_names)
GOALS = ("day", *FAMILIES["conversions"].key_names, *FAMILIES["conversions"].measure_names)
