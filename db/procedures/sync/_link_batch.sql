-- The way forward, before anything is switched on: flat rows get the ids of what is noted or kept
-- of them, with those of its parents where it is there. From then on neither side takes the other's
-- row for a new one.
create or replace function tandem._link_batch(p_mapping text, p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_link_batch$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_key text := v_definition ->> 'key';
    v_type text := v_definition ->> 'key_type';
    v_last text;
    v_next text;
    v_set text;
    v_ids text;
    r_leaf record;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor || '{"stage": "switch"}', 0, 0, 0, 0, null, null);
    select b.last_key into v_last
    from tandem._lock_batch(p_mapping, r_run.cursor ->> 'from', p_rows) as b;
    if v_last is null then
        return r_result;
    end if;
    select * into strict r_leaf from tandem._levels(p_mapping) as l where l.is_leaf;
    select
        pg_catalog.string_agg(pg_catalog.format('%1$I = one.%1$I', l.sync), ', '),
        pg_catalog.string_agg(pg_catalog.format('%I.%I as %I', l.name, l.id, l.sync), ', ')
    into v_set, v_ids
    from tandem._levels(p_mapping) as l
    where not l.is_leaf;
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'update %1$s as flat
        set %2$I = one.kept_id, %3$s,
            %4$I = case when one.is_there then ''active'' else flat.%4$I end
        from (
            select kept.row_key, kept.kept_id, %5$I.%6$I is not null as is_there, %7$s
            from (
                select flat.%8$I as row_key, %9$I._kept_for(flat.%8$I::text) as kept_id
                from %1$s as flat
                where flat.%8$I >= $1::%10$s and flat.%8$I <= $2::%10$s and flat.%2$I is null
            ) as kept
            left join (%11$s) on %5$I.%6$I = kept.kept_id
        ) as one
        where flat.%8$I = one.row_key and one.kept_id is not null',
        v_definition ->> 'flat', r_leaf.sync, v_set, v_definition ->> 'status', r_leaf.name,
        r_leaf.id, v_ids, v_key, 'tandem_' || p_mapping, v_type,
        tandem._chain(p_mapping, 'left join')
    ) using r_run.cursor ->> 'from', v_last;
    v_next := tandem._key_after(p_mapping, v_last);
    r_result.cursor := r_run.cursor || case when v_next is null then '{"stage": "switch"}'::jsonb
        else pg_catalog.jsonb_build_object('from', v_next) end;
    -- not counted: the run counts rows of the flat table once
    r_result.message := 'linking rows to what is kept of them';
    return r_result;
end
$_link_batch$;

comment on function tandem._link_batch(text, bigint, integer) is
'One batch of a migration''s stage link.';
