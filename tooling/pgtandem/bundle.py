"""The SQL bundle: everything that is deployed, as one plain script in one transaction.

`deploy` executes the same text, so that the two ways cannot disagree.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from pgtandem import __version__
from pgtandem.any_mapping import AnyMapping
from pgtandem.definition import definition, definition_text
from pgtandem.dependents import dependents_query
from pgtandem.import_mapping import ImportMapping
from pgtandem.package import schema_changes, sha256, static_files
from pgtandem.paths import db_dir
from pgtandem.render import area_of, render
from pgtandem.sqltext import dollar, ident, literal

_HEAD = """\
-- pgtandem {version}: {what}.
-- Run it as the owner of the tables, with CREATE on the database: psql -f, or pgAdmin's query tool.
-- It changes nothing outside the schemas tandem and tandem_<mapping>. Running it again is harmless.
begin;
set local search_path = pg_catalog, pg_temp;
set local check_function_bodies = off;
set local client_min_messages = notice;
set local lock_timeout = '3s';
"""

_CHECKS = r"""do $deploy$
declare
    v_schema name;
    v_owner name;
    v_installed text;
    v_hash text;
    v_others text;
    v_ours boolean := false;
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'PostgreSQL % is not supported', current_setting('server_version')
        using errcode = 'feature_not_supported', detail = 'pgtandem needs PostgreSQL 15 or later.',
            hint = 'Nothing was changed.';
    end if;
    if not has_database_privilege(current_database(), 'create') then
        raise exception '% may not create schemas in %', current_user, current_database()
        using errcode = 'insufficient_privilege', detail = 'CREATE on the database is missing.',
            hint = format('Its owner runs: grant create on database %I to %I; '
                'Then deploy again, after a ROLLBACK where the transaction is still open.',
                current_database(), current_user);
    end if;
    -- Polled, never waited for in a queue: a second deployment must not stand behind the first.
    for v_try in 1 .. 51 loop
        exit when pg_try_advisory_xact_lock(1952542836, 0);
        if v_try = 51 then
            raise exception 'another deployment is under way'
            using errcode = 'TD013', detail = 'Its lock was not free within 5 seconds.',
                hint = 'Nothing was changed. Try again.';
        end if;
        perform pg_sleep(0.1);
    end loop;
    for v_schema, v_owner in
        select s.name, pg_get_userbyid(n.nspowner)
        from unnest(array['tandem']::name[] || {schemas}) as s (name)
        left join pg_namespace as n on n.nspname = s.name
    loop
        if v_owner is null then
            -- here, where it fails if another role makes it at this moment
            execute format('create schema %I', v_schema);
            continue;
        end if;
        -- ours has a registry table (the package's), a table of kept rows or the type of a batch's
        -- rows (a mapping's)
        if v_owner <> current_user or not exists (
            select from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = v_schema and c.relowner = n.nspowner
                and case v_schema when 'tandem' then c.relname = 'schema_change'
                    else c.relname in ('kept', 'batch_row') end
                and c.relkind in ('r', 'c')
        ) then
            raise exception 'schema % is there already, and it is not pgtandem''s of %',
                v_schema, current_user
            using errcode = 'TD014',
                detail = format('It belongs to %s. Nothing was changed.', v_owner),
                hint = 'Deploy as the owner of pgtandem''s schemas, or rename that schema.';
        end if;
        v_ours := v_ours or v_schema = 'tandem';
    end loop;
    if v_ours then
        select d.version, d.hash into v_installed, v_hash from tandem.deployment as d
        where d.what = 'package' and d.result = 'done'
        order by d.deployment_id desc limit 1;
        -- leading numbers only: 0.2.0rc1 counts as 0.2.0
        if string_to_array(substring(v_installed from '^[0-9]+(?:\.[0-9]+)*'), '.')::integer[]
            > string_to_array(substring({version} from '^[0-9]+(?:\.[0-9]+)*'), '.')::integer[] then
            raise exception 'this database has pgtandem %, which is newer than %',
                v_installed, {version}
            using errcode = 'TD015', detail = 'Nothing was changed.',
                hint = 'Deploy that version or a later one.';
        end if;
        -- what is rendered of a mapping fits the routines of its own build alone
        select string_agg(m.name, ', ' order by m.name) into v_others from tandem.mapping as m
        where 'tandem_' || m.name <> all ({schemas}) and v_hash <> {package};
        if v_others is not null then
            raise exception 'mapping % would be left behind by this deployment', v_others
            using errcode = 'TD017',
                detail = 'It is deployed here from another build of pgtandem. Nothing was changed.',
                hint = 'Deploy all mappings of this database together, or undeploy that one first.';
        end if;
        -- a run is seen while it holds its lock, which it lets go of for a moment between batches
        for v_look in 1 .. 5 loop
            if exists (
                select from pg_locks as l
                where l.locktype = 'advisory' and l.classid = 1952542836 and l.objid <> 0
                    and l.database = (
                        select d.oid from pg_database as d where d.datname = current_database()
                    )
            ) then
                raise exception 'a run of pgtandem is under way'
                using errcode = 'TD013',
                    detail = 'See select * from tandem.progress where running_now;',
                    hint = 'Wait for it, or cancel it: it goes on afterwards where it stopped.';
            end if;
            perform pg_sleep(0.05);
        end loop;
        select string_agg(o.object, '; ' order by o.object) into v_others from (
            {dependents}
            limit 10
        ) as o;
        if v_others is not null then
            raise exception 'objects that are not pgtandem''s depend on it'
            using errcode = 'TD020',
                detail = format('%s. A deployment replaces all routines, and the views of the '
                    'schema tandem. Nothing was changed.', v_others),
                hint = 'Drop them, deploy, and make them again: select from the views of the '
                    'schema tandem, but do not build on them.';
        end if;
    end if;
end
$deploy$;
"""

_CHANGE = """\
do $change$
declare
    v_hash text;
begin
    if to_regclass('tandem.schema_change') is not null then
        select c.hash into v_hash from tandem.schema_change as c where c.name = {name};
    end if;
    if v_hash is null then
        execute {sql};
        insert into tandem.schema_change (name, hash, version) values ({name}, {hash}, {version});
    elsif v_hash <> {hash} then
        raise exception 'schema change % differs from the one that this database has', {name}
        using errcode = 'TD016', detail = 'A released change is never edited.',
            hint = 'Deploy an unaltered release of pgtandem.';
    end if;
end
$change$;
"""

# A routine that a newer version no longer has must not stay behind. One that stays is replaced
# where it is: a program that is about to call it fails if it is another one by then (XX000).
_DROP_ROUTINES = """\
do $drop$
declare
    v_stay oid[] := '{{}}';
    v_routine text;
    v_statement text;
begin
    foreach v_routine in array array[
        {stay}
    ] loop
        exit when {unless};
        begin
            v_stay := v_stay || coalesce(to_regprocedure(v_routine)::oid, 0);
        exception when undefined_object then
            -- before PostgreSQL 16, where a type of its is still to be made
            continue;
        end;
    end loop;
    for v_statement in
        select format('drop routine %s', p.oid::regprocedure) from pg_proc as p
        where p.pronamespace = to_regnamespace({schema}) and p.prorettype <> 'trigger'::regtype
            and p.oid <> all (v_stay)
    loop
        execute v_statement;
    end loop;
end
$drop$;
"""

# Where the mapping is another one its routines' parameters may be called otherwise, which CREATE OR
# REPLACE refuses.
_ANOTHER = """not exists (
            select from tandem.mapping as m
            where m.name = {name} and m.source_hash = {source_hash}
        )"""

_DROP_VIEWS = """\
do $drop$
declare
    v_view regclass;
begin
    for v_view in
        select c.oid from pg_class as c
        where c.relnamespace = to_regnamespace('tandem') and c.relkind = 'v'
    loop
        execute format('drop view %s', v_view);
    end loop;
exception when lock_not_available then
    raise exception 'a transaction that has read view % stays open', v_view
    using errcode = 'TD013',
        detail = 'Its lock was not free within 3 seconds. Nothing was changed.',
        hint = 'End it (pg_stat_activity shows it, perhaps as idle in transaction), then deploy '
            'again.';
end
$drop$;
"""

_UNCHANGED = """\
do $mapping$
declare
    v_phase text;
    v_imports text;
begin
    select m.phase into v_phase from tandem.mapping as m
    where m.name = {name} and m.source_hash <> {source_hash};
    if v_phase <> 'deployed' then
        raise exception 'mapping % is in phase % and cannot be changed', {name}, v_phase
        using errcode = 'TD005',
            detail = 'Its tables, columns or keys are not those that are deployed here.',
            hint = format(
                'Deploy the mapping that is here, or roll back first: '
                'CALL tandem.rollback(%L, p_drop_columns => true);',
                {name}
            );
    end if;
    -- where a field stands in an input was looked up when it was handed in
    select string_agg(j.import_id::text, ', ' order by j.import_id) into v_imports
    from tandem.import_job as j
    join tandem.mapping as m on m.name = j.mapping
    where m.name = {name} and m.source_hash <> {source_hash}
        and j.state not in ('done', 'cancelled');
    if v_imports is not null then
        raise exception 'mapping % has imports that are not done and cannot be changed', {name}
        using errcode = 'TD005',
            detail = format('They were handed in for the fields that are deployed here: %s.',
                v_imports),
            hint = format(
                'Cancel them, and submit them again later: SELECT '
                'tandem.cancel_import(j.import_id) FROM tandem.import_job AS j '
                'WHERE j.mapping = %L AND j.state NOT IN (''done'', ''cancelled'');',
                {name}
            );
    end if;
end
$mapping$;
"""

_MAPPING = """\
insert into tandem.mapping as m (
    name, area, schema_name, flat_table, key_type, definition, source, source_hash, hash, version
)
values (
    {name}, {area}, {schema_name}, {flat_table}, {key_type}, {definition}, {source}, {source_hash},
    {hash}, {version}
)
on conflict (name) do update
set area = excluded.area, schema_name = excluded.schema_name, flat_table = excluded.flat_table,
    key_type = excluded.key_type, definition = excluded.definition, source = excluded.source,
    source_hash = excluded.source_hash, hash = excluded.hash, version = excluded.version,
    deployed_at = clock_timestamp();
do $shared$
declare
    v_shared text;
begin
    select format('%s is a table of mapping %s, too.', k.relation, other.name) into v_shared
    from tandem.mapping as m
    join tandem.mapping as other on other.name <> m.name
    cross join lateral jsonb_object_keys(m.definition -> 'tables') as k (relation)
    where m.name = {name} and other.definition -> 'tables' ? k.relation
    limit 1;
    if found then
        raise exception 'a table of mapping % has another mapping already', {name}
        using errcode = 'TD006', detail = v_shared,
            hint = 'A table is kept in step by one mapping. Undeploy the other mapping first.';
    end if;
end
$shared$;
"""

# a quoted name may hold anything
_COMMENTED = re.compile(
    r"""^comment on (?:function|procedure) ((?:"(?:[^"]+|"")*+"|[^"])+?\)) is\s+'""", re.MULTILINE
)

