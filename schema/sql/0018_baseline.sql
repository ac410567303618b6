-- Every table that a new store begins with: what 0001 to 0018 in before/ made of one, step by step. A store that was made
-- by some of those gets the rest of them in place of this file. What changes from now on is a file of its own, behind it.

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

-- Rollups: additive integers, tall. `open_*` hold days that are not closed yet and are replaced whole by partition;
-- `released_*` are written once when a day closes. `staging_*` is where a new version of a day is built, on the
-- server that the pipeline talks to, so it is neither replicated nor distributed.
-- A measure with a default is younger than some rows: these are divided by what they were divided by before.
{% set cells = ['visitors', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds', 'engaged_ms'] %}
{% set samples = ['samples', 'good', 'poor', 'people'] %}
{% for family, keys, histogram, measures in [
    ('cells', [], '', cells),
    ('conversions', ['goal', 'currency'], '', ['converters', 'conversions', 'amount', 'payers']),
    ('vitals', ['metric'], 'bucket', samples),
] %}
{% for state in ['open', 'staging', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_' ~ family if state == 'staging' else local(state ~ '_' ~ family) }}{{ on_cluster }}
(
    site         LowCardinality(String),
    grain        LowCardinality(String),
    day          Date,
    period       DateTime('UTC'),
    dimension    LowCardinality(String),
    value        String,
    by_dimension LowCardinality(String),
    by_value     String,
{% for key in keys %}
    {{ key }} LowCardinality(String),
{% endfor %}
{% if histogram and state == 'released' %}
    {{ histogram }} Int16,
{% elif histogram %}
    -- A row for each histogram: buckets in ascending order, and how many samples each holds: none is empty.
    buckets Array(Int16),
    counts Array(UInt64),
{% endif %}
{% for measure in measures %}
    {{ measure }} {{ 'Int64' if measure == 'amount' else 'UInt64' }}{{ ',' if not loop.last or family == 'cells' }}
{% endfor %}
{% if family == 'cells' %}
    exit_views UInt64 DEFAULT pageviews,
    timed_visits UInt64 DEFAULT visits
{% endif %}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value
{%- for key in keys %}, {{ key }}{% endfor %}{{ ', ' ~ histogram if histogram and state == 'released' }})
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_' ~ family, 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
{% endfor %}

-- How far the rows of an open day go: of each spool the last place that is in them, and by which rules they were folded. A
-- new version of the day is shown only when enough visitors have rows beyond it, and this is how they are counted after
-- a restart, too, without a visitor's number. The newest version counts.
CREATE TABLE IF NOT EXISTS {{ local('open_through') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    day     Date,
    version UInt64,
    k       UInt32,
    strict  Bool,
    spools  Array(UInt8),
    last    Array(UInt64)
)
ENGINE = {{ engine('ReplacingMergeTree', 'version') }}
PARTITION BY (site, day)
ORDER BY (site, day);

{{ distributed('open_through', 'cityHash64(site)') }}

-- One row per released day, written last: a day is released if and only if it is here.
CREATE TABLE IF NOT EXISTS {{ local('manifest') }}{{ on_cluster }}
(
    site         LowCardinality(String),
    -- 1 for a site's first release, then counting: the order of the chain.
    number       UInt32,
    day          Date,
    released_at  DateTime('UTC'),
    origin       LowCardinality(String),
    version      String,
    preset       LowCardinality(String),
    k            UInt32,
    -- 0: the day's raw rows were about to expire before every spool had arrived.
    complete     Bool,
    -- 1: a key was lost during the day, so some visitors may be counted twice.
    over_counted Bool,
    rows         UInt64,
    digest       String,
    previous     String,
    -- Of which columns of each family the digest is, in their order: one that is added later changes no older digest.
    -- Where it is empty, the version tells (pipeline/manifest.py).
    columns      Map(String, Array(String))
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('manifest', 'cityHash64(site)') }}

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
        exits UInt64, bounces UInt64, visit_seconds UInt64, engaged_ms UInt64, exit_views UInt64, timed_visits UInt64),
    goals    Nested(day Date, goal String, currency String, converters UInt64, conversions UInt64, amount Int64, payers UInt64)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, month, made)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('months', 'cityHash64(site)') }}

-- By year, because what has been made anew is deleted, which writes its neighbours again; by month would be too many
-- files to open. days: on how many days of the month the value has a row: on the others few or none came.
CREATE TABLE IF NOT EXISTS {{ local('months_cells') }}{{ on_cluster }}
(
    site      LowCardinality(String),
    month     Date,
    made      UInt64,
    dimension LowCardinality(String),
    value     String,
{% for measure in cells + ['exit_views', 'timed_visits'] %}
    {{ measure }} UInt64,
{% endfor %}
    days      UInt16
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
{% for measure in samples %}
    {{ measure }} UInt64{{ ',' if not loop.last }}
{% endfor %}
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(month)
ORDER BY (site, month, made, dimension, value, metric)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

{{ distributed('months_vitals', 'cityHash64(site)') }}

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
