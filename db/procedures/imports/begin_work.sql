create or replace function tandem.begin_work(p_name text, p_mapping text default null)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $begin_work$
begin
    if p_mapping is not null then
        perform tandem._mapping_of(p_mapping);
    end if;
    delete from tandem.import_worker as w
    where w.backend_pid = pg_catalog.pg_backend_pid() or w.backend_pid not in (
        select a.pid from pg_catalog.pg_stat_activity as a
    );
    insert into tandem.import_worker (backend_pid, name, mapping)
    values (pg_catalog.pg_backend_pid(), p_name, p_mapping);
    return pg_catalog.pg_backend_pid();
end
$begin_work$;

comment on function tandem.begin_work(text, text) is
'Makes this session known as a worker, under a name; returns its backend''s pid. Operators may '
'call it. Example: select tandem.begin_work(''worker 1'');';
