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
    set topic = case when k.forgotten_at is null then excluded.topic else k.topic end,
        order_ids = excluded.order_ids, updated_at = excluded.updated_at,
        reply_needed_since = excluded.reply_needed_since, stored_at = p_now
    where k.updated_at <= excluded.updated_at
        and (k.order_ids, k.updated_at, k.reply_needed_since, k.topic) is distinct from (
            excluded.order_ids, excluded.updated_at, excluded.reply_needed_since,
            case when k.forgotten_at is null then excluded.topic else k.topic end
        );
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
    update replies as r set thread_id = m.thread_id
    from messages as m
    where r.message_id = m.message_id and r.thread_id is distinct from m.thread_id
        and r.message_id = any (array(
            select n.message_id from jsonb_to_recordset(p_threads) as t (messages jsonb)
            cross join lateral jsonb_to_recordset(t.messages) as n (message_id text)
        ));
    insert into message_files (attachment_id, message_id, name)
    select distinct on (f.id) f.id, m.message_id, coalesce(f.name, '')
    from jsonb_to_recordset(p_threads) as t (messages jsonb)
    cross join lateral jsonb_to_recordset(t.messages) as m (message_id text, attachments jsonb)
    cross join lateral jsonb_to_recordset(m.attachments) as f (id text, name text)
    where f.id is not null
    order by f.id
    on conflict (attachment_id) do nothing;
    update findings set closed_at = p_now
    where kind = 'unreadable_message' and closed_at is null and subject in (
        select m.message_id from jsonb_to_recordset(p_threads) as t (messages jsonb)
        cross join lateral jsonb_to_recordset(t.messages) as m (message_id text)
    );
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
    insert into cursors as c (name, value, updated_at) values (p_name, least(p_value, p_now), p_now)
    on conflict (name) do update set value = excluded.value, updated_at = p_now where c.value < excluded.value;
end;

-- Files of messages that are not fetched yet.
create function files_to_fetch(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(f.attachment_id order by f.attachment_id), '[]')
    from (
        select attachment_id from message_files where path is null and problem is null order by attachment_id limit p_limit
    ) as f
);

-- A file is on the shelf.
create function note_file_stored(
    p_attachment text, p_path text, p_media_type text, p_bytes integer, p_now timestamptz default clock_timestamp()
) returns void
language sql set search_path = public, pg_temp
begin atomic
    update message_files set path = p_path, media_type = p_media_type, bytes = p_bytes, stored_at = p_now
    where attachment_id = p_attachment and path is null;
end;

-- The marketplace does not have a file.
create function note_file_gone(p_attachment text, p_message text) returns void
language sql set search_path = public, pg_temp
begin atomic
    update message_files set problem = p_message where attachment_id = p_attachment and path is null;
end;

