-- How many of those whom pages were fast for reached a goal, and of those whom they were slow for (schema/experience.py).
{% for state in ['staging', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_experience' if state == 'staging' else local(state ~ '_experience') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    vital LowCardinality(String),
    goal LowCardinality(String),
    band LowCardinality(String),
    people UInt64,
    converters UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, vital, goal, band)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_experience', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}

CREATE TABLE IF NOT EXISTS {{ local('late_experience') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    days UInt16,
    vital LowCardinality(String),
    goal LowCardinality(String),
    band LowCardinality(String),
    people UInt64,
    converters UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, vital, goal, band)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_experience', 'cityHash64(site)') }}

CREATE TABLE IF NOT EXISTS {{ local('waiting_experience') }}{{ on_cluster }}
(
    site LowCardinality(String),
    day Date,
    expires Date,
    dimension LowCardinality(String),
    value String,
    parents Array(String),
    vital LowCardinality(String),
    goal LowCardinality(String),
    band LowCardinality(String),
    people Int64,
    others Int64,
    converters Int64,
    converters_others Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day, dimension, value, vital, goal, band)
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_experience', 'cityHash64(site)') }}
