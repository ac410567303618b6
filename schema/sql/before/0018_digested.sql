-- Of which columns of each family the digest of a release is, in their order: one that is added later changes no older
-- digest. Where it is empty, the entry's version tells (schema/manifest.py).
{% for table in tables('manifest') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS columns Map(String, Array(String));
{% endfor %}
