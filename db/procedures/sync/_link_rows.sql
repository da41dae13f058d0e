-- Flat rows without a leaf get the ids of what is noted or kept of them, with those of its parents
-- where it is there.
create or replace function tandem._link_rows(p_mapping text, p_from text, p_to text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_link_rows$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_key text := v_definition ->> 'key';
    v_type text := v_definition ->> 'key_type';
    v_set text;
    v_ids text;
    r_leaf record;
begin
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
                where flat.%2$I is null and %12$s
            ) as kept
            left join (%11$s) on %5$I.%6$I = kept.kept_id
        ) as one
        where flat.%8$I = one.row_key and one.kept_id is not null and flat.%2$I is null',
        v_definition ->> 'flat', r_leaf.sync, v_set, v_definition ->> 'status', r_leaf.name,
        r_leaf.id, v_ids, v_key, 'tandem_' || p_mapping, v_type,
        tandem._chain(p_mapping, 'left join'), pg_catalog.format(
            case when p_from is not null
                then 'flat.%1$I >= $1::%2$s and flat.%1$I <= $2::%2$s'
                else 'flat.%1$I in (
                    select k.flat_key::%2$s from %3$I.kept as k where k.reason = ''adopted''
                )'
            end, v_key, v_type, 'tandem_' || p_mapping
        )
    ) using p_from, p_to;
    if p_from is null then
        -- done, also where a writer linked the row meanwhile
        execute pg_catalog.format(
            'delete from %I.kept as k where k.reason = ''adopted'' and k.leaf is null',
            'tandem_' || p_mapping
        );
    end if;
end
$_link_rows$;

comment on function tandem._link_rows(text, text, text) is
'Links flat rows of a range of keys, which the caller has locked, to what is noted or kept of '
'them; without a range those that were adopted.';
