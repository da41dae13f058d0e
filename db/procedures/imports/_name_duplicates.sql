-- Whoever has a row of the name already made it by hand, or by a resolution before this one.
create or replace function tandem._name_duplicates(
    p_mapping text, p_part text, p_ids bigint[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_name_duplicates$
declare
    v_due bigint[] := p_ids;
    v_try integer := 1;
    v_key text;
    r_part record;
begin
    select * into strict r_part from tandem._duplicate_parts(p_mapping) as p where p.part = p_part;
    v_key := case when r_part.is_exact then 'd.new_name' else 'tandem.import_key(d.new_name)' end;
    while v_due <> '{}' and v_try <= 1000 loop
        update tandem.duplicate_plan as d
        set new_name = tandem._renamed(
            d.old_name, pg_catalog.format(
                ' (duplicate-%s%s)', d.loser_id, case when v_try > 1 then '-' || v_try end
            ), tandem._key_length(r_part.relation, r_part.key_columns)
        )
        where d.duplicate_id = any (v_due);
        -- the names as an array, which is hashed: there is no index on the table yet
        execute pg_catalog.format(
            'with taken as materialized (select %1$s as k from %2$s as t '
            'where %3$s and %1$s = any (array(select %4$s from tandem.duplicate_plan as d '
            'where d.duplicate_id = any ($1)))) '
            'select coalesce(pg_catalog.array_agg(d.duplicate_id), ''{}'') '
            'from tandem.duplicate_plan as d '
            'where d.duplicate_id = any ($1) and %4$s in (select n.k from taken as n)',
            r_part.key, r_part.relation, r_part.live, v_key
        ) into v_due using v_due;
        v_try := v_try + 1;
    end loop;
end
$_name_duplicates$;

comment on function tandem._name_duplicates(text, text, bigint[]) is
'Gives rows of a plan the name that they are renamed to: their own with (duplicate-id) after it, '
'and a number where a live row has that name.';
