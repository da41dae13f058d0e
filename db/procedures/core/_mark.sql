-- While a trigger or a batch of ours writes, tandem.origin says sync:DEPTH:TOKEN:MAPPING:COLUMNS,
-- where DEPTH is the trigger depth. The outermost call draws the token, those inside it say the
-- same one, with their own depth. It is this session's last value of a sequence that only the owner
-- can read, and that begins (also anew after a crash) where nobody can guess. setval: nextval would
-- change the session's lastval(), by which applications ask for the key of their own row.
create or replace function tandem._mark(p_origin text, p_mapping text, p_columns bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $_mark$
declare
    v_token bigint;
begin
    if p_origin <> '' then
        -- inside a call of ours, or a client has set it
        begin
            v_token := pg_catalog.currval('tandem.origin');
            if pg_catalog.split_part(p_origin, ':', 3) <> v_token::text then
                v_token := null;
            end if;
        exception when object_not_in_prerequisite_state then
            v_token := null;
        end;
    end if;
    v_token := coalesce(v_token, tandem._new_token());
    p_origin := pg_catalog.set_config(
        'tandem.origin',
        pg_catalog.concat(
            'sync:', pg_catalog.pg_trigger_depth(), ':', v_token, ':', p_mapping, ':', p_columns
        ), true
    );
    return v_token;
end
$_mark$;

comment on function tandem._mark(text, text, bigint) is
'Says in tandem.origin that what is written now, at this trigger depth, is ours. p_origin: what it '
'said before. p_columns: what an UPDATE of ours is to change, bit 0 for the leaf''s parent, bits 1 '
'to 61 for the mapped columns in the mapping''s order; -1 for a batch.';
