-- The tables of fulfillment. Orders change state by arrow only, every move is recorded, and no order has two live shipments.

create type order_state as enum (
    'pending_acceptance', -- -> accepted, acceptance_failed, refused, cancelled
    'acceptance_failed',  -- a person looks -> pending_acceptance (retried), accepted, refused, cancelled
    'accepted',           -- -> label_created, label_unknown, label_failed, shipped (by hand), refused, cancelled
    'label_unknown',      -- the carrier is asked -> label_created, accepted (the next parcel), label_failed, shipped, cancelled
    'label_failed',       -- a person looks -> accepted (retried), shipped (by hand), cancelled
    'label_created',      -- -> shipped, tracking_failed, accepted (a person wants another label), cancelled
    'tracking_failed',    -- a person looks -> label_created (retried), accepted (another label), shipped, cancelled
    'shipped',            -- the end
    'refused',            -- the end
    'cancelled'           -- the end
);

create type shipment_state as enum (
    'requested',  -- committed before the carrier is called -> bought, unknown, failed
    'unknown',    -- the call's outcome is not known -> bought, failed
    'bought',     -- paid for -> undo_due
    'failed',     -- nothing was bought -> bought, undo_due (the carrier sold it nevertheless)
    'undo_due',   -- paid for and not needed: waits for a person's word -> undo_asked, voided, refunded, disputed
    'undo_asked', -- a person has said so: the call is sent, the carrier's decision is awaited -> voided, refunded, disputed
    'voided',     -- never charged; the end
    'refunded',   -- the carrier gave the money back; the end
    'disputed'    -- the carrier keeps the money, or a person gave it up -> refunded
);

create type stage_state as enum (
    'running',  -- under a lease -> finished, failed
    'finished', -- the end
    'failed'    -- ended by an error, or its lease ran out -> running (again in the same cycle)
);

-- Whether two names are one person's: letter case, width and spaces do not count.
create function same_person(one text, other text) returns boolean
language sql immutable set search_path = public, pg_temp
return lower(regexp_replace(trim(normalize(one, nfkc)), '\s+', ' ', 'g'))
    = lower(regexp_replace(trim(normalize(other, nfkc)), '\s+', ' ', 'g'));

create table orders (
    order_id text primary key,
    commercial_id text not null,
    state order_state not null default 'pending_acceptance',
    state_since timestamptz not null,
    reason text, -- of the last move
    marketplace_state text not null,
    marketplace_reason text, -- the marketplace's code of why it is in its state
    ordered_at timestamptz not null,
    marketplace_updated_at timestamptz not null,
    ship_before timestamptz,
    can_ship boolean not null default false,
    fully_refunded boolean not null default false,
    shipping_type text, -- the code of the service that the buyer chose
    deliver_by timestamptz, -- the latest delivery that the buyer was promised
    currency text not null,
    total numeric not null,
    address jsonb, -- null until the marketplace gives it
    address_override jsonb, -- a person's, used for the label instead: {address, by, note, at}
    accept_anyway boolean not null default false, -- a person accepts it although no single parcel can carry it
    parcels integer not null default 1 check (parcels between 1 and 20), -- each has a label of its own
    decision_count integer not null default 0, -- on parcels and address: no label is bought by what was read before the last one
    refusal jsonb, -- a person refuses it: {by, note, at}; accept-orders tells the marketplace
    failed_facts text, -- of facts_of() when its label failed by them alone: the same facts would fail again
    carrier_code text,
    carrier_name text,
    tracking_number text,
    stage text, -- the stage that moved it last
    first_seen_at timestamptz not null,
    updated_at timestamptz not null,
    forgotten_at timestamptz -- when its personal data was removed
);
create index orders_by_state on orders (state, ordered_at, order_id);
create index orders_by_day on orders (first_seen_at);
create index orders_by_deadline on orders (coalesce(ship_before, 'infinity'), order_id)
where state not in ('shipped', 'refused', 'cancelled');
create index orders_to_forget on orders (state_since, order_id)
where state in ('shipped', 'refused', 'cancelled') and forgotten_at is null;

