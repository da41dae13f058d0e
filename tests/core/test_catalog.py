"""What a deployment puts into the catalog: nothing for PUBLIC, pinned paths, one COMMIT."""

from __future__ import annotations

import re

import pytest

from pgtandem.paths import db_dir
from support.approved import Approved
from support.databases import Database
from support.shop import Connection, prepared

PUBLIC_KINDS = ("r", "v", "p")


@pytest.fixture
def conn(db: Database) -> Connection:
    """The owner's session in a shop that is prepared."""
    owner = db.owner()
    prepared(owner, 10)
    return owner


def names(conn: Connection, query: str) -> list[str]:
    return [str(row[0]) for row in conn.execute(query.encode()).fetchall()]


def test_public_may_nothing_but_what_an_index_calls(conn: Connection) -> None:
    found = names(
        conn,
        """
        with s as (select * from pg_namespace where nspname ~ '^tandem')
        select format('%s on %s', a.privilege_type, o.what) from (
            select 'schema ' || s.nspname as what,
                coalesce(s.nspacl, acldefault('n', s.nspowner)) as acl from s
            union all
            select 'routine ' || p.oid::regprocedure,
                coalesce(p.proacl, acldefault('f', p.proowner))
            from pg_proc as p join s on s.oid = p.pronamespace
            union all
            select 'relation ' || c.oid::regclass, coalesce(c.relacl, acldefault(
                case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))
            from pg_class as c join s on s.oid = c.relnamespace
            where c.relkind in ('r', 'v', 'S', 'm', 'p', 'f')
        ) as o, aclexplode(o.acl) as a
        where a.grantee = 0 order by 1
        """,
    )
    # who writes a table keeps its indexes: tests/imports/test_key_index.py
    assert found == [
        "EXECUTE on routine tandem._import_key(text)",
        "EXECUTE on routine tandem.import_key(text)",
    ]


def test_definers_have_a_pinned_path(conn: Connection) -> None:
    found = names(
        conn,
        """
        select p.oid::regprocedure from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname ~ '^tandem' and p.prosecdef
            and not coalesce(p.proconfig, '{}') && array['search_path=pg_catalog, pg_temp',
                -- rendered code also finds the mapping's schema, for the application's triggers
                case when n.nspname <> 'tandem' then 'search_path=pg_catalog, public, pg_temp' end]
        order by 1
        """,
    )
    assert found == []


def test_no_routine_has_a_setting_of_ours(conn: Connection) -> None:
    # SET tandem.x on a routine is 42501 for a deployer who is no superuser.
    found = names(
        conn,
        "select p.oid::regprocedure from pg_proc as p, unnest(p.proconfig) as c"
        " where c like 'tandem.%'",
    )
    assert found == []


def test_everything_public_has_a_comment(conn: Connection) -> None:
    found = names(
        conn,
        """
        with s as (select * from pg_namespace where nspname ~ '^tandem')
        select 'schema ' || s.nspname from s where obj_description(s.oid, 'pg_namespace') is null
        union all
        select p.oid::regprocedure::text from pg_proc as p join s on s.oid = p.pronamespace
        where obj_description(p.oid, 'pg_proc') is null
        union all
        select c.oid::regclass::text from pg_class as c join s on s.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'p', 'c') and obj_description(c.oid, 'pg_class') is null
            and (c.relkind <> 'c' or obj_description(c.reltype, 'pg_type') is null)
        order by 1
        """,
    )
    assert found == []


def test_comments_of_public_routines_say_who_and_give_an_example(conn: Connection) -> None:
    found = names(
        conn,
        """
        select p.oid::regprocedure from pg_proc as p
        where p.pronamespace = 'tandem'::regnamespace and p.proname !~ '^_'
            and obj_description(p.oid, 'pg_proc') !~* 'example: '
        order by 1
        """,
    )
    # Inlined helpers and steps are called by rendered code, not by people.
    assert [name for name in found if not name.endswith("_step(text,bigint,integer,jsonb)")] == []


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", "", text, flags=re.DOTALL)


def test_one_routine_commits(conn: Connection) -> None:
    rows = conn.execute(
        "select p.oid::regproc::text, p.prosrc from pg_proc as p join pg_namespace as n"
        " on n.oid = p.pronamespace where n.nspname ~ '^tandem'"
    ).fetchall()
    commits = [
        name for name, body in rows if re.search(r"\bcommit\b", without_comments(body), re.I)
    ]
    assert commits == ["tandem._run"]
    files = [
        path.name
        for path in db_dir().rglob("*.sql")
        if re.search(r"\bcommit\s*;", without_comments(path.read_text(encoding="utf-8")), re.I)
    ]
    assert files == ["_run.sql"]


def test_one_routine_a_file_and_no_overloads(conn: Connection) -> None:
    found = names(
        conn,
        "select p.oid::regproc from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
        " where n.nspname ~ '^tandem' group by 1, p.pronamespace, p.proname having count(*) > 1",
    )
    assert found == []


def test_our_indexes_and_constraints_are_valid(conn: Connection) -> None:
    assert names(conn, "select indexrelid::regclass from pg_index where not indisvalid") == []
    assert names(conn, "select conname from pg_constraint where not convalidated") == []


OBJECTS = """
with s as (select * from pg_namespace where nspname ~ '^tandem')
select format('%s %s', case p.prokind when 'p' then 'procedure' else 'function' end,
    format('%s.%s(%s)', s.nspname, p.proname, pg_get_function_arguments(p.oid)))
    || coalesce(' -> ' || pg_get_function_result(p.oid), '')
    || case when p.prosecdef then ' [definer]' else '' end
from pg_proc as p join s on s.oid = p.pronamespace
union all
select format('%s %s.%s (%s)', case c.relkind when 'r' then 'table' when 'v' then 'view'
    when 'S' then 'sequence' when 'c' then 'type' else c.relkind::text end, s.nspname, c.relname,
    (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', '
        order by a.attnum) from pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'))
from pg_class as c join s on s.oid = c.relnamespace where c.relkind <> 'i'
union all
select format('trigger %s on %s: %s', t.tgname, t.tgrelid::regclass, t.tgfoid::regproc)
from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid join s on s.oid = p.pronamespace
where not t.tgisinternal
"""


def test_the_objects_are_those_that_were_approved(conn: Connection, approved: Approved) -> None:
    conn.execute("set search_path = pg_catalog")
    lines = sorted(names(conn, OBJECTS))
    approved.check("objects.txt", "\n".join(lines) + "\n")
