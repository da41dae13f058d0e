create or replace procedure tandem.reverse_duplicates(
    p_mapping text, p_plan_id bigint default null
)
language plpgsql
as $reverse_duplicates$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._require_import(p_mapping);
    call tandem._run('reverse_duplicates', p_mapping, pg_catalog.jsonb_strip_nulls(
        pg_catalog.jsonb_build_object('plan_id', p_plan_id, 'on_reject', 'continue')
    ));
end
$reverse_duplicates$;

comment on procedure tandem.reverse_duplicates(text, bigint) is
'Takes back what tandem.apply_duplicates did, by a plan or (NULL) by all, the last first: '
'references that still point where a merge put them go back, rows that were deleted softly come '
'back, names are as they were. What was edited since is kept, and listed with the reason in '
'tandem.duplicate_change (state kept); a row that cannot come back, such as while a unique index '
'forbids it, stays applied with the reason in tandem.duplicate_plan. Admins may call it, alone and '
'with autocommit. Example: call tandem.reverse_duplicates(''items'', 3);';
