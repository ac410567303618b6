-- Page views that a visitor's own signal had counted without being recorded, per four weeks (rule N8): with a secret
-- offset, rounded down to ten; drawn once, never changed. day: the first one. complete: all of them were counted.
CREATE TABLE IF NOT EXISTS {{ local('bare_totals') }}{{ on_cluster }}
(
    site      LowCardinality(String),
    day       Date,
    pageviews UInt64,
    complete  Bool
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('bare_totals', 'cityHash64(site)') }}

-- What became of all other beacons, by days (UTC) that are over, rounded down to ten: what the dashboards may know of
-- `ingest`.
CREATE TABLE IF NOT EXISTS {{ local('outcomes') }}{{ on_cluster }}
(
    site   LowCardinality(String),
    day    Date,
    reason LowCardinality(String),
    count  UInt64
)
ENGINE = {{ engine('ReplacingMergeTree') }}
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, reason)
TTL day + INTERVAL 400 DAY;

{{ distributed('outcomes', 'cityHash64(site)') }}
