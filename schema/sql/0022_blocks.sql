-- What days hide, for their calendar blocks (rule N2). `late_*`: rows that were released with a week or with four weeks;
-- each is in place of the days on which its value has no row of its own, so that atoms never overlap.
{% set cells = ['visitors', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds', 'engaged_ms'] %}
{% for family, keys, bucket, measures in [
    ('cells', [], [], cells),
    ('conversions', ['goal', 'currency'], [], ['converters', 'conversions', 'amount', 'payers']),
    ('vitals', ['metric'], ['bucket'], ['samples', 'good', 'poor', 'people']),
] %}
CREATE TABLE IF NOT EXISTS {{ local('late_' ~ family) }}{{ on_cluster }}
(
    site         LowCardinality(String),
    -- `week`: from Monday to Sunday; `four_weeks`.
    grain        LowCardinality(String),
    -- The first one of the block.
    day          Date,
    period       DateTime('UTC'),
    dimension    LowCardinality(String),
    value        String,
    by_dimension LowCardinality(String),
    by_value     String,
    days         UInt16,
{% for key in keys %}
    {{ key }} LowCardinality(String),
{% endfor %}
{% for key in bucket %}
    {{ key }} Int16,
{% endfor %}
{% for measure in measures %}
    {{ measure }} {{ 'Int64' if measure == 'amount' else 'UInt64' }}{{ ',' if not loop.last or family == 'cells' }}
{% endfor %}
{% if family == 'cells' %}
    exit_views UInt64 DEFAULT pageviews,
    timed_visits UInt64 DEFAULT visits
{% endif %}
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toYear(day)
ORDER BY (site, grain, dimension, by_dimension, day, period, value, by_value
{%- for key in keys + bucket %}, {{ key }}{% endfor %})
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('late_' ~ family, 'cityHash64(site)') }}
{% endfor %}

-- What waits for its block: sums of what a released day hides, without visitor numbers, for the pipeline only. It dies
-- with the raw rows at the latest, and is in no backup.
{% for family, keys, numbers in [
    ('cells', [], ['people', 'others', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds',
        'engaged_ms', 'reporter', 'reporter_others', 'actor', 'actor_others', 'entrant', 'entrant_others', 'leaver',
        'leaver_others']),
    ('conversions', ['goal', 'currency'], ['people', 'others', 'times', 'paid']),
    ('vitals', ['metric'], ['people', 'others', 'samples', 'good', 'poor']),
] %}
CREATE TABLE IF NOT EXISTS {{ local('waiting_' ~ family) }}{{ on_cluster }}
(
    site      LowCardinality(String),
    day       Date,
    expires   Date,
    dimension LowCardinality(String),
    value     String,
{% for key in keys %}
    {{ key }} LowCardinality(String),
{% endfor %}
{% if family == 'vitals' %}
    histogram Array(Int16),
{% endif %}
{% for number in numbers %}
    {{ number }} Int64{{ ',' if not loop.last }}
{% endfor %}
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day, dimension, value{% for key in keys %}, {{ key }}{% endfor %})
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_' ~ family, 'cityHash64(site)') }}
{% endfor %}

-- How many rows wait of a day, so that what was lost is noticed.
CREATE TABLE IF NOT EXISTS {{ local('waiting_days') }}{{ on_cluster }}
(
    site    LowCardinality(String),
    day     Date,
    expires Date,
    rows    UInt32
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toStartOfMonth(expires)
ORDER BY (site, day)
TTL expires
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('waiting_days', 'cityHash64(site)') }}

-- networks, k_late, late_others: by which rules a day was released beside k; 0: the entry is older than the column, or
-- nothing waits. span: how many days the entry is of: 1, 7 or 28. days: of a block
-- the digests of its days' entries.
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS networks UInt32;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS k_late UInt32;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS late_others UInt32;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS span UInt8 DEFAULT 1;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS days Array(String);
{% endfor %}
