-- What the owner notes of a day: a release, a campaign, an outage.
CREATE TABLE IF NOT EXISTS {{ local('annotations') }}{{ on_cluster }}
(
    site LowCardinality(String),
    day Date,
    id String,
    text String
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY (site, day, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

{{ distributed('annotations', 'cityHash64(site)') }}
