-- What is in the way comes first, then what went wrong.
create or replace function tandem._import_next_step(p_mapping text) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $_import_next_step$
declare
    v_index text;
    v_failed bigint;
    r_ill record;
begin
    select i.statement into v_index from tandem._index_statements(p_mapping) as i
    order by i.ordinal
    limit 1;
    if found then
        return pg_catalog.format(
            '%s  -- alone; an index is missing, SELECT * FROM tandem.plan(%L) lists all',
            v_index, p_mapping
        );
    end if;
    select h.import_id, h.health, h.why into r_ill
    from tandem.import_health() as h
    join tandem.import_job as j on j.import_id = h.import_id
    where j.mapping = p_mapping and h.health in ('dead', 'stalled')
    order by h.import_id
    limit 1;
    if found then
        return pg_catalog.format(
            'SELECT * FROM tandem.import_health(%s);  -- it is %s: %s', r_ill.import_id,
            r_ill.health, pg_catalog.translate(r_ill.why, e'\n\r', '  ')
        );
    end if;
    select pg_catalog.count(*) into v_failed from tandem.rejected_row as r
    where r.mapping = p_mapping and r.resolved_at is null;
    return pg_catalog.format(
        'SELECT tandem.submit_import(%L, ...);  -- then CALL tandem.run_import(its id)%s',
        p_mapping, case when v_failed > 0 then pg_catalog.format(
            '; %s rows of earlier ones failed, see tandem.import_repairs and '
            'tandem.settle_failed_rows', v_failed
        ) end
    );
end
$_import_next_step$;

comment on function tandem._import_next_step(text) is
'The statement that comes next for a mapping of an import whose tables are prepared.';
