-- A day of `account.batches` batches of 1,000 records each, all by SQL: of ten records six were completed by automation, one by a
-- person after automation had failed, two by a person at once, and one row was rejected. The counters are counted from the tasks.
-- In a database of its own: `psql -c "set account.batches = 2000" -f account_day.sql -c '\timing' -c "select reconcile(null, '2026-03-02')"`.
set session_replication_role = replica; -- neither triggers nor foreign keys: all of it is consistent as it is made

select make_partition(kind, '2026-03-01') from unnest(array['decisions', 'task_events']) as kind;

create temporary table made as
select
    n, n % 10 as kind, 'day-' || b as batch_id, 'D' || n || '|maker' as record_key, md5('d' || n)::uuid as decision_id,
    md5('a' || n)::uuid as automation_id, md5('m' || n)::uuid as manual_id, '2026-03-02'::timestamptz + make_interval(secs => b) as at
from generate_series(1, current_setting('account.batches')::integer) as b
cross join lateral generate_series(b * 1000, b * 1000 + 999) as n;

insert into batches (id, run_id, trigger, taken, created_at, closed_at)
select batch_id, gen_random_uuid(), 'scheduler', count(*), at, at from made group by batch_id, at;

insert into batches (id, parent_batch_id, trigger, created_at, closed_at)
select id || '_fallback', id, 'fallback', created_at, created_at from batches where id like 'day-%';

insert into records (record_key, pn, open, content_hash)
select record_key, 'D' || n, false, 'h' from made where kind <> 9;

insert into decisions (id, batch_id, record_key, route, priority, rule, reason, confidence, content_hash, decided_at)
select
    decision_id, batch_id, case when kind <> 9 then record_key end,
    case when kind = 9 then 'rejected' when kind < 7 then 'automation' else 'manual' end::route, 'medium', 'sparse', 'a reason', 0.8,
    'hash ' || n, at
from made;

insert into automation_tasks (
    id, batch_id, decision_id, record_key, pn, content_hash, source_record, priority, state, attempts, vendor_answer,
    error_category, hand_over, created_at, updated_at, finished_at
)
select
    automation_id, batch_id, decision_id, record_key, 'D' || n, 'h', '{}', 'medium',
    case when kind = 6 then 'failed' else 'completed' end::automation_state, 1, '{"a": 1}',
    case when kind = 6 then 'not_found' end::error_category, case when kind = 6 then 'done' else 'none' end::hand_over, at, at, at
from made where kind < 7;

insert into manual_tasks (
    id, batch_id, origin_batch_id, decision_id, automation_task_id, record_key, pn, content_hash, source_record, type, priority,
    reason, state, assignee, due_at, created_at, updated_at, finished_at
)
select
    manual_id, batch_id || case when kind = 6 then '_fallback' else '' end, case when kind = 6 then batch_id end, decision_id,
    case when kind = 6 then automation_id end, record_key, 'D' || n, 'h', '{}',
    case when kind = 6 then 'automation_fallback' else 'workflow_generated' end::manual_type, 'medium', 'a reason', 'completed', 'ana',
    at, at, at, at
from made where kind between 6 and 8;

insert into products (part_key, pn, source, task_id, created_at, updated_at)
select
    record_key, 'D' || n, case when kind < 6 then 'automation' else 'manual' end,
    case when kind < 6 then automation_id else manual_id end, at, at
from made where kind <> 9;

insert into record_layers (record_key, product_id, settled, pn, source, content_hash, source_task, source_at)
select part_key, id, false, pn, '{}', 'h', task_id, created_at from products;

insert into batch_counts (batch_id, shard, day, completed, rejected)
select batch_id, n % 8, '2026-03-02', count(*) filter (where kind <> 9), count(*) filter (where kind = 9)
from made group by 1, 2;

reset session_replication_role;

drop table made;

analyze;
