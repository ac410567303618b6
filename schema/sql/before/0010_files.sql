-- Which raw rows a run sees and which are in the sums, told by their files: a file's rows arrive in the order of their
-- places, so of each file its last place tells all. A place for each row took as much memory as the sums themselves.
DROP TABLE IF EXISTS work_rows{{ on_cluster }};
DROP TABLE IF EXISTS sums_rows{{ on_cluster }};

-- The files of a day's rows. known: the last place that is in the sums, 0 where there is none; last: that was there when
-- the run began.
CREATE TABLE IF NOT EXISTS work_files{{ on_cluster }}
(
    file  UInt64,
    known UInt64,
    last  UInt64
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS sums_files{{ on_cluster }}
(
    run  UInt64,
    file UInt64,
    last UInt64
)
ENGINE = Memory;

-- Rows that are there, and not in the sums, because their id was there before.
CREATE TABLE IF NOT EXISTS sums_repeated{{ on_cluster }}
(
    run      UInt64,
    id       UInt64,
    sequence UInt64
)
ENGINE = Memory;
