-- The tables of fulfillment. Orders change state by arrow only, every move is recorded, and no order has two live shipments.

create type order_state as enum (
    'pending_acceptance', -- -> accepted, acceptance_failed, refused, cancelled
    'acceptance_failed',  -- a person looks -> pending_acceptance (retried), accepted, refused, cancelled
    'accepted',           -- -> label_created, label_unknown, label_failed, shipped (by hand), refused, cancelled
    'label_unknown',      -- the carrier is asked -> label_created, label_failed, shipped (by hand), cancelled
    'label_failed',       -- a person looks -> accepted (retried), shipped (by hand), cancelled
    'label_created',      -- -> shipped, tracking_failed, cancelled
    'tracking_failed',    -- a person looks -> label_created (retried), shipped, cancelled
    'shipped',            -- the end
    'refused',            -- the end
    'cancelled'           -- the end
);

create type shipment_state as enum (
    'requested', -- committed before the carrier is called -> bought, unknown, failed
    'unknown',   -- the call's outcome is not known -> bought, failed
    'bought',    -- paid for -> undo_due
    'failed',    -- nothing was bought -> undo_due (the carrier sold it nevertheless)
    'undo_due'   -- bought but not needed: a person sends the prepared call; the end
);

create type stage_state as enum (
    'running',  -- under a lease -> finished, failed
    'finished', -- the end
    'failed'    -- ended by an error, or its lease ran out -> running (again in the same cycle)
);

create table orders (
    order_id text primary key,
    commercial_id text not null,
    state order_state not null default 'pending_acceptance',
    reason text, -- of the last move, or for a person to look
    attention boolean not null default false, -- a person must look
    marketplace_state text not null,
    ordered_at timestamptz not null,
    marketplace_updated_at timestamptz not null,
    ship_before timestamptz,
    can_ship boolean not null default false,
    currency text not null,
    total numeric not null,
    address jsonb, -- null until the marketplace gives it
    carrier_code text,
    carrier_name text,
    tracking_number text,
    stage text, -- the stage that moved it last
    first_seen_at timestamptz not null,
    updated_at timestamptz not null
);
create index orders_by_state on orders (state, ordered_at, order_id);
create index orders_by_day on orders (first_seen_at);
create index orders_for_person on orders (updated_at)
where attention or state in ('acceptance_failed', 'label_failed', 'tracking_failed');

create table order_lines (
    order_id text not null references orders (order_id) on delete cascade,
    line_id text not null,
    sku text not null,
    quantity bigint not null check (quantity >= 0), -- 0: the line was cancelled
    title text not null,
    price numeric not null,
    primary key (order_id, line_id)
);

create table order_status_history (
    id bigint generated always as identity primary key,
    order_id text not null,
    from_state order_state, -- null for the first
    to_state order_state not null,
    reason text,
    stage text,
    at timestamptz not null
);
create index order_status_history_by_order on order_status_history (order_id, id);
create index order_status_history_beginnings on order_status_history (at) where from_state is null;

create table shipments (
    id uuid primary key default gen_random_uuid(),
    order_id text not null references orders (order_id),
    sequence integer not null check (sequence > 0),
    request_id text not null unique check (length(request_id) between 1 and 32), -- the idempotency key at the carrier
    request_hash text not null,
    request jsonb not null,
    backend text not null,
    state shipment_state not null default 'requested',
    call_id uuid not null, -- the last allowed call to the carrier: reports about that call must give it
    called_at timestamptz, -- when that call was allowed; null: certainly no call was made
    wanted boolean not null default true, -- false: its order ended without it
    unclear_cycles integer not null default 0 check (unclear_cycles >= 0),
    unclear_in text, -- the cycle that was counted last
    message text, -- the carrier's last message
    shipment_id text,
    tracking_number text,
    label_link text,
    links jsonb not null default '{}',
    price numeric check (price >= 0),
    carrier_status text,
    label_path text,
    label_sha256 text,
    label_bytes integer,
    undo jsonb, -- the void or refund call, prepared
    also_sold text[] not null default '{}', -- the carrier's ids of further labels for the same request: paid twice
    undone_at timestamptz, -- when a person had dealt with `undo` and `also_sold`
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (order_id, sequence),
    check (state <> 'bought' or shipment_id is not null),
    check (state <> 'undo_due' or undo is not null),
    check ((label_path is null) = (label_sha256 is null))
);
create unique index one_live_shipment_per_order on shipments (order_id) where state in ('requested', 'unknown', 'bought');
create index shipments_unsettled on shipments (created_at) where state in ('requested', 'unknown') and called_at is not null;
create index shipments_not_wanted on shipments (updated_at) where not wanted and state in ('requested', 'unknown', 'bought');

-- Size of one piece, by the seller's SKU. The settings hold the default for any other SKU.
create table parcel_sizes (
    sku text primary key,
    weight numeric(7, 3) not null check (weight > 0 and weight <= 30), -- kilograms; the carrier takes no heavier parcel
    length numeric(5, 1) not null check (length > 0 and length <= 200), -- centimetres
    width numeric(5, 1) not null check (width > 0 and width <= 200),
    height numeric(5, 1) not null check (height > 0 and height <= 200)
);

create table threads (
    thread_id text primary key,
    topic text not null,
    order_ids text[] not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    reply_needed_since timestamptz,
    stored_at timestamptz not null
);
create index threads_by_order on threads using gin (order_ids);

create table messages (
    message_id text primary key,
    thread_id text not null references threads (thread_id) on delete cascade,
    sender text not null,
    sender_type text not null,
    body_raw text not null,
    body_text text not null,
    attachments jsonb not null default '[]',
    sent_at timestamptz not null,
    stored_at timestamptz not null
);
create index messages_by_thread on messages (thread_id, sent_at);

create table stage_runs (
    id uuid primary key default gen_random_uuid(),
    cycle text not null,
    stage text not null,
    trigger text not null,
    state stage_state not null default 'running',
    owner uuid not null,
    lease_until timestamptz,
    out_of_order boolean not null default false,
    tries integer not null default 1, -- beginnings of this stage in this cycle
    result jsonb, -- counts and errors, the function's answer
    begun_at timestamptz not null,
    ended_at timestamptz,
    unique (cycle, stage),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'running') = (ended_at is null))
);
create unique index one_running_run_per_stage on stage_runs (stage) where state = 'running';
create index stage_runs_by_time on stage_runs (begun_at);

create table cursors (
    name text primary key,
    value timestamptz not null,
    updated_at timestamptz not null
);
