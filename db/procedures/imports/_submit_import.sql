create or replace function tandem._submit_import(
    p_mapping text, p_header text[], p_fields jsonb, p_input tandem.import_input[], p_key text,
    p_options jsonb
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $_submit_import$
declare
    v_import bigint;
    v_places integer[];
    v_is_durable boolean := coalesce((p_options ->> 'durable')::boolean, true);
    v_key text := coalesce(p_key, pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
        pg_catalog.concat(p_header, p_fields, p_options - 'source' - 'user' - 'durable', p_input),
        'UTF8'
    )), 'hex'));
    r_there tandem.import_job;
begin
    perform tandem._require_phase(p_mapping, 'submit_import', array['ready', 'retired']);
    perform tandem._check_argument(
        'p_duplicates', p_options ->> 'duplicates', array['first', 'last', 'error']
    );
    perform tandem._check_argument(
        'p_deleted', p_options ->> 'deleted', array['revive', 'create', 'error']
    );
    perform tandem._check_argument('p_empty', p_options ->> 'empty', array['keep', 'clear']);
    perform tandem._check_range('p_batch_rows', (p_options ->> 'batch_rows')::integer, 1, 100000);
    perform tandem._check_range(
        'p_timeout_seconds', (p_options ->> 'timeout_seconds')::integer, 1, 1000000
    );
    perform tandem._check_range(
        'p_max_failed', (p_options ->> 'max_failed')::integer, 0, 2147483647
    );
    if not coalesce((p_options ->> 'max_failed_percent')::numeric between 0 and 100, true) then
        raise exception 'p_max_failed_percent is %', p_options ->> 'max_failed_percent'
        using errcode = 'invalid_parameter_value', detail = 'It may be 0 to 100.',
            hint = 'Nothing was submitted.';
    end if;
    perform tandem._check_import_size(pg_catalog.cardinality(p_input));
    v_places := tandem._import_places(p_mapping, p_header, coalesce(p_fields, '{}'));
    insert into tandem.import_job as j (
        mapping, job_key, source, header, places, rows_in, is_durable, user_id, importer,
        decided_by, duplicates, deleted, empty, max_failed, max_failed_percent, is_dry_run,
        batch_rows, timeout_seconds
    )
    select
        p_mapping, v_key, p_options ->> 'source', p_header, v_places,
        pg_catalog.cardinality(p_input), v_is_durable, u.name, d.importer, d.decided_by,
        p_options ->> 'duplicates', p_options ->> 'deleted', p_options ->> 'empty',
        (p_options ->> 'max_failed')::integer, (p_options ->> 'max_failed_percent')::numeric,
        coalesce((p_options ->> 'dry_run')::boolean, false),
        coalesce(p_options ->> 'batch_rows', tandem._setting_of('import_batch_size'))::integer,
        coalesce(
            p_options ->> 'timeout_seconds', tandem._setting_of('import_timeout_seconds')
        )::integer
    from (values (coalesce(p_options ->> 'user', session_user))) as u (name)
    -- once, here: a retry never changes its path
    cross join lateral tandem.import_flag_of(p_mapping, u.name) as d
    on conflict (mapping, job_key) where not is_dry_run and state <> 'cancelled' do nothing
    returning j.import_id into v_import;
    if v_import is null then
        select * into strict r_there from tandem.import_job as j
        where j.mapping = p_mapping and j.job_key = v_key and not j.is_dry_run
            and j.state <> 'cancelled';
        raise notice 'this is import % (%), submitted at % already', r_there.import_id,
            r_there.state, r_there.created_at::timestamptz(0)
        using hint = 'Under another p_key the same rows are another import.';
        return r_there.import_id;
    end if;
    insert into tandem.import_row (
        import_id, row_no, line_no, last_line, is_durable, fault, content
    )
    -- [:] numbers the fields from 1, whatever bounds an array has
    select v_import, i.row_no, i.line_no, i.last_line, v_is_durable, i.fault, i.content[:]
    from pg_catalog.unnest(p_input) with ordinality
        as i (line_no, last_line, fault, content, row_no);
    -- one for an import, never one for a batch: each is a lock that all commits wait for
    perform pg_catalog.pg_notify('tandem_imports', p_mapping);
    return v_import;
end
$_submit_import$;

comment on function tandem._submit_import(
    text, text[], jsonb, tandem.import_input[], text, jsonb
) is
'Makes the job of an import and keeps its input; the job that is there for the same key.';
