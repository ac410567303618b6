-- What the released days of a month add up to: a question about years reads these instead of every day. They are sums
-- over `released_*` and nothing else, made anew whenever another day of the month is released, and can be dropped and
-- made again at any time. `made` tells one making from another: rows count only if a row of `months` names theirs.
CREATE TABLE IF NOT EXISTS {{ local('months') }}{{ on_cluster }}
(
    site     LowCardinality(String),
    month    Date,
    made     UInt64,
    -- Which releases the sums are of (schema/months.py); good for as long as the manifest says the same.
    releases UInt64,
    -- The whole site, by day: good for parts of a month, too.
    totals   Nested(day Date, visitors UInt64, visits UInt64, pageviews UInt64, events UInt64, entries UInt64,
        exits UInt64, bounces UInt64, visit_seconds UInt64, engaged_ms UInt64),
    goals    Nested(day Date, goal String, currency String, converters UInt64, conversions UInt64, amount Int64, payers UInt64)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, month, made)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('months', 'cityHash64(site)') }}

-- By year, because what has been made anew is deleted, which writes its neighbours again; by month would be too many
-- files to open.
CREATE TABLE IF NOT EXISTS {{ local('months_cells') }}{{ on_cluster }}
(
    site          LowCardinality(String),
    month         Date,
    made          UInt64,
    dimension     LowCardinality(String),
    value         String,
    visitors      UInt64,
    visits        UInt64,
    pageviews     UInt64,
    events        UInt64,
    entries       UInt64,
    exits         UInt64,
    bounces       UInt64,
    visit_seconds UInt64,
    engaged_ms    UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(month)
ORDER BY (site, month, made, dimension, value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('months_cells', 'cityHash64(site)') }}

-- One row for a whole histogram: `counts` are the samples of `buckets`.
CREATE TABLE IF NOT EXISTS {{ local('months_vitals') }}{{ on_cluster }}
(
    site      LowCardinality(String),
    month     Date,
    made      UInt64,
    dimension LowCardinality(String),
    value     String,
    metric    LowCardinality(String),
    buckets   Array(Int16),
    counts    Array(UInt64),
    samples   UInt64,
    good      UInt64,
    poor      UInt64,
    people    UInt64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(month)
ORDER BY (site, month, made, dimension, value, metric)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('months_vitals', 'cityHash64(site)') }}
