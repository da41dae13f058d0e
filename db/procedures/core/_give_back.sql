-- What _keep and _keep_levels have kept, in the style in which they wrote it.
create or replace function tandem._give_back(
    p_table regclass, p_row json, p_over json, p_path text
) returns boolean
language sql
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, MDY'
set intervalstyle = 'postgres'
set extra_float_digits = 1
as $_give_back$
    select tandem._put_back(p_table, p_row, p_over, p_path)
$_give_back$;

comment on function tandem._give_back(regclass, json, json, text) is
'Inserts a kept row; false where it was there, or another with its key.';
