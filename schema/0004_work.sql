-- Where the rollup works: in memory only, one site-day at a time, emptied after every run, because visits carry
-- visitor numbers.
CREATE TABLE IF NOT EXISTS work_visits{{ on_cluster }}
(
    visitor    UInt64,
    visit      UInt32,
    -- 0: nothing but engagement reports; their time and vitals count, but nobody came.
    visits     UInt8,
    hour       String,
    seconds    UInt32,
    pageviews  UInt32,
    events     UInt32,
    bounces    UInt8,
    engaged_ms UInt64,
    device     LowCardinality(String),
    country    LowCardinality(String),
    dimensions Array(Tuple(LowCardinality(String), String)),
    hits       Array(Tuple(
        name LowCardinality(String), path String, hostname LowCardinality(String),
        entries UInt8, exits UInt8, engaged_ms UInt32,
        goals Array(String), currency LowCardinality(String), amount Int64,
        vitals Array(Tuple(LowCardinality(String), Float32))))
)
ENGINE = Memory;

-- How many people each value has.
CREATE TABLE IF NOT EXISTS work_people{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String,
    people    UInt64
)
ENGINE = Memory;

-- The values that may be shown by name.
CREATE TABLE IF NOT EXISTS work_kept{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String
)
ENGINE = Memory;
