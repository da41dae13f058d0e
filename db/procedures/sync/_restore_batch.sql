-- Before the rows of a migration: the upper levels that a rollback took out come back; then leaves
-- that are there without a flat row are linked to the flat row that fits, where exactly one does.
create or replace function {{ S | ident }}._restore_batch(p_run bigint, p_rows integer)
returns tandem.step_result
language plpgsql
set search_path = {{ m.search_path | path }}
as $_restore_batch$
declare
    r_result tandem.step_result;
begin
    r_result := (select row(false, r.cursor, 0, 0, 0, 0, null, null)::tandem.step_result from tandem.run as r where r.run_id = p_run);
    if {{ S | ident }}._restore_levels(p_rows) > 0 then
        return r_result;
    end if;
{% if m.leaf.match %}
    with pairs as (
        select
            {{ m.flat.key | column('flat') }}::text as flat_key, {{ m.leaf.id | column(m.leaf.name) }} as leaf_id,
            pg_catalog.count(*) over (partition by {{ m.flat.key | column('flat') }}) as leaves,
            pg_catalog.count(*) over (partition by {{ m.leaf.id | column(m.leaf.name) }}) as flats
        from {{ m.leaf.table | relation(m.schema) }} as {{ m.leaf.name | ident }}
{% for level in m.levels | reverse %}
        join {{ level.table | relation(m.schema) }} as {{ level.name | ident }}
            on {{ level.id | column(level.name) }} = {{ m.chain[m.chain | length - loop.index].parent | column(m.chain[m.chain | length - loop.index].name) }}
{% endfor %}
        join {{ m.flat.table | relation(m.schema) }} as flat on {{ m.leaf.sync | column('flat') }} is null
{% for level in m.levels %}
{% for pair in level.key_pairs %}
            and {{ pair | put('flat') }} = {{ pair.hier | column(level.name) }}
{% endfor %}
{% endfor %}
            and case
{% for name in m.leaf.match %}
{% for pair in m.leaf.pairs if pair.hier == name %}
                when {{ pair.flat | column('flat') }} is not null then {{ pair | same('flat', m.leaf.name) }}
{% endfor %}
{% endfor %}
                else false end
        where not exists (
            select from {{ m.flat.table | relation(m.schema) }} as other
            where {{ m.leaf.sync | column('other') }} = {{ m.leaf.id | column(m.leaf.name) }}
        )
    )

    insert into {{ S | ident }}.kept (flat_key, leaf_id, reason)
    select p.flat_key, p.leaf_id, 'adopted' from pairs as p
    where p.leaves = 1 and p.flats = 1
    on conflict (leaf_id) do nothing;
{% endif %}
    r_result.cursor := r_result.cursor || '{"stage": "rows"}';
    r_result.message := 'copying rows';
    return r_result;
end
$_restore_batch$;

comment on function {{ S | ident }}._restore_batch(bigint, integer) is
'One batch of a migration before its rows: restores levels, then notes leaves to adopt.';
