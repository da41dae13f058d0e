create or replace function tandem._referred_to(p_mapping text, p_part text, p_ids text[])
returns table (constraint_id oid, label text, row_id text, rows bigint)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_referred_to$
declare
    v_condition text;
    r_part record;
    r_variant record;
    r_reference record;
begin
    select * into strict r_part from tandem._duplicate_parts(p_mapping) as p
    where p.part = p_part;
    select * into r_variant from tandem._duplicate_parts(p_mapping) as p where p.is_variant;
    for r_reference in select * from tandem._references_to(r_part.relation) loop
        continue when not r_reference.is_readable;
        select pg_catalog.string_agg(
            pg_catalog.format('r.%I = t.%I', c.own, c.other), ' and '
        ) into v_condition
        from rows from (
            pg_catalog.unnest(r_reference.columns), pg_catalog.unnest(r_reference.referenced)
        ) as c (own, other);
        if r_reference.relation = r_part.relation then
            v_condition := v_condition || pg_catalog.format(
                ' and r.%1$I <> t.%1$I', r_part.id_column);
        end if;
        if r_reference.relation = r_variant.relation and r_variant.deleted_column is not null then
            v_condition := v_condition || pg_catalog.format(
                ' and r.%I is null', r_variant.deleted_column);
        end if;
        return query execute pg_catalog.format(
            'select $2, $3, t.%3$I::text, pg_catalog.count(*) from %1$s as t '
            'join %2$s as r on %4$s where t.%3$I in ('
            'select %5$s from pg_catalog.unnest($1) as i (id)) group by t.%3$I',
            r_part.relation, r_reference.relation, r_part.id_column, v_condition,
            tandem._duplicate_id(r_part.id_type, 'i.id')
        ) using p_ids, r_reference.constraint_id, r_reference.label;
    end loop;
end
$_referred_to$;

comment on function tandem._referred_to(text, text, text[]) is
'How many rows refer to each of some rows, by foreign key; but for deleted variants, which stay '
'where they are.';
