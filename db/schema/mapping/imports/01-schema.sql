{% from 'procedures/imports/macros.jinja' import batch_columns with context %}
-- The mapping's own schema, which the bundle makes.
comment on schema {{ S | ident }} is
{{ ('pgtandem: rendered code of the import ' ~ m.name) | literal }};

-- A row of a batch: its fields in the types of their columns (f_), the id of the row that it is
-- (row_id), and of each master the key (k_) and the id (i_). Variables alone are of it.
-- The first time there is none, which is no news.
set local client_min_messages = warning;
drop type if exists {{ 'batch_row' | relation(S) }};
set local client_min_messages = notice;

create type {{ 'batch_row' | relation(S) }} as (
    {{ batch_columns() | indent(4) }}
);

comment on type {{ 'batch_row' | relation(S) }} is
'A row of a batch of an import: not for use elsewhere.';
