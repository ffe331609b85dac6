-- What is known of a part, in layers: the source row, the vendor's answer, a person's fields. The product is derived from them
-- in one place (`product_fields`): a person's field wins, then the vendor's, then the source's.

-- One row per part. Records that turn out to be one part share it.
create table products (
    id uuid primary key default gen_random_uuid(),
    part_key text not null unique, -- part number and manufacturer, normalised
    pn text not null,
    manufacturer_id bigint references manufacturers (id),
    category text,
    description text,
    vendor text,
    vendor_pn text,
    url text,
    unit_price numeric check (unit_price >= 0),
    currency text,
    status text,
    source text not null check (source in ('automation', 'manual')), -- who wrote it last
    task_id uuid not null, -- the automation or manual task that wrote it last
    created_at timestamptz not null,
    updated_at timestamptz not null
);
-- of a manufacturer's products, those whose numbers begin alike stand side by side
create index products_by_manufacturer on products (manufacturer_id, (left(upper(pn), 100) collate "C"), id);

-- The parts of a product have no foreign key: only `derive_product` writes them, while it holds the product's lock, and a check
-- per row would be a tenth of the cost of finishing a record.
create table product_attributes (
    product_id uuid not null,
    name text not null,
    value text not null,
    vendor_id text,
    primary key (product_id, name)
);

create table document_media (
    product_id uuid not null,
    kind text not null,
    url text not null,
    title text,
    primary key (product_id, kind, url)
);

create table product_extras (
    product_id uuid primary key,
    extras jsonb not null
);

-- A product's parts end with it.
create function drop_parts() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    delete from product_attributes where product_id = old.id;
    delete from document_media where product_id = old.id;
    delete from product_extras where product_id = old.id;
    return null;
end
$$;

create trigger product_ends_with_its_parts after delete on products for each row execute function drop_parts();

-- The layers of source and vendor, and the product that the record belongs to. No foreign key leads to the product: what is
-- known outlives a product that somebody deletes, and the record's next completion derives it again.
create table record_layers (
    record_key text primary key references records (record_key),
    product_id uuid not null,
    settled boolean not null, -- a person named the manufacturer: no answer takes the record to another part
    pn text not null,
    manufacturer text,
    manufacturer_key text,
    source jsonb not null, -- the row that was completed last
    content_hash text not null,
    source_task uuid not null,
    source_at timestamptz not null, -- since when the source says this
    answer jsonb, -- what the vendor said last, as `write_product` gets it
    answer_task uuid,
    answer_at timestamptz
);
create index record_layers_by_product on record_layers (product_id);
alter table record_layers set (toast_tuple_target = 8160); -- an answer of ordinary size is read at once, not unpacked

-- The layer of people. A row is replaced by a later one and never changed, so all that people ever said is here.
create table person_fields (
    id bigint generated always as identity primary key,
    record_key text not null references records (record_key), -- its layers may go again when a completion is taken back
    kind text not null check (kind in ('manufacturer', 'category', 'description', 'attribute', 'datasheet', 'photo')),
    name text not null, -- an attribute's name, a link's address, else empty
    value text, -- null: the person removed it, and it stays away until a person adds it again
    manufacturer_key text,
    layer text not null check (layer in ('edited', 'approved')), -- typed, or a filled field of the row that was completed
    passed_over text[] not null, -- what source and vendor said otherwise: it is not suggested again
    assignee text not null,
    task_id uuid not null,
    at timestamptz not null,
    origin text check (origin in ('source', 'vendor', 'similar', 'typed')), -- where the person took it from; null when not told
    replaced_at timestamptz,
    replaced_by uuid, -- the manual task whose completion replaced it
    taken_back_at timestamptz, -- its own completion was taken back
    check (value is not null or (layer = 'edited' and kind in ('attribute', 'datasheet', 'photo'))),
    check (taken_back_at is null or replaced_at is not null)
);
-- an address may be too long for an index key beside the record's
create unique index one_person_field_in_force on person_fields (record_key, kind, md5(name)) where replaced_at is null;
create index replaced_person_fields on person_fields (record_key, id) where replaced_at is not null;

