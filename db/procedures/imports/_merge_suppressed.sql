create or replace function tandem._merge_suppressed(p_relation regclass, p_what text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_merge_suppressed$
begin
    raise exception 'a write to % of % has no effect', p_what, p_relation
    using errcode = 'TD074',
        detail = 'A trigger or rule of yours suppresses or changes it. Nothing of this duplicate '
        'was done.',
        hint = 'Let it pass such a row, then plan and approve it again.';
end
$_merge_suppressed$;

comment on function tandem._merge_suppressed(regclass, text) is
'Raises TD074: a trigger keeps a row where it is.';
