-- Open vitals, anew: a row for each histogram, as months have it, in place of a row for each bucket and one for the
-- people. A page reads them as they are, and a run writes and sorts thirty times fewer rows. `released_vitals` stay as
-- they are: a release never changes. What the old ones held is computed again from the raw rows.
{% for table in tables('open_vitals', 'staging_vitals') %}
DROP TABLE IF EXISTS {{ table }}{{ on_cluster }} SYNC;
{% endfor %}

{% for state in ['open', 'staging'] %}
CREATE TABLE IF NOT EXISTS {{ 'staging_vitals' if state == 'staging' else local('open_vitals') }}{{ on_cluster }}
(
    site         LowCardinality(String),
    grain        LowCardinality(String),
    day          Date,
    period       DateTime('UTC'),
    dimension    LowCardinality(String),
    value        String,
    by_dimension LowCardinality(String),
    by_value     String,
    metric       LowCardinality(String),
    -- In ascending order, and how many samples each holds: none is empty.
    buckets      Array(Int16),
    counts       Array(UInt64),
    samples      UInt64,
    good         UInt64,
    poor         UInt64,
    people       UInt64
)
ENGINE = {{ 'MergeTree' if state == 'staging' else engine('MergeTree') }}
PARTITION BY (site, day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value, metric);
{% endfor %}

{{ distributed('open_vitals', 'cityHash64(site)') }}