create trigger person_fields_append_only
before delete or update of record_key, kind, name, value, manufacturer_key, layer, passed_over, assignee, task_id, at, origin
on person_fields for each row execute function refuse_rewriting();
create trigger person_fields_are_kept before truncate on person_fields
for each statement execute function refuse_rewriting();

-- What can be stored, whatever comes. These functions have no `set search_path`, so that the planner can inline them; their
-- bodies are bound to what they name when they are made.

-- A web address without white space, control or invisible characters, short enough for an index key.
create function usable_link(p_url text) returns boolean
language sql immutable
return octet_length(p_url) <= 2048 and p_url
    ~* '^https?://[^\s[:cntrl:]\u0080-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$';

-- The filled fields of a source row. `detail` is the manufacturer's key.
create function row_fields(p_row jsonb, p_manufacturer text, p_manufacturer_key text)
returns table (kind text, name text, value text, detail text)
language sql immutable
begin atomic
    select 'manufacturer', '', p_manufacturer, p_manufacturer_key where p_manufacturer_key <> ''
    union all
    select f.kind, '', left(btrim(f.value #>> '{}'), 10000), null
    from (values ('category', p_row -> 'category'), ('description', p_row -> 'description')) as f (kind, value)
    where jsonb_typeof(f.value) = 'string' and btrim(f.value #>> '{}') <> ''
    union all
    select 'attribute', s.key, left(s.value, 10000), null
    from jsonb_each_text(case jsonb_typeof(p_row -> 'specs') when 'object' then p_row -> 'specs' else '{}' end) as s
    where btrim(s.value) <> '' and btrim(s.key) <> '' and length(s.key) <= 200
    union all
    select f.kind, btrim(link), btrim(link), null
    from (values ('datasheet', p_row -> 'docs'), ('photo', p_row -> 'images')) as f (kind, links),
        jsonb_array_elements_text(case jsonb_typeof(f.links) when 'array' then f.links else '[]' end) as link
    where usable_link(btrim(link));
end;

-- The filled fields of a vendor's answer. `detail` is the manufacturer's key, an attribute's id or a link's title; of two
-- entries with one name, the one with the lower `place` counts.
create function answer_fields(p_answer jsonb)
returns table (kind text, name text, value text, detail text, place bigint)
language sql immutable
begin atomic
    with answer as (
        select * from jsonb_to_record(p_answer) as r (
            manufacturer text, manufacturer_key text, category text, description text, attributes jsonb, media jsonb
        )
    )

    select f.kind, '', left(btrim(f.value), 10000), f.detail, 0::bigint
    from answer, lateral (values
        ('manufacturer', manufacturer, manufacturer_key), ('category', category, null), ('description', description, null)
    ) as f (kind, value, detail)
    where btrim(f.value) <> ''
    union all
    select 'attribute', a.name, left(a.value, 10000), a.vendor_id, a.place
    from answer, lateral rows from (
        jsonb_to_recordset(answer.attributes) as (name text, value text, vendor_id text)
    ) with ordinality as a (name, value, vendor_id, place)
    where btrim(a.value) <> '' and btrim(a.name) <> '' and length(a.name) <= 200
    union all
    select m.kind, m.url, m.url, m.title, m.place
    from answer, lateral rows from (
        jsonb_to_recordset(answer.media) as (kind text, url text, title text)
    ) with ordinality as m (kind, url, title, place)
    where m.kind in ('datasheet', 'photo', 'video') and usable_link(m.url);
end;

-- The fields that a person typed: {manufacturer, category, description, attributes {name: value}, docs [url], images [url],
-- removed {attributes [name], docs [url], images [url]}}. A removed one has no value; what is typed as well is not removed.
create function typed_fields(p_fields jsonb, p_manufacturer_key text)
returns table (kind text, name text, value text, detail text)
language sql immutable
begin atomic
    select * from row_fields(
        p_fields || jsonb_build_object('specs', p_fields -> 'attributes'), null, null
    )
    union all
    select 'manufacturer', '', p_fields ->> 'manufacturer', p_manufacturer_key where p_fields ->> 'manufacturer' <> ''
    union all
    select gone.kind, btrim(gone.name), null, null
    from (
        values ('attribute', 'attributes'), ('datasheet', 'docs'), ('photo', 'images')
    ) as part (kind, part) cross join lateral (
        select part.kind, item #>> '{}' as name
        from jsonb_array_elements(case jsonb_typeof(p_fields #> array['removed', part.part])
            when 'array' then p_fields #> array['removed', part.part] else '[]'
        end) as item
    ) as gone
    where btrim(gone.name) <> '' and length(gone.name) <= case gone.kind when 'attribute' then 200 else 2048 end
        and not exists (
            select from row_fields(p_fields || jsonb_build_object('specs', p_fields -> 'attributes'), null, null) as kept
            where kept.kind = gone.kind and kept.name = btrim(gone.name)
        );
end;

-- All that is said of a product, field by field, by whom and when; `wins` marks what the product has. The one place where this
-- is decided. Of several records of a part, the latest word counts, and what a person typed before what a person approved. A
-- winner without a value is something that a person removed: the product does not have it.
-- With `p_row`, the fields are as they would be if a person completed that row of `p_record_key` unedited.
create function product_fields(
    p_product_id uuid, p_record_key text, p_row jsonb, p_manufacturer text, p_manufacturer_key text, p_row_at timestamptz
) returns table (
    kind text, name text, value text, detail text, layer text, said_by text, task_id uuid, at timestamptz, passed_over text[],
    origin text, wins boolean
)
language sql stable
begin atomic
    with layers as (
        select l.* from record_layers as l where l.product_id = p_product_id
    ),

    said as (
        select
            f.kind, f.name, f.value, f.manufacturer_key as detail, f.layer, f.assignee as said_by, f.task_id, f.at,
            f.passed_over, f.origin, case when f.layer = 'edited' then 1 else 3 end as rank, 0::bigint as place,
            -- of an earlier row of this record that a person approved: the new row has it, or it is gone
            p_row is not null and f.layer = 'approved' and f.record_key = p_record_key
                and f.kind in ('attribute', 'datasheet', 'photo') as superseded
        from layers inner join person_fields as f on f.record_key = layers.record_key
        where f.replaced_at is null
        union all
        select f.kind, f.name, f.value, f.detail, 'row', null, null, p_row_at, null, null, 2, 0, false
        from row_fields(p_row, p_manufacturer, p_manufacturer_key) as f
        where p_row is not null
        union all
        select
            f.kind, f.name, f.value, f.detail, 'vendor', latest.answer ->> 'vendor', latest.answer_task, latest.answer_at,
            null, null, 4, f.place, false
        from (
            select l.answer, l.answer_task, l.answer_at from layers as l
            where l.answer is not null order by l.answer_at desc, l.record_key limit 1
        ) as latest, answer_fields(latest.answer) as f
        union all
        select
            f.kind, f.name, f.value, f.detail, 'source', null, latest.source_task, latest.source_at, null, null, 5, 0, false
        from (
            select l.source, l.manufacturer, l.manufacturer_key, l.source_task, l.source_at from layers as l
            where p_row is null order by l.source_at desc, l.record_key limit 1
        ) as latest, row_fields(latest.source, latest.manufacturer, latest.manufacturer_key) as f
    )

    select
        said.kind, said.name, said.value, said.detail, said.layer, said.said_by, said.task_id, said.at, said.passed_over,
        said.origin, not said.superseded and row_number() over (
            partition by said.kind collate "C", said.name collate "C"
            order by said.superseded, said.rank, said.at desc, said.place
        ) = 1
    from said;
end;

-- Writes a product and its parts as they follow from the layers. What is unchanged is not written.
create function derive_product(p_product_id uuid, p_source text, p_task_id uuid, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
    with fields as materialized (
        select kind, name, value, detail from product_fields(p_product_id, null, null, null, null, null)
        where wins and value is not null
    ),

    latest as (
        select answer, pn from record_layers where product_id = p_product_id
        order by answer_at desc nulls last, source_at desc, record_key limit 1
    ),

    scalars as (
        select
            max(detail) filter (where kind = 'manufacturer') as manufacturer_key,
            max(value) filter (where kind = 'category') as category,
            max(value) filter (where kind = 'description') as description
        from fields
    ),

    derived as (
        select
            coalesce(answer.pn, latest.pn) as pn, m.id as manufacturer_id, scalars.category, scalars.description,
            answer.vendor, answer.vendor_pn, case when usable_link(answer.url) then answer.url end as url, answer.unit_price,
            answer.currency, answer.status, coalesce(answer.extras, '{}') as extras
        from latest cross join scalars left join manufacturers as m on m.key = scalars.manufacturer_key
        cross join lateral jsonb_to_record(coalesce(latest.answer, '{}')) as answer (
            pn text, vendor text, vendor_pn text, url text, unit_price numeric, currency text, status text, extras jsonb
        )
    ),

    attributes as materialized (
        select f.name, f.value, f.detail, s.name as stored
        from (select name, value, detail from fields where kind = 'attribute') as f
        full join (select name, value, vendor_id from product_attributes where product_id = p_product_id) as s
            on s.name = f.name
        where (f.value, f.detail) is distinct from (s.value, s.vendor_id)
    ),

    dropped_attributes as (
        delete from product_attributes as a using attributes as new
        where a.product_id = p_product_id and a.name = new.stored and new.name is null
    ),

    changed_attributes as (
        update product_attributes as a set value = new.value, vendor_id = new.detail from attributes as new
        where a.product_id = p_product_id and a.name = new.stored and new.name is not null
    ),

    new_attributes as ( -- nobody else adds any: without `on conflict` it is a fifth cheaper
        insert into product_attributes (product_id, name, value, vendor_id)
        select p_product_id, name, value, detail from attributes where stored is null
    ),

    media as materialized (
        select f.kind, f.url, f.title, s.kind as stored_kind, s.url as stored
        from (
            select kind, name as url, detail as title from fields where kind in ('datasheet', 'photo', 'video')
        ) as f
        full join (select kind, url, title from document_media where product_id = p_product_id) as s
            on s.kind = f.kind and s.url = f.url
        where (f.url, f.title) is distinct from (s.url, s.title)
    ),

    dropped_media as (
        delete from document_media as d using media as new
        where d.product_id = p_product_id and d.kind = new.stored_kind and d.url = new.stored and new.url is null
    ),

    changed_media as (
        update document_media as d set title = new.title from media as new
        where d.product_id = p_product_id and d.kind = new.stored_kind and d.url = new.stored and new.url is not null
    ),

    new_media as (
        insert into document_media (product_id, kind, url, title)
        select p_product_id, kind, url, title from media where stored is null
    ),

    written_extras as (
        insert into product_extras as e (product_id, extras) select p_product_id, extras from derived
        on conflict (product_id) do update set extras = excluded.extras where e.extras <> excluded.extras
    )

    update products as p
    set pn = d.pn, manufacturer_id = d.manufacturer_id, category = d.category, description = d.description, vendor = d.vendor,
        vendor_pn = d.vendor_pn, url = d.url, unit_price = d.unit_price, currency = d.currency, status = d.status,
        source = p_source, task_id = p_task_id, updated_at = p_now
    from derived as d
    where p.id = p_product_id and (
        p.pn, p.manufacturer_id, p.category, p.description, p.vendor, p.vendor_pn, p.url, p.unit_price, p.currency, p.status,
        p.source, p.task_id, p.updated_at
    ) is distinct from (
        d.pn, d.manufacturer_id, d.category, d.description, d.vendor, d.vendor_pn, d.url, d.unit_price, d.currency, d.status,
        p_source, p_task_id, p_now
    );
end
$$;

-- Locks the product of a part, and makes it when there is none. A record that leaves `p_old` for another part locks both; such
-- moves happen one at a time, so that no two wait for each other.
create function lock_product(
    p_part_key text, p_old uuid, p_first jsonb, p_source text, p_task_id uuid, p_now timestamptz
) returns uuid
language plpgsql set search_path = public, pg_temp as $$
declare
    product uuid;
begin
    if p_old is not null then
        select id into product from products where id = p_old and part_key = p_part_key for update;
        if found then
            return product;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('a record moves to another product', 0));
        perform from products where id = p_old for update;
    end if;
    loop -- another transaction may make it, or remove it, in between
        -- the values that most products keep, so that deriving has nothing to change
        insert into products (
            part_key, pn, manufacturer_id, category, description, vendor, vendor_pn, url, unit_price, currency, status, source,
            task_id, created_at, updated_at
        )
        select
            p_part_key, p_first ->> 'pn', (select id from manufacturers where key = p_first ->> 'manufacturer_key'),
            p_first ->> 'category', p_first ->> 'description', p_first ->> 'vendor', p_first ->> 'vendor_pn',
            case when usable_link(p_first ->> 'url') then p_first ->> 'url' end, (p_first ->> 'unit_price')::numeric,
            p_first ->> 'currency', p_first ->> 'status', p_source, p_task_id, p_now, p_now
        on conflict (part_key) do nothing
        returning id into product;
        exit when found;
        select id into product from products where part_key = p_part_key for update;
        exit when found;
    end loop;
    return product;
end
$$;

-- Lays a task's source row, and the vendor's answer if there is one, over those that were there. The product is locked.
create function lay_down(
    p_product_id uuid, p_settled boolean, p_record_key text, p_pn text, p_manufacturer text, p_manufacturer_key text,
    p_source jsonb, p_content_hash text, p_task_id uuid, p_answer jsonb, p_now timestamptz
) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    insert into record_layers as l (
        record_key, product_id, settled, pn, manufacturer, manufacturer_key, source, content_hash, source_task, source_at,
        answer, answer_task, answer_at
    )
    values (
        p_record_key, p_product_id, p_settled, p_pn, p_manufacturer, p_manufacturer_key, p_source, p_content_hash, p_task_id,
        p_now, p_answer, case when p_answer is not null then p_task_id end, case when p_answer is not null then p_now end
    )
    on conflict (record_key) do update
    set product_id = excluded.product_id, settled = excluded.settled, pn = excluded.pn, manufacturer = excluded.manufacturer,
        manufacturer_key = excluded.manufacturer_key, source = excluded.source, content_hash = excluded.content_hash,
        source_task = case when l.content_hash = excluded.content_hash then l.source_task else excluded.source_task end,
        source_at = case when l.content_hash = excluded.content_hash then l.source_at else excluded.source_at end,
        answer = coalesce(excluded.answer, l.answer), answer_task = coalesce(excluded.answer_task, l.answer_task),
        answer_at = coalesce(excluded.answer_at, l.answer_at);
end
$$;

-- After a record has left a product: without a record it is removed, else derived anew. The product is locked.
create function leave_product(p_product_id uuid, p_source text, p_task_id uuid, p_now timestamptz) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (select from products where id = p_product_id) then
        return; -- somebody deleted it
    elsif exists (select from record_layers where product_id = p_product_id) then
        perform derive_product(p_product_id, p_source, p_task_id, p_now);
    else
        delete from products where id = p_product_id;
    end if;
end
$$;

-- The key of the record's part by another maker, as `record_key` of identity.py makes it; the record's own when none is given.
create function part_of_maker(p_record_key text, p_manufacturer_key text) returns text
language sql immutable set search_path = public, pg_temp
return coalesce(
    split_part(p_record_key, '|', 1) || '|' || replace(replace(p_manufacturer_key, '%', '%25'), '|', '%7C'), p_record_key
);

-- Stores the vendor's answer about a record and derives the product of its part. `p_product` is {pn, manufacturer,
-- manufacturer_key, part_key, category, description, vendor, vendor_pn, url, unit_price, currency, status, attributes: [{name,
-- value, vendor_id}], media: [{kind, url, title}], extras}. Without a usable `part_key`, the record's key names the part.
create function write_product(
    p_record_key text, p_task_id uuid, p_source text, p_product jsonb, p_now timestamptz
) returns uuid
language plpgsql set search_path = public, pg_temp as $$
declare
    source_row jsonb;
    row_hash text;
    row_pn text;
    row_manufacturer text;
    row_manufacturer_key text;
    held_id uuid;
    settled boolean;
    named text; -- the manufacturer that a person named
    part text := p_product ->> 'part_key';
    product uuid;
begin
    if p_product ->> 'manufacturer_key' <> ''
        and not exists (select from manufacturers where key = p_product ->> 'manufacturer_key') then
        perform know_manufacturers(jsonb_build_object(p_product ->> 'manufacturer_key', p_product ->> 'manufacturer'));
    end if;
    select t.source_record, t.content_hash, t.pn, t.manufacturer, t.manufacturer_key, l.product_id, coalesce(l.settled, false)
    into source_row, row_hash, row_pn, row_manufacturer, row_manufacturer_key, held_id, settled
    from automation_tasks as t left join record_layers as l on l.record_key = p_record_key
    where t.id = p_task_id;
    if settled then
        select manufacturer_key into named from person_fields
        where record_key = p_record_key and kind = 'manufacturer' and layer = 'edited' and replaced_at is null;
        select coalesce((select part_key from products where id = held_id), part_of_maker(p_record_key, named)) into part;
    end if;
    if coalesce(octet_length(part) not between 1 and 2000, true) then -- an index key is bounded
        part := p_record_key;
    end if;
    product := lock_product(part, held_id, p_product, p_source, p_task_id, p_now);
    perform lay_down(
        product, settled, p_record_key, row_pn, row_manufacturer, row_manufacturer_key, source_row, row_hash, p_task_id,
        -- another maker's order number, price and values are not those of the part that the person named
        case when named is null or named = p_product ->> 'manufacturer_key' then p_product end, p_now
    );
    perform derive_product(product, p_source, p_task_id, p_now);
    if held_id <> product then
        perform leave_product(held_id, p_source, p_task_id, p_now);
    end if;
    return product;
end
$$;

-- What a person says by completing a task: the typed fields; the row's other filled fields as approved, except where a typed
-- field stands; and, as kept, what stands against another word of source or vendor. The row is the source's latest already.
create function said_by_person(
    p_product_id uuid, task manual_tasks, p_fields jsonb, p_manufacturer_key text, p_now timestamptz
) returns setof person_fields
language sql stable set search_path = public, pg_temp
begin atomic
    with fields as materialized (
        select * from product_fields(p_product_id, null, null, null, null, null)
    ),

    held as (
        select distinct on (kind, name) * from fields where layer in ('edited', 'approved')
        order by kind, name, layer = 'approved', at desc
    ),

    others as (
        select kind, name, array_agg(distinct value) as words from fields
        where layer in ('vendor', 'source') and kind in ('manufacturer', 'category', 'description', 'attribute')
        group by kind, name
    ),

    said as (
        select distinct
            'edited' as layer, kind, name, value, detail,
            p_fields -> 'origins' ->> concat_ws(':', kind, nullif(name, '')) as origin
        from typed_fields(p_fields, p_manufacturer_key)
        union all
        select distinct 'approved', kind, name, value, detail, null -- a row may name a link twice
        from row_fields(task.source_record, task.manufacturer, task.manufacturer_key) as f
        where not exists (
            select from typed_fields(p_fields, p_manufacturer_key) as t where t.kind = f.kind and t.name = f.name
        )
        and not exists (select from held as h where h.kind = f.kind and h.name = f.name and h.layer = 'edited')
    ),

    kept as (
        select h.layer, h.kind, h.name, h.value, h.detail, h.origin
        from held as h inner join others as o using (kind, name)
        where exists (select from unnest(o.words) as word where btrim(word) <> btrim(h.value) and word <> all (h.passed_over))
            and not exists (select from said as s where s.kind = h.kind and s.name = h.name)
    )

    select
        null::bigint, task.record_key, kind, name, value, detail, layer,
        array(select unnest(h.passed_over) union select word from unnest(o.words) as word where word is distinct from value),
        task.assignee, task.id, p_now, origin, null::timestamptz, null::uuid, null::timestamptz
    from (select * from said union all select * from kept) as new (layer, kind, name, value, detail, origin)
    left join others as o using (kind, name)
    left join (select kind, name, passed_over from held) as h using (kind, name);
end;

-- Stores what a person says by completing a task and derives the product of the record's part. Another manufacturer makes it
-- another part.
create function write_person_fields(task manual_tasks, p_fields jsonb, p_manufacturer_key text, p_now timestamptz) returns uuid
language plpgsql set search_path = public, pg_temp as $$
declare
    held record_layers;
    part text;
    product uuid;
    said person_fields[];
begin
    perform know_manufacturers(
        jsonb_build_object(coalesce(p_manufacturer_key, ''), p_fields ->> 'manufacturer')
        || jsonb_build_object(coalesce(task.manufacturer_key, ''), task.manufacturer)
    );
    select * into held from record_layers where record_key = task.record_key;
    select case
        when p_manufacturer_key is null or p_manufacturer_key = coalesce(m.key, '') then p.part_key
    end into part
    from products as p left join manufacturers as m on m.id = p.manufacturer_id where p.id = held.product_id;
    part := coalesce(part, part_of_maker(task.record_key, p_manufacturer_key));
    product := lock_product(part, held.product_id, jsonb_build_object('pn', task.pn), 'manual', task.id, p_now);
    perform lay_down(
        product, coalesce(held.settled, false) or p_manufacturer_key is not null, task.record_key, task.pn, task.manufacturer,
        task.manufacturer_key, task.source_record, task.content_hash, task.id, null, p_now
    );
    said := array(select s from said_by_person(product, task, p_fields, p_manufacturer_key, p_now) as s);
    update person_fields as f set replaced_at = p_now, replaced_by = task.id
    where f.record_key = task.record_key and f.replaced_at is null and (
        (f.layer = 'approved' and f.kind in ('attribute', 'datasheet', 'photo')) -- the new row has it, or it is gone
        or exists (select from unnest(said) as s where s.kind = f.kind and s.name = f.name)
    );
    insert into person_fields (
        record_key, kind, name, value, manufacturer_key, layer, passed_over, assignee, task_id, at, origin
    )
    select record_key, kind, name, value, manufacturer_key, layer, passed_over, assignee, task_id, at, origin
    from unnest(said);
    -- another maker's order number, price and values are not those of the part that the person names
    update record_layers set answer = null, answer_task = null, answer_at = null
    where record_key = task.record_key and answer ->> 'manufacturer_key' <> p_manufacturer_key;
    perform derive_product(product, 'manual', task.id, p_now);
    if held.product_id <> product then
        perform leave_product(held.product_id, 'manual', task.id, p_now);
    end if;
    return product;
end
$$;

-- The product of a record, or the one that it would join; null when there is none.
create function product_of(p_record_key text) returns uuid
language sql stable set search_path = public, pg_temp
return coalesce(
    (select product_id from record_layers where record_key = p_record_key),
    (select id from products where part_key = p_record_key)
);

-- {product, suggestions} of a part; with `p_row`, as they would be if a person completed that row of `p_record_key` unedited. A
-- suggestion is a later and different word of source or vendor about a field that a person holds.
create function product_view(
    p_product_id uuid, p_record_key text, p_pn text, p_row jsonb, p_manufacturer text, p_manufacturer_key text,
    p_row_at timestamptz
) returns jsonb
language plpgsql stable set search_path = public, pg_temp set plan_cache_mode = force_generic_plan as $$
begin
    return (
        with fields as materialized (
            select * from product_fields(p_product_id, p_record_key, p_row, p_manufacturer, p_manufacturer_key, p_row_at)
        ),

        held as (
            select distinct on (kind, name) * from fields where layer in ('edited', 'approved')
            order by kind, name, layer = 'approved', at desc
        )

        select jsonb_build_object(
            'product', jsonb_build_object(
                'pn', coalesce((select pn from products where id = p_product_id), p_pn),
                'manufacturer', (select value from fields where wins and kind = 'manufacturer'),
                'category', (select value from fields where wins and kind = 'category'),
                'description', (select value from fields where wins and kind = 'description'),
                'attributes', (
                    select coalesce(jsonb_object_agg(name, value), '{}') from fields
                    where wins and value is not null and kind = 'attribute'
                ),
                'media', (
                    select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'url', name) order by kind, name), '[]')
                    from fields where wins and value is not null and kind in ('datasheet', 'photo', 'video')
                )
            ) || (
                select coalesce(jsonb_object_agg(bought.name, to_jsonb(p) -> bought.name), '{}')
                from products as p,
                    unnest(array['vendor', 'vendor_pn', 'url', 'unit_price', 'currency', 'status']) as bought (name)
                where p.id = p_product_id
            ),
            'suggestions', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'field', concat_ws(':', h.kind, nullif(h.name, '')), 'kept', h.value, 'by', h.said_by, 'at', h.at,
                    'offered', o.value, 'from', case o.layer when 'row' then 'source' else o.layer end, 'offered_at', o.at
                ) order by h.kind, h.name, o.layer), '[]')
                from held as h inner join fields as o using (kind, name)
                where o.layer in ('row', 'vendor', 'source') and o.at > h.at and btrim(o.value) <> btrim(h.value)
                    and o.value <> all (h.passed_over)
                    and (h.kind <> 'manufacturer' or o.detail is distinct from h.detail) -- two spellings are one name
            )
        )
    );
