-- Who of a cell of a pair reached a goal (schema/pairs.py), of days that are over.
{% for state in ['staging', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_pair_goals' if state == 'staging' else local(state ~ '_pair_goals') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    goal LowCardinality(String),
    currency LowCardinality(String),
    converters UInt64,
    conversions UInt64,
    amount Int64,
    payers UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, goal, currency)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_pair_goals', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
