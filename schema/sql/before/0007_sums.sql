-- Where the rollup works, anew, and the sums of open days that it keeps from run to run: in memory only, because what
-- stands behind them is raw rows. Only `work_*` hold visitor numbers, and they are emptied after every run.
DROP TABLE IF EXISTS work_visits{{ on_cluster }};
DROP TABLE IF EXISTS work_cells{{ on_cluster }};
DROP TABLE IF EXISTS work_kept{{ on_cluster }};

-- The raw rows that the sums do not have yet; and in one line how many of those that they have are still there.
CREATE TABLE IF NOT EXISTS work_rows{{ on_cluster }}
(
    known    UInt8,
    sequence UInt64,
    visitor  UInt64,
    id       UInt64,
    rows     UInt64
)
ENGINE = Memory;

-- Rows whose id was there before.
CREATE TABLE IF NOT EXISTS work_repeated{{ on_cluster }}
(
    id       UInt64,
    sequence UInt64
)
ENGINE = Memory;

-- Whose visits are looked at. news: who has new rows; the others touched something rare.
CREATE TABLE IF NOT EXISTS work_whose{{ on_cluster }}
(
    visitor UInt64,
    news    Bool
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS work_visits{{ on_cluster }}
(
    -- 1: is added to the sums; -1: as it was before the new rows, is taken from them; 0: is in them as it is.
    sign       Int8,
    visitor    UInt64,
    visit      UInt32,
    -- The visitor has other visits, too.
    again      UInt8,
    -- 0: nothing but engagement reports; their time and vitals count, but nobody came.
    came       UInt8,
    hour       UInt32,
    seconds    UInt32,
    viewed     UInt32,
    acted      UInt32,
    bounced    UInt8,
    engaged_ms UInt64,
    device     LowCardinality(String),
    country    LowCardinality(String),
    entry_page String,
    exit_page  String,
    entry_host LowCardinality(String),
    exit_host  LowCardinality(String),
    dimensions Array(Tuple(LowCardinality(String), String)),
    hits       Array(Tuple(
        name LowCardinality(String), path String, hostname LowCardinality(String), engaged_ms UInt32,
        goals Array(String), currency LowCardinality(String), amount Int64,
        vitals Array(Tuple(LowCardinality(String), Float32))))
)
ENGINE = Memory;

-- The numbers of every value, not folded yet, in several rows to be added up: in `work_*` for one run, in `sums_*` of the
-- open days that are kept. run: whose they are.
{% for family, keys, measures in [
    ('cells', [], ['people', 'visits', 'pageviews', 'events', 'entries', 'exits', 'bounces', 'visit_seconds', 'engaged_ms']),
    ('conversions', ['goal', 'currency'], ['people', 'times', 'paid']),
    ('vitals', ['metric', 'bucket'], ['people', 'samples', 'good', 'poor']),
] %}
{% for place in ['work', 'sums'] %}
CREATE TABLE IF NOT EXISTS {{ place }}_{{ family }}{{ on_cluster }}
(
    run       UInt64,
    dimension LowCardinality(String),
    value     String,
{% for key in keys %}
    {{ key }} {{ 'Int16' if key == 'bucket' else 'LowCardinality(String)' }},
{% endfor %}
{% for measure in measures %}
    {{ measure }} Int64{{ '' if loop.last else ',' }}
{% endfor %}
)
ENGINE = Memory;

{% endfor %}
{% endfor %}
-- The raw rows that are in the sums, by their place in the spools. counted: not a repeated id.
CREATE TABLE IF NOT EXISTS sums_rows{{ on_cluster }}
(
    run      UInt64,
    sequence UInt64,
    counted  Bool
)
ENGINE = Memory;

-- The values that are shown or folded. kind: "enough" people; "smallest" of those of its dimension; "rare".
CREATE TABLE IF NOT EXISTS work_values{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String,
    people    Int64,
    kind      LowCardinality(String)
)
ENGINE = Memory;

-- The values that had so many people before the new rows that nobody looked at theirs.
CREATE TABLE IF NOT EXISTS work_passed{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String
)
ENGINE = Memory;

-- The values that are shown by name: those of enough people, less what keeps rare ones company.
CREATE TABLE IF NOT EXISTS work_kept{{ on_cluster }}
(
    dimension LowCardinality(String),
    value     String
)
ENGINE = Memory;

-- Who is behind the rare values of a dimension, and in how many visits; and how many of them are not among those of the
-- smallest other value. name: a goal or a metric.
CREATE TABLE IF NOT EXISTS work_others{{ on_cluster }}
(
    family        LowCardinality(String),
    dimension     LowCardinality(String),
    name          LowCardinality(String),
    currency      LowCardinality(String),
    people        Int64,
    visits        Int64,
    people_beside Int64,
    visits_beside Int64
)
ENGINE = Memory;
