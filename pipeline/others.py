"""Who is behind the rare values of a day: the people of `(other)`, counted distinctly.

In: the sums of a day, its visits. Out: `work_values`, which values are rare; `work_others`, how many touched one.
Promises: what is noted of an open day is kept no longer than its sums, in memory, and names nobody.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so what
they touch is noted beside the sums, signed as these are, and a run adds what is new.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from schema.event import ENGAGEMENT, PAGEVIEW

from .contributors import HITS, KINDS_OF_HIT, KINDS_OF_VISIT
from .insert import insert
from .parallel import Statement
from .rows import SiteDay, choose
from .sums import METRICS, RUN, VIEWED, families
from .visits import OF_VISITS, raw_value

# The last to keep a rare value company: how many page views there were is known, and who has no campaign or came
# directly is no rare campaign or source.
_KNOWN = f"(value = '' OR dimension = 'event' AND value = '{PAGEVIEW}')"
_VALUES = {name: name for name in ("dimension", "value", "people")} | {
    "kind": "multiIf(people < {k:UInt32}, 'rare', place = 1, 'smallest', 'enough')"
}
_TOUCHED = {name: name for name in ("dimension", "value", "name", "currency", "visit")} | {
    "run": "{run:UInt64}",
    "who": "sipHash64Keyed(({key:UInt64}, {run:UInt64}), visitor)",
    "times": "sum(sign)",
}


def find_rare(of: SiteDay, k: int) -> None:
    """Fill `work_values`."""
    # Conversions, vitals and reports may be of values that nobody came to: a page that was left, but not seen.
    of.store.command(
        f"""{insert("work_values", _VALUES)}
        FROM
        (
            SELECT dimension, value, max(came) AS people,
                row_number() OVER
                    (PARTITION BY dimension, people >= {{k:UInt32}} ORDER BY {_KNOWN}, people, value) AS place
            FROM
            (
                SELECT dimension, value, sum(people) AS came FROM {of.sums}_cells WHERE {RUN}
                GROUP BY dimension, value HAVING came > 0
                UNION ALL
                SELECT dimension, value, 0 FROM {of.sums}_conversions WHERE {RUN}
                GROUP BY dimension, value, goal, currency HAVING sum(people) > 0
                UNION ALL
                SELECT dimension, value, 0 FROM {of.sums}_vitals WHERE {RUN}
                GROUP BY dimension, value, metric HAVING sum(people) > 0
                UNION ALL
                SELECT dimension, value, 0 FROM {of.sums}_contributors WHERE {RUN}
                GROUP BY dimension, value, kind HAVING sum(people) > 0
            )
            GROUP BY dimension, value
        )""",
        of.named | {"k": k},
    )


class Near(Struct, frozen=True):
    """dimensions: those that have values which were not passed over. fell: one is rare that was."""

    dimensions: frozenset[str]
    fell: bool


def look_near(of: SiteDay) -> Near:
    """See what may have to be noted."""
    rows = of.store.rows(
        f"""SELECT dimension, max(NOT passed), max(passed AND kind = 'rare')
        FROM (SELECT dimension, kind, (dimension, value) IN {_passed(of)} AS passed FROM work_values)
        GROUP BY dimension""",
        of.named,
    )
    near = frozenset(dimension for dimension, near, _ in rows if near and dimension)
    return Near(near, any(fell for *_, fell in rows))


def pass_over(of: SiteDay, k: int) -> None:
    """Fill `*_passed`, of a day that is computed whole: values of so many people that they will hardly become rare (a
    visit that goes on leaves its exit page)."""
    of.store.command(
        f"""INSERT INTO {of.sums}_passed (run, dimension, value)
        SELECT {{run:UInt64}}, dimension, value FROM work_values
        WHERE people >= if(dimension = 'exit_page', 2, 1) * {{k:UInt32}}""",
        of.named | {"k": k},
    )


def choose_near(of: SiteDay, dimensions: Collection[str]) -> None:
    """Fill `work_whose`: who touched a value of these that was not passed over."""
    columns: dict[str, list[str]] = {}
    for dimension in sorted(dimensions):
        columns.setdefault(raw_value(dimension), []).append(f"'{dimension}'")
    near = f"SELECT value FROM work_values WHERE (dimension, value) NOT IN {_passed(of)} AND dimension IN"
    some = [f"{column} {of.within} ({near} ({', '.join(those)}))" for column, those in columns.items()]
    if some:
        choose(of, " OR ".join(some))


def noting(of: SiteDay, dimensions: Collection[str], whose: str = "") -> list[Statement]:
    """The statements that add to `*_touched` what visits touched of these. whose: SQL for which visits, if not all."""
    visits = f"(SELECT * FROM work_visits WHERE {whose})" if whose else "work_visits"
    touching = (("cells", _touched), ("contributors", _contributed), ("conversions", _converted), ("vitals", _measured))
    return [
        (_noted(of, family, touch(visits, dimensions)), of.named)
        for family, touch in touching
        if dimensions and family in (*families(of), "contributors")
    ]


def fill_others(of: SiteDay) -> None:
    """Fill `work_others`."""
    of.store.command(_OTHERS.replace("{sums}", of.sums), of.named)


def _passed(of: SiteDay) -> str:
    return f"(SELECT dimension, value FROM {of.sums}_passed WHERE {RUN})"


def _noted(of: SiteDay, family: str, each: str) -> str:
    """SQL that adds what visits touched, of one family, to what is noted. each: who touched what."""
    # Not only what is rare: where the smallest other value of a dimension keeps it company, those who touched both are
    # one person each.
    return f"""
    {insert(f"{of.sums}_touched", {"family": f"'{family}'"} | _TOUCHED)}
    FROM
    (
        SELECT *, max((dimension, value) NOT IN {_passed(of)}) OVER (PARTITION BY visitor, dimension, sign) AS near
        FROM ({each})
        WHERE dimension != ''
    )
    WHERE near GROUP BY dimension, value, name, currency, visitor, visit HAVING sum(sign) != 0"""


# Who touched what, as SQL: (sign, visitor, visit, dimension, value, name, currency), the visit of cells only. visits:
# of which. near: which dimensions are wanted; "" is not.


def _pairs(values: Mapping[str, str], near: Collection[str]) -> str:
    """(dimension, value) of those that are wanted. values: SQL, by dimension."""
    wanted = "".join(
        f", ('{dimension}', toString({value}))" for dimension, value in values.items() if dimension in near
    )
    return f"[('', ''){wanted}]"


_OF_VISIT = {dimension: dimension for dimension in OF_VISITS}


def _touched(visits: str, near: Collection[str]) -> str:
    """Every visit that counts as one touched each of its values once."""
    acted = f"arrayFilter(name -> name != '{ENGAGEMENT}', hits.name)"
    hits = {"page": VIEWED, "hostname": "arrayDistinct(hits.hostname)", "event": f"arrayDistinct({acted})"}
    several = (f"arrayMap(v -> ('{name}', toString(v)), {values})" for name, values in hits.items() if name in near)
    return f"""
        SELECT sign, visitor, visit, d.1 AS dimension, d.2 AS value, '' AS name, '' AS currency
        FROM {visits} ARRAY JOIN arrayConcat({", ".join((_pairs(_OF_VISIT, near), *several))}) AS d WHERE came"""


def _converted(visits: str, near: Collection[str]) -> str:
    """Who reached which goal by which value, and who paid in which currency."""
    hit = _pairs({"page": "r.path", "hostname": "r.hostname", "event": "r.name"}, near)
    return f"""
        SELECT sign, visitor, 0 AS visit, d.1 AS dimension, d.2 AS value, r.goal AS name, money AS currency
        FROM {visits} ARRAY JOIN reached AS r
        ARRAY JOIN arrayConcat(if(came, {_pairs(_OF_VISIT, near)}, []), {hit}) AS d
        ARRAY JOIN if(r.currency = '', [''], ['', toString(r.currency)]) AS money"""


def _measured(visits: str, near: Collection[str]) -> str:
    """Who measured what."""
    pairs = _pairs({"page": "m.path", "device": "first_device", "country": "first_country"}, near)
    return f"""
        SELECT sign, visitor, 0 AS visit, d.1 AS dimension, d.2 AS value, metric AS name, '' AS currency
        FROM {visits} ARRAY JOIN measured AS m
        ARRAY JOIN arrayFilter((name, v) -> v >= 0, [{METRICS}], m.vitals) AS metric ARRAY JOIN {pairs} AS d"""


def _contributed(visits: str, near: Collection[str]) -> str:
    """Who contributed to what."""
    ends = (("page", "entry_page", "entrant"), ("hostname", "entry_host", "entrant"),
            ("page", "exit_page", "leaver"), ("hostname", "exit_host", "leaver"))  # fmt: skip
    of_ends = "".join(f", ('{name}', toString({end}), '{kind}')" for name, end, kind in ends if name in near)
    of_hit = _pairs({"page": "path", "hostname": "hostname"}, near)
    return f"""
        SELECT sign, visitor, 0 AS visit, d.1 AS dimension, d.2 AS value, kind AS name, '' AS currency
        FROM {visits} ARRAY JOIN {KINDS_OF_VISIT} AS kind ARRAY JOIN {_pairs(_OF_VISIT, near)} AS d WHERE came
        UNION ALL
        SELECT sign, visitor, 0, d.1, d.2, d.3, ''
        FROM {visits} ARRAY JOIN [('', '', ''){of_ends}] AS d WHERE viewed > 0
        UNION ALL
        SELECT sign, visitor, 0, d.1, d.2, kind, ''
        FROM (SELECT sign, visitor, came, path, hostname, seen, arrayJoin({KINDS_OF_HIT}) AS kind
            FROM {visits} ARRAY JOIN {HITS})
        ARRAY JOIN {of_hit} AS d WHERE if(d.1 = 'page', seen OR NOT came, came)"""


# -- (other) ---------------------------------------------------------------------------------------------------------

# Of what was touched: rare values, and with them the smallest of the others, which may keep them company.
_BEHIND = {name: name for name in ("family", "dimension", "name", "currency")} | {
    "people": "countIf(rare)",
    "visits": "sum(visits)",
    "people_beside": "countIf(rare AND NOT smallest)",
    "visits_beside": "sum(beside)",
}
_OTHERS = f"""
    {insert("work_others", _BEHIND)}
    FROM
    (
        SELECT family, dimension, name, currency, who, max(v.rare) AS rare, max(v.smallest) AS smallest,
            countIf(v.rare) AS visits, countIf(v.rare AND NOT v.smallest) AS beside
        FROM
        (
            SELECT family, dimension, name, currency, who, visit, max(r) AS rare, max(NOT r) AS smallest
            FROM
            (
                SELECT family, dimension, value, name, currency, who, visit FROM {{sums}}_touched WHERE {RUN}
                GROUP BY family, dimension, value, name, currency, who, visit HAVING sum(times) > 0
            ) AS t
            INNER JOIN (SELECT dimension, value, kind = 'rare' AS r FROM work_values WHERE kind != 'enough') AS compared
            USING (dimension, value)
            GROUP BY family, dimension, name, currency, who, visit
        ) AS v
        GROUP BY family, dimension, name, currency, who
    )
    GROUP BY family, dimension, name, currency HAVING countIf(rare) > 0"""
