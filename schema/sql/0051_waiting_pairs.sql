-- What a day hides of pairs waits for its week and its four weeks (rule N2).
CREATE TABLE IF NOT EXISTS {{ local('waiting_pairs') }}{{ on_cluster }}
(
    site LowCardinality(String),
    day Date,
    expires Date,
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    cell String,
    row_line String,
    column_line String,
    above Array(String),
    few UInt8,
    told UInt8,
    people Int64,
    others Int64,
    visits Int64,
    pageviews Int64,
    bounces Int64,
    visit_seconds Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day, dimension, by_dimension, value, by_value, cell)
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_pairs', 'cityHash64(site)') }}
