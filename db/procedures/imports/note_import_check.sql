create or replace function tandem.note_import_check(
    p_mapping text, p_point text, p_note text, p_confirmed boolean default true
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $note_import_check$
begin
    perform tandem._mapping_of(p_mapping);
    perform tandem._check_argument('p_point', p_point, array[
        'backup', 'team', 'test_environment', 'monitoring', 'rollback', 'window'
    ]);
    if tandem.is_blank(p_note) or p_confirmed is null then
        raise exception 'p_note says nothing'
        using errcode = 'null_value_not_allowed',
            detail = 'Who reads it later wants to know what was done, and where it is written.',
            hint = 'Nothing was done: say it in p_note; p_confirmed is true or false.';
    end if;
    insert into tandem.import_check_note (mapping, point, note, confirmed)
    values (p_mapping, p_point, p_note, p_confirmed);
end
$note_import_check$;

comment on function tandem.note_import_check(text, text, text, boolean) is
'Notes what people have seen of a point of tandem.import_readiness, with who and when. p_point: '
'backup, team, test_environment, monitoring, rollback, window; p_confirmed false: it is not so '
'(any more). The last note of a point counts, all are kept. Operators may call it. Errors: TD001, '
'22023 another point, 22004 no text. Example: select tandem.note_import_check(''items'', '
'''backup'', ''pg_dump of 9 o''''clock, restored into MTC_test'');';
