-- Visits of declared segments (schema/segments.py), of days that are over.
{% for state in ['staging', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_segments' if state == 'staging' else local(state ~ '_segments') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    segment LowCardinality(String),
    visitors UInt64,
    visits UInt64,
    pageviews UInt64,
    bounces UInt64,
    visit_seconds UInt64
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, segment)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_segments', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
-- Which segments a day counted, by name their definition (schema/segment.py).
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS segments Map(String, String);
{% endfor %}
