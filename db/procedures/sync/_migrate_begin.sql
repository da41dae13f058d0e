create or replace function tandem._migrate_begin(p_mapping text, p_run bigint)
returns tandem.step_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $_migrate_begin$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_leaf text := (select l.sync from tandem._levels(p_mapping) as l where l.is_leaf);
    v_dry boolean;
    v_total bigint;
    v_again boolean;
    v_link boolean := false;
    r_run tandem.run;
    r_result tandem.step_result;
begin
    select * into strict r_run from tandem.run as r where r.run_id = p_run;
    v_dry := coalesce((r_run.params ->> 'dry_run')::boolean, false);
    perform tandem._require_prepared(p_mapping);
    perform tandem._require_indexes(p_mapping);
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'select pg_catalog.count(*), pg_catalog.bool_or(flat.%1$I is not null)
        from %2$s as flat
        where ($1 is null or flat.%3$I >= $1::%4$s) and ($2 is null or flat.%3$I <= $2::%4$s)',
        v_leaf, v_definition ->> 'flat', v_definition ->> 'key', v_definition ->> 'key_type'
    ) into v_total, v_again using r_run.key_from, r_run.key_to;
    if not v_dry and r_run.key_from is null and r_run.key_to is null then
        raise notice 'Is there a backup? For example: %', tandem._dump_command(p_mapping);
    end if;
    if not v_dry and (tandem._mapping_of(p_mapping)).phase = 'prepared' then
        perform tandem._adopt(p_mapping);
        execute pg_catalog.format(
            'select exists (select from %I.kept as k where k.flat_key is not null)',
            'tandem_' || p_mapping
        ) into v_link;
    end if;
    r_result := row(false, pg_catalog.jsonb_build_object(
        'stage', case when v_dry then 'rows' when v_link then 'link' else 'switch' end,
        'again', v_link or coalesce(v_again, false),
        -- both sides were in step then: where they differ, repair is to be told which is right
        'decided', (tandem._mapping_of(p_mapping)).phase = 'migrated',
        'from', case when v_link then tandem._key_after(p_mapping, null) end
    ), 0, 0, 0, 0, v_total, null);
    return r_result;
end
$_migrate_begin$;

comment on function tandem._migrate_begin(text, bigint) is
'The first batch of a migration: counts the rows, and whether some were migrated before.';
