-- The tables of enrichment. Every write goes through the functions of the later files; the states' arrows are
-- enforced by the triggers of 20261122000002.

create type route as enum ('automation', 'manual', 'rejected');

-- Declared in the order in which work is offered: highest first.
create type task_priority as enum ('high', 'medium', 'low');

create type automation_state as enum (
    'initialized',       -- -> processing, failed
    'processing',        -- -> data_finished, failed
    'data_finished',     -- -> supabase_finished, failed
    'supabase_finished', -- -> completed, failed
    'completed',         -- the end
    'failed'             -- the end
);

create type manual_state as enum (
    'initialized', -- -> processing
    'processing',  -- -> completed, failed, initialized (released), processing (another person took an expired claim)
    'completed',   -- -> processing (taken back in time by the person who ended it)
    'failed'       -- -> processing (the same)
);

create type manual_type as enum ('workflow_generated', 'automation_fallback');

create type error_category as enum (
    'not_found', 'ambiguous', 'rate_limited', 'auth', 'vendor_error', 'timeout', 'invalid_response', 'store_error',
    'lost'
);

-- Whose fault a failure is. Only the record's says something about its manufacturer.
create type blame as enum ('record', 'vendor', 'us');

-- Why nobody may call a vendor.
create type pause_cause as enum (
    'daily_limit', -- the day's calls are used up, until the reset that the vendor named
    'down',        -- several records in a row failed by its fault
    'account'      -- it refuses our credentials, which a person must mend
);

-- The hand-over of a failed automation task: none, a dead letter is due, a person has it (done), or failures stay (off).
create type hand_over as enum ('none', 'due', 'done', 'off');

create table batches (
    id text primary key check (id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,108}$'),
    parent_batch_id text references batches (id), -- set for `<batch>_fallback`
    run_id uuid, -- the call that began it; that call may be repeated
    trigger text not null, -- scheduler, manual, fallback
    request jsonb not null default '{}',
    policy text,
    policy_version text,
    taken integer not null default 0 check (taken >= 0), -- source records, counted when they are opened
    counts jsonb not null default '{}', -- what orchestrate reports: read, skipped by reason, not enqueued
    created_at timestamptz not null,
    closed_at timestamptz, -- when orchestrate opened its last record
    -- `<batch>_fallback` is ours, with room for it
    constraint name_of_a_run check (parent_batch_id is not null or (length(id) <= 100 and id !~ '_fallback$'))
);
create index batches_by_day on batches (created_at);
create index batches_newest on batches (created_at, id) where parent_batch_id is null;
create index batches_by_parent on batches (parent_batch_id) where parent_batch_id is not null;

create table manufacturers (
    id bigint generated always as identity primary key,
    key text not null unique, -- the normalised name
    name text not null,
    attempts double precision not null default 0, -- finished automation tasks that say something about a part, as of counted_at
    successes double precision not null default 0,
    counted_at timestamptz, -- both lose half of their weight with each half-life after it
    check (successes between 0 and attempts)
);

-- One row per record ever opened. `open` is its claim: at most one piece of work at a time.
create table records (
    record_key text primary key,
    pn text not null,
    manufacturer text,
    open boolean not null,
    openings integer not null default 1 check (openings > 0),
    content_hash text not null -- of the source row that was opened last
);
create index records_open on records (record_key) where open;
create index records_by_part on records ((split_part(record_key, '|', 1) collate "C"), record_key);

create type turn_verdict as enum (
    'in_flight',     -- automation works on it
    'with_a_person', -- a person works on it
    'completed',     -- by automation, or by the person in `by`
    'failed',        -- given up by the person in `by`, or by automation where failures stay
    'rejected',      -- the row has no identity
    'waiting',       -- its record is being worked on with another content
    'asked'          -- the person in `by` wants it taken again
);

-- Whose turn it is: one row per content of a source row, from when on it may be taken (again). What a person has decided waits
-- for other content, or for a person's word.
create table turns (
    record_key text not null, -- of a rejected row, which has none, the hash of its content
    content_hash text not null,
    verdict turn_verdict not null,
    by text,
    note text,
    reprocess interval not null, -- after a completion by automation, until the next turn
    next_turn timestamptz, -- null: it waits for other content, the end of the work, or a person's word
    changed_at timestamptz not null, -- always grows, because the source's ledger goes by the latest
    ledger_due boolean not null default true, -- the source's ledger does not know this yet
    primary key (record_key, content_hash)
);
create index turns_ledger_due on turns (changed_at) where ledger_due;

