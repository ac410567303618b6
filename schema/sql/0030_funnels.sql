-- How many people got how far through the funnels of a site (schema/funnels.py).
{% for state in ['staging', 'open', 'next', 'released'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_funnels' if state == 'staging' else local(state ~ '_funnels') }}{{ on_cluster }}
(
    site LowCardinality(String),
    grain LowCardinality(String),
    day Date,
    period DateTime('UTC'),
    dimension LowCardinality(String),
    value String,
    by_dimension LowCardinality(String),
    by_value String,
    funnel LowCardinality(String),
    step UInt8,
    people UInt64,
    unsure UInt64{{ ", taken DateTime('UTC')" if state == 'next' else '' }}
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY {{ 'toYYYYMM(day)' if state == 'released' else '(site, day)' }}
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, funnel, step)
{{ 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1' if state == 'released' else '' }};

{{ distributed(state ~ '_funnels', 'cityHash64(site)') if state != 'staging' else '' }}
{% endfor %}
-- Which funnels a day was counted with, by name their definition.
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS funnels Map(String, String);
{% endfor %}

-- In which order the events of a visit came. Visits of before say nothing: their events are in the order in which they
-- were collected, as far as that is known.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS hits.place Array(UInt32) AFTER hits.amount;
{% endfor %}
