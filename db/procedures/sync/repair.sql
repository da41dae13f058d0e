create or replace procedure tandem.repair(
    p_mapping text, p_authority text, p_extra text default 'keep', p_dry_run boolean default true
)
language plpgsql
as $repair$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_argument('p_authority', p_authority, array['flat', 'hierarchy']);
    perform tandem._check_argument('p_extra', p_extra, array['keep', 'delete']);
    perform tandem._require_phase(p_mapping, 'repair', array['syncing', 'migrated']);
    call tandem._run('repair', p_mapping, pg_catalog.jsonb_build_object(
        'authority', p_authority, 'extra', p_extra, 'dry_run', coalesce(p_dry_run, true),
        'on_reject', 'continue'
    ));
end
$repair$;

comment on procedure tandem.repair(text, text, text, boolean) is
'Makes the two sides equal again. p_authority: the side that is right, flat or hierarchy. '
'p_extra: what happens to rows that only the other side has, keep or delete. p_dry_run (the '
'default): each batch is done and rolled back, the counts tell what would happen. Operators '
'may call it, alone and with autocommit. '
'Example: call tandem.repair(''products'', ''flat'', p_dry_run => false);';
