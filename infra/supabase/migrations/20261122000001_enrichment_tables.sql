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
    'completed',   -- the end
    'failed'       -- the end
);

create type manual_type as enum ('workflow_generated', 'automation_fallback');

create type error_category as enum (
    'not_found', 'ambiguous', 'rate_limited', 'auth', 'vendor_error', 'timeout', 'invalid_response', 'store_error',
    'lost'
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
    constraint room_for_fallback check (parent_batch_id is not null or length(id) <= 100)
);
create index batches_by_day on batches (created_at);
create index batches_by_parent on batches (parent_batch_id) where parent_batch_id is not null;

create table manufacturers (
    id bigint generated always as identity primary key,
    key text not null unique, -- the normalised name
    name text not null,
    attempts integer not null default 0 check (attempts >= 0), -- finished automation tasks
    successes integer not null default 0,
    check (successes between 0 and attempts)
);

-- One row per record ever opened: its claim (`open`) and its last completion.
create table records (
    record_key text primary key,
    pn text not null,
    manufacturer text,
    open boolean not null,
    content_hash text not null, -- of the source row that was opened last
    completed_hash text,
    completed_at timestamptz,
    ledger_due boolean not null default false, -- completed, but not yet in the source's ledger
    check ((completed_at is null) = (completed_hash is null))
);
create index records_open on records (record_key) where open;
create index records_ledger_due on records (completed_at) where ledger_due;
create index records_ledger_due_by_hash on records (completed_hash) where ledger_due;

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
create index rejections_by_row on decisions (content_hash) where route = 'rejected';
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
    state automation_state not null default 'initialized',
    attempts integer not null default 0 check (attempts >= 0), -- tries at the vendor
    deliveries integer not null default 0 check (deliveries >= 0), -- deliveries that reached a claim
    generation integer not null default 0 check (generation >= 0), -- part of the queue task's name: + 1 per re-enqueue
    enqueued_at timestamptz, -- null until this generation is known to be in the queue
    not_before timestamptz, -- the vendor's daily limit ends: no delivery may work on it before
    lease_owner uuid,
    lease_until timestamptz,
    attempt_counted boolean not null default false, -- the current lease counted an attempt
    released_by uuid, -- the owner of the last lease that was given back; that call may be repeated
    vendor_answer jsonb,
    error_category error_category,
    error_message text,
    error_answer jsonb,
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
create index automation_tasks_by_batch on automation_tasks (batch_id, state);
create index automation_failures_by_record on automation_tasks (record_key, finished_at) where state = 'failed';
create index automation_tasks_to_sweep on automation_tasks (sweep_after) where sweep_after is not null;

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
    reason text not null,
    cause error_category,
    attempts integer,
    last_vendor_answer jsonb,
    state manual_state not null default 'initialized',
    assignee text,
    claimed_until timestamptz,
    due_at timestamptz not null,
    note text,
    edited_fields jsonb,
    result jsonb,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz,
    check ((type = 'automation_fallback') = (automation_task_id is not null)),
    check ((origin_batch_id is null) = (automation_task_id is null)),
    check ((state in ('completed', 'failed')) = (finished_at is not null)),
    check ((assignee is null) = (state = 'initialized')),
    check ((claimed_until is not null) = (state = 'processing'))
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

create table products (
    id uuid primary key default gen_random_uuid(),
    record_key text not null unique references records (record_key),
    pn text not null,
    manufacturer_id bigint references manufacturers (id),
    category text,
    description text,
    vendor text,
    vendor_pn text,
    url text,
    unit_price numeric check (unit_price >= 0),
    currency text,
    status text,
    source text not null check (source in ('automation', 'manual')), -- who wrote it last
    task_id uuid not null, -- the automation or manual task that wrote it last
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index products_by_manufacturer on products (manufacturer_id);

create table product_attributes (
    product_id uuid not null references products (id) on delete cascade,
    name text not null,
    value text not null,
    vendor_id text,
    primary key (product_id, name)
);

create table document_media (
    product_id uuid not null references products (id) on delete cascade,
    kind text not null,
    url text not null,
    title text,
    primary key (product_id, kind, url)
);

create table product_extras (
    product_id uuid primary key references products (id) on delete cascade,
    extras jsonb not null
);

-- Tasks opened per UTC day, automation and manual together.
create table daily_usage (
    day date primary key,
    used integer not null check (used >= 0),
    quota integer not null,
    check (used <= quota)
);
