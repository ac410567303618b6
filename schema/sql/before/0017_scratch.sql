-- The tables in which the rollup works are made by the pipeline and dropped with it (pipeline/scratch.py); they are no
-- part of what a store keeps.
{% for table in ['files', 'repeated', 'events', 'whose', 'visits', 'cells', 'conversions', 'vitals', 'values', 'passed', 'touched', 'kept', 'others',
    'contributors', 'contributed'] %}
DROP TABLE IF EXISTS work_{{ table }}{{ on_cluster }} SYNC;
{% endfor %}
{% for table in ['files', 'repeated', 'cells', 'conversions', 'vitals', 'contributors', 'passed', 'touched'] %}
DROP TABLE IF EXISTS sums_{{ table }}{{ on_cluster }} SYNC;
{% endfor %}
