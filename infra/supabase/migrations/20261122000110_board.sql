-- What the operator's pages show in one call each: the board, and an order. Which actions an order allows, and what the system
-- does next by itself, is computed here by rule. Undo calls for much money wait for a second person.

-- A person says that the order's needless labels are to be undone; create-labels sends the prepared calls. From
-- `p_approval_cents` on, or with an unknown price, the labels wait for another person's word first; null asks none. Raises PT404,
-- PT409.
create function ask_undo(
    p_order_id text, p_by text, p_note text, p_approval_cents bigint default null, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    one constant orders := locked_order(p_order_id);
    due constant uuid[] := array(
        select id from shipments where order_id = p_order_id and state = 'undo_due' order by id
    );
    cents constant bigint := (
        select case when bool_and(price is not null) then round(sum(price) * 100) end from shipments where id = any (due)
    );
    last undo_requests;
begin
    if due = '{}' then
        if not exists (select from shipments where order_id = p_order_id and state = 'undo_asked') then
            raise exception 'order % has no label to undo', p_order_id using errcode = 'PT409';
        end if;
        return order_report(one, p_now);
    end if;
    select * into last from undo_requests where order_id = p_order_id order by id desc limit 1;
    if last.shipments = due and last.outcome is distinct from 'settled' then
        if (last.asked_by, last.note) = (p_by, p_note) then -- a repeated call, perhaps after it was declined
            return order_report(one, p_now);
        elsif last.ended_at is null and coalesce(cents, p_approval_cents) >= p_approval_cents then
            raise exception 'order %: % has asked for it already: another person must approve or decline it', p_order_id,
                last.asked_by using errcode = 'PT409';
        end if;
    end if;
    update undo_requests set outcome = 'replaced', ended_by = p_by, end_note = p_note, ended_at = p_now
    where order_id = p_order_id and ended_at is null;
    if coalesce(cents, p_approval_cents) >= p_approval_cents then
        insert into undo_requests (order_id, shipments, cents, asked_by, note, asked_at)
        values (p_order_id, due, cents, p_by, p_note, p_now);
    else
        update shipments
        set state = 'undo_asked', undo_by = p_by, undo_asked_at = p_now, message = p_note, updated_at = p_now
        where id = any (due);
    end if;
    perform note_decision(p_order_id, 'undo', p_by, p_note, p_now, jsonb_build_object(
        'labels', cardinality(due), 'cents', cents,
        'waits', coalesce(coalesce(cents, p_approval_cents) >= p_approval_cents, false)
    ));
    return order_report(one, p_now);
end
$$;

-- Locks the order and returns its undo request that waits. A repeated call gets the one that it has ended. Raises PT404, PT409.
create function undo_request_to_end(p_order_id text, p_outcome text, p_by text, p_note text) returns undo_requests
language plpgsql set search_path = public, pg_temp as $$
declare
    asked undo_requests;
begin
    perform locked_order(p_order_id);
    select * into asked from undo_requests where order_id = p_order_id order by id desc limit 1;
    if asked.ended_at is not null and (asked.outcome, asked.ended_by, asked.end_note) is distinct from (p_outcome, p_by, p_note)
        or asked.id is null
    then
        raise exception 'order %: no undo waits for approval', p_order_id using errcode = 'PT409';
    end if;
    return asked;
end
$$;

-- Another person agrees that the calls are sent. Raises PT404, PT409; also for the person who has asked.
create function approve_undo(
    p_order_id text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    asked constant undo_requests := undo_request_to_end(p_order_id, 'approved', p_by, p_note);
begin
    if same_person(p_by, asked.asked_by) then
        raise exception 'order %: % has asked for it: another person must approve it', p_order_id, asked.asked_by
            using errcode = 'PT409';
    end if;
    if asked.ended_at is null then
        update undo_requests set outcome = 'approved', ended_by = p_by, end_note = p_note, ended_at = p_now where id = asked.id;
        update shipments
        set state = 'undo_asked', undo_by = asked.asked_by, undo_asked_at = p_now, message = asked.note, updated_at = p_now
        where order_id = p_order_id and id = any (asked.shipments) and state = 'undo_due';
        perform note_decision(p_order_id, 'approve', p_by, p_note, p_now, jsonb_build_object(
            'asked_by', asked.asked_by, 'cents', asked.cents
        ));
    end if;
    return order_report((select o from orders as o where o.order_id = p_order_id), p_now);
end
$$;

-- A person, also the one who has asked, lets the calls not be sent: the labels stay as they were. Raises PT404, PT409.
create function decline_undo(
    p_order_id text, p_by text, p_note text, p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql set search_path = public, pg_temp as $$
declare
    asked constant undo_requests := undo_request_to_end(p_order_id, 'declined', p_by, p_note);
begin
    if asked.ended_at is null then
        update undo_requests set outcome = 'declined', ended_by = p_by, end_note = p_note, ended_at = p_now where id = asked.id;
        perform note_decision(p_order_id, 'decline', p_by, p_note, p_now, jsonb_build_object(
            'asked_by', asked.asked_by, 'cents', asked.cents
        ));
    end if;
    return order_report((select o from orders as o where o.order_id = p_order_id), p_now);
end
$$;

-- What a person may do about an order now: each of these is accepted. Those that answer money come first.
create function order_actions(one orders) returns text[]
language sql stable set search_path = public, pg_temp
return (
    with asked as (
        select r.shipments from undo_requests as r where r.order_id = one.order_id and r.ended_at is null
    ),

    labels as (
        select
            coalesce(
                bool_or(s.state = 'undo_due' and s.id <> all (coalesce((select shipments from asked), '{}'))), false
            ) as due,
            coalesce(bool_or(
                s.state in ('undo_due', 'undo_asked') or s.also_sold <> s.also_sold_seen
                or (s.state = 'disputed' and s.undone_by is null)
            ), false) as unsettled,
            coalesce(bool_or(s.wanted and s.state = 'bought'), false) as paid,
            coalesce(bool_or(s.wanted and (s.state = 'unknown' or (s.state = 'requested' and s.called_at is not null))), false)
                as awaited,
            coalesce(bool_or(s.state = 'unknown' or (s.state = 'requested' and s.called_at is not null)), false) as unclear,
            coalesce(bool_or(s.state in ('requested', 'unknown') and exists (
                select from carrier_shipments as c
                where c.request_id = s.request_id and c.status is distinct from 'not listed'
            )), false) as listed
        from shipments as s where s.order_id = one.order_id
    )

    select coalesce(array_agg(may.action order by may.place), '{}')
    from labels
    cross join lateral (
        values
        (1, 'approve', exists (select from asked)),
        (2, 'decline', exists (select from asked)),
        (3, 'undo', labels.due),
        (4, 'undone', labels.unsettled),
        (5, 'retry', may_be_retried(one) and why_unmended(one) is null),
        (6, 'address', one.state not in ('shipped', 'refused', 'cancelled')),
        (
            7, 'parcels',
            one.state in ('pending_acceptance', 'acceptance_failed', 'accepted', 'label_failed')
            and not labels.paid and not labels.awaited
        ),
        (
            8, 'relabel',
            one.state in ('accepted', 'label_unknown', 'label_failed', 'label_created', 'tracking_failed')
            and labels.paid and not labels.awaited
        ),
        (9, 'not_sold', labels.unclear and not labels.listed),
        (10, 'refuse', one.state in ('pending_acceptance', 'acceptance_failed') and one.refusal is null),
        (11, 'close', exists (select from findings as f where f.order_id = one.order_id and f.closed_at is null))
    ) as may (place, action, allowed)
    where may.allowed
);

-- The actions that may answer a reason, the best first; `p_what` as in attention().
create function answers_to(p_what text) returns text[]
language sql immutable set search_path = public, pg_temp
return (case p_what
    when 'pending_acceptance' then '{refuse}'
    when 'acceptance_failed' then '{retry,refuse}'
    when 'accepted' then '{address,parcels}'
    when 'label_unknown' then '{not_sold}'
    when 'label_failed' then '{retry,address,parcels}'
    when 'label_created' then '{relabel}'
    when 'tracking_failed' then '{retry,relabel}'
    when 'label not asked for' then '{address,parcels}'
    when 'label without PDF' then '{relabel}'
    when 'unclear label of an ended order' then '{not_sold}'
    when 'label not needed' then '{undo,undone}'
    when 'undo not approved' then '{approve,decline}'
    when 'label sold twice' then '{undone}'
    when 'undo not sent' then '{undone}'
    when 'refund asked for' then '{undone}'
    when 'no_parcel' then '{parcels,retry,refuse,close}'
    when 'other_api' then '{retry,not_sold,close}'
    when 'address_changed' then '{relabel,address,close}'
    when 'label_unusable' then '{relabel,close}'
    when 'undo_refused' then '{undone,close}'
    when 'sold_twice' then '{undone,close}'
    when 'sold_unknown' then '{undone,close}'
    else '{close}'
end)::text[];

-- Those of `p_actions` that answer a reason.
create function actions_for(p_what text, p_actions text[]) returns jsonb
language sql immutable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(a.action order by a.place), '[]')
    from unnest(answers_to(p_what)) with ordinality as a (action, place) where a.action = any (p_actions)
);

-- What the system does next for an order by itself: {stage, does, held_until}, where the stage is held until `held_until` when a
-- vendor or our account stopped it. Null: nothing happens before a person acts.
create function order_turn(one orders) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    acting text := 'create-labels';
    does text;
    label shipments;
begin
    if one.state = 'pending_acceptance' then
        acting := 'accept-orders';
        does := case
            when one.refusal is not null then 'refuses it at the marketplace'
            when one.accept_anyway or not exists (
                select from findings where order_id = one.order_id and kind = 'no_parcel' and closed_at is null
            ) then 'accepts it at the marketplace'
        end;
    elsif one.state = 'label_created' then
        acting := 'update-tracking';
        does := 'sends its tracking number and ships it';
    elsif one.state = 'accepted' then
        label := current_shipment(one.order_id, one.parcels);
        if label.wanted and label.state = 'requested' and label.called_at is not null then
            does := 'asks the carrier whether it sold the label, and buys nothing before it knows';
        elsif label.wanted and label.state = 'bought' and label.label_path is null then
            does := 'fetches the PDF of its label';
        elsif one.can_ship and not one.fully_refunded and one.marketplace_state = 'SHIPPING'
            and (one.address is not null or one.address_override is not null)
        then
            does := 'buys its label';
        else
            acting := 'accept-orders';
            does := 'looks whether the marketplace lets it be shipped';
        end if;
    elsif one.state = 'label_unknown' then
        does := 'asks the carrier again whether it sold the label, and buys nothing before it knows';
    else -- it has ended, or failed
        select case
            when bool_or(s.state = 'undo_asked' and s.undo_sent_at is null) then 'sends the undo call'
            when bool_or(s.state = 'bought' and not s.wanted) then 'prepares the undo call'
            when bool_or(s.state in ('requested', 'unknown') and not s.wanted) then 'asks the carrier whether it sold the label'
        end
        into does from shipments as s where s.order_id = one.order_id;
    end if;
    return case when does is not null then jsonb_build_object(
        'stage', acting, 'does', does, 'held_until', (select b.retry_at from breakers as b where b.stage = acting)
    ) end;
end
$$;

-- An order in the board: `p_reasons` are its rows of attention(), `p_unanswered` counts its threads that wait for a reply.
create function board_row(one orders, p_reasons jsonb, p_unanswered bigint) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'order_id', one.order_id, 'commercial_id', one.commercial_id, 'state', one.state, 'state_since', one.state_since,
        'marketplace_state', one.marketplace_state, 'ordered_at', one.ordered_at, 'ship_before', one.ship_before,
        'total', one.total, 'currency', one.currency, 'parcels', one.parcels, 'pieces', items.pieces, 'title', items.title,
        'attention', p_reasons <> '[]', 'actions', to_jsonb(may.actions), 'turn', order_turn(one),
        'unanswered', p_unanswered,
        'reasons', (
            select coalesce(jsonb_agg(r || jsonb_build_object('actions', actions_for(r ->> 'what', may.actions))), '[]')
            from jsonb_array_elements(p_reasons) as r
        )
    )
    from (select order_actions(one) as actions) as may
    cross join (
        select coalesce(sum(l.quantity), 0) as pieces, min(l.title) as title from order_lines as l where l.order_id = one.order_id
    ) as items
);