# DO, because psql prints what a SELECT returns.
_PRIVILEGES = """\
do $privileges$
begin
    -- what a newer version has, and what somebody has deleted
    insert into tandem.setting (name, value, unit, description)
    select s.name, s.value, s.unit, s.description from tandem._settings() as s
    on conflict (name) do nothing;
    perform tandem._drop_old_paths();
    perform tandem._create_roles();
    perform tandem._apply_privileges();
end
$privileges$;
"""

_ALONE = """\
-- pgtandem {version}: indexes of {what}, built without blocking writers.
-- Each is one statement, to be run alone: psql -f runs them so; in pgAdmin select and run one at a
-- time. Run them after CALL tandem.prepare(mapping), which has built those of small tables itself.
-- An attempt that breaks off leaves an invalid index behind, which IF NOT EXISTS takes for a whole
-- one. SELECT * FROM tandem.plan(mapping) still lists it: DROP INDEX CONCURRENTLY it, then go on.
"""


@dataclass(frozen=True)
class Bundle:
    """A bundle: the script, and the hash of each thing in it by name (``package``, mappings)."""

    sql: str
    hashes: dict[str, str]


def _drop_routines(schema: str, files: Iterable[str], unless: str) -> str:
    """The statement that drops what ``files`` no longer have; signatures are their comments'."""
    stay = [name for sql in files for name in _COMMENTED.findall(sql)]
    between = ",\n" + " " * 8
    return _DROP_ROUTINES.format(
        schema=literal(schema), stay=between.join(map(literal, stay)), unless=unless
    )


