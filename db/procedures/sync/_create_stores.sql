-- What a mapping keeps in its own schema. What is there is left as it is.
create or replace function tandem._create_stores(p_mapping text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $_create_stores$
declare
    v_schema text := 'tandem_' || p_mapping;
begin
    if pg_catalog.to_regclass(pg_catalog.format('%I.kept', v_schema)) is null then
        -- tandem_<mapping> is made in the deployment's transaction, and this with it
        execute pg_catalog.format(
            $ddl$
            -- What a flat DELETE, or a rollback that removes the hierarchy, would otherwise lose.
            -- Rows as _pack_row has them. Without leaf: a note whose leaf that is. In remains: the
            -- leaf and satellites of what could not come back the last time.
            create table %1$I.kept (
                flat_key text,
                leaf_id uuid not null,
                leaf jsonb,
                parent uuid,
                satellites jsonb not null default '{}',
                remains jsonb,
                reason text not null,
                kept_at timestamptz not null default pg_catalog.clock_timestamp(),
                constraint kept_pkey primary key (leaf_id),
                -- a leaf that never had a flat row comes back by itself, under this parent
                constraint kept_parent_check check (parent is null or flat_key is null),
                constraint kept_reason_check check (
                    reason in ('deleted', 'rollback', 'adopted', 'refused')
                )
            );
            create table %1$I.kept_level (
                level text not null,
                id uuid not null,
                parent uuid,
                content jsonb not null,
                remains jsonb,
                refused boolean not null default false,
                constraint kept_level_pkey primary key (level, id)
            );
            create index kept_level_parent_idx on %1$I.kept_level (level, parent);
            -- Dated rows whose time has not come: written by the triggers, taken by apply_due.
            create table %1$I.due (
                satellite text not null,
                leaf_id uuid not null,
                effective timestamptz not null,
                constraint due_pkey primary key (leaf_id, satellite, effective)
            );
            create index due_effective_idx on %1$I.due (effective);
            create index kept_flat_key_idx on %1$I.kept (flat_key);
            create index kept_parent_idx on %1$I.kept (parent) where flat_key is null
            $ddl$, v_schema
        );
        -- The last error of ours: epoch milliseconds * 1000 + the number in its TD code.
        execute pg_catalog.format(
            'create sequence %1$I.f2h_error; create sequence %1$I.h2f_error', v_schema
        );
        -- What tandem._calls counts by, and what other reads of these tables, such as dumps, count.
        execute (
            select pg_catalog.string_agg(
                pg_catalog.format(
                    'create table %1$I.%2$I (); comment on table %1$I.%2$I is %3$L',
                    v_schema, c.name, 'Always empty: that it is read is what counts.'
                ), '; '
                order by c.name
            )
            from (
                select '_others' as name
                union all
                select pg_catalog.format('_%s_%s', d.name, b.name)
                from pg_catalog.unnest(array['f2h', 'h2f']) as d (name)
                cross join pg_catalog.unnest(
                    array['calls', '100us', '300us', '1ms', '3ms', '10ms', 'more']
                ) as b (name)
            ) as c
        );
    end if;
    execute pg_catalog.format(
        $ddl$
        comment on table %1$I.kept is
        'Configurations and their dated rows whose flat row was deleted: the same flat key gets '
        'them back.';
        comment on table %1$I.kept_level is
        'Rows of the upper levels that a rollback with p_hierarchy => ''remove'' took out.';
        comment on table %1$I.due is
        'Dated rows that come into force later; CALL tandem.apply_due, or any write of the leaf, '
        'applies them.'
        $ddl$, v_schema
    );
end
$_create_stores$;

comment on function tandem._create_stores(text) is
'Makes the tables of kept and of due rows of a mapping, and the counters of its triggers'' calls.';
