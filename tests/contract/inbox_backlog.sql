-- Beside enrichment_history.sql: manual tasks until 10,000 are open and more than 100,000 finished, and a maker with many products.
set session_replication_role = replica;

insert into manual_tasks (
    batch_id, decision_id, record_key, pn, manufacturer, manufacturer_key, content_hash, source_record, type, priority, rule,
    reason, cause, state, assignee, claimed_until, due_at, created_at, updated_at, finished_at, product
)
select
    'b' || n % 990 + 1, md5('backlog ' || n)::uuid, 'Q' || n || '|maker ' || n % 500, 'Q' || n, 'Maker ' || n % 500,
    'maker ' || n % 500, 'backlog ' || n, jsonb_build_object('pn', 'Q' || n, 'description', repeat(md5(n::text), 20)),
    'workflow_generated', (array['high', 'medium', 'low'])[n % 3 + 1]::task_priority,
    (array['complete', 'sparse', 'partial_weak', 'recent_failures'])[n % 4 + 1], 'a reason',
    (array['not_found', 'ambiguous', 'lost', null])[n % 4 + 1]::error_category,
    case
        when n > 72000 then case when n % 20 = 0 then 'processing' else 'initialized' end
        when n % 50 = 0 then 'failed' else 'completed'
    end::manual_state,
    case when n <= 72000 or n % 20 = 0 then 'ana' || n % 7 end,
    case when n > 72000 and n % 20 = 0 then '2026-03-02 12:00+00'::timestamptz + interval '1 hour' * (n % 40 - 15) end,
    '2026-03-02 12:00+00'::timestamptz + make_interval(mins => n - 77000),
    '2026-03-02 12:00+00'::timestamptz - make_interval(mins => 82000 - n), '2026-03-02',
    case when n <= 72000 then '2026-03-02 12:00+00'::timestamptz - make_interval(mins => 80000 - n) end,
    jsonb_build_object('pn', 'Q' || n, 'description', repeat(md5(n::text), 20))
from generate_series(1, 81700) as n;

insert into manufacturers (key, name) values ('big maker', 'Big Maker');

insert into products (part_key, pn, manufacturer_id, source, task_id, created_at, updated_at)
select 'S' || n || '|big maker', 'S' || n, m.id, 'automation', md5('S' || n)::uuid, '2026-03-01', '2026-03-01'
from generate_series(1, 20000) as n, manufacturers as m where m.key = 'big maker';

reset session_replication_role;

analyze;
