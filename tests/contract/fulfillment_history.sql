-- Fifty-two thousand orders: shipped long ago but for every twentieth, which was cancelled, and the last two thousand, which are open.
set session_replication_role = replica; -- neither triggers nor foreign keys: all of it is consistent as it is made

insert into orders (
    order_id, commercial_id, state, marketplace_state, ordered_at, marketplace_updated_at, currency, total, first_seen_at, updated_at
)
select
    'O' || n, 'C' || n,
    case
        when n > 99000 then (array['pending_acceptance', 'accepted', 'label_unknown', 'label_created'])[n % 4 + 1]
        when n % 20 = 0 then 'cancelled' else 'shipped'
    end::order_state,
    'SHIPPING', moment, moment, 'CAD', 9.99, moment, moment
from generate_series(1, 100000) as n
cross join lateral (select '2026-03-01'::timestamptz - make_interval(mins => 100000 - n) as moment) as m;

insert into order_lines (order_id, line_id, sku, quantity, title, price)
select order_id, order_id || '-1', 'SKU-1', 1, 'Cable', 9.99 from orders;

insert into order_status_history (order_id, from_state, to_state, at)
select order_id, null::order_state, 'pending_acceptance'::order_state, first_seen_at from orders
union all
select order_id, 'pending_acceptance', state, first_seen_at from orders where state <> 'pending_acceptance';

insert into shipments (
    id, order_id, sequence, request_id, request_hash, request, backend, state, call_id, called_at, wanted, shipment_id, label_path,
    label_sha256, undo, created_at, updated_at
)
select
    md5(order_id)::uuid, order_id, 1, order_id || '-1', 'hash', '{}', 'json',
    case state
        when 'accepted' then 'requested' when 'label_unknown' then 'unknown' when 'cancelled' then 'undo_due' else 'bought'
    end::shipment_state,
    md5('call ' || order_id)::uuid, updated_at, state <> 'cancelled',
    case when state in ('shipped', 'label_created', 'cancelled') then 'S' || order_id end,
    case when state in ('shipped', 'label_created') then order_id || '.pdf' end,
    case when state in ('shipped', 'label_created') then '00' end, case when state = 'cancelled' then '{}'::jsonb end, updated_at,
    updated_at
from orders where state <> 'pending_acceptance';

insert into threads (thread_id, topic, created_at, updated_at, stored_at)
select 'T' || n, 'Where is it?', '2026-03-01', '2026-03-01', '2026-03-01' from generate_series(1, 20000) as n;

insert into messages (message_id, thread_id, sender, sender_type, body_raw, body_text, sent_at, stored_at)
select 'M' || n, 'T' || n % 20000 + 1, 'Customer', 'CUSTOMER_USER', 'x', 'x', '2026-03-01', '2026-03-01'
from generate_series(1, 100000) as n;

insert into stage_runs (cycle, stage, trigger, state, owner, begun_at, ended_at)
select 'c' || n, 'stage ' || n % 4, 'scheduler', 'finished', gen_random_uuid(), moment, moment
from generate_series(1, 50000) as n
cross join lateral (select '2026-03-01'::timestamptz - make_interval(mins => 50000 - n) as moment) as m;

reset session_replication_role;

analyze;
