-- Whose rows of a day are to go, because consent was withdrawn. Emptied once they are gone, partition by partition;
-- the TTL is for an erasure that nobody comes to carry out: no raw row lives longer than its 759 days.
CREATE TABLE IF NOT EXISTS {{ local('erasures') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    at      DateTime('UTC'),
    day     Date,
    visitor UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfInterval(at, INTERVAL 10 SECOND)
ORDER BY (site, day, visitor)
TTL at + INTERVAL 759 DAY
SETTINGS old_parts_lifetime = 60, non_replicated_deduplication_window = 1000, fsync_after_insert = 1,
    fsync_part_directory = 1;

{{ distributed('erasures', 'cityHash64(site)') }}
