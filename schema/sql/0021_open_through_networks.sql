-- By which rule of networks (N4) the rows of an open day are shown. 0: by none.
{% for table in tables('open_through') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS networks UInt16 AFTER strict;
{% endfor %}
