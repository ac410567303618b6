-- Funnels that are added to days which were released before they were declared (rule N6). The manifest names them, as it
-- names those of days.
CREATE TABLE IF NOT EXISTS {{ local('late_funnels') }}{{ on_cluster }}
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
    funnel LowCardinality(String),
    step UInt8,
    people UInt64,
    unsure UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, funnel, step)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_funnels', 'cityHash64(site)') }}