def build_bundle(mappings: Sequence[AnyMapping]) -> Bundle:
    """Build the script that deploys the package and ``mappings``."""
    changes = schema_changes()
    static = [(path, (db_dir() / path).read_text(encoding="utf-8")) for path in static_files()]
    hashes = {
        "package": sha256(
            "".join([__version__, *(c.hash for c in changes), *(sql for _, sql in static)])
        )
    }
    names = ", ".join(mapping.name for mapping in mappings) or "no mapping"
    schemas = ", ".join(literal(mapping.tandem) for mapping in mappings)
    ours = ["tandem", *(mapping.tandem for mapping in mappings)]
    parts = [
        _HEAD.format(version=__version__, what=f"the package and the mapping {names}"),
        _CHECKS.format(
            version=literal(__version__),
            schemas=f"array[{schemas}]::name[]",
            package=literal(hashes["package"]),
            dependents=indent(dependents_query(ours, replaced_only=True), " " * 12).lstrip(),
        ),
    ]
    for change in changes:
        parts.append(
            _CHANGE.format(
                name=literal(change.name),
                sql=dollar(change.sql),
                hash=literal(change.hash),
                version=literal(__version__),
            )
        )
    parts.append(_DROP_VIEWS)
    parts.append(_drop_routines("tandem", (sql for _, sql in static), unless="false"))
    parts += [f"-- {path}\n{sql}" for path, sql in static]
    for mapping in mappings:
        rendered = render(mapping)
        text = definition_text(mapping)
        hashes[mapping.name] = sha256(
            __version__ + mapping.source + text + "".join(file.sql for file in rendered)
        )
        identity = {
            "name": literal(mapping.name),
            "source_hash": literal(sha256(repr(mapping_identity(mapping)))),
        }
        parts.append(_UNCHANGED.format(**identity))
        parts.append(
            _drop_routines(
                mapping.tandem, (file.sql for file in rendered), unless=_ANOTHER.format(**identity)
            )
        )
        parts += [f"-- {file.path} for {mapping.name}\n{file.sql}" for file in rendered]
        flat = None if isinstance(mapping, ImportMapping) else mapping.flat
        parts.append(
            _MAPPING.format(
                **identity,
                schema_name=literal(mapping.schema),
                area=literal(area_of(mapping)),
                flat_table=literal(flat.table if flat else None),
                key_type=literal(flat.key_type if flat else None),
                definition=literal(text),
                source=literal(mapping.source),
                hash=literal(hashes[mapping.name]),
                version=literal(__version__),
            )
        )
    parts.append(_PRIVILEGES)
    for what, digest in hashes.items():
        parts.append(
            "insert into tandem.deployment (what, version, hash, result)\n"
            f"values ({literal(what)}, {literal(__version__)}, {literal(digest)}, 'done');\n"
        )
    parts.append("commit;\n")
    return Bundle("\n".join(parts), hashes)


