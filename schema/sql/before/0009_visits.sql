-- Visits anew: a column for each of their values, so that what few have is not carried by all. In memory, and empty
-- between runs.
DROP TABLE IF EXISTS work_visits{{ on_cluster }};

CREATE TABLE IF NOT EXISTS work_visits{{ on_cluster }}
(
    -- 1: is added to the sums; -1: as it was before the new rows, is taken from them; 0: is in them as it is.
    sign          Int8,
    visitor       UInt64,
    visit         UInt32,
    -- The visitor has other visits, too.
    again         UInt8,
    -- 0: nothing but engagement reports; their time and vitals count, but nobody came.
    came          UInt8,
    hour          UInt32,
    seconds       UInt32,
    viewed        UInt32,
    acted         UInt32,
    bounced       UInt8,
    engaged_ms    UInt64,
    -- Of the first event of any kind: vitals are counted by these.
    first_device  LowCardinality(String),
    first_country LowCardinality(String),
    entry_page    String,
    exit_page     String,
    entry_host    LowCardinality(String),
    exit_host     LowCardinality(String),
    hits          Nested(name LowCardinality(String), path String, hostname LowCardinality(String), engaged_ms UInt32),
    -- Of every hit and every goal that it reached.
    reached       Array(Tuple(goal LowCardinality(String), name LowCardinality(String), path String,
        hostname LowCardinality(String), currency LowCardinality(String), amount Int64)),
    -- Of every hit that measured something. vitals: in the order of schema/metrics.py, below 0 what was not measured.
    measured      Array(Tuple(path String, vitals Array(Float32))),
    -- Of the first event that is no engagement report, where anybody came.
    source        LowCardinality(String),
    referrer      String,
    channel       LowCardinality(String),
    utm_source    LowCardinality(String),
    utm_medium    LowCardinality(String),
    utm_campaign  String,
    utm_term      String,
    utm_content   String,
    country       LowCardinality(String),
    region        LowCardinality(String),
    device        LowCardinality(String),
    browser       LowCardinality(String),
    os            LowCardinality(String),
    screen        LowCardinality(String),
    language      LowCardinality(String)
)
ENGINE = Memory;
