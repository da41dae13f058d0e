create or replace function tandem._wilson_upper(
    p_hits bigint, p_of bigint, p_z double precision default 1.6448536269514722
) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $_wilson_upper$
    select 1 - tandem._wilson_lower(p_of - p_hits, p_of, p_z)
$_wilson_upper$;

comment on function tandem._wilson_upper(bigint, bigint, double precision) is
'The share (0 to 1) that is behind p_hits of p_of at most, with 95 % confidence; NULL for none.';
