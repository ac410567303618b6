-- Versions of browsers and systems, and cities, of a visit's first event. Open days are made anew, whole, once.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS city LowCardinality(String) AFTER region;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS browser_version LowCardinality(String) AFTER browser;
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS os_version LowCardinality(String) AFTER os;
{% endfor %}

TRUNCATE TABLE IF EXISTS {{ local('sessionized') }}{{ on_cluster }};
