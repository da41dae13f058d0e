-- One batch of the open rejected rows, about in the order in which they were rejected.
create or replace function tandem._retry_batch(
    p_mapping text, p_run bigint, p_rows integer, p_failure jsonb
) returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_retry_batch$
declare
    v_schema text := 'tandem_' || p_mapping;
    v_key_type text := (tandem._mapping_of(p_mapping)).definition ->> 'key_type';
    v_done text;
    v_levels bigint;
    v_last uuid;
    r_run tandem.run;
    r_row record;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    r_result := row(false, r_run.cursor, 0, 0, 0, 0, null, null);
    perform pg_catalog.set_config('search_path', tandem._path_of(p_mapping), true);
    -- row by row, because each has an outcome of its own
    for r_row in
        select r.rejected_id, r.row_key, r.side from tandem.rejected_row as r
        where r.mapping = p_mapping and r.resolved_at is null
            and (
                -- an attempt that goes on begins anew: causes may have been removed
                (r_run.cursor ->> 'attempt')::integer is distinct from r_run.attempt
                or r.rejected_id > (r_run.cursor ->> 'after')::uuid
            )
        order by r.rejected_id
        limit p_rows
    loop
        v_last := r_row.rejected_id;
        r_result.read_rows := r_result.read_rows + 1;
        if p_failure is not null then
            update tandem.rejected_row as r
            set sqlstate = p_failure ->> 'sqlstate', message = p_failure ->> 'message',
                hint = p_failure ->> 'hint', times = r.times + 1,
                last_at = pg_catalog.clock_timestamp(), run_id = p_run
            where r.rejected_id = r_row.rejected_id;
            v_done := 'rejected';
        elsif r_row.side = 'hierarchy' then
            -- a row of an upper level that a rollback took out: it and what is below it
            execute pg_catalog.format(
                'with retried as (
                    update %I.kept_level as k set refused = false where k.id = $1 returning 1
                )
                select pg_catalog.count(*) from retried', v_schema
            ) into v_levels using r_row.row_key::uuid;
            if v_levels > 0 then
                perform tandem._restore_levels(p_mapping, p_run, 1);
                execute pg_catalog.format(
                    'select case when exists (
                        select from %I.kept_level as k where k.id = $1
                    ) then ''rejected'' else ''retried'' end',
                    v_schema
                ) into v_done using r_row.row_key::uuid;
            elsif not tandem._restore_leaf(p_mapping, p_run, r_row.row_key::uuid) then
                v_done := 'rejected';
            else
                -- where the flat row has the say it is to be corrected first
                execute pg_catalog.format(
                    'select case when %1$I._is_waiting($1::uuid) then ''rejected''
                        else %1$I._add_flat($1::uuid) end', v_schema
                ) into v_done using r_row.row_key;
            end if;
            if v_levels = 0 and v_done not in ('gone', 'rejected') then
                execute pg_catalog.format('select %I._pull($1::uuid)', v_schema)
                into v_done using r_row.row_key;
            end if;
        else
            execute pg_catalog.format('select %I._push($1::%s, $2, 0, $3)', v_schema, v_key_type)
            into v_done using r_row.row_key, p_run, p_rows = 1;
        end if;
        if v_done = 'rejected' then
            r_result.rejected_rows := r_result.rejected_rows + 1;
        else
            r_result.written_rows := r_result.written_rows + 1;
            update tandem.rejected_row as r
            set resolved_at = pg_catalog.clock_timestamp(),
                resolution = case v_done when 'gone' then 'deleted' else 'retried' end
            where r.rejected_id = r_row.rejected_id and r.resolved_at is null;
        end if;
    end loop;
    r_result.done := v_last is null;
    r_result.cursor := pg_catalog.jsonb_build_object(
        'after', v_last, 'attempt', r_run.attempt
    );
    return r_result;
end
$_retry_batch$;

comment on function tandem._retry_batch(text, bigint, integer, jsonb) is
'Tries one batch of open rejected rows again.';