-- Whether the outside was compared with the account lately, and what it says: confirmed, contradicted (findings are unmatched),
-- or unverified while a look is missing or too old.
create function outside_in_words(p_now timestamptz) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'marketplace', looks.marketplace - 'result', 'carrier', looks.carrier - 'result', 'unmatched', looks.unmatched,
        'verdict', case
            when looks.unmatched > 0 then 'contradicted'
            when looks.marketplace -> 'fresh' = 'true' and looks.carrier -> 'fresh' = 'true' then 'confirmed'
            else 'unverified'
        end
    )
    from (
        select
            last_look('marketplace', p_now) as marketplace, last_look('carrier', p_now) as carrier,
            (select count(*) from findings where closed_at is null and is_unmatched(kind)) as unmatched
    ) as looks
);

-- The labels of one day of the carrier's calendar, in cents: what was bought and what came back.
create function postage_of_day(p_day date) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'day', p_day, 'currency', 'CAD', 'labels', count(*) filter (where kind = 'purchase'),
        'bought_cents', coalesce(sum(cents) filter (where kind = 'purchase'), 0),
        'undone_cents', coalesce(-sum(cents) filter (where kind <> 'purchase'), 0)
    )
    from postage_entries(p_day, p_day)
);

-- The board: `p_wanted` is {state, attention}, null or missing leaves nothing out. Orders that need a person come first, also
-- ended ones, then all that are open, each by deadline, those without one last. `p_after` is the `next` of the page before.
-- `today` counts the orders that were open on this day of `p_zone`: those that ended on it, and those that are open. Returns
-- {today, need_person, states: {state: {total, need_person}}, postage, outside, unanswered, breakers, total, orders, next}.
create function order_board(
    p_wanted jsonb, p_limit integer, p_after jsonb default null, p_zone text default 'UTC',
    p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    open_states constant order_state[] := array(
        select s from unnest(enum_range(null::order_state)) as s where s not in ('shipped', 'refused', 'cancelled')
    );
    wanted constant jsonb := jsonb_strip_nulls(p_wanted);
    only_state constant order_state := wanted ->> 'state';
    day_begin constant timestamptz := date_trunc('day', p_now at time zone p_zone) at time zone p_zone;
    asking constant text[] := array(select distinct a.order_id from attention(p_now) as a);
    is_asking constant jsonb := jsonb_object(asking, asking);
    states jsonb;
    need bigint;
    ended jsonb;
    page jsonb;
    is_after_asking constant boolean := coalesce(p_after -> 'attention' = 'false', false);
    after_deadline constant timestamptz := coalesce((p_after ->> 'deadline')::timestamptz, '-infinity');
    after_id constant text := coalesce(p_after ->> 'order_id', '');
begin
    select jsonb_object_agg(s.state, jsonb_build_object('total', n.total, 'need_person', n.need)) into states
    from unnest(open_states) as s (state)
    cross join lateral ( -- state by state, so that any plan reads them by index
        select count(*) as total, count(a.order_id) as need
        from orders as o left join unnest(asking) as a (order_id) on a.order_id = o.order_id
        where o.state = s.state
    ) as n;

    select jsonb_object_agg(e.state, e.total) into ended
    from (
        select s.state, count(o.state) as total
        from unnest('{shipped,cancelled,refused}'::order_state[]) as s (state)
        left join (
            select state from orders
            where state in ('shipped', 'refused', 'cancelled') and forgotten_at is null and state_since >= day_begin
        ) as o using (state)
        group by s.state
    ) as e;

    with listed as (
        (
            select true as asks, o.order_id, coalesce(o.ship_before, 'infinity') as deadline
            from unnest(asking) as a (order_id)
            -- the offset forces single look-ups
            cross join lateral (select * from orders where orders.order_id = a.order_id offset 0) as o
            where not is_after_asking and (only_state is null or o.state = only_state)
                and wanted -> 'attention' is distinct from 'false'
                and (coalesce(o.ship_before, 'infinity'), o.order_id) > (after_deadline, after_id)
            order by deadline, o.order_id limit p_limit
        )
        union all
        (
            select false, o.order_id, coalesce(o.ship_before, 'infinity') as deadline
            from orders as o
            where o.state not in ('shipped', 'refused', 'cancelled') and (only_state is null or o.state = only_state)
                and wanted -> 'attention' is distinct from 'true' and not is_asking ? o.order_id
                and (coalesce(o.ship_before, 'infinity'), o.order_id) > (
                    case when is_after_asking then after_deadline else '-infinity' end,
                    case when is_after_asking then after_id else '' end
                )
            order by coalesce(o.ship_before, 'infinity'), o.order_id limit p_limit
        )
    ),

    cut as materialized (select * from listed order by asks desc, deadline, order_id limit p_limit),

    reasons as (
        select a.order_id, jsonb_agg(jsonb_build_object(
            'kind', a.kind, 'what', a.what, 'finding', a.finding, 'reason', a.reason, 'since', a.since
        ) order by a.since, a.reason) as found
        from attention(p_now) as a where a.order_id = any (array(select cut.order_id from cut where cut.asks)) group by a.order_id
    ),

    unanswered as (
        select about.order_id, count(*) as n from threads as k cross join lateral unnest(k.order_ids) as about (order_id)
        where k.reply_needed_since is not null group by about.order_id
    )

    select jsonb_build_object(
        'orders', coalesce(
            jsonb_agg(
                board_row(o::orders, coalesce(r.found, '[]'), coalesce(u.n, 0)) order by c.asks desc, c.deadline, c.order_id
            ), '[]'
        ),
        'next', case when count(*) = p_limit then (
            select jsonb_build_object('attention', k.asks, 'deadline', k.deadline, 'order_id', k.order_id)
            from cut as k order by k.asks, k.deadline desc, k.order_id desc limit 1
        ) end
    )
    into page
    from cut as c
    cross join lateral (select * from orders where orders.order_id = c.order_id offset 0) as o
    left join reasons as r on r.order_id = c.order_id
    left join unanswered as u on u.order_id = c.order_id;

    select count(*) into need from unnest(asking) as a (order_id)
    cross join lateral (select state from orders where orders.order_id = a.order_id offset 0) as o
    where only_state is null or o.state = only_state;

    return page || jsonb_build_object(
        'total',
        case when wanted -> 'attention' = 'false' then 0 else need end
        + case when wanted -> 'attention' = 'true' then 0 else (
            select coalesce(sum((n.value ->> 'total')::bigint - (n.value ->> 'need_person')::bigint), 0)
            from jsonb_each(states) as n where only_state is null or n.key = only_state::text
        ) end,
        'need_person', cardinality(asking),
        'states', states,
        'today', ended || (
            select jsonb_build_object(
                'day', (p_now at time zone p_zone)::date, 'zone', p_zone, 'open', sum(n.total),
                'orders', sum(n.total) + (select sum(e.value::bigint) from jsonb_each_text(ended) as e)
            )
            from (select (value ->> 'total')::bigint as total from jsonb_each(states)) as n
        ),
        'postage', postage_of_day((p_now at time zone 'America/Toronto')::date),
        'outside', outside_in_words(p_now),
        'unanswered', (select count(*) from threads where reply_needed_since is not null),
        'breakers', open_breakers()
    );
end
$$;

-- What an order's labels cost, and what came back, in cents.
create function postage_of_order(p_order_id text) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with sold as (
        select round(coalesce(c.price, s.price, 0) * 100)::bigint as cents, s.state::text as ends
        from shipments as s
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = s.shipment_id
        where s.order_id = p_order_id and s.bought_at is not null
        union all
        select round(coalesce(c.price, 0) * 100)::bigint, coalesce(s.also_sold_outcome, 'open')
        from shipments as s
        cross join lateral unnest(s.also_sold) as further (sold_id)
        left join carrier_shipments as c on c.backend = s.backend and c.shipment_id = further.sold_id
        where s.order_id = p_order_id
    )

    select jsonb_build_object(
        'currency', 'CAD', 'labels', count(*), 'bought_cents', coalesce(sum(cents), 0),
        'undone_cents', coalesce(sum(cents) filter (where ends in ('voided', 'refunded')), 0)
    )
    from sold
);

