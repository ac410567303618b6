-- Where the rollup works: in memory only, one site-day at a time, emptied after every run, because visits carry
-- visitor numbers.
CREATE TABLE IF NOT EXISTS work_visits{{ on_cluster }}
(
    visitor    UInt64,
    visit      UInt32,
    -- 0: nothing but engagement reports; their time and vitals count, but nobody came.
    visits     UInt8,
    hour       UInt32,
    seconds    UInt32,
    pageviews  UInt32,
    events     UInt32,
    bounces    UInt8,
    engaged_ms UInt64,
    device     LowCardinality(String),
    country    LowCardinality(String),
    entry_page String,
    exit_page  String,
    entry_host LowCardinality(String),
    exit_host  LowCardinality(String),
    dimensions Array(Tuple(LowCardinality(String), String)),
    hits       Array(Tuple(
        name LowCardinality(String), path String, hostname LowCardinality(String), engaged_ms UInt32,
        goals Array(String), currency LowCardinality(String), amount Int64,
        vitals Array(Tuple(LowCardinality(String), Float32))))
)
ENGINE = Memory;

-- The numbers of every value, not folded yet.
CREATE TABLE IF NOT EXISTS work_cells{{ on_cluster }}
(
    dimension     LowCardinality(String),
    value         String,
    people        UInt64,
    visits        UInt64,
    pageviews     UInt64,
    events        UInt64,
    entries       UInt64,
    exits         UInt64,
    bounces       UInt64,
    visit_seconds UInt64,
    engaged_ms    UInt64
)
ENGINE = Memory;

-- The values that may be shown by name.
CREATE TABLE IF NOT EXISTS work_kept{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String
)
ENGINE = Memory;
