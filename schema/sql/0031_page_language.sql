-- The language that a page says it is in, and which one was served to a visitor of which. Open days are made anew, whole, once.
{% for table in tables('events') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS page_language LowCardinality(String) AFTER language;
{% endfor %}
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS served_language LowCardinality(String) AFTER language;
{% endfor %}

TRUNCATE TABLE IF EXISTS {{ local('sessionized') }}{{ on_cluster }};
