-- Reads the input with the rights of whoever calls; the rest is done with those of the owner.
create or replace function tandem.submit_import(
    p_mapping text,
    p_rows jsonb default null,
    p_staging regclass default null,
    p_header text[] default null,
    p_fields jsonb default '{}',
    p_source text default null,
    p_key text default null,
    p_user text default null,
    p_duplicates text default 'last',
    p_deleted text default 'revive',
    p_empty text default 'keep',
    p_max_failed integer default null,
    p_max_failed_percent numeric default null,
    p_dry_run boolean default false,
    p_durable boolean default true,
    p_batch_rows integer default null,
    p_timeout_seconds integer default null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $submit_import$
declare
    v_header text[] := p_header;
    v_rows bigint;
    v_input tandem.import_input[];
begin
    if (p_rows is null) = (p_staging is null) then
        raise exception 'an import takes rows or a staging table'
        using errcode = 'invalid_parameter_value',
            detail = 'Of p_rows (a json array) and p_staging (a table) one is given.',
            hint = 'Nothing was submitted.';
    end if;
    if exists (
        select from pg_catalog.pg_class as c
        where c.oid = p_staging and (c.relkind <> 'r' or c.relhassubclass)
    ) then
        raise exception '% is no plain table', p_staging
        using errcode = 'invalid_parameter_value',
            detail = 'Rows of a view, of partitions or of tables that inherit would not be read.',
            hint = 'Copy them into a temporary table. Nothing was submitted.';
    end if;
    if p_rows is not null then
        v_header := coalesce(v_header, tandem._header_of_rows(p_rows));
        v_rows := pg_catalog.jsonb_array_length(p_rows);
    else
        v_header := coalesce(v_header, tandem._header_of_staging(p_staging));
        execute pg_catalog.format('select pg_catalog.count(*) from only %s', p_staging)
        into v_rows;
    end if;
    perform tandem._check_import_size(v_rows);
    if p_rows is not null then
        v_input := tandem._input_of_rows(p_rows, v_header);
    else
        execute tandem._staging_query(p_staging) into v_input;
    end if;
    return tandem._submit_import(
        p_mapping, v_header, p_fields, v_input, p_key, pg_catalog.jsonb_build_object(
            'source', p_source, 'user', p_user, 'duplicates', p_duplicates, 'deleted', p_deleted,
            'empty', p_empty, 'max_failed', p_max_failed,
            'max_failed_percent', p_max_failed_percent, 'dry_run', p_dry_run,
            'durable', p_durable, 'batch_rows', p_batch_rows,
            'timeout_seconds', p_timeout_seconds
        )
    );
end
$submit_import$;

comment on function tandem.submit_import(
    text, jsonb, regclass, text[], jsonb, text, text, text, text, text, text, integer, numeric,
    boolean, boolean, integer, integer
) is
'Hands in an import and returns its id; CALL tandem.run_import(id) or a worker does it. p_rows: a '
'json array of objects; or p_staging: a table of the caller''s, its columns being the fields (or '
'content text[] with line_no, last_line and fault, and p_header for its names). p_fields: which '
'field is which name of the header, as {"name": "Title"}; others match by name. p_source: where it '
'is from, such as a file''s name. p_key: the same key is the same import (a hash of the rows where '
'NULL). p_user: whom the flag decides for. p_duplicates: which row of a key wins, first or last, '
'or error; p_deleted: a key that only a deleted row has: revive, create or error; p_empty: keep or '
'clear what is there where a field is empty. p_max_failed, p_max_failed_percent: more failed rows '
'than this end it. p_dry_run: counts and changes are shown, nothing is written. p_durable: the '
'input outlives a crash of the server. p_batch_rows, p_timeout_seconds: see tandem.setting. '
'Writers may call it. Example: select tandem.submit_import(''items'', ''[{"name": "Shirt", '
'"color": "Red"}]'');';