end
$$;

-- The product of a part with all its layers: what is said of each field, by whom and when, and what people said before.
create function product_report(p_record_key text) returns jsonb
language plpgsql stable set search_path = public, pg_temp as $$
declare
    product uuid := product_of(p_record_key);
begin
    if product is null then
        raise exception 'no product of %', left(p_record_key, 400) using errcode = 'PT404';
    end if;
    return product_view(product, null, null, null, null, null, null) || jsonb_build_object(
        'part_key', (select part_key from products where id = product),
        'records', (select jsonb_agg(record_key order by record_key) from record_layers where product_id = product),
        'fields', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'field', concat_ws(':', kind, nullif(name, '')), 'value', value, 'layer', layer, 'by', said_by,
                'task_id', task_id, 'at', at, 'origin', origin, 'wins', wins
            ) order by kind, name, wins desc, at desc), '[]')
            from product_fields(product, null, null, null, null, null)
        ),
        'replaced', ( -- the latest hundred
            select coalesce(jsonb_agg(to_jsonb(before) - 'id' order by before.replaced_at desc, before.id desc), '[]')
            from (
                select f.id, concat_ws(':', f.kind, nullif(f.name, '')) as field, f.value, f.layer, f.assignee as by, f.task_id,
                    f.at, f.origin, f.replaced_at, f.taken_back_at
                from record_layers as l inner join person_fields as f on f.record_key = l.record_key
                where l.product_id = product and f.replaced_at is not null
                order by f.id desc limit 100
            ) as before
        )
    );