-- A person's reply, known by the caller's own id: the same call again returns it and adds nothing. Raises PT404 for an unknown
-- thread, PT409 for another reply of that id.
create function write_reply(
    p_reply uuid, p_thread text, p_body text, p_recipients text[], p_by text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one replies;
begin
    if not exists (select from threads where thread_id = p_thread) then
        raise exception 'no thread %', p_thread using errcode = 'PT404';
    end if;
    insert into replies (reply_id, thread_id, body, recipients, written_by, created_at)
    values (p_reply, p_thread, p_body, p_recipients, p_by, p_now)
    on conflict (reply_id) do nothing;
    select * into one from replies where reply_id = p_reply;
    if (one.thread_id, one.order_id, one.body, one.recipients) is distinct from (p_thread, null, p_body, p_recipients) then
        raise exception 'another reply has the id %', p_reply using errcode = 'PT409';
    end if;
    return to_jsonb(one);
end
$$;

-- A message to an order's buyer, known by the caller's own id like a reply. It goes into the order's latest thread that we know;
-- without one it waits for the thread that it opens. Raises PT404 for an unknown order, PT409 for another reply of that id.
create function write_to_buyer(
    p_reply uuid, p_order_id text, p_topic text, p_body text, p_by text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one replies;
begin
    if not exists (select from orders where order_id = p_order_id) then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    insert into replies (reply_id, thread_id, order_id, topic, body, recipients, written_by, created_at)
    select
        p_reply,
        (
            select k.thread_id from (select * from threads where order_ids @> array[p_order_id] offset 0) as k
            order by k.updated_at desc, k.thread_id limit 1
        ),
        p_order_id, p_topic, p_body, '{CUSTOMER}', p_by, p_now
    on conflict (reply_id) do nothing;
    select * into one from replies where reply_id = p_reply;
    if (one.order_id, one.topic, one.body) is distinct from (p_order_id, p_topic, p_body) then
        raise exception 'another reply has the id %', p_reply using errcode = 'PT409';
    end if;
    return to_jsonb(one);
end
$$;

-- Replies that are not known to be sent, the oldest first.
create function replies_to_send(p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(to_jsonb(r) order by r.created_at, r.reply_id), '[]')
    from (
        select * from replies where message_id is null and problem is null order by created_at, reply_id limit p_limit
    ) as r
);

-- Commits the intent before the call. False: it was sent or refused meanwhile.
create function note_reply_call(p_reply uuid, p_now timestamptz default clock_timestamp()) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update replies set called_at = p_now where reply_id = p_reply and message_id is null and problem is null;
    return found;
end
$$;

-- The call was certainly not made.
create function note_reply_not_sent(p_reply uuid) returns void
language sql set search_path = public, pg_temp
begin atomic
    update replies set called_at = null where reply_id = p_reply and message_id is null;
end;

-- The marketplace has the reply as `p_message`. False: that message stands for another reply, or was there before the call.
create function note_reply_sent(p_reply uuid, p_message text, p_now timestamptz default clock_timestamp()) returns boolean
language plpgsql set search_path = public, pg_temp as $$
begin
    update replies as r
    set message_id = p_message, sent_at = p_now,
        thread_id = coalesce((select m.thread_id from messages as m where m.message_id = p_message), r.thread_id)
    where r.reply_id = p_reply and r.message_id is null
        and not exists (select from replies as k where k.message_id = p_message)
        and not exists (select from messages as m where m.message_id = p_message and m.stored_at < r.called_at);
    return found or exists (select from replies where reply_id = p_reply and message_id = p_message);
end
$$;

-- The marketplace does not take the reply: a person looks.
create function note_reply_refused(p_reply uuid, p_message text, p_now timestamptz default clock_timestamp()) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
    about text := (
        select coalesce(r.order_id, (
            select o.order_id from threads as t inner join orders as o on o.order_id = any (t.order_ids)
            where t.thread_id = r.thread_id order by o.order_id limit 1
        ))
        from replies as r where r.reply_id = p_reply
    );
begin
    update replies set problem = p_message where reply_id = p_reply and message_id is null;
    if found then
        perform add_finding(
            'reply_refused', p_reply::text, about, format('the marketplace does not take a reply: %s', p_message),
            'sync-messages',
            null, p_now
        );
    end if;
end
$$;

-- The threads, the latest change first, each with its messages, files and replies: of one order, or those that wait for a reply.
create function list_threads(p_order_id text, p_unanswered boolean, p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(
        to_jsonb(t) || jsonb_build_object(
            'messages', (
                select coalesce(jsonb_agg(to_jsonb(m) - 'body_raw' - 'thread_id' || jsonb_build_object('files', (
                    select coalesce(jsonb_agg(to_jsonb(f) - 'message_id' order by f.attachment_id), '[]')
                    from message_files as f where f.message_id = m.message_id
                )) order by m.sent_at, m.message_id), '[]')
                from messages as m where m.thread_id = t.thread_id
            ),
            'replies', (
                select coalesce(jsonb_agg(to_jsonb(r) - 'thread_id' order by r.created_at), '[]')
                from replies as r where r.thread_id = t.thread_id
            )
        ) order by t.updated_at desc, t.thread_id
    ), '[]')
    from (
        select * from threads
        where (p_order_id is null or order_ids @> array[p_order_id])
            and (not p_unanswered or reply_needed_since is not null)
        order by updated_at desc, thread_id limit p_limit
    ) as t
);

-- A file of a message, as {name, path, problem}. Raises PT404.
create function message_file(p_attachment text) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    one message_files;
begin
    select * into one from message_files where attachment_id = p_attachment;
    if not found then
        raise exception 'no file %', p_attachment using errcode = 'PT404';
    end if;
    return to_jsonb(one);
end
$$;
