-- How far pages were scrolled, of each event of a visit. Visits of before say nothing of it.
{% for table in tables('visits') %}
ALTER TABLE {{ table }}{{ on_cluster }} ADD COLUMN IF NOT EXISTS `hits.scroll` Array(UInt8) DEFAULT arrayMap(name -> 255, `hits.name`) AFTER `hits.props`;
{% endfor %}
