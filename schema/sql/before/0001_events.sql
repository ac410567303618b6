-- Raw events: anonymous, short-lived. Every partition expires as one, because lifetime is part of its name.
CREATE TABLE IF NOT EXISTS {{ local('events') }}{{ on_cluster }}
(
    site            LowCardinality(String),
    received        DateTime('UTC') CODEC(Delta, ZSTD(1)),
    day             Date CODEC(ZSTD(1)),
    lifetime        UInt16 CODEC(ZSTD(1)),
    id              UInt64 CODEC(ZSTD(1)),
    visitor         UInt64 CODEC(ZSTD(1)),
    name            LowCardinality(String),
    interactive     Bool CODEC(ZSTD(1)),
    hostname        LowCardinality(String),
    path            String CODEC(ZSTD(1)),
    query           String CODEC(ZSTD(1)),
    referrer        String CODEC(ZSTD(1)),
    source          LowCardinality(String),
    channel         LowCardinality(String),
    utm_source      LowCardinality(String),
    utm_medium      LowCardinality(String),
    utm_campaign    String CODEC(ZSTD(1)),
    utm_term        String CODEC(ZSTD(1)),
    utm_content     String CODEC(ZSTD(1)),
    country         LowCardinality(String),
    region          LowCardinality(String),
    city            LowCardinality(String),
    device          LowCardinality(String),
    browser         LowCardinality(String),
    browser_version LowCardinality(String),
    os              LowCardinality(String),
    os_version      LowCardinality(String),
    screen          LowCardinality(String),
    language        LowCardinality(String),
    props           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    currency        LowCardinality(String),
    amount          Int64 CODEC(ZSTD(1)),
    engaged_ms      UInt32 CODEC(ZSTD(1)),
    scroll          UInt8 CODEC(ZSTD(1)),
    lcp             Float32 CODEC(ZSTD(1)),
    inp             Float32 CODEC(ZSTD(1)),
    cls             Float32 CODEC(ZSTD(1)),
    fcp             Float32 CODEC(ZSTD(1)),
    ttfb            Float32 CODEC(ZSTD(1)),
    network         String CODEC(ZSTD(1)),
    -- Spool file and place in it: the order of events of the same second.
    sequence        UInt64 CODEC(ZSTD(1))
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY (lifetime, toDate(received))
ORDER BY (site, day, visitor, received, sequence)
TTL toDate(received) + toIntervalDay(lifetime)
SETTINGS ttl_only_drop_parts = 1, merge_with_ttl_timeout = 600, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 200000, fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('events', 'cityHash64(site, day)') }}
