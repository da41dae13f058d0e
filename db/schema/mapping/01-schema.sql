-- The mapping's own schema. DROP SCHEMA ... CASCADE takes the triggers with it and leaves the tables.
do $schema$
begin
    if pg_catalog.to_regnamespace({{ S | ident | literal }}) is null then
        create schema {{ S | ident }};
    end if;
end
$schema$;

comment on schema {{ S | ident }} is
{{ ('pgtandem: rendered code of the mapping ' ~ m.name) | literal }};

-- What is kept of deleted rows, dated rows to come, and the counters of calls.
select tandem._create_stores({{ m.name | literal }});
