-- A measure is shown only where enough people contributed to it, and so are the rates made of it: what they are divided by
-- has to be of the same days. Released rows have what they had, because a release never changes; they are divided as
-- before.
{% for state in ['open', 'staging', 'released'] %}
{% for table in (['staging_cells'] if state == 'staging' else tables(state ~ '_cells')) %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS exit_views UInt64 DEFAULT pageviews AFTER engaged_ms;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS timed_visits UInt64 DEFAULT visits AFTER exit_views;
{% endfor %}
{% endfor %}

-- The sums of months are made again from the released rows.
{% for table in ['months', 'months_cells', 'months_vitals'] %}
TRUNCATE TABLE IF EXISTS {{ local(table) }}{{ on_cluster }};
{% endfor %}
{% for table in tables('months_cells') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS exit_views UInt64 AFTER engaged_ms;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS timed_visits UInt64 AFTER exit_views;
{% endfor %}
{% for table in tables('months') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS totals.exit_views Array(UInt64) AFTER totals.engaged_ms;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS totals.timed_visits Array(UInt64) AFTER totals.exit_views;
{% endfor %}

{% for place in ['work', 'sums'] %}
-- How many people contributed to what of a value. kind: see pipeline/contributors.py.
CREATE TABLE IF NOT EXISTS {{ place }}_contributors{{ on_cluster }}
(
    run       UInt64,
    dimension LowCardinality(String),
    value     String,
    kind      LowCardinality(String),
    people    Int64
)
ENGINE = Memory;

{% endfor %}
-- To what of a value, folded or not, enough people contributed.
CREATE TABLE IF NOT EXISTS work_contributed{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String,
    kind      LowCardinality(String)
)
ENGINE = Memory;
