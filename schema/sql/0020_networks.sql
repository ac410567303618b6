-- Of how many networks the people behind a number are (rule N4): a keyed hash of the truncated address, which means
-- nothing on another site or day and dies with the raw row. 0: the row is older than the column.
{% for table in tables('events') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS network_number UInt64 CODEC(ZSTD(1)) AFTER network;
{% endfor %}
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS network_number UInt64 CODEC(ZSTD(1)) AFTER visitor;
{% endfor %}
