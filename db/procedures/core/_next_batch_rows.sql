create or replace function tandem._next_batch_rows(
    p_rows integer, p_ms numeric, p_target_ms numeric
) returns integer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $_next_batch_rows$
    select greatest(
        tandem._setting_of('batch_rows_min')::integer,
        least(
            tandem._setting_of('batch_rows_max')::integer,
            -- at most doubled, at most halved: one slow checkpoint says little
            greatest(p_rows / 2.0, least(p_rows * 2.0, p_rows * p_target_ms / greatest(p_ms, 1)))
        )::integer
    )
$_next_batch_rows$;

comment on function tandem._next_batch_rows(integer, numeric, numeric) is
'Rows for the next batch, from the last one''s rows and milliseconds and the wanted milliseconds.';