end
$$;

-- Products of a batch with their source rows: at most `p_limit`, the latest first. `by` is the person who completed the record,
-- null for automation; a dead letter's record belongs to the batch that decided it, and to its `_fallback`.
create function recent_products(p_batch_id text, p_limit integer) returns jsonb
language sql stable set search_path = public, pg_temp
return (
    with done as (
        (
            select id, record_key, source_record, finished_at, null as by from automation_tasks
            where batch_id = p_batch_id and state = 'completed'
            order by finished_at desc, id limit p_limit
        )
        union all
        (
            select id, record_key, source_record, finished_at, assignee from manual_tasks
            where batch_id = p_batch_id and state = 'completed'
            order by finished_at desc, id limit p_limit
        )
        union all
        (
            select id, record_key, source_record, finished_at, assignee from manual_tasks
            where origin_batch_id = p_batch_id and state = 'completed'
            order by finished_at desc, id limit p_limit
        )
    )

    select coalesce(jsonb_agg(jsonb_build_object(
        'before', task.source_record, 'by', task.by, 'at', task.finished_at, 'task_id', task.id,
        'after', jsonb_build_object(
            'pn', p.pn, 'manufacturer', m.name, 'category', p.category, 'description', p.description, 'vendor', p.vendor,
            'vendor_pn', p.vendor_pn, 'url', p.url, 'unit_price', p.unit_price, 'currency', p.currency, 'status', p.status,
            'attributes', (
                select coalesce(jsonb_object_agg(a.name, a.value), '{}') from product_attributes as a where a.product_id = p.id
            ),
            'media', (
                select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'url', d.url)), '[]')
                from document_media as d where d.product_id = p.id
            )
        )
    ) order by task.finished_at desc, task.id), '[]')
    from (select * from done order by finished_at desc, id limit p_limit) as task
    inner join record_layers as l using (record_key)
    inner join products as p on p.id = l.product_id
    left join manufacturers as m on m.id = p.manufacturer_id
);

select restrict_access();
