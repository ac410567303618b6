-- Rollups: additive integers, tall. `open_*` hold days that are not closed yet and are replaced whole by partition;
-- `released_*` are written once when a day closes. `staging_*` is where a new version of a day is built, on the
-- server that the pipeline talks to, so it is neither replicated nor distributed.
{% for family, extra, measures in [
    ('cells', [], ['visitors', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds', 'engaged_ms']),
    ('conversions', ['goal', 'currency'], ['converters', 'conversions', 'amount', 'payers']),
    ('vitals', ['metric', 'bucket'], ['samples', 'good', 'poor', 'people']),
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
{% for column in extra %}
    {{ column }} {{ 'Int16' if column == 'bucket' else 'LowCardinality(String)' }},
{% endfor %}
{% for column in measures %}
    {{ column }} {{ 'Int64' if column == 'amount' else 'UInt64' }}{{ '' if loop.last else ',' }}
{% endfor %}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value{% for column in extra %}, {{ column }}{% endfor %})
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_' ~ family, 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
{% endfor %}

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
    previous     String
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('manifest', 'cityHash64(site)') }}
