create or replace function tandem._findings(p_mapping text)
returns table (
    severity text, finding text, subject text, count bigint, sample text, cure text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $_findings$
begin
    return query select a.* from tandem._analyze_schema(p_mapping) as a;
    if (tandem._mapping_of(p_mapping)).area = 'imports' then
        return;
    end if;
    if exists (
        select from pg_catalog.pg_settings as s
        where s.name = 'session_replication_role' and s.setting = 'replica'
    ) then
        return query
        select
            'warning', 'session_replication_role is replica', 'this session', 1::bigint, null::text,
            'The sync triggers do not fire in such sessions; drift shows what they missed.';
    end if;
    begin
        return query select a.* from tandem._analyze_data(p_mapping) as a;
    exception when undefined_column or feature_not_supported then
        -- _analyze_schema has said which column is absent, or has which collation
        null;
    end;
end
$_findings$;

comment on function tandem._findings(text) is 'The findings of tandem.analyze, as they come.';
