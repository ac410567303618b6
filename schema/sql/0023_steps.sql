-- The last snapshot of each value of an open day (rule N7), and when it was taken. What is shown (`open_*`) is the one before.
-- A value has a row for each snapshot; the newest counts. They go with the open day.
{% set cells = ['visitors', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds', 'engaged_ms'] %}
{% set samples = ['samples', 'good', 'poor', 'people'] %}
{% for family, keys, histogram, measures in [
    ('cells', [], '', cells),
    ('conversions', ['goal', 'currency'], '', ['converters', 'conversions', 'amount', 'payers']),
    ('vitals', ['metric'], 'bucket', samples),
] %}
CREATE TABLE IF NOT EXISTS {{ local('next_' ~ family) }}{{ on_cluster }}
(
    site         LowCardinality(String),
    grain        LowCardinality(String),
    day          Date,
    period       DateTime('UTC'),
    dimension    LowCardinality(String),
    value        String,
    by_dimension LowCardinality(String),
    by_value     String,
{% for key in keys %}
    {{ key }} LowCardinality(String),
{% endfor %}
{% if histogram %}
    buckets Array(Int16),
    counts Array(UInt64),
{% endif %}
{% for measure in measures %}
    {{ measure }} {{ 'Int64' if measure == 'amount' else 'UInt64' }},
{% endfor %}
{% if family == 'cells' %}
    exit_views UInt64 DEFAULT pageviews,
    timed_visits UInt64 DEFAULT visits,
{% endif %}
    taken DateTime('UTC')
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY (site, day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value{% for key in keys %}, {{ key }}{% endfor %});

{{ distributed('next_' ~ family, 'cityHash64(site)') }}
{% endfor %}

-- As of when an open day is shown; 0: nothing is. Earlier versions showed it as of when they put it in place. How far
-- its rows go is no longer asked.
{% for table in tables('open_through') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS as_of DateTime('UTC') DEFAULT toDateTime(intDiv(version, 1000000000)) AFTER networks;
ALTER TABLE {{ table }}{{ on_cluster }} DROP COLUMN IF EXISTS spools;
ALTER TABLE {{ table }}{{ on_cluster }} DROP COLUMN IF EXISTS last;
{% endfor %}
