-- Two live runs of one mapping exclude each other, but for these: migrations that were given
-- different ranges of keys; apply_due, which a scheduler calls without knowing what else goes on;
-- and what is done for different imports.
create or replace function tandem._may_coexist(p_run tandem.run, p_kind text, p_params jsonb)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $_may_coexist$
    select case
        when 'rollback' in (p_run.kind, p_kind) then false
        when p_run.import_id is not null and p_params ->> 'import' is not null
            then p_run.import_id <> (p_params ->> 'import')::bigint
        when 'apply_due' in (p_run.kind, p_kind) then p_run.kind <> p_kind
        else p_run.kind = 'migrate' and p_kind = 'migrate'
            and (p_run.key_from is not null or p_run.key_to is not null)
            and (p_params ->> 'from' is not null or p_params ->> 'to' is not null)
            and (p_run.key_from, p_run.key_to)
            is distinct from (p_params ->> 'from', p_params ->> 'to')
    end
$_may_coexist$;

comment on function tandem._may_coexist(tandem.run, text, jsonb) is
'True where a run of this kind may go on beside a live one of the same mapping.';
