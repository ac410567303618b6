-- On how many days of a month a value has a row: on the others few or none came.
{% for table in tables('months_cells') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS days UInt16;
{% endfor %}

-- The sums of months are made again from the released rows.
{% for table in ['months', 'months_cells', 'months_vitals'] %}
TRUNCATE TABLE IF EXISTS {{ local(table) }}{{ on_cluster }};
{% endfor %}
