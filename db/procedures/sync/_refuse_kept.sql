create or replace function tandem._refuse_kept(
    p_mapping text, p_run bigint, p_store text, p_id uuid, p_content jsonb, p_fault text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse_kept$
declare
    v_message text := 'what was kept cannot come back: ' || p_fault;
    v_hint text := pg_catalog.format(
        'Remove what is in the way, then CALL tandem.retry_rejected(%L). Till then it stays in '
        'tandem_%s.%s.', p_mapping, p_mapping, p_store
    );
begin
    if (
        select r.params ->> 'on_reject' = 'stop' from tandem.run as r where r.run_id = p_run
    ) then
        raise exception '% %: %', p_store, p_id, v_message
        using errcode = 'TD019',
            detail = 'The migration was asked to stop at such a row; nothing before it is lost.',
            hint = v_hint;
    end if;
    perform tandem._reject(
        p_mapping, 'hierarchy', p_id::text, p_content::json, 'TD019', v_message, v_hint, p_run
    );
end
$_refuse_kept$;

comment on function tandem._refuse_kept(text, bigint, text, uuid, jsonb, text) is
'A kept row of the hierarchy that cannot come back, or not whole: rejected, or TD019 where the run '
'stops at such a row. p_store: kept or kept_level; p_fault: why.';
