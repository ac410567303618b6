-- The sums of vitals, anew: a row for each histogram, not for each of its buckets, so that a fold reads ten times fewer.
{% for place in ['work', 'sums'] %}
DROP TABLE IF EXISTS {{ place }}_vitals{{ on_cluster }};

CREATE TABLE IF NOT EXISTS {{ place }}_vitals{{ on_cluster }}
(
    run       UInt64,
    dimension LowCardinality(String),
    value     String,
    metric    LowCardinality(String),
    -- A bucket and how many samples it has in one number (pipeline/sums.py), in any order.
    histogram Array(Int64),
    people    Int64,
    samples   Int64,
    good      Int64,
    poor      Int64
)
ENGINE = Memory;
{% endfor %}
