-- What the house knows about itself: counts by outcome, how far each spool has arrived, what has expired.
CREATE TABLE IF NOT EXISTS {{ local('ingest') }}{{ on_cluster }}
(
    site   LowCardinality(String),
    minute DateTime('UTC'),
    reason LowCardinality(String),
    count  UInt64
)
ENGINE = {{ engine('SummingMergeTree') }}
PARTITION BY toYYYYMM(minute)
ORDER BY (site, minute, reason)
TTL minute + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 200000;

{{ distributed('ingest', 'cityHash64(site)') }}

CREATE TABLE IF NOT EXISTS {{ local('watermarks') }}{{ on_cluster }}
(
    spool            String,
    received_through DateTime('UTC')
)
ENGINE = {{ engine('ReplacingMergeTree', 'received_through') }}
ORDER BY spool;

{{ distributed('watermarks', 'cityHash64(spool)') }}

CREATE TABLE IF NOT EXISTS {{ local('expiries') }}{{ on_cluster }}
(
    at        DateTime('UTC'),
    source    LowCardinality(String),
    partition String,
    rows      UInt64
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY at
SETTINGS non_replicated_deduplication_window = 1000;

{{ distributed('expiries', 'rand()') }}
