create or replace function tandem._unknown_references(
    p_mapping text, p_part text, p_ids text[]
)
returns table (label text, row_id text, rows bigint)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_unknown_references$
declare
    r_part record;
    r_column record;
begin
    select * into strict r_part from tandem._duplicate_parts(p_mapping) as p
    where p.part = p_part;
    for r_column in
        select * from tandem._look_alikes(r_part.relation, r_part.id_column, r_part.id_type)
    loop
        if not r_column.is_readable then
            -- who cannot look cannot know
            return query
            select r_column.label, i.id, null::bigint from pg_catalog.unnest(p_ids) as i (id);
            continue;
        end if;
        return query execute pg_catalog.format(
            'select $2, r.%1$I::text, pg_catalog.count(*) from %2$s as r where r.%1$I in ('
            'select %3$s from pg_catalog.unnest($1) as i (id)) group by r.%1$I',
            r_column.column_name, r_column.relation, case r_column.compared when 'text' then 'i.id'
                else tandem._duplicate_id(r_column.compared, 'i.id') end
        ) using p_ids, r_column.label;
    end loop;
end
$_unknown_references$;

comment on function tandem._unknown_references(text, text, text[]) is
'How many rows hold an id of some rows in a column of the id''s name without a foreign key; NULL '
'where the column may not be read.';