-- By month, so that an old month leaves as one table (20261122000014). The default partition takes what has no month yet, so
-- nothing is ever refused. A key of a partitioned table holds its time, so no foreign key names a decision: the audit looks.
create table decisions (
    id uuid not null default gen_random_uuid(),
    batch_id text not null references batches (id),
    record_key text, -- null for a rejected row, which has no identity
    pn text,
    manufacturer text,
    route route not null,
    priority task_priority,
    rule text not null,
    reason text not null,
    confidence numeric not null check (confidence between 0 and 1),
    features jsonb not null default '{}',
    comparisons jsonb not null default '[]',
    policy text,
    policy_version text,
    content_hash text,
    source_record jsonb,
    decided_at timestamptz not null, -- not before its batch's `created_at`
    primary key (id, decided_at),
    check ((route = 'rejected') = (record_key is null)),
    check (route = 'rejected' or priority is not null)
) partition by range (decided_at);
create table decisions_default partition of decisions default;
-- across months it is `open_tasks` that decides each record, and rejects each row, once in a batch
create unique index one_decision_per_record_and_batch on decisions (batch_id, record_key, decided_at)
where record_key is not null;
create unique index one_rejection_per_row_and_batch on decisions (batch_id, content_hash, decided_at)
where route = 'rejected';
create index decisions_by_batch on decisions (batch_id, rule);

create table automation_tasks (
    id uuid primary key default gen_random_uuid(),
    batch_id text not null references batches (id),
    decision_id uuid not null unique, -- of `decisions`
    redrives uuid references automation_tasks (id), -- the dead letter that a redrive gave back to automation
    record_key text not null references records (record_key),
    pn text not null,
    manufacturer text,
    manufacturer_key text,
    content_hash text not null,
    source_record jsonb not null,
    priority task_priority not null,
    rule text, -- of its decision
    state automation_state not null default 'initialized',
    attempts integer not null default 0 check (attempts >= 0), -- tries at the vendor
    deliveries integer not null default 0 check (deliveries >= 0), -- deliveries that reached a claim
    generation integer not null default 0 check (generation >= 0), -- part of the queue task's name: + 1 per re-enqueue
    renewed integer not null default 0 check (renewed >= 0), -- re-enqueued after a loss or a long burst limit; waits do not count
    enqueued_at timestamptz, -- null until this generation is known to be in the queue
    not_before timestamptz, -- the vendor's breaker: no delivery may work on it before
    asks text, -- the vendor that its last claim was for
    outages integer not null default 0 check (outages >= 0), -- in which a failure was given back
    outage_at timestamptz, -- the beginning of the last of them
    lease_owner uuid,
    lease_until timestamptz,
    attempt_counted boolean not null default false, -- the current lease counted an attempt
    released_by uuid, -- the owner of the last lease that was given back; that call may be repeated
    vendor_answer jsonb,
    error_category error_category,
    error_message text,
    error_answer jsonb,
    blame blame, -- of its failure; null when the queue lost it
    hand_over hand_over not null default 'none',
    sweep_after timestamptz, -- when the sweep looks at it; null when nothing can be wrong any more
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz,
    check ((lease_owner is null) = (lease_until is null)),
    check ((state in ('completed', 'failed')) = (finished_at is not null)),
    check (state not in ('data_finished', 'supabase_finished', 'completed') or vendor_answer is not null),
    check ((state = 'failed') = (hand_over <> 'none')),
    check ((state = 'failed') <= (error_category is not null))
);
create unique index one_open_automation_task_per_record on automation_tasks (record_key)
where state not in ('completed', 'failed');
create unique index one_redrive_per_letter on automation_tasks (redrives) where redrives is not null;
create index automation_tasks_by_batch on automation_tasks (batch_id, state);
create index automation_tasks_by_record on automation_tasks (record_key);
create index automation_failures_by_record on automation_tasks (record_key, finished_at) where state = 'failed';
-- what the sweep looks for, each kind in its own index, so that many of one kind cannot hide the others
create index automation_tasks_to_hand_over on automation_tasks (sweep_after, id) where hand_over = 'due';
create index automation_tasks_to_enqueue on automation_tasks (sweep_after, id)
where hand_over = 'none' and enqueued_at is null and sweep_after is not null;
create index automation_tasks_silent on automation_tasks (sweep_after, id)
where hand_over = 'none' and enqueued_at is not null and sweep_after is not null;
create index automation_tasks_waiting on automation_tasks (not_before) where not_before is not null;

