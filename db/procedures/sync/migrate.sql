create or replace procedure tandem.migrate(
    p_mapping text,
    p_batch_rows integer default null,
    p_target_ms integer default 50,
    p_pause_ms integer default 0,
    p_max_batches integer default null,
    p_dry_run boolean default false,
    p_one_transaction boolean default false,
    p_on_reject text default 'continue',
    p_from text default null,
    p_to text default null
)
language plpgsql
as $migrate$
declare
    v_path text := pg_catalog.current_setting('search_path');
    v_lock_timeout text := pg_catalog.current_setting('lock_timeout');
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_argument('p_on_reject', p_on_reject, array['continue', 'stop']);
    perform tandem._check_range('p_batch_rows', p_batch_rows, 1, 100000);
    perform tandem._check_range('p_target_ms', p_target_ms, 1, 60000);
    perform tandem._check_range('p_pause_ms', p_pause_ms, 0, 3600000);
    perform tandem._check_range('p_max_batches', p_max_batches, 1, 2147483647);
    if p_one_transaction and p_max_batches is not null then
        raise exception 'p_one_transaction and p_max_batches exclude each other'
        using errcode = 'invalid_parameter_value',
            detail = 'One transaction is all or nothing; after p_max_batches it would be a part.',
            hint = 'Leave one of them out. Nothing was done.';
    end if;
    perform tandem._require_phase(p_mapping, 'migrate', array['prepared', 'syncing', 'migrated']);
    perform tandem._check_key('p_from', p_from, (tandem._mapping_of(p_mapping)).key_type);
    perform tandem._check_key('p_to', p_to, (tandem._mapping_of(p_mapping)).key_type);
    perform tandem._check_ends(p_mapping, p_from, p_to);
    call tandem._run(
        'migrate', p_mapping,
        pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
            'batch_rows', p_batch_rows, 'target_ms', p_target_ms, 'pause_ms', p_pause_ms,
            'max_batches', p_max_batches, 'dry_run', p_dry_run,
            'one_transaction', p_one_transaction,
            'on_reject', p_on_reject, 'from', p_from, 'to', p_to
        ))
    );
    set local search_path = pg_catalog, pg_temp;
    -- in one transaction, the caller's goes on after this
    perform pg_catalog.set_config('search_path', v_path, true);
    perform pg_catalog.set_config('lock_timeout', v_lock_timeout, true);
end
$migrate$;

comment on procedure tandem.migrate(
    text, integer, integer, integer, integer, boolean, boolean, text, text, text
) is
'Switches the sync on, waits out older writers, moves the rows batch by batch and validates. '
'Interrupted, the same CALL goes on. p_batch_rows: rows a batch (adapted to p_target_ms, in '
'milliseconds, when NULL); p_pause_ms: rest between batches; p_max_batches: then pause (each '
'table whose sync is switched on counts as one); p_dry_run: each batch is done and rolled back; '
'p_one_transaction: all or nothing, for a maintenance window; '
'p_on_reject: continue or stop; p_from, p_to: a range of keys, as text (ranges may run side by '
'side; the last to end ends the whole, if nothing is left). Operators '
'may call it, alone and with autocommit. '
'Example: call tandem.migrate(''products'');';