-- How long an order or its label may stay as it is before a person looks: `within` from its beginning (for pending_acceptance
-- from the buyer's order), but no later than `before_shipping` ahead of the marketplace's ship-by date. Change a limit with
-- UPDATE.
create table order_limits (
    what text primary key, -- a state of an order, or of its label
    within interval not null,
    before_shipping interval, -- null: the ship-by date does not count
    reason text not null
);
insert into order_limits (what, within, before_shipping, reason) values
('pending_acceptance', '2 hours', null, 'it is not accepted yet; the marketplace cancels it after 24 hours'),
('acceptance_failed', '0', null, 'the marketplace refused its acceptance'),
('accepted', '24 hours', '12 hours', 'it has no label yet'),
('label_unknown', '2 hours', '12 hours', 'the carrier does not say whether it sold the label'),
('label_failed', '0', null, 'its label cannot be bought'),
('label_created', '2 hours', '12 hours', 'the marketplace does not confirm that it ships'),
('tracking_failed', '0', null, 'the marketplace refused its tracking number or its shipping'),
('label not asked for', '2 hours', null, 'its label could not be asked for at the carrier'),
('label without PDF', '2 hours', null, 'its label is bought, but no PDF of it can be fetched'),
('unclear label of an ended order', '2 hours', null, 'it has ended, and the carrier does not say whether it sold the label'),
('label not needed', '0', null, 'a label is paid for and not needed'),
('undo not approved', '0', null, 'a second person must approve the undoing of its labels'),
('label sold twice', '0', null, 'a label was sold twice'),
('undo not sent', '2 hours', null, 'the carrier has not taken the undo call of a needless label'),
('refund asked for', '30 days', null, 'the carrier has not decided about the refund'),
('marketplace look', '1 hour', null, 'the account was not compared with the marketplace'), -- older looks verify nothing
('carrier look', '26 hours', null, 'the account was not compared with the carrier');

-- Whatever a person must know of beside an order's state: each has a beginning, and an end by itself or by a person.
-- docs/orders.md lists the kinds.
create table findings (
    id bigint generated always as identity primary key,
    kind text not null,
    subject text not null, -- the order's id, or the carrier's shipment id
    order_id text, -- null when it concerns no order of ours
    reason text not null,
    raw jsonb, -- an answer that cannot be read, with its personal data
    found_by text not null, -- the stage
    since timestamptz not null,
    seen_at timestamptz not null, -- found again
    closed_at timestamptz,
    closed_by text, -- null: it ended by itself
    note text,
    tried_again boolean not null default false -- that person had it tried again: the same reason opens it anew
);
create unique index one_open_finding on findings (kind, subject) where closed_at is null;
create index findings_by_order on findings (order_id);
create index findings_by_subject on findings (subject, kind, id);
create index findings_with_raw on findings (order_id) where raw is not null;

create table order_lines (
    order_id text not null references orders (order_id) on delete cascade,
    line_id text not null,
    sku text not null,
    quantity bigint not null check (quantity >= 0), -- 0: the line was cancelled
    title text not null,
    price numeric not null,
    state text not null default '', -- the marketplace's
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
    sequence integer not null check (sequence > 0), -- of the order's requests
    parcel integer not null default 1 check (parcel > 0), -- which of the order's parcels it is for
    request_id text not null unique check (length(request_id) between 1 and 32), -- the idempotency key at the carrier
    request_hash text not null,
    request jsonb not null,
    backend text not null, -- the carrier's API that the request goes to, and is looked up at
    state shipment_state not null default 'requested',
    call_id uuid not null, -- the last allowed call to the carrier: reports about that call must give it
    called_at timestamptz, -- when that call was allowed; null: certainly no call was made
    wanted boolean not null default true, -- false: its order ended without it, or a person wants another one
    unclear_since timestamptz, -- the first unclear outcome
    message text, -- the carrier's last message
    bought_at timestamptz, -- when we learnt of the sale
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
    also_sold_seen text[] not null default '{}', -- those of them that a person has dealt with
    also_sold_outcome text check (also_sold_outcome in ('voided', 'refunded', 'disputed')), -- how they ended
    scanned_at timestamptz, -- when the carrier was seen to have it
    not_needed_since timestamptz, -- a paid label without a use, or a further one, was found
    undo_by text, -- the person who said that it is to be undone
    undo_asked_at timestamptz, -- that person's word
    undo_sent_at timestamptz, -- the carrier took the call
    undo_ticket text, -- the carrier's number for it
    undone_at timestamptz, -- it is voided, refunded or disputed
    undone_by text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (order_id, sequence),
    check (state <> 'bought' or shipment_id is not null),
    check (state not in ('undo_due', 'undo_asked') or undo is not null),
    check ((label_path is null) = (label_sha256 is null))
);
create unique index one_live_shipment_per_parcel on shipments (order_id, parcel)
where wanted and state in ('requested', 'unknown', 'bought');
create index shipments_unsettled on shipments (created_at) where state in ('requested', 'unknown') and called_at is not null;
create index shipments_not_wanted on shipments (updated_at) where not wanted and state in ('requested', 'unknown', 'bought');
create index shipments_money_open on shipments (order_id) where state in ('undo_due', 'undo_asked');
create index shipments_undo_to_send on shipments (undo_asked_at) where state = 'undo_asked' and undo_sent_at is null;
create index shipments_not_called on shipments (created_at) where state = 'requested' and called_at is null;
create index shipments_without_pdf on shipments (bought_at) where state = 'bought' and wanted and label_path is null;
create index shipments_by_sale on shipments (bought_at) where bought_at is not null;
create index shipments_by_undoing on shipments (undone_at) where undone_at is not null;
create index shipments_by_carrier_id on shipments (shipment_id) where shipment_id is not null;
create index shipments_sold_twice on shipments (order_id) where also_sold <> '{}';
create index shipments_by_further_id on shipments using gin (also_sold) where also_sold <> '{}';

-- What people have decided about orders, with who and why.
create table order_decisions (
    id bigint generated always as identity primary key,
    order_id text not null,
    decision text not null, -- retry, address, refuse, relabel, parcels, not_sold, undo, approve, decline, undone, close
    by text not null,
    note text not null,
    detail jsonb not null default '{}', -- without personal data
    at timestamptz not null
);
create index order_decisions_by_order on order_decisions (order_id, id);

-- Undo calls that need a second person's word, because so much money is asked for.
create table undo_requests (
    id bigint generated always as identity primary key,
    order_id text not null references orders (order_id),
    shipments uuid[] not null, -- the labels, by id
    cents bigint, -- null: the carrier gave no price for one of them
    asked_by text not null,
    note text not null,
    asked_at timestamptz not null,
    outcome text check (outcome in ('approved', 'declined', 'replaced', 'settled')), -- null: it waits
    ended_by text,
    end_note text,
    ended_at timestamptz,
    check ((outcome is null) = (ended_at is null)),
    check (outcome <> 'approved' or not same_person(ended_by, asked_by))
);
create unique index one_open_undo_request on undo_requests (order_id) where ended_at is null;
create index undo_requests_by_order on undo_requests (order_id, id);

-- Size of one piece, by the seller's SKU. `guessed_skus` shows those that are missing here: the settings' default is used for
-- them.
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
    stored_at timestamptz not null,
    forgotten_at timestamptz -- when its personal data was removed
);
create index threads_by_order on threads using gin (order_ids) with (fastupdate = off); -- a look-up reads no pending list
create index threads_unanswered on threads (updated_at) where reply_needed_since is not null;
create index threads_to_forget_again on threads (updated_at) where forgotten_at < stored_at;

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

