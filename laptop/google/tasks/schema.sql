-- The state of the local Cloud Tasks server. Times are seconds since 1970.

-- message: a google.cloud.tasks.v2.Queue with its defaults filled in, its state and purge time
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY,
    message BLOB NOT NULL
) STRICT;

-- definition: a google.cloud.tasks.v2.Task as accepted; progress: its deliveries so far, as JSON
CREATE TABLE IF NOT EXISTS tasks (
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    definition BLOB NOT NULL,
    progress TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS tasks_by_queue ON tasks (queue);

-- names of ended queues and tasks that stay taken for a while
CREATE TABLE IF NOT EXISTS tombstones (
    name TEXT PRIMARY KEY,
    ended REAL NOT NULL
) STRICT;

-- the log: one row per request sent; status, answered, verdict and delay are set when it has ended
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    task TEXT NOT NULL,
    retry_count INTEGER NOT NULL,
    scheduled REAL NOT NULL,
    dispatched REAL NOT NULL,
    answered REAL,
    status INTEGER,
    verdict TEXT NOT NULL,
    delay REAL,
    fault TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS deliveries_by_task ON deliveries (task);
