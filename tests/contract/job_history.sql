-- 500 old jobs of 100 members, one of 10,000 whose records automation has again or had, and one of 1,000 that was not worked on.
-- The dead letters are those of `enrichment_history.sql` and 10,000 of their own.
set session_replication_role = replica;

insert into automation_tasks (
    id, batch_id, decision_id, record_key, pn, content_hash, source_record, priority, state, error_category, hand_over,
    created_at, updated_at, finished_at
)
select md5('letter ' || n)::uuid, 'b1', md5('letter decision ' || n)::uuid, 'L' || n, 'L' || n, 'hash', '{}', 'medium', 'failed',
    'not_found', 'done', '2026-02-01', '2026-02-01', '2026-02-01'
from generate_series(1, 10000) as n;

insert into manual_tasks (
    id, batch_id, origin_batch_id, decision_id, automation_task_id, record_key, pn, content_hash, source_record, type, priority,
    reason, cause, state, assignee, due_at, created_at, updated_at, finished_at, result
)
select md5('letter manual ' || n)::uuid, 'b1_fallback', 'b1', md5('letter decision ' || n)::uuid, md5('letter ' || n)::uuid,
    'L' || n, 'L' || n, 'hash', '{}', 'automation_fallback', 'medium', 'a reason', 'not_found', 'failed', 'redrive', '2026-02-01',
    '2026-02-01', '2026-02-01', '2026-02-01', '{"redriven_by": "again"}'
from generate_series(1, 10000) as n;

insert into automation_tasks (
    id, batch_id, decision_id, redrives, record_key, pn, content_hash, source_record, priority, state, vendor_answer,
    error_category, hand_over, created_at, updated_at, finished_at
)
select md5('again ' || n)::uuid, 'again', md5('again decision ' || n)::uuid, md5('letter ' || n)::uuid, 'L' || n, 'L' || n, 'hash',
    '{}', 'medium', case when n % 10 = 0 then 'failed' when n % 10 = 1 then 'initialized' else 'completed' end::automation_state,
    case when n % 10 > 1 then '{}'::jsonb end, case when n % 10 = 0 then 'timeout'::error_category end,
    case when n % 10 = 0 then 'done' else 'none' end::hand_over, '2026-02-01', '2026-02-01',
    case when n % 10 <> 1 then '2026-02-01'::timestamptz end
from generate_series(1, 10000) as n;

insert into manual_tasks (
    id, batch_id, origin_batch_id, decision_id, automation_task_id, record_key, pn, content_hash, source_record, type, priority,
    reason, cause, due_at, created_at, updated_at
)
select md5('again manual ' || n)::uuid, 'again_fallback', 'again', md5('again decision ' || n)::uuid, md5('again ' || n)::uuid,
    'L' || n, 'L' || n, 'hash', '{}', 'automation_fallback', 'medium', 'a reason', 'timeout', '2026-02-01', '2026-02-01',
    '2026-02-01'
from generate_series(10, 10000, 10) as n;

insert into batches (id, parent_batch_id, trigger, created_at, closed_at)
values ('again', null, 'redrive', '2026-02-01', '2026-02-01'), ('again_fallback', 'again', 'fallback', '2026-02-01', '2026-02-01');
insert into records (record_key, pn, open, content_hash) select 'L' || n, 'L' || n, true, 'hash' from generate_series(10, 10000, 10) as n;
insert into turns (content_hash, record_key, verdict, reprocess, changed_at)
select 'hash', 'L' || n, 'with_a_person', '30 days', '2026-02-01' from generate_series(10, 10000, 10) as n;
insert into decisions (id, batch_id, record_key, pn, route, priority, rule, reason, confidence, content_hash, decided_at)
select md5('again decision ' || n)::uuid, 'again', 'L' || n, 'L' || n, 'automation', 'medium', 'redrive', 'a reason', 1, 'hash',
    '2026-02-01'
from generate_series(10, 10000, 10) as n;

insert into jobs (id, kind, wanted, asked_by, note, total, priority, at, ended_at)
select md5('job ' || n)::uuid, 'reprioritise', '{}', 'olga', 'why', 100, 'high',
    '2026-02-01'::timestamptz + make_interval(mins => n), '2026-02-28'
from generate_series(1, 500) as n;

insert into jobs (id, kind, wanted, asked_by, note, total, at, ended_at)
values
    ('00000000-0000-0000-0000-000000000008', 'redrive', '{}', 'olga', 'why', 10000, '2026-02-28', '2026-02-28'),
    ('00000000-0000-0000-0000-000000000007', 'redrive', '{}', 'olga', 'why', 1000, '2026-02-28', null);

insert into job_items (job_id, place, task_id, pn, outcome, at)
select md5('job ' || n)::uuid, place, md5('manual ' || n * 100 + place)::uuid, 'P' || n * 100 + place, 'applied', '2026-02-28'
from generate_series(1, 500) as n cross join generate_series(1, 100) as place;

insert into job_items (job_id, place, task_id, pn, outcome, redriven_as, at)
select '00000000-0000-0000-0000-000000000008', n, md5('letter manual ' || n)::uuid, 'L' || n, 'given_back',
    md5('again ' || n)::uuid, '2026-02-28'
from generate_series(1, 10000) as n;

insert into job_items (job_id, place, task_id, pn)
select '00000000-0000-0000-0000-000000000007', n / 10, md5('again manual ' || n)::uuid, 'L' || n
from generate_series(10, 10000, 10) as n;

reset session_replication_role;

analyze;
