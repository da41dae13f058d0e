create or replace function tandem._refuse_kept(
    p_mapping text, p_run bigint, p_store text, p_id uuid, p_content jsonb
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse_kept$
declare
    v_message constant text := 'the row cannot come back: the row above it was deleted while it '
        'was away, or another row has taken a unique key of its';
    v_hint text := pg_catalog.format(
        'Make the row above with its id, or free the key, then CALL tandem.retry_rejected(%L). '
        'Its content stays in tandem_%s.%s.', p_mapping, p_mapping, p_store
    );
begin
    if (
        select r.params ->> 'on_reject' = 'stop' from tandem.run as r where r.run_id = p_run
    ) then
        raise exception '% %: %', p_store, p_id, v_message
        using errcode = 'TD041',
            detail = 'The migration was asked to stop at such a row; nothing before it is lost.',
            hint = v_hint;
    end if;
    perform tandem._reject(
        p_mapping, 'hierarchy', p_id::text, p_content::json, 'TD041', v_message, v_hint, p_run
    );
end
$_refuse_kept$;

comment on function tandem._refuse_kept(text, bigint, text, uuid, jsonb) is
'A kept row of the hierarchy that cannot come back: rejected, or TD041 where the run stops at '
'such a row. p_store: kept or kept_level.';
