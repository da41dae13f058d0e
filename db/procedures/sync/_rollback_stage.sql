create or replace function tandem._rollback_stage(p_mapping text, p_stage text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $_rollback_stage$
declare
    v_definition jsonb := (tandem._mapping_of(p_mapping)).definition;
    v_key text;
begin
    perform pg_catalog.set_config('search_path', v_definition ->> 'path', true);
    execute pg_catalog.format(
        'select flat.%1$I::text from %2$s as flat order by flat.%1$I limit 1',
        v_definition ->> 'key', v_definition ->> 'flat'
    ) into v_key;
    return pg_catalog.jsonb_build_object('stage', p_stage, 'from', v_key);
end
$_rollback_stage$;

comment on function tandem._rollback_stage(text, text) is
'The cursor of a rollback where a stage begins that goes over the rows of the flat table.';
