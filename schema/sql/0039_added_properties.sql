-- Which properties a day counted; with span 0 the one that is added to a day that has an entry of its own (rule N6). Its
-- rows are in `late_properties`, of a grain of their own.
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS properties Array(String);
{% endfor %}
