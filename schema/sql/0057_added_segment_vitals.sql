-- How fast pages were for the visits of segments that are added to days which were released before (rule N6).
CREATE TABLE IF NOT EXISTS {{ local('late_segment_vitals') }}{{ on_cluster }}
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
    metric LowCardinality(String),
    bucket Int16,
    samples UInt64,
    good UInt64,
    poor UInt64,
    people UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, segment, metric, bucket)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_segment_vitals', 'cityHash64(site)') }}
