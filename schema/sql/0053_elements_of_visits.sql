-- Web vitals are counted by element, too. Open days are made anew, whole, once.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS measured.elements Array(Array(String)) DEFAULT arrayMap(path -> emptyArrayString(), `measured.path`) AFTER measured.vitals;
{% endfor %}

TRUNCATE TABLE IF EXISTS {{ local('sessionized') }}{{ on_cluster }};
