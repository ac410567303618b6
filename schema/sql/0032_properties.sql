-- Properties of events: by event, property and value.
{% for state in ['staging', 'open', 'next', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_properties' if state == 'staging' else local(state ~ '_properties') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    event LowCardinality(String),
    property LowCardinality(String),
    in_currency LowCardinality(String),
    property_value String,
    visitors UInt64,
    events UInt64,
    amount Int64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, event, property, in_currency, property_value)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_properties', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}

CREATE TABLE IF NOT EXISTS {{ local('late_properties') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    days UInt16,
    event LowCardinality(String),
    property LowCardinality(String),
    in_currency LowCardinality(String),
    property_value String,
    visitors UInt64,
    events UInt64,
    amount Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, event, property, in_currency, property_value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_properties', 'cityHash64(site)') }}

CREATE TABLE IF NOT EXISTS {{ local('waiting_properties') }}{{ on_cluster }}
(
    site LowCardinality(String),
    day Date,
    expires Date,
    dimension LowCardinality(String),
    value String,
    parents Array(String),
    event LowCardinality(String),
    property LowCardinality(String),
    in_currency LowCardinality(String),
    property_value String,
    people Int64,
    others Int64,
    events Int64,
    amount Int64
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day, dimension, value, event, property, in_currency, property_value)
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_properties', 'cityHash64(site)') }}

-- Of each event of a visit those properties that the site's settings name, as JSON; '' where it has none of them.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS `hits.props` Array(String) CODEC(ZSTD(1)) AFTER `hits.place`;
{% endfor %}
