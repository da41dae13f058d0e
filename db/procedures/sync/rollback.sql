create or replace procedure tandem.rollback(
    p_mapping text, p_hierarchy text default 'keep', p_drop_columns boolean default false
)
language plpgsql
as $rollback$
begin
    set local search_path = pg_catalog, pg_temp;
    perform tandem._check_argument('p_hierarchy', p_hierarchy, array['keep', 'remove']);
    perform tandem._require_phase(
        p_mapping, 'rollback', array['prepared', 'syncing', 'migrated', 'ready']
    );
    call tandem._run('rollback', p_mapping, pg_catalog.jsonb_build_object(
        'hierarchy', p_hierarchy, 'drop_columns', coalesce(p_drop_columns, false),
        'on_reject', 'stop'
    ));
end
$rollback$;

comment on procedure tandem.rollback(text, text, boolean) is
'Back to the flat table alone: switches the sync off and notes which row belongs to which leaf. '
'p_hierarchy keep leaves the new tables as they are; remove empties them, after keeping all as '
'jsonb. p_drop_columns takes the sync columns, triggers and views away. A later migrate brings '
'back what the flat table cannot hold. Admins may call it, alone and with autocommit. '
'Example: call tandem.rollback(''products'');';