def index_statements(mapping: AnyMapping) -> tuple[str, ...]:
    """The indexes that the mapping needs, as statements that each run alone, outside a transaction.

    The same as tandem._requirements() has, which prepare and plan read; a test compares them.
    """
    made = definition(mapping)["made"]
    assert isinstance(made, dict)
    return tuple(
        f"create {'unique ' if index['unique'] else ''}index concurrently if not exists"
        f" {ident(index['name'])} on {index['relation']} ({index['list']})"
        + (f" {index['only']}" if "only" in index else "")
        for index in made["indexes"]
    )


def build_concurrently(mappings: Sequence[AnyMapping]) -> str:
    """The script of the statements that cannot run in a transaction."""
    names = ", ".join(mapping.name for mapping in mappings) or "no mapping"
    head = _ALONE.format(version=__version__, what=f"the mapping {names}")
    statements = [statement for mapping in mappings for statement in index_statements(mapping)]
    return head + "".join(f"{statement};\n" for statement in statements)


def write_bundle(mappings: Sequence[AnyMapping], path: Path) -> tuple[Path, Path]:
    """Write the bundle to ``path`` and the statements to be run alone beside it.

    ``shop.sql`` gets ``shop.concurrently.sql`` as its neighbour.

    Returns:
        The two paths.

    Raises:
        OSError: a file cannot be written.
    """
    beside = path.with_suffix(".concurrently.sql")
    path.write_text(build_bundle(mappings).sql, encoding="utf-8")
    beside.write_text(build_concurrently(mappings), encoding="utf-8")
    return path, beside


def mapping_identity(mapping: AnyMapping) -> tuple[object, ...]:
    """What may not change while a mapping is in use: all but its comments and its policies."""
    if isinstance(mapping, ImportMapping):
        return (
            mapping.name,
            mapping.schema,
            mapping.masters,
            mapping.variant,
            mapping.id_type,
        )
    return (
        mapping.name,
        mapping.schema,
        mapping.flat,
        mapping.levels,
        mapping.leaf,
        mapping.satellites,
    )
