-- Which values of its parent's dimension a value belongs to that waits: what stays hidden of each parent's children is
-- none, or of several values and of k people (rule N3). What waits already does not say.
{% for family in ['cells', 'conversions', 'vitals'] %}
{% for table in tables('waiting_' ~ family) %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS parents Array(String) AFTER value;
{% endfor %}
{% endfor %}