-- A label as people see it. `undo_state` is null for one that is used, else due, waits_for_approval, asked, sent, voided,
-- refunded or disputed.
create function label_report(p_shipment shipments, p_asked uuid[]) returns jsonb
language sql stable set search_path = public, pg_temp
return to_jsonb(p_shipment) - 'request' || jsonb_build_object(
    'currency', 'CAD',
    'service_code', p_shipment.request -> 'service_code',
    'undo_state', case
        when p_shipment.state = 'undo_due' and p_shipment.id = any (p_asked) then 'waits_for_approval'
        when p_shipment.state = 'undo_due' or (p_shipment.state = 'bought' and not p_shipment.wanted) then 'due'
        when p_shipment.state = 'undo_asked' and p_shipment.undo_sent_at is not null then 'sent'
        when p_shipment.state = 'undo_asked' then 'asked'
        when p_shipment.state in ('voided', 'refunded', 'disputed') then p_shipment.state::text
    end
);

-- The order's conversations, without their texts.
create function messages_of_order(p_order_id text) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select jsonb_build_object(
        'unanswered', count(*) filter (where k.reply_needed_since is not null),
        'unsent', (
            select count(*) from replies as r
            where r.message_id is null and r.problem is null
                and (r.order_id = p_order_id or r.thread_id = any (array_agg(k.thread_id)))
        ),
        'threads', coalesce(jsonb_agg(jsonb_build_object(
            'thread_id', k.thread_id, 'topic', k.topic, 'updated_at', k.updated_at, 'reply_needed_since', k.reply_needed_since,
            'messages', (select count(*) from messages as m where m.thread_id = k.thread_id)
        ) order by k.updated_at desc, k.thread_id), '[]')
    )
    from (select * from threads where order_ids @> array[p_order_id] offset 0) as k
);

