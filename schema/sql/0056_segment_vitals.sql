-- How fast pages were for the visits of a segment (schema/segments.py), of days that are over.
{% for state in ['staging', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_segment_vitals' if state == 'staging' else local(state ~ '_segment_vitals') }}{{ on_cluster }}
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
    metric LowCardinality(String),
    bucket Int16,
    samples UInt64,
    good UInt64,
    poor UInt64,
    people UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, segment, metric, bucket)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_segment_vitals', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
