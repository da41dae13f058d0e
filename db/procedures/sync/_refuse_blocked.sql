create or replace function tandem._refuse_blocked(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_refuse_blocked$
declare
    r_finding record;
begin
    select * into r_finding from tandem._analyze_schema(p_mapping) as a
    where a.severity = 'blocker'
    limit 1;
    if found then
        raise exception 'prepare of % is blocked: %', p_mapping, r_finding.finding
        using errcode = 'TD004',
            detail = pg_catalog.format('%s: %s', r_finding.subject, coalesce(r_finding.sample, '')),
            hint = r_finding.cure;
    end if;
end
$_refuse_blocked$;

comment on function tandem._refuse_blocked(text) is
'Raises TD004 where tandem.analyze has a blocker, the first of them.';
