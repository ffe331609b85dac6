-- Threads and messages, stored by id, so that reading them again changes nothing.

-- `p_threads` is [{thread_id, topic, order_ids, created_at, updated_at, reply_needed_since, messages: [{message_id, sender,
-- sender_type, body_raw, body_text, attachments, sent_at}]}]. A thread that is older than the stored one adds its new messages
-- and changes nothing else. Returns {threads, new_messages}: both new by this call.
create function store_threads(p_threads jsonb, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    new_messages integer;
begin
    insert into threads as k (thread_id, topic, order_ids, created_at, updated_at, reply_needed_since, stored_at)
    select distinct on (thread_id)
        thread_id, topic, array(select jsonb_array_elements_text(order_ids)), created_at, updated_at, reply_needed_since, p_now
    from jsonb_to_recordset(p_threads) as t (
        thread_id text, topic text, order_ids jsonb, created_at timestamptz, updated_at timestamptz,
        reply_needed_since timestamptz
    )
    order by thread_id, updated_at desc
    on conflict (thread_id) do update
    set topic = excluded.topic, order_ids = excluded.order_ids, updated_at = excluded.updated_at,
        reply_needed_since = excluded.reply_needed_since, stored_at = p_now
    where k.updated_at <= excluded.updated_at
        and (k.topic, k.order_ids, k.updated_at, k.reply_needed_since)
            is distinct from (excluded.topic, excluded.order_ids, excluded.updated_at, excluded.reply_needed_since);
    insert into messages (
        message_id, thread_id, sender, sender_type, body_raw, body_text, attachments, sent_at, stored_at
    )
    select m.message_id, t.thread_id, m.sender, m.sender_type, m.body_raw, m.body_text, m.attachments, m.sent_at, p_now
    from jsonb_to_recordset(p_threads) as t (thread_id text, messages jsonb)
    cross join lateral jsonb_to_recordset(t.messages) as m (
        message_id text, sender text, sender_type text, body_raw text, body_text text, attachments jsonb, sent_at timestamptz
    )
    order by m.message_id -- one order for all callers, so that two with the same messages never wait for each other
    on conflict (message_id) do nothing;
    get diagnostics new_messages = row_count;
    return jsonb_build_object('threads', jsonb_array_length(p_threads), 'new_messages', new_messages);
end
$$;

-- The time up to which a stage has read, as {value}: null before its first run.
create function read_cursor(p_name text) returns jsonb
language sql stable set search_path = public, pg_temp
return jsonb_build_object('value', (select value from cursors where name = p_name));

-- Moves a cursor forward, never back.
create function move_cursor(p_name text, p_value timestamptz, p_now timestamptz default clock_timestamp()) returns void
language sql set search_path = public, pg_temp
begin atomic
    insert into cursors as c (name, value, updated_at) values (p_name, p_value, p_now)
    on conflict (name) do update set value = excluded.value, updated_at = p_now where c.value < excluded.value;
end;
