-- Web vitals are counted by browser, too: of a visit that of its first event of any kind. Open days are made anew, whole, once.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS first_browser LowCardinality(String) AFTER first_country;
{% endfor %}

TRUNCATE TABLE IF EXISTS {{ local('sessionized') }}{{ on_cluster }};
