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

-- What is shown now says nothing of how far it goes: it is computed again from the raw rows.
{% for family in ['cells', 'conversions', 'vitals'] %}
TRUNCATE TABLE IF EXISTS {{ local('open_' ~ family) }}{{ on_cluster }};
{% endfor %}
