-- By which sections a day was counted, by name their definition (schema/site.py); with span 0 and no goal the one that is
-- added to a day that has an entry of its own (rule N6). Its row is in `late_cells`, of a grain of its own.
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS sections Map(String, String);
{% endfor %}
