-- Algorithm 1. The name is in the hash, else the same users were the first of every flag; sha256 is
-- the same on every server and version, which hashtext need not be. Nobody changes this: users
-- would change sides.
create or replace function tandem._import_bucket(p_flag text, p_salt text, p_user text)
returns integer
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $_import_bucket$
    select (('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(
        pg_catalog.convert_to(p_flag || '.' || p_salt || '.' || p_user, 'UTF8')
    ), 'hex'), 1, 15))::bit(60)::bigint % 100000)::integer
$_import_bucket$;

comment on function tandem._import_bucket(text, text, text) is
'The place of a user in a flag, 0 to 99999; below 1000 times its percentage he is in.';
