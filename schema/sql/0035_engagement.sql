-- How far pages were scrolled and how long they were attended to, in bands (schema/engagement.py).
{% for state in ['staging', 'open', 'next', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_engagement' if state == 'staging' else local(state ~ '_engagement') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    page String,
    report LowCardinality(String),
    band UInt16,
    visitors UInt64,
    visits UInt64,
    depth UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, page, report, band)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_engagement', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}

CREATE TABLE IF NOT EXISTS {{ local('late_engagement') }}{{ on_cluster }}
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
    page String,
    report LowCardinality(String),
    band UInt16,
    visitors UInt64,
    visits UInt64,
    depth UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, page, report, band)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_engagement', 'cityHash64(site)') }}

CREATE TABLE IF NOT EXISTS {{ local('waiting_engagement') }}{{ on_cluster }}
(
    site LowCardinality(String),
    day Date,
    expires Date,
    dimension LowCardinality(String),
    value String,
    parents Array(String),
    page String,
    report LowCardinality(String),
    band UInt16,
    people Int64,
    others Int64,
    visits Int64,
    depth Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day, dimension, value, page, report, band)
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_engagement', 'cityHash64(site)') }}
