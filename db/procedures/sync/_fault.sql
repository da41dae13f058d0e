-- What can be tested of a flat row before it is written to the hierarchy; NULL where it fits.
-- lint: inlinable
create or replace function {{ S | ident }}._fault(
{% for pair in m.pairs %}
    p_{{ loop.index | literal }} {{ pair.flat_type | sqltype }}{{ ',' if not loop.last }}  -- {{ pair.flat | ident }}
{% endfor %}
) returns text
language sql stable
as $_fault$
    select case
{% for pair in m.pairs %}
{% for condition, reason in fault_tests(pair, 'p_' ~ loop.index) %}
        when {{ condition | trusted }} then {{ reason | literal }}
{% endfor %}
{% endfor %}
{% for condition, reason in wide_key_tests(m, 'p_') %}
        when {{ condition | trusted }} then {{ reason | literal }}
{% endfor %}
        when false then ''
    end
$_fault$;

comment on function {{ S | ident }}._fault(
    {%- for pair in m.pairs %}{{ pair.flat_type | sqltype }}{{ ', ' if not loop.last }}{% endfor -%}
) is
'Why a flat row cannot be written to the hierarchy, or NULL. Arguments: the mapped columns.';
