create or replace function tandem._reject(
    p_mapping text, p_side text, p_key text, p_content json, p_sqlstate text, p_message text,
    p_hint text, p_run bigint
) returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $_reject$
    insert into tandem.rejected_row as r (
        rejected_id, mapping, side, row_key, content, sqlstate, message, hint, run_id
    )
    values (
        tandem.new_id(), p_mapping, p_side, p_key, p_content, p_sqlstate, p_message,
        coalesce(
            nullif(p_hint, ''), pg_catalog.format(
                'Remove the cause, then CALL tandem.retry_rejected(%L).', p_mapping
            )
        ),
        p_run
    )
    on conflict (mapping, side, row_key) where resolved_at is null do update
    set content = excluded.content, sqlstate = excluded.sqlstate, message = excluded.message,
        hint = excluded.hint, run_id = excluded.run_id, times = r.times + 1,
        last_at = excluded.last_at
$_reject$;

comment on function tandem._reject(text, text, text, json, text, text, text, bigint) is
'Keeps a row that cannot be moved; one open row per key.';
