-- A hundred thousand records that were taken in, a hundred to a batch: 70,000 went to automation (7,000 of them failed on
-- to a person), 30,000 to a person at once. The latest are still being worked on.
select make_partition(kind, ('2025-02-01'::date + make_interval(months => month))::date)
from unnest(array['decisions', 'task_events']) as kind cross join generate_series(0, 13) as month;

set session_replication_role = replica; -- neither triggers nor foreign keys: all of it is consistent as it is made

insert into batches (id, run_id, trigger, taken, created_at, closed_at)
select 'b' || n, gen_random_uuid(), 'scheduler', 101, '2026-03-01'::timestamptz - make_interval(mins => 144 * (1000 - n)), '2026-03-01'
from generate_series(1, 1000) as n;

insert into batches (id, parent_batch_id, trigger, created_at, closed_at)
select id || '_fallback', id, 'fallback', created_at, created_at from batches;

insert into manufacturers (key, name, attempts, successes) select 'maker ' || n, 'Maker ' || n, 9, 8 from generate_series(0, 19999) as n;

insert into records (record_key, pn, manufacturer, open, content_hash)
select 'P' || n || '|maker ' || n % 20000, 'P' || n, 'Maker ' || n % 20000, n > 99000, 'hash ' || n
from generate_series(1, 100000) as n;

insert into turns (content_hash, record_key, verdict, reprocess, next_turn, changed_at, ledger_due)
select
    'hash ' || n, 'P' || n || '|maker ' || n % 20000, case when n > 99000 then 'in_flight' else 'completed' end::turn_verdict, '30 days',
    case when n <= 99000 then '2026-03-31'::timestamptz - make_interval(mins => 100000 - n) end,
    '2026-03-01'::timestamptz - make_interval(mins => 100000 - n), n between 97001 and 99000
from generate_series(1, 100000) as n;

insert into turns (record_key, content_hash, verdict, reprocess, changed_at, ledger_due)
select 'rejected ' || n, 'rejected ' || n, 'rejected', '0', '2026-03-01', false from generate_series(1, 1000) as n;

insert into decisions (
    id, batch_id, record_key, pn, route, priority, rule, reason, confidence, content_hash, decided_at
)
select
    md5('decision ' || n)::uuid, 'b' || (n + 99) / 100, 'P' || n || '|maker ' || n % 20000, 'P' || n,
    case when n % 10 < 7 then 'automation' else 'manual' end::route, 'medium', 'sparse', 'a reason', 0.8, 'hash ' || n,
    '2026-03-01'::timestamptz - make_interval(mins => 144 * (1000 - (n + 99) / 100))
from generate_series(1, 100000) as n;

insert into decisions (batch_id, pn, route, rule, reason, confidence, content_hash, decided_at)
select 'b' || n, null, 'rejected', 'rejected', 'no part number', 1, 'rejected ' || n, '2026-03-01'::timestamptz - make_interval(mins => 144 * (1000 - n))
from generate_series(1, 1000) as n;

insert into automation_tasks (
    id, batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, priority, state,
    enqueued_at, vendor_answer, attempts, error_category, hand_over, sweep_after, created_at, updated_at, finished_at
)
select
    md5('task ' || n)::uuid, 'b' || (n + 99) / 100, md5('decision ' || n)::uuid, 'P' || n || '|maker ' || n % 20000, 'P' || n,
    'Maker ' || n % 20000, 'maker ' || n % 20000, 'hash ' || n, '{}', 'medium',
    case when n > 99000 then 'initialized' when n % 10 = 0 then 'failed' else 'completed' end::automation_state,
    case when n <= 99000 or n > 99500 then '2026-02-01'::timestamptz end,
    case when n <= 99000 then '{"a": 1}'::jsonb end, (n <= 99000)::integer,
    case when n <= 99000 and n % 10 = 0 then 'not_found'::error_category end,
    case when n <= 99000 and n % 10 = 0 then 'done' else 'none' end::hand_over,
    case when n > 99000 then '2026-03-01'::timestamptz + make_interval(secs => n - 99000) end, '2026-02-01', '2026-02-01',
    case when n <= 99000 then '2026-03-01'::timestamptz - make_interval(mins => 100000 - n) end
