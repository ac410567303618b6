-- Who is behind the rare values of a day, so that `(other)` is counted without reading the day again: in `work_*` for one
-- run, in `sums_*` of the open days that are kept. In memory only, and gone no later than the day's sums.
DROP TABLE IF EXISTS work_passed{{ on_cluster }};
DROP TABLE IF EXISTS work_whose{{ on_cluster }};
DROP TABLE IF EXISTS work_others{{ on_cluster }};
DROP TABLE IF EXISTS work_files{{ on_cluster }};

-- The files of a day's rows. known: the last place that is in the sums, 0 where there is none; last: that was there when
-- the run began. How many rows are known and new; a mark of each of these sets; how many have an id.
CREATE TABLE IF NOT EXISTS work_files{{ on_cluster }}
(
    file       UInt64,
    known      UInt64,
    last       UInt64,
    known_rows UInt64,
    new_rows   UInt64,
    known_mark UInt64,
    new_mark   UInt64,
    ids        UInt64
)
ENGINE = Memory;

-- Who touched what is noted, on a day that is computed whole.
CREATE TABLE IF NOT EXISTS work_whose{{ on_cluster }}
(
    visitor UInt64
)
ENGINE = Memory;

-- The raw rows of those who have new ones: what visits are made of.
CREATE TABLE IF NOT EXISTS work_events{{ on_cluster }}
(
    new          Bool,
    visitor      UInt64,
    received     DateTime('UTC'),
    sequence     UInt64,
    name         LowCardinality(String),
    interactive  Bool,
    hostname     LowCardinality(String),
    path         String,
    engaged_ms   UInt32,
    currency     LowCardinality(String),
    amount       Int64,
    lcp          Float32,
    inp          Float32,
    cls          Float32,
    fcp          Float32,
    ttfb         Float32,
    source       LowCardinality(String),
    referrer     String,
    channel      LowCardinality(String),
    utm_source   LowCardinality(String),
    utm_medium   LowCardinality(String),
    utm_campaign String,
    utm_term     String,
    utm_content  String,
    country      LowCardinality(String),
    region       LowCardinality(String),
    device       LowCardinality(String),
    browser      LowCardinality(String),
    os           LowCardinality(String),
    screen       LowCardinality(String),
    language     LowCardinality(String)
)
ENGINE = Memory;

{% for place in ['work', 'sums'] %}
-- The values that had so many people when the day was computed whole that nobody noted theirs.
CREATE TABLE IF NOT EXISTS {{ place }}_passed{{ on_cluster }}
(
    run       UInt64,
    dimension LowCardinality(String),
    value     String
)
ENGINE = Memory;

-- What they touched in a dimension who touched a value there that was not passed over. Several rows to be added up.
CREATE TABLE IF NOT EXISTS {{ place }}_touched{{ on_cluster }}
(
    run       UInt64,
    family    LowCardinality(String),
    dimension LowCardinality(String),
    value     String,
    -- A goal or a metric, and of revenue its currency.
    name      LowCardinality(String),
    currency  LowCardinality(String),
    -- Tells two visitors of the day apart and is not a visitor's number: a hash of it, with a key that is not stored.
    who       UInt64,
    -- Of cells only.
    visit     UInt32,
    times     Int64
)
ENGINE = Memory;

{% endfor %}
-- How many touched a rare value of a dimension, and in how many visits; and how many of them are not among those of the
-- smallest other value. name: a goal or a metric.
CREATE TABLE IF NOT EXISTS work_others{{ on_cluster }}
(
    family        LowCardinality(String),
    dimension     LowCardinality(String),
    name          LowCardinality(String),
    currency      LowCardinality(String),
    people        Int64,
    visits        Int64,
    people_beside Int64,
    visits_beside Int64
)
ENGINE = Memory;
