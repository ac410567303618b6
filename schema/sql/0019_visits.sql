-- Visits: what days are rolled up from, one row each, kept as long as the raw rows they are of. `expires` is when the first
-- of these dies, and a partition expires as one. Whoever has new events gets new visits: of the rows of one key the highest
-- version counts, and where there are fewer visits than before, `deleted` says so.
CREATE TABLE IF NOT EXISTS {{ local('visits') }}{{ on_cluster }}
(
    site          LowCardinality(String),
    day           Date,
    version       UInt64 CODEC(Delta, ZSTD(1)),
    deleted       UInt8,
    visitor       UInt64 CODEC(ZSTD(1)),
    -- Its place among the visitor's visits of the day, from 0 on.
    visit         UInt32 CODEC(ZSTD(1)),
    again         UInt8,
    -- When the first of its raw rows dies, and the UTC date on which it was received.
    expires       Date,
    received      Date,
    came          UInt8,
    hour          UInt32 CODEC(ZSTD(1)),
    seconds       UInt32 CODEC(ZSTD(1)),
    viewed        UInt32 CODEC(ZSTD(1)),
    acted         UInt32 CODEC(ZSTD(1)),
    bounced       UInt8,
    engaged_ms    UInt64 CODEC(ZSTD(1)),
    first_device  LowCardinality(String),
    first_country LowCardinality(String),
    entry_page    String CODEC(ZSTD(1)),
    exit_page     String CODEC(ZSTD(1)),
    entry_host    LowCardinality(String),
    exit_host     LowCardinality(String),
    hits          Nested(name LowCardinality(String), path String, hostname LowCardinality(String), engaged_ms UInt32,
        currency LowCardinality(String), amount Int64) CODEC(ZSTD(1)),
    measured      Nested(path String, vitals Array(Float32)) CODEC(ZSTD(1)),
    source        LowCardinality(String),
    channel       LowCardinality(String),
    referrer      LowCardinality(String),
    country       LowCardinality(String),
    region        LowCardinality(String),
    language      LowCardinality(String),
    utm_campaign  LowCardinality(String),
    utm_source    LowCardinality(String),
    utm_medium    LowCardinality(String),
    utm_term      LowCardinality(String),
    utm_content   LowCardinality(String),
    device        LowCardinality(String),
    browser       LowCardinality(String),
    os            LowCardinality(String),
    screen        LowCardinality(String)
)
ENGINE = {{ engine('ReplacingMergeTree', 'version', 'deleted') }}
PARTITION BY expires
ORDER BY (site, day, visitor, visit)
TTL expires
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 600, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('visits', 'cityHash64(site, day)') }}

-- Of which raw rows the visits of an open day are made: of each spool the last place, how many, and the exclusive or of
-- their hashed places. The newest version counts.
CREATE TABLE IF NOT EXISTS {{ local('sessionized') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    day     Date,
    version UInt64,
    rows    UInt64,
    mark    UInt64,
    spools  Array(UInt8),
    last    Array(UInt64)
)
ENGINE = {{ engine('ReplacingMergeTree', 'version') }}
PARTITION BY (site, day)
ORDER BY (site, day);

{{ distributed('sessionized', 'cityHash64(site)') }}
