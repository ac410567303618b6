"""Who is behind the rare values of a day: the people of `(other)`, counted distinctly.

In: the sums of a day, its visits. Out: `work_values`, which values are rare; `work_others`, how many touched one.
Promises: what is noted of an open day is kept no longer than its sums, in memory, and names nobody.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so what
they touch is noted beside the sums, signed as these are, and a run adds what is new.
"""

from __future__ import annotations

from schema.metrics import PEOPLE_BUCKET

from .parallel import Statement, at_once
from .rows import SiteDay, choose
from .sums import RUN, converted, families, measured, paid, touched
from .visits import raw_value


def find_rare(of: SiteDay, k: int) -> None:
    """Fill `work_values`."""
    of.store.command("TRUNCATE TABLE work_values")
    # Conversions and vitals may be of values that nobody came to: a page that was left, but not seen.
    of.store.command(
        f"""INSERT INTO work_values
        SELECT dimension, value, people, multiIf(people < {{k:UInt32}}, 'rare', place = 1, 'smallest', 'enough')
        FROM
        (
            SELECT dimension, value, max(came) AS people,
                row_number() OVER (PARTITION BY dimension, people >= {{k:UInt32}} ORDER BY people, value) AS place
            FROM
            (
                SELECT dimension, value, sum(people) AS came FROM {of.sums}_cells WHERE {RUN}
                GROUP BY dimension, value HAVING came > 0
                UNION ALL
                SELECT dimension, value, 0 FROM {of.sums}_conversions WHERE {RUN}
                GROUP BY dimension, value, goal, currency HAVING sum(people) > 0
                UNION ALL
                SELECT dimension, value, 0 FROM {of.sums}_vitals WHERE {RUN} AND bucket = {PEOPLE_BUCKET}
                GROUP BY dimension, value, metric HAVING sum(people) > 0
            )
            GROUP BY dimension, value
        )""",
        of.named | {"k": k},
    )


def pass_over(of: SiteDay, k: int) -> None:
    """Fill `*_passed`, of a day that is computed whole: values of so many people that they will hardly become rare (a
    visit that goes on leaves its exit page). And `work_whose`: all who touched another one."""
    of.store.command(
        f"""INSERT INTO {of.sums}_passed SELECT {{run:UInt64}}, dimension, value FROM work_values
        WHERE people >= if(dimension = 'exit_page', 2, 1) * {{k:UInt32}}""",
        of.named | {"k": k},
    )
    near = f"FROM work_values WHERE (dimension, value) NOT IN {_passed(of)} AND dimension"
    columns: dict[str, list[str]] = {}
    for (dimension,) in of.store.rows(f"SELECT DISTINCT dimension {near} != '' ORDER BY dimension", of.named):
        columns.setdefault(raw_value(dimension), []).append(f"'{dimension}'")
    some = [f"{column} {of.within} (SELECT value {near} IN ({', '.join(those)}))" for column, those in columns.items()]
    if some:
        choose(of, " OR ".join(some))


def fell(of: SiteDay) -> bool:
    """Whether a value is rare now that was passed over: nobody noted who touched it."""
    rare = f"SELECT count() FROM work_values WHERE kind = 'rare' AND (dimension, value) IN {_passed(of)}"
    return bool(of.store.rows(rare, of.named)[0][0])


def notes(of: SiteDay) -> list[Statement]:
    """What adds to `*_touched` what those in `work_whose` touched by their visits."""
    return [(_noted(of, family, each), of.named) for family, each in _TOUCHING if family in families(of)]


def fill_others(of: SiteDay) -> None:
    """Fill `work_others`."""
    at_once(of.store, [(_OTHERS.replace("{sums}", of.sums), of.named)])


def _passed(of: SiteDay) -> str:
    return f"(SELECT dimension, value FROM {of.sums}_passed WHERE {RUN})"


def _noted(of: SiteDay, family: str, each: str) -> str:
    """SQL that adds what visits touched, of one family, to what is noted. each: who touched what."""
    # Not only what is rare: where the smallest other value of a dimension keeps it company, those who touched both are
    # one person each.
    return f"""
    INSERT INTO {of.sums}_touched
    SELECT {{run:UInt64}}, '{family}', dimension, value, name, currency,
        sipHash64Keyed(({{key:UInt64}}, {{run:UInt64}}), visitor), visit, sum(sign) AS times
    FROM
    (
        SELECT *, max((dimension, value) NOT IN {_passed(of)}) OVER (PARTITION BY sign, dimension, visitor) AS near
        FROM ({each})
        WHERE dimension != ''
    )
    WHERE near GROUP BY dimension, value, name, currency, visitor, visit HAVING times != 0"""


_VISITS = "(SELECT * FROM work_visits WHERE visitor IN (SELECT visitor FROM work_whose))"
_TOUCHING = (
    ("cells", touched(_VISITS)),
    ("conversions", converted(_VISITS)),
    ("conversions", paid(_VISITS)),
    ("vitals", measured(_VISITS)),
)

# Of what was touched: rare values, and with them the smallest of the others, which may keep them company.
_OTHERS = f"""
    INSERT INTO work_others
    SELECT family, dimension, name, currency, countIf(rare), sum(visits), countIf(rare AND NOT smallest), sum(beside)
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
