-- A row that was made again while its kept one was away stays as it is; where it has no value the
-- kept one's comes back, column by column, as far as constraints let it. Mapped columns are left
-- alone: the other side has them too.
create or replace function tandem._fill(
    p_mapping text, p_level text, p_id uuid, p_content jsonb, p_is_ours boolean,
    out remains jsonb, out fault text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $_fill$
declare
    v_fault text;
    v_where text;
    r_level record;
    r_column record;
begin
    select * into strict r_level from tandem._levels(p_mapping) as l where l.name = p_level;
    v_where := pg_catalog.format('one.%I = %L', r_level.id, p_id);
    for r_column in
        select c.name, c.value
        from tandem._row_columns(
            r_level.relation::regclass, pg_catalog.jsonb_strip_nulls(p_content)
        ) as c
        join pg_catalog.pg_attribute as a
            on a.attrelid = r_level.relation::regclass and a.attname = c.name
        where a.attidentity <> 'a' and c.name <> r_level.id
            and c.name is distinct from r_level.parent
            and c.name not in (
                select p.hier from tandem._mapped(p_mapping) as p where p.part = p_level
            )
        order by c.ordinal
    loop
        v_fault := tandem._try(r_level.relation::regclass, pg_catalog.format(
            'update %1$s as one set %2$I = %3$s
            where %4$s and (%5$L or one.%2$I is null)',
            r_level.relation, r_column.name, r_column.value, v_where, p_is_ours
        ), v_where, tandem._path_of(p_mapping));
        if v_fault is not null then
            fault := v_fault;
            remains := coalesce(remains, '{}') || pg_catalog.jsonb_build_object(
                r_column.name, p_content ->> r_column.name
            );
        end if;
    end loop;
end
$_fill$;

comment on function tandem._fill(text, text, uuid, jsonb, boolean) is
'Gives a row of a level the values of unmapped columns that it lacks from a kept one, unpacked; '
'returns what it cannot be given, and why, or NULL. p_is_ours: the row was made just now, bare, so '
'its defaults are nobody''s values.';
