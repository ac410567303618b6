-- Who of segments that are added to days which were released before reached a goal (rule N6).
CREATE TABLE IF NOT EXISTS {{ local('late_segment_goals') }}{{ on_cluster }}
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
    segment LowCardinality(String),
    goal LowCardinality(String),
    currency LowCardinality(String),
    converters UInt64,
    conversions UInt64,
    amount Int64,
    payers UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, segment, goal, currency)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_segment_goals', 'cityHash64(site)') }}
