-- The state of the local Cloud Scheduler server. Times are seconds since 1970, of the server's clock.

-- message: a google.cloud.scheduler.v1.Job with its defaults filled in; due: when its next scheduled run begins
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY,
    message BLOB NOT NULL,
    due REAL
) STRICT;

-- executions that have not ended: a restart continues them with the same schedule time
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    progress TEXT NOT NULL
) STRICT;

-- the state of the server's clock, when it is not the real one
CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pace TEXT NOT NULL
) STRICT;

-- the log: one row per request sent; the later columns are set when it has ended
CREATE TABLE IF NOT EXISTS firings (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    run INTEGER NOT NULL,
    forced INTEGER NOT NULL,
    schedule_time REAL,
    attempt INTEGER NOT NULL,
    sent REAL NOT NULL,
    answered REAL,
    status INTEGER,
    answer TEXT,
    verdict TEXT NOT NULL,
    retry_at REAL,
    fault TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS firings_by_job ON firings (job);
