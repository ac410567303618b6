-- Pages that crawlers asked for, by section, as they come in: for the pipeline only, and only until they are published.
-- run: of the import that brought them, empty for what was collected live.
CREATE TABLE IF NOT EXISTS {{ local('crawler_views') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    day     Date,
    crawler LowCardinality(String),
    section String,
    views   UInt64,
    run     LowCardinality(String)
)
ENGINE = {{ engine('SummingMergeTree') }}
PARTITION BY run
ORDER BY (site, day, crawler, section, run)
TTL day + INTERVAL 60 DAY DELETE WHERE run = ''
SETTINGS non_replicated_deduplication_window = 200000;

{{ distributed('crawler_views', 'cityHash64(site)') }}

-- The same of days that are over, for everybody.
CREATE TABLE IF NOT EXISTS {{ local('crawlers') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    day     Date,
    run     LowCardinality(String),
    crawler LowCardinality(String),
    section String,
    views   UInt64
)
ENGINE = {{ engine('ReplacingMergeTree') }}
ORDER BY (site, day, run, crawler, section)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('crawlers', 'cityHash64(site)') }}
