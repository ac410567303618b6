-- From where to where people went (schema/journeys.py): of days only, so nothing of it waits.
{% for state in ['staging', 'open', 'next', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_journeys' if state == 'staging' else local(state ~ '_journeys') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    kind LowCardinality(String),
    origin String,
    target String,
    people UInt64,
    times UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, kind, origin, target)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_journeys', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