create table manual_tasks (
    id uuid primary key default gen_random_uuid(),
    batch_id text not null references batches (id),
    decision_id uuid not null, -- of `decisions`
    automation_task_id uuid references automation_tasks (id),
    origin_batch_id text references batches (id), -- of the automation task that failed
    record_key text not null references records (record_key),
    pn text not null,
    manufacturer text,
    manufacturer_key text,
    content_hash text not null,
    source_record jsonb not null,
    type manual_type not null,
    priority task_priority not null,
    rule text, -- of its decision
    reason text not null,
    cause error_category,
    attempts integer,
    last_vendor_answer jsonb,
    state manual_state not null default 'initialized',
    assigned_to text, -- whom a bulk job named; anybody may claim it all the same
    assignee text,
    claimed_at timestamptz, -- by this person; a renewal keeps it, and so does an end that is taken back
    claimed_until timestamptz,
    due_at timestamptz not null,
    note text,
    edited_fields jsonb,
    result jsonb,
    product jsonb, -- as the person left it
    undo_until timestamptz, -- until when the person who ended it may take that back
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz,
    check ((type = 'automation_fallback') = (automation_task_id is not null)),
    check ((origin_batch_id is null) = (automation_task_id is null)),
    check ((state in ('completed', 'failed')) = (finished_at is not null)),
    check ((assignee is null) = (state = 'initialized')),
    check ((claimed_until is not null) = (state = 'processing')),
    check (undo_until is null or finished_at is not null)
);
create unique index one_manual_task_per_automation_task on manual_tasks (automation_task_id)
where automation_task_id is not null;
create unique index one_own_manual_task_per_decision on manual_tasks (decision_id) where automation_task_id is null;
create unique index one_open_manual_task_per_record on manual_tasks (record_key)
where state in ('initialized', 'processing');
create index manual_tasks_by_batch on manual_tasks (batch_id, state);
create index manual_tasks_by_origin on manual_tasks (origin_batch_id, state) where origin_batch_id is not null;
create index manual_tasks_pending on manual_tasks (priority, created_at, id) where state in ('initialized', 'processing');

-- By month, as `decisions`.
create table task_events (
    id bigint generated always as identity,
    task_kind text not null check (task_kind in ('automation', 'manual')),
    task_id uuid not null,
    batch_id text not null,
    from_state text, -- null for the first
    to_state text not null,
    detail jsonb not null default '{}',
    at timestamptz not null,
    primary key (id, at)
) partition by range (at);
create table task_events_default partition of task_events default;
create index task_events_by_task on task_events (task_id, id);

-- Tasks opened per UTC day, automation and manual together; `again` counts those whose content was taken before.
create table daily_usage (
    day date primary key,
    used integer not null check (used >= 0),
    again integer not null default 0,
    quota integer not null,
    check (used <= quota),
    check (again between 0 and used)
);

-- One breaker per vendor, shared by all workers.
create table vendor_breakers (
    vendor text primary key,
    cause pause_cause, -- null while it is closed
    reason text, -- the vendor's words when it opened last, or when its last probe failed
    opened_at timestamptz, -- the last time
    until timestamptz, -- nobody calls before; the first claim after it is the probe
    backoff_seconds double precision not null default 0,
    probe_owner uuid,
    probe_until timestamptz,
    failing jsonb not null default '{}', -- {task: [owners of its failed deliveries]} since the vendor's last answer
    owed jsonb not null default '{}', -- {task: attempts}: given back with the task's next claim
    closed_at timestamptz,
    closed_by text, -- `probe`, or who resumed it
    note text,
    check ((cause is null) = (until is null)),
    check ((probe_owner is null) = (probe_until is null))
);
