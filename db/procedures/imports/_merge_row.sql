create or replace function tandem._merge_row(
    p_mapping text, p_duplicate bigint, p_part record, p_loser text, p_keeper text, p_action text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_merge_row$
declare
    v_unknown text;
begin
    if p_action = 'collapsed' then
        perform tandem._lock_duplicates(p_part, array[p_loser], array[p_keeper]);
        select u.label into v_unknown
        from tandem._unknown_references(p_mapping, p_part.part, array[p_loser]) as u
        where u.label <> all ((
            select d.ignored from tandem.duplicate_plan as d where d.duplicate_id = p_duplicate
        )::text[])
        order by 1
        limit 1;
        if found then
            perform tandem._merge_refused(
                pg_catalog.format('%s may hold the id %s of %s', v_unknown, p_loser,
                    p_part.relation),
                'Add a foreign key; or, where it is no reference, add the column to ignored.'
            );
        end if;
    end if;
    perform tandem._move_references(p_mapping, p_duplicate, p_part, p_loser, p_keeper);
    perform tandem._write_column(
        p_mapping, p_duplicate, p_action, p_part, p_loser, p_keeper, p_part.deleted_column,
        'pg_catalog.clock_timestamp()'
    );
end
$_merge_row$;

comment on function tandem._merge_row(text, bigint, record, text, text, text) is
'Merges a row into another: what refers to it moves, then it is deleted softly. p_action: merged, '
'or collapsed for a variant that became the same.';
