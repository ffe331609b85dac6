-- Fifty-two thousand orders: shipped long ago but for every twentieth, which was cancelled, and the last two thousand, which are open.
set session_replication_role = replica; -- neither triggers nor foreign keys: all of it is consistent as it is made

insert into orders (
    order_id, commercial_id, state, state_since, marketplace_state, ordered_at, marketplace_updated_at, ship_before, currency, total,
    first_seen_at, updated_at
)
select
    'O' || n, 'C' || n,
    case
        when n > 50000 then (array['pending_acceptance', 'accepted', 'label_unknown', 'label_created'])[n % 4 + 1]
        when n % 20 = 0 then 'cancelled' else 'shipped'
    end::order_state,
    moment, 'SHIPPING', moment, moment, moment + interval '2 days', 'CAD', 9.99, moment, moment
from generate_series(1, 52000) as n
cross join lateral (select '2026-03-02 11:59:00+00'::timestamptz - make_interval(mins => 52000 - n) as moment) as m;

insert into order_lines (order_id, line_id, sku, quantity, title, price)
select order_id, order_id || '-1', 'SKU-1', 1, 'Cable', 9.99 from orders;

insert into order_status_history (order_id, from_state, to_state, at)
select order_id, null::order_state, 'pending_acceptance'::order_state, first_seen_at from orders
union all
select order_id, 'pending_acceptance', state, first_seen_at from orders where state <> 'pending_acceptance';

-- Of the cancelled orders' labels most are refunded, some wait for a person, and some for the carrier.
insert into shipments (
    id, order_id, sequence, request_id, request_hash, request, backend, state, call_id, called_at, wanted, unclear_since, bought_at,
    shipment_id, tracking_number, price, label_path, label_sha256, undo, not_needed_since, undo_asked_at, created_at, updated_at
)
select
    md5(order_id)::uuid, order_id, 1, order_id || '-1', 'hash', '{}', 'json',
    case state
        when 'accepted' then 'requested' when 'label_unknown' then 'unknown'
        when 'cancelled' then case number % 500 when 0 then 'undo_due' when 100 then 'undo_asked' else 'refunded' end
        else 'bought'
    end::shipment_state,
    md5('call ' || order_id)::uuid, updated_at, state <> 'cancelled', case when state = 'label_unknown' then updated_at end,
    case when is_bought then updated_at end, case when is_bought then 'S' || order_id end, case when is_bought then '123' end,
    case when is_bought then 12.34 end, case when is_bought then order_id || '.pdf' end, case when is_bought then '00' end,
    case when state = 'cancelled' then '{}'::jsonb end, case when state = 'cancelled' then updated_at end,
    case when number % 500 = 100 and state = 'cancelled' then updated_at end, updated_at, updated_at
from orders
cross join lateral (select substr(order_id, 2)::integer, state in ('shipped', 'label_created', 'cancelled')) as o (number, is_bought)
where state <> 'pending_acceptance';

insert into carrier_shipments (
    backend, shipment_id, day, link, request_id, tracking_number, price, status, first_listed_at, last_listed_at, read_at
)
select
    'json', shipment_id, (bought_at at time zone 'America/Toronto')::date, 'link', request_id, '123', 12.34, 'created', bought_at,
    bought_at, bought_at
from shipments where bought_at is not null;

insert into findings (kind, subject, order_id, reason, found_by, since, seen_at, closed_at)
select 'price_differs', 'S' || order_id, order_id, 'x', 'reconcile', first_seen_at, first_seen_at, first_seen_at
from orders where state = 'shipped';

insert into findings (kind, subject, order_id, reason, found_by, since, seen_at)
select 'label_unusable', order_id, order_id, 'x', 'create-labels', first_seen_at, first_seen_at
from orders where state = 'label_created' order by order_id limit 20;

insert into threads (thread_id, topic, order_ids, created_at, updated_at, stored_at)
select 'T' || n, 'Where is it?', array['O' || n], '2026-03-01', '2026-03-01', '2026-03-01' from generate_series(1, 20000) as n;

insert into messages (message_id, thread_id, sender, sender_type, body_raw, body_text, sent_at, stored_at)
select 'M' || n, 'T' || n % 20000 + 1, 'Customer', 'CUSTOMER_USER', 'x', 'x', '2026-03-01', '2026-03-01'
from generate_series(1, 100000) as n;

insert into message_files (attachment_id, message_id, name, path)
select 'F' || n, 'M' || n, 'a.jpg', case when n > 20 then 'F' || n end from generate_series(1, 50000) as n;

insert into replies (reply_id, thread_id, body, recipients, written_by, created_at, message_id)
select
    md5('reply ' || n)::uuid, 'T' || n, 'x', '{CUSTOMER}', 'kim', '2026-03-01', case when n > 20 then 'R' || n end
from generate_series(1, 20000) as n;

insert into stage_runs (cycle, stage, trigger, state, owner, begun_at, ended_at)
select 'c' || n, 'stage ' || n % 4, 'scheduler', 'finished', gen_random_uuid(), moment, moment
from generate_series(1, 50000) as n
cross join lateral (select '2026-03-01'::timestamptz - make_interval(mins => 50000 - n) as moment) as m;

insert into order_decisions (order_id, decision, by, note, at)
select order_id, 'retry', 'kim', 'mended', first_seen_at from orders;

insert into undo_requests (order_id, shipments, cents, asked_by, note, asked_at, outcome, ended_by, end_note, ended_at)
select order_id, array[id], 6000, 'kim', 'cancelled', updated_at, 'approved', 'ana', 'seen', updated_at
from shipments where state = 'refunded';

reset session_replication_role;

analyze;
