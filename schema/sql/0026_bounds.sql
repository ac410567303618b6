-- How much one visitor may add to the figures of an open day (release.bound), as it was when the day began: of its page
-- views, its events, and its revenue by currency in minor units. For the pipeline only; it goes with the raw rows of the day.
CREATE TABLE IF NOT EXISTS {{ local('bounds') }}{{ on_cluster }}
(
    site       LowCardinality(String),
    day        Date,
    expires    Date,
    pageviews  UInt32,
    events     UInt32,
    currencies Array(String),
    amounts    Array(Int64)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, day)
TTL expires
SETTINGS non_replicated_deduplication_window = 1000;

{{ distributed('bounds', 'cityHash64(site)') }}

-- bounded: the figures of the whole site that the bound has lowered by more than 5 %.
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS bounded Array(String);
{% endfor %}
