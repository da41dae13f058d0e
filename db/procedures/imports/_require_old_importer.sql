create or replace function tandem._require_old_importer(p_mapping text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_require_old_importer$
declare
    v_value text := (
        select f.value from tandem.import_flag as f where f.mapping = p_mapping
    );
    v_waiting bigint := (
        select pg_catalog.count(*) from tandem.import_job as j
        where j.mapping = p_mapping and j.state in ('queued', 'running') and j.importer = 'new'
    );
begin
    if v_value = 'false' and v_waiting = 0 then
        return;
    end if;
    raise exception 'imports of % still take the new path, which needs its indexes', p_mapping
    using errcode = 'TD068',
        detail = pg_catalog.concat(
            'Its flag is ', coalesce(v_value, 'not set, which means the new path'), case
                when v_waiting > 0 then pg_catalog.format(
                    '; of the new path %s queued or running',
                    case v_waiting when 1 then '1 import is'
                        else pg_catalog.concat(v_waiting, ' imports are') end
                )
            end, '.'
        ),
        hint = pg_catalog.format(
            'SELECT tandem.set_import_flag(%L, ''false''); and let those imports end, or cancel '
            'them. Nothing was changed.', p_mapping
        );
end
$_require_old_importer$;

comment on function tandem._require_old_importer(text) is
'Raises TD068 while imports of a mapping may take the new path.';
