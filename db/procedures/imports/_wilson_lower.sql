-- Wilson's score interval keeps its promise for small samples and for shares near 0 and 1, where
-- share +- z * standard error does not. z is that of 95 % on one side.
create or replace function tandem._wilson_lower(
    p_hits bigint, p_of bigint, p_z double precision default 1.6448536269514722
) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $_wilson_lower$
    select case when p_of > 0 then greatest(0, (
        w.share + p_z * p_z / (2 * p_of) - p_z * pg_catalog.sqrt(
            (w.share * (1 - w.share) + p_z * p_z / (4 * p_of)) / p_of
        )
    ) / (1 + p_z * p_z / p_of)) end
    from (select p_hits::double precision / nullif(p_of, 0)) as w (share)
$_wilson_lower$;

comment on function tandem._wilson_lower(bigint, bigint, double precision) is
'The share (0 to 1) that is behind p_hits of p_of at least, with 95 % confidence; NULL for none.';