from generate_series(1, 100000) as n where n % 10 < 7;

insert into manual_tasks (
    id, batch_id, origin_batch_id, decision_id, automation_task_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, type,
    priority, reason, state, assignee, due_at, created_at, updated_at, finished_at
)
select
    md5('manual ' || n)::uuid, 'b' || (n + 99) / 100 || case when n % 10 = 0 then '_fallback' else '' end,
    case when n % 10 = 0 then 'b' || (n + 99) / 100 end, md5('decision ' || n)::uuid, case when n % 10 = 0 then md5('task ' || n)::uuid end, 'P' || n || '|maker ' || n % 20000, 'P' || n,
    'Maker ' || n % 20000, 'maker ' || n % 20000, 'hash ' || n, '{}', case when n % 10 = 0 then 'automation_fallback' else 'workflow_generated' end::manual_type,
    (array['high', 'medium', 'low'])[n % 3 + 1]::task_priority, 'a reason',
    case when n > 99000 then 'initialized' else 'completed' end::manual_state, case when n <= 99000 then 'ana' end, '2026-03-02',
    '2026-02-01', '2026-02-01', case when n <= 99000 then '2026-03-01'::timestamptz end
from generate_series(1, 100000) as n where n % 10 >= 7 or (n % 10 = 0 and n <= 99000);

insert into task_events (task_kind, task_id, batch_id, from_state, to_state, at)
select kind, id, batch_id, state, 'x', '2026-03-01'
from (
    select 'automation', id, batch_id, null from automation_tasks
    union all
    select 'manual', id, batch_id, 'initialized' from manual_tasks
) as task (kind, id, batch_id, state);

insert into products (part_key, pn, manufacturer_id, source, task_id, created_at, updated_at)
select record_key, pn, null::bigint, 'automation', id, '2026-03-01'::timestamptz, '2026-03-01'::timestamptz
from automation_tasks where state = 'completed'
union all
select record_key, pn, null, 'manual', id, '2026-03-01', '2026-03-01' from manual_tasks where state = 'completed';

insert into record_layers (
    record_key, product_id, settled, pn, manufacturer, manufacturer_key, source, content_hash, source_task, source_at, answer,
    answer_task, answer_at
)
select
    t.record_key, p.id, false, t.pn, t.manufacturer, t.manufacturer_key, '{}', t.content_hash, t.id, '2026-03-01', '{"vendor": "digikey"}',
    t.id, '2026-03-01'
from automation_tasks as t inner join products as p on p.task_id = t.id;

insert into record_layers (record_key, product_id, settled, pn, manufacturer, manufacturer_key, source, content_hash, source_task, source_at)
select t.record_key, p.id, false, t.pn, t.manufacturer, t.manufacturer_key, '{}', t.content_hash, t.id, '2026-03-01'
from manual_tasks as t inner join products as p on p.task_id = t.id;

insert into person_fields (record_key, kind, name, value, layer, passed_over, assignee, task_id, at)
select record_key, 'attribute', 'Voltage', '5 V', 'edited', '{}', 'ana', source_task, '2026-03-01' from record_layers;

insert into product_attributes (product_id, name, value) select id, 'Voltage', '37 V' from products;

insert into document_media (product_id, kind, url) select id, 'photo', 'https://vendor.example/a.jpg' from products;

insert into product_extras (product_id, extras) select id, '{}' from products;

insert into batch_counts (batch_id, shard, day, in_flight, with_a_person, completed, failed, rejected)
select
    b.id, shard, (b.created_at at time zone 'UTC')::date,
    case when shard = 0 then (select count(*) from automation_tasks as t where t.batch_id = b.id and state = 'initialized') else 0 end,
    case when shard = 0 then (select count(*) from manual_tasks as m where m.batch_id = b.id and state = 'initialized') else 0 end,
    case when shard = 0 then (select count(*) from automation_tasks as t where t.batch_id = b.id and state = 'completed')
        else (select count(*) from manual_tasks as m where coalesce(m.origin_batch_id, m.batch_id) = b.id and state = 'completed') end,
    0, shard
from batches as b cross join generate_series(0, 1) as shard where b.parent_batch_id is null;

reset session_replication_role;

analyze;