-- The order's history and people's decisions, the oldest first: {at, what, by, person, note}.
create function path_of(p_order_id text) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    select coalesce(jsonb_agg(
        jsonb_build_object('at', step.at, 'what', step.what, 'by', step.by, 'person', step.person, 'note', step.note)
        order by step.at, not step.is_decision, step.id
    ), '[]')
    from (
        select
            h.id, h.at, h.to_state::text as what, h.stage as by, h.reason as note, false as is_decision,
            exists (
                select from order_decisions as d where d.order_id = p_order_id and d.at = h.at and d.by = h.stage
            ) as person
        from order_status_history as h where h.order_id = p_order_id
        union all
        select d.id, d.at, d.decision, d.by, d.note, true, true from order_decisions as d where d.order_id = p_order_id
    ) as step
);

-- One order with all that its page shows. Raises PT404.
create function order_status(p_order_id text, p_now timestamptz default clock_timestamp()) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    one orders;
    actions text[];
    report jsonb;
    asked uuid[];
begin
    select * into one from orders where order_id = p_order_id;
    if not found then
        raise exception 'no order %', p_order_id using errcode = 'PT404';
    end if;
    actions := order_actions(one);
    report := order_report(one, p_now);
    asked := (select r.shipments from undo_requests as r where r.order_id = p_order_id and r.ended_at is null);
    return report || jsonb_build_object(
        'actions', to_jsonb(actions),
        'turn', order_turn(one),
        'reasons', (
            select coalesce(jsonb_agg(r || jsonb_build_object('actions', actions_for(r ->> 'what', actions))), '[]')
            from jsonb_array_elements(report -> 'reasons') as r
        ),
        'unmended', why_unmended(one),
        'postage', postage_of_order(p_order_id),
        'messages', messages_of_order(p_order_id),
        'shipments', (
            select coalesce(jsonb_agg(label_report(s, asked) order by s.sequence), '[]')
            from shipments as s where s.order_id = p_order_id
        ),
        'undo_requests', (
            select coalesce(jsonb_agg(to_jsonb(r) - 'order_id' order by r.id), '[]')
            from undo_requests as r where r.order_id = p_order_id
        ),
        'history', (
            select coalesce(jsonb_agg(to_jsonb(h) - 'order_id' - 'id' order by h.id), '[]')
            from order_status_history as h where h.order_id = p_order_id
        ),
        'decided', (
            select coalesce(jsonb_agg(to_jsonb(d) - 'order_id' - 'id' order by d.id), '[]')
            from order_decisions as d where d.order_id = p_order_id
        ),
        'path', path_of(p_order_id),
        'findings', (
            select coalesce(jsonb_agg(to_jsonb(f) - 'raw' order by f.id), '[]')
            from findings as f where f.order_id = p_order_id and f.closed_at is null
        ),
        'closed_findings', (
            select coalesce(jsonb_agg(to_jsonb(f) - 'raw' order by f.id), '[]')
            from findings as f where f.order_id = p_order_id and f.closed_at is not null
        )
    );
end
$$;

select restrict_access();
