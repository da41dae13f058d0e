create or replace function tandem._import_to_undo(p_import bigint) returns tandem.import_job
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_to_undo$
declare
    r_job tandem.import_job := tandem._import_of(p_import);
    v_parts jsonb := (tandem._mapping_of(r_job.mapping)).definition -> 'parts';
    v_table text;
begin
    if r_job.state in ('queued', 'running') or r_job.is_dry_run then
        raise exception 'import % cannot be undone', p_import
        using errcode = 'TD067',
            detail = case when r_job.is_dry_run then 'It was a dry run, which wrote nothing.'
                else pg_catalog.format('It is %s.', r_job.state) end,
            hint = pg_catalog.format(
                'SELECT tandem.cancel_import(%s); ends one that is under way.', p_import
            );
    end if;
    select c.table_name into v_table from tandem.import_change as c
    where c.import_id = p_import and not exists (
        select from pg_catalog.jsonb_array_elements(v_parts) as t (item)
        where t.item ->> 'table' = c.table_name
    )
    limit 1;
    if found then
        raise exception 'import % cannot be undone', p_import
        using errcode = 'TD067',
            detail = pg_catalog.format(
                'It wrote the table %I, which the mapping %s has no more.', v_table, r_job.mapping
            ),
            hint = 'Deploy the mapping that it was done by, then undo it. Nothing was changed.';
    end if;
    return r_job;
end
$_import_to_undo$;

comment on function tandem._import_to_undo(bigint) is
'The job of an import that has ended; raises TD067 for one that has not, or that wrote nothing.';
