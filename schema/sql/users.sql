-- Who may do what (rule A2): three users, each with no more than its part of the instance needs. Applied by
-- `footfall migrate --users`, again and again: what was granted before and is not listed here is taken away.

{% for user, hash in hashes.items() %}
CREATE USER IF NOT EXISTS {{ user }}{{ on_cluster }} IDENTIFIED WITH sha256_hash BY '{{ hash }}';
ALTER USER {{ user }}{{ on_cluster }} IDENTIFIED WITH sha256_hash BY '{{ hash }}';
REVOKE{{ on_cluster }} ALL ON *.* FROM {{ user }};
{% endfor %}

-- The writer of the spools: puts rows in and can read none of them back.
{% for table in tables('events', 'ingest', 'watermarks', 'erasures', 'crawler_views') %}
GRANT{{ on_cluster }} INSERT, SHOW COLUMNS ON {{ database }}.{{ table }} TO footfall_writer;
{% endfor %}

-- The pipeline: reads raw rows, makes visits and rollups of them, and removes what has expired.
{% for table in tables('events', 'visits') %}
-- ALTER SETTINGS: to have the parts that hold deleted rows removed at once, not after their usual while.
GRANT{{ on_cluster }} SELECT, ALTER DELETE, ALTER SETTINGS ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for table in tables('visits') %}
GRANT{{ on_cluster }} INSERT ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for table in tables('erasures') %}
GRANT{{ on_cluster }} SELECT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for table in tables('watermarks') %}
GRANT{{ on_cluster }} SELECT ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
-- What is counted of visitors' signals goes when it is published.
{% for table in tables('ingest') %}
GRANT{{ on_cluster }} SELECT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for state in ['open', 'next', 'staging', 'released'] %}
{% for family in families if state in ('staging', 'released') or families[family].live %}
{% for table in tables(state ~ '_' ~ family) %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% endfor %}
{% endfor %}
{% for table in tables('open_through', 'sessionized', 'months', 'months_cells', 'months_vitals') %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for family in late %}
{% for table in tables('late_' ~ family) %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% endfor %}
{% for family in waiting + ['days'] %}
{% for table in tables('waiting_' ~ family) %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE, ALTER SETTINGS ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% endfor %}
{% for table in tables('crawler_views', 'crawlers') %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for table in tables('manifest', 'expiries', 'bare_totals', 'outcomes', 'bounds') %}
GRANT{{ on_cluster }} SELECT, INSERT ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for table in tables('annotations') %}
GRANT{{ on_cluster }} SELECT, INSERT, ALTER DELETE ON {{ database }}.{{ table }} TO footfall_pipeline;
GRANT{{ on_cluster }} SELECT ON {{ database }}.{{ table }} TO footfall_dashboards;
{% endfor %}
-- An import lives in a table of its own.
GRANT{{ on_cluster }} CREATE TABLE, DROP TABLE, SELECT, INSERT ON {{ database }}.import_* TO footfall_pipeline;
-- A run of the rollup works in tables of its own, in memory.
GRANT{{ on_cluster }} CREATE TABLE, DROP TABLE, SELECT, INSERT, ALTER DELETE ON {{ database }}.run_* TO footfall_pipeline;
-- At its start it looks which migrations are applied; applying one takes the administrator's DSN.
{% for table in tables('migrations') %}
GRANT{{ on_cluster }} CREATE TABLE, SELECT ON {{ database }}.{{ table }} TO footfall_pipeline;
{% endfor %}
{% for kind in ['Memory', 'MergeTree', 'ReplicatedMergeTree', 'Distributed'] if on_cluster or kind in ('Memory', 'MergeTree') %}
GRANT{{ on_cluster }} TABLE ENGINE ON {{ kind }} TO footfall_pipeline;
{% endfor %}
{% for table in ['parts', 'tables'] %}
GRANT{{ on_cluster }} SELECT ON system.{{ table }} TO footfall_pipeline;
{% endfor %}

-- The dashboards: read what is folded already, and nothing else.
{% for state in ['open', 'released'] %}
{% for family in families if state == 'released' or families[family].live %}
{% for table in tables(state ~ '_' ~ family) %}
GRANT{{ on_cluster }} SELECT ON {{ database }}.{{ table }} TO footfall_dashboards;
{% endfor %}
{% endfor %}
{% endfor %}
{% for family in late %}
{% for table in tables('late_' ~ family) %}
GRANT{{ on_cluster }} SELECT ON {{ database }}.{{ table }} TO footfall_dashboards;
{% endfor %}
{% endfor %}
{% for table in tables('months', 'months_cells', 'months_vitals', 'manifest', 'bare_totals', 'outcomes', 'crawlers') %}
GRANT{{ on_cluster }} SELECT ON {{ database }}.{{ table }} TO footfall_dashboards;
{% endfor %}
-- As of which quarter of an hour an open day is shown; not when that was put in place.
{% for table in tables('open_through') %}
GRANT{{ on_cluster }} SELECT(site, day, as_of) ON {{ database }}.{{ table }} TO footfall_dashboards;
{% endfor %}
-- To compile a statement takes 0.2 to 0.5 s and makes none faster.
{% set not_compiled = 'compile_aggregate_expressions = 0, compile_expressions = 0, compile_sort_description = 0' %}
CREATE SETTINGS PROFILE OR REPLACE footfall_pipeline{{ on_cluster }} SETTINGS {{ not_compiled }} TO footfall_pipeline;
-- The bounds are for what has gone wrong.
CREATE SETTINGS PROFILE OR REPLACE footfall_dashboards{{ on_cluster }}
SETTINGS readonly = 1, max_execution_time = 30, max_memory_usage = 2000000000, {{ not_compiled }} TO footfall_dashboards;
CREATE QUOTA OR REPLACE footfall_dashboards{{ on_cluster }} KEYED BY user_name
FOR INTERVAL 1 minute MAX queries = 6000, execution_time = 600 TO footfall_dashboards;