-- The files of messages.
create table message_files (
    attachment_id text primary key,
    message_id text not null references messages (message_id) on delete cascade,
    name text not null,
    path text, -- on the shelf; null until it is fetched
    media_type text,
    bytes integer,
    problem text, -- the marketplace does not have it
    stored_at timestamptz
);
create index message_files_by_message on message_files (message_id);
create index message_files_to_fetch on message_files (attachment_id) where path is null and problem is null;

-- Replies, and messages to an order's buyer. The marketplace takes a repeated one again, so each call is committed before it is
-- made.
create table replies (
    reply_id uuid primary key, -- the caller's: the same one again changes nothing
    thread_id text references threads (thread_id) on delete cascade, -- null until the message to a buyer is in one that we know
    order_id text references orders (order_id), -- a message to its buyer, which opens a thread if there is none
    topic text, -- of the thread that it may open
    body text not null,
    recipients text[] not null check (recipients <@ '{CUSTOMER,OPERATOR}' and recipients <> '{}'),
    written_by text not null,
    created_at timestamptz not null,
    called_at timestamptz, -- of the last call; null: certainly not called
    message_id text unique, -- the marketplace's: it is sent
    sent_at timestamptz,
    problem text, -- the marketplace refuses it
    check (thread_id is not null or order_id is not null),
    check ((order_id is null) = (topic is null))
);
create index replies_to_be_sent on replies (created_at) where message_id is null and problem is null;
create index replies_by_thread on replies (thread_id);
create index replies_by_order on replies (order_id);

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

-- A stage that stopped because of a vendor or our account, with its reason: no row while it works.
create table breakers (
    stage text primary key,
    cause text not null, -- away, throttled, account, unclear
    reason text not null,
    opened_at timestamptz not null,
    tried_at timestamptz not null,
    tries integer not null default 1,
    retry_at timestamptz not null -- a scheduled run before it does nothing
);

-- Looks at the outside. `complete` is false for one that had to end before it had read everything.
create table outside_checks (
    id bigint generated always as identity primary key,
    source text not null check (source in ('marketplace', 'carrier')),
    began_at timestamptz not null,
    ended_at timestamptz not null,
    complete boolean not null,
    result jsonb not null
);
create index outside_checks_latest on outside_checks (source, began_at desc) where complete;

-- The carrier's side of the account: every shipment that it lists, by the API that lists it.
create table carrier_shipments (
    backend text not null,
    shipment_id text not null,
    day date not null, -- of the carrier's list
    link text not null,
    request_id text,
    reference text,
    tracking_number text,
    price numeric check (price >= 0),
    status text,
    first_listed_at timestamptz not null,
    last_listed_at timestamptz not null,
    read_at timestamptz, -- null: only its id is known
    primary key (backend, shipment_id)
);
create index carrier_shipments_by_day on carrier_shipments (day);
create index carrier_shipments_by_request on carrier_shipments (request_id);

create table cursors (
    name text primary key,
    value timestamptz not null,
    updated_at timestamptz not null
);
