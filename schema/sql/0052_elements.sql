-- The elements that are responsible for web vitals, as selectors, by the name of the vital.
{% for table in tables('events') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS elements Map(LowCardinality(String), String) AFTER network_number;
{% endfor %}
