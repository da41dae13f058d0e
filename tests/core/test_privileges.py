"""Who may do what: each level, tried for real; and what old_app and new_app try against us."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from pgtandem.deploy import deploy
from pgtandem.mapping import load_mapping
from pgtandem.paths import db_dir
from pgtandem.server import ThrowawayServer
from support.approved import Approved
from support.databases import FLAT_TABLE, Connection, Database, TestServer
from support.shop import assert_in_step, fill, migrate, one, prepared

LEVELS = ("reader", "writer", "operator", "admin")


@pytest.fixture(scope="module")
def own_server(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """A server of this module's own: its roles tandem_* are not there for the other tests."""
    with ThrowawayServer() as embedded:
        server = TestServer(embedded.conninfo(), embedded.binaries, "embedded", embedded)
        server.make_roles()
        with server.admin() as conn:
            for level in LEVELS:
                # one of the package's own role, one of an existing role by grant_to
                conn.execute(f"create role tandem_{level} nologin".encode())
                conn.execute(f"create role m_{level} login in role tandem_{level}".encode())
                conn.execute(f"create role g_{level} login".encode())
        yield server


@pytest.fixture(scope="module")
def shop(own_server: TestServer) -> Iterator[Database]:
    with own_server.clone(None) as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            conn.execute(FLAT_TABLE)
            deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
            for level in LEVELS:
                conn.execute("select tandem.grant_to(%s, %s)", (f"g_{level}", level))
            prepared(conn, 60)
            conn.execute("insert into tblproduct (productname) values ('')")
            migrate(conn)
        database.grant_new_app()
        yield database


MATRIX = """
with s as (select * from pg_namespace where nspname ~ '^tandem'),
l (level, role_name) as (
    values ('reader', 'tandem_reader'), ('writer', 'tandem_writer'),
        ('operator', 'tandem_operator'), ('admin', 'tandem_admin')
)
select o.what, string_agg(distinct l.level, ' ') from (
    select format('execute %s.%s(%s)', s.nspname, p.proname,
            pg_get_function_identity_arguments(p.oid)) as what,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl
    from pg_proc as p join s on s.oid = p.pronamespace
    union all
    select format('%s %s.%s', lower(r.privilege), s.nspname, c.relname),
        (select array_agg(i) from unnest(c.relacl) as i, aclexplode(array[i]) as x
            where x.privilege_type = r.privilege)
    from pg_class as c join s on s.oid = c.relnamespace,
        (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) as r (privilege)
    where c.relkind in ('r', 'v')
) as o
left join lateral aclexplode(o.acl) as a on true
left join l on l.role_name::regrole = a.grantee
where o.acl is not null
group by o.what having count(l.level) > 0
order by 1
"""


def test_the_privilege_matrix_is_the_one_that_was_approved(
    shop: Database, approved: Approved
) -> None:
    conn = shop.owner()
    rows = conn.execute(MATRIX.encode()).fetchall()
    approved.check("privileges.txt", "".join(f"{what}: {levels}\n" for what, levels in rows))


def test_the_document_of_the_levels_says_what_they_may(approved: Approved) -> None:
    matrix: dict[str, set[str]] = {}
    text = (approved.folder / "privileges.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        what, levels = line.rsplit(": ", 1)
        kind, _, name = what.partition(" ")
        name = name.partition("(")[0]
        matrix[f"UPDATE of {name}" if kind == "update" else name] = set(levels.split())
    document = approved.folder.parent.parent / "docs" / "roles.md"
    told: dict[str, set[str]] = {}
    for line in document.read_text(encoding="utf-8").splitlines():
        what, *cells = (cell.strip() for cell in line.strip("| \n").split("|"))
        if len(cells) == len(LEVELS) and "`" in what:
            may = {level for level, cell in zip(LEVELS, cells, strict=True) if cell == "yes"}
            prefix = "UPDATE of " if what.startswith("UPDATE") else ""
            told |= {prefix + name: may for name in re.findall("`(tandem[^`]+)`", what)}
    assert {name: matrix.get(name) for name in told} == told
    public = {name for name in matrix if name.startswith("tandem.") and "_" not in name[7:8]}
    # helpers of the verbs and of users' indexes
    steps = {"tandem.is_blank", "tandem.is_castable", "tandem.import_key"}
    assert {n for n in public - steps if not n.endswith("_step") or n in told} <= set(told)


def test_grant_to_gives_what_the_role_of_the_level_has(shop: Database) -> None:
    conn = shop.owner()
    for level in LEVELS:
        different = conn.execute(
            """
            select p.oid::regprocedure::text from pg_proc as p
            join pg_namespace as n on n.oid = p.pronamespace
            where n.nspname ~ '^tandem' and has_function_privilege(%(own)s, p.oid, 'execute')
                <> has_function_privilege(%(given)s, p.oid, 'execute')
            """,
            {"own": f"tandem_{level}", "given": f"g_{level}"},
        ).fetchall()
        assert different == []


READS = (
    "select * from tandem.progress",
    "select * from tandem.status",
    "select * from tandem.run",
    "select tandem.version()",
)
OPERATES = (
    "select * from tandem.plan('products')",
    "select * from tandem.analyze('products')",
    "select * from tandem.validate('products')",
    "select * from tandem.drift('products')",
    "select tandem.drift_count('products')",
    "select * from tandem.show('products', '1')",
    "select * from tandem.rejected_row",
    "call tandem.migrate('products')",
    "call tandem.repair('products', 'flat')",
    "call tandem.retry_rejected('products')",
)
ADMINISTERS = (
    "call tandem.prepare('products')",
    "select tandem.set_sync('products', 'log', true)",
    "select tandem.set_sync('products', 'log', false)",
    "update tandem.setting set value = value where name = 'pause'",
    "call tandem.purge('1 year')",
)
NOBODY = (
    "insert into tandem.run (kind) values ('migrate')",
    "update tandem.run set state = 'done'",
    "delete from tandem.rejected_row",
    "update tandem.mapping set phase = 'deployed'",
    "update tandem.phase_step set verb = 'x'",
    "delete from tandem.deployment",
    "insert into tandem.granted_role (role_name, level) values (current_user, 'admin')",
    "select tandem._set_phase('products', 'prepared')",
    "select tandem._reject('products', 'flat', '1', '{}', 'TD030', 'x', null, null)",
    "select tandem._resolve('products', '1', 'x')",
    "select tandem._apply_privileges()",
    "select tandem_products._push(1)",
    "select tandem_products._pull(gen_random_uuid())",
    "update tandem.mapping set definition = '{}'",
    "insert into tandem.mapping select * from tandem.mapping",
    "delete from tandem.mapping",
    "truncate tandem.mapping",
    "select tandem._switch('products', 'public.tblproduct', 'flat_to_hierarchy', false)",
    "select tandem._switch_all('products', 'flat_to_hierarchy', false)",
    "select tandem._inside('products', 'rollback', 1, 1, null)",
    "select tandem._drop_requirements('products')",
    "select tandem._keep_levels('products', 1)",
    "select tandem._create_stores('products')",
    "insert into tandem_products.inside (verb, run_id, batch_rows) values ('migrate', 1, 1)",
    "select * from tandem_products.kept",
    "delete from tandem_products.kept",
    "create function tandem.mine() returns int language sql as 'select 1'",
    "drop trigger tandem_21_update on tblproduct",
    "select * from tblproduct",
    "update tblconfig set name = 'x'",
    "truncate tblproduct",
)
MAY = {
    "reader": READS,
    "writer": (),
    "operator": READS + OPERATES,
    "admin": READS + OPERATES + ADMINISTERS,
}


def tries(conn: Connection, statement: str) -> str | None:
    """The SQLSTATE that a statement gets, None where it works."""
    try:
        conn.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("kind", ["m", "g"], ids=["role tandem_*", "grant_to"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_may_what_it_should_and_nothing_else(shop: Database, level: str, kind: str) -> None:
    conn = shop.connect(shop.dsn(f"{kind}_{level}"))
    wrong = []
    for statement in (*READS, *OPERATES, *ADMINISTERS, *NOBODY):
        code = tries(conn, statement)
        allowed = statement in MAY[level]
        if (code is None) != allowed or (not allowed and code != "42501"):
            wrong.append((statement, code))
    assert wrong == []
    assert_in_step(shop.owner())


@pytest.mark.parametrize("level", LEVELS)
def test_no_level_can_change_what_definer_routines_execute(shop: Database, level: str) -> None:
    """tandem.mapping.definition holds SQL that runs as the owner."""
    conn = shop.connect(shop.dsn(f"m_{level}"))
    query = """
        select privilege from unnest(
            array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']
        ) as privilege
        where has_table_privilege('tandem.mapping', privilege)
        union all
        select a.attname || ' ' || privilege from pg_attribute as a,
            unnest(array['insert', 'update', 'references']) as privilege
        where a.attrelid = 'tandem.mapping'::regclass
            and has_column_privilege('tandem.mapping', a.attnum, privilege) and a.attnum > 0
        union all
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace = 'tandem'::regnamespace and has_function_privilege(p.oid, 'execute')
            and p.prosrc ~ 'update tandem.mapping' and p.proname not in ('set_sync', 'prepare_step')
    """
    assert conn.execute(query.encode()).fetchall() == []


def test_what_an_admin_may_change_of_a_mapping_is_not_its_definition(shop: Database) -> None:
    owner, admin = shop.owner(), shop.connect(shop.dsn("g_admin"))
    columns = "definition, source, hash, schema_name, flat_table, key_type"
    before = owner.execute(f"select {columns} from tandem.mapping".encode()).fetchall()
    for statement in ADMINISTERS:
        admin.execute(statement.encode())
    assert owner.execute(f"select {columns} from tandem.mapping".encode()).fetchall() == before


def test_a_table_of_the_callers_own_is_not_taken_for_the_mapping(shop: Database) -> None:
    conn = shop.connect(shop.dsn("g_operator"))
    conn.execute("create temp table mapping as select * from tandem.mapping")
    conn.execute(
        """update mapping set definition = definition || '{"fault": "1/0", "path": "pg_temp"}'"""
    )
    conn.execute("create temp table tblproduct (productid bigint, syncstatus text)")
    conn.execute("set search_path = pg_temp, tandem, public")
    assert one(conn, "select tandem.drift_count('products')") == 0
    assert conn.execute(
        "select count(*) > 0 from tandem.analyze('products') where finding = 'rows'"
    ).fetchone() == (True,)


@pytest.mark.parametrize("verb", ["drift", "validate", "analyze", "plan"])
def test_a_hostile_name_of_a_mapping_is_unknown(shop: Database, verb: str) -> None:
    conn = shop.connect(shop.dsn("g_operator"))
    statement = f"select * from tandem.{verb}($$products'; drop table tblproduct; --$$)"
    assert tries(conn, statement) == "TD001"


def test_a_refused_verb_says_who_grants_it(shop: Database) -> None:
    conn = shop.connect(shop.dsn("g_operator"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("call tandem.prepare('products')")


def test_grant_to_refuses_what_it_does_not_know(shop: Database) -> None:
    conn = shop.owner()
    for statement, code in (
        ("select tandem.grant_to('nobody_here', 'reader')", "42704"),
        ("select tandem.grant_to(null, 'reader')", "42704"),
        ("select tandem.grant_to('g_reader', 'owner')", "22023"),
        ("select tandem.grant_to('g_reader', null)", "22023"),
        ("select tandem.grant_to('g_reader; drop table tandem.run', 'reader')", "42704"),
    ):
        assert tries(conn, statement) == code, statement


def test_rights_that_were_given_by_hand_are_taken_again(shop: Database) -> None:
    conn = shop.owner()
    conn.execute("grant execute on function tandem._set_phase(text, text) to public")
    conn.execute("grant insert on tandem.run to tandem_reader")
    conn.execute("select tandem._apply_privileges()")
    reader = shop.connect(shop.dsn("m_reader"))
    assert tries(reader, "select tandem._set_phase('products', 'prepared')") == "42501"
    assert tries(reader, "insert into tandem.run (kind) values ('x')") == "42501"


def test_deploying_without_createrole_says_which_roles_are_missing(
    bare_db: Database,
) -> None:
    conn = bare_db.owner()
    if one(conn, "select count(*) from pg_roles where rolname ~ '^tandem_'"):
        pytest.skip("this server has the roles")
    said: list[str] = []
    conn.add_notice_handler(lambda diag: said.append(diag.message_primary or ""))
    deploy(conn, [load_mapping(db_dir() / "mappings" / "products.toml")])
    (line,) = [text for text in said if "create role" in text]
    assert all(f"create role tandem_{level} nologin;" in line for level in LEVELS)
    assert "tandem.grant_to" in line


# --- attempts of the applications ----------------------------------------------------------------


@pytest.mark.parametrize("role", ["old_app", "new_app"])
def test_applications_reach_nothing_of_ours(shop: Database, role: str) -> None:
    conn = shop.connect(shop.dsn(role))
    table = "tblproduct" if role == "old_app" else "tblconfig"
    own = {"select * from tblproduct", "update tblconfig set name = 'x'"}
    reached = [
        (statement, code)
        for statement in (*READS, *OPERATES, *ADMINISTERS, *NOBODY)
        if statement not in own and (code := tries(conn, statement)) != "42501"
    ]
    assert reached == []
    for statement in (
        f"create trigger evil before insert on {table} for each row execute function"
        " tandem_products.flat_update()",
        f"alter table {table} disable trigger all",
        "set session_replication_role = replica",
        "create schema tandem_other",
        "do $$ begin perform tandem_products._push(1); end $$",
    ):
        assert tries(conn, statement) == "42501", statement


def write_both(shop: Database, old: Connection, new: Connection, value: str) -> None:
    """A write on each side, and each arrives at the other."""
    watch = shop.owner()
    old.execute("update tblproduct set status = %s where productid = 7", (value,))
    old.execute("insert into tblproduct (productname, configname) values ('Made', %s)", (value,))
    assert one(watch, "select status from tblconfig where name = 'c7'") == value
    new.execute("update tblconfig set sku = %s where name = 'c8'", (value,))
    assert one(watch, "select sku from tblproduct where productid = 8") == value
    assert_in_step(watch)


@pytest.mark.parametrize("origin", ["sync:0", "sync:1", "sync:2", "sync:3", "sync:-1", "sync"])
@pytest.mark.parametrize("local", [False, True], ids=["session", "transaction"])
def test_a_forged_origin_hides_no_write(shop: Database, origin: str, local: bool) -> None:
    old, new = shop.old_app(), shop.new_app()
    for conn in (old, new):
        if local:
            conn.execute("begin")
        conn.execute("select set_config('tandem.origin', %s, %s)", (origin, local))
    watch = shop.owner()
    value = f"{origin} {local}"[:20]
    old.execute("update tblproduct set status = %s, amount = 5 where productid = 9", (value,))
    old.execute("insert into tblproduct (productname, configname) values ('F', %s)", (value,))
    old.execute("delete from tblproduct where productid = (select max(productid) from tblproduct)")
    if local:
        old.execute("commit")
    new.execute("update tblconfig set sku = %s where name = 'c11'", (value,))
    new.execute("update tblbaseproduct set name = name || '!' where name = 'Product 4'")
    if local:
        new.execute("commit")
    assert one(watch, "select status from tblconfig where name = 'c9'") == value
    assert one(watch, "select sku from tblproduct where productid = 11") == value
    assert_in_step(watch)


def test_a_forged_origin_does_not_let_a_client_write_the_sync_columns(shop: Database) -> None:
    old, watch = shop.old_app(), shop.owner()
    ids = "select configid::text || syncstatus from tblproduct where productid = 12"
    before = one(watch, ids)
    for origin in ("", "sync:0", "sync:1", "sync:2"):
        old.execute("select set_config('tandem.origin', %s, false)", (origin,))
        old.execute(
            "update tblproduct set configid = gen_random_uuid(), syncstatus = 'rejected',"
            " catalogid = null where productid = 12"
        )
        assert one(watch, ids) == before, origin
        old.execute(
            "insert into tblproduct (productname, configid, syncstatus)"
            " select 'Stolen', configid, 'rejected' from tblproduct where productid = 12"
        )
    assert one(watch, ids) == before
    assert_in_step(watch)


@pytest.mark.parametrize("path", ["pg_temp, public", "pg_temp, pg_catalog, public, tandem"])
def test_temp_tables_of_our_names_catch_nothing(shop: Database, path: str) -> None:
    old, new = shop.old_app(), shop.new_app()
    tables = (
        "tblproduct",
        "tblbaseproduct",
        "tblproductversion",
        "tblcatalog",
        "tblconfig",
        "tblconfigprice",
        "run",
        "mapping",
        "rejected_row",
        "kept",
        "inside",
        "setting",
        "pg_class",
        "pg_proc",
        "pg_trigger",
    )
    for conn, mine in ((old, "tblproduct"), (new, "tblconfig")):
        for table in tables:
            if table != mine:
                name = sql.Identifier(table)
                conn.execute(sql.SQL("create temp table {} (id int)").format(name))
        conn.execute(sql.SQL("set search_path = {}").format(sql.SQL(path)))
    write_both(shop, old, new, "temp " + path[8:14])
    for conn, mine in ((old, "tblproduct"), (new, "tblconfig")):
        for table in tables:
            if table != mine:
                query = sql.SQL("select count(*) from pg_temp.{}").format(sql.Identifier(table))
                assert conn.execute(query).fetchone() == (0,), table


def test_operators_and_functions_in_public_shadow_nothing(shop: Database) -> None:
    # A careless installation: everyone may create in public.
    watch, old, new = shop.owner(), shop.old_app(), shop.new_app()
    watch.execute("grant create on schema public to old_app, new_app")
    old.execute(
        """
        create function public.evil_eq(text, text) returns boolean language plpgsql as $$ begin
            if current_user = 'shop_owner' then raise exception 'evil = ran as the owner'; end if;
            return $1 operator(pg_catalog.=) $2;
        end $$;
        create operator public.= (function = public.evil_eq, leftarg = text, rightarg = text);
        -- no operator of pg_catalog has exactly these types, so a path with public would find it
        create function public.evil_var(varchar, varchar) returns boolean language plpgsql as $$
        begin
            if current_user = 'shop_owner' then raise exception 'evil = ran as the owner'; end if;
            return $1::text operator(pg_catalog.=) $2::text;
        end $$;
        create operator public.= (
            function = public.evil_var, leftarg = varchar, rightarg = varchar);
        create function public.clock_timestamp() returns timestamptz language plpgsql as $$ begin
            if current_user = 'shop_owner' then raise exception 'evil clock ran as owner'; end if;
            return pg_catalog.clock_timestamp();
        end $$;
        create function public.set_config(text, text, boolean) returns text language plpgsql as $$
        begin
            if current_user = 'shop_owner' then raise exception 'evil config ran as owner'; end if;
            return pg_catalog.set_config($1, $2, $3);
        end $$;
        create table public.run (run_id bigint);
        create table public.mapping (name text);
        """
    )
    try:
        for conn in (old, new):
            conn.execute("set search_path = public, pg_catalog")
        write_both(shop, old, new, "shadowed")
        watch.execute("set search_path = public, pg_catalog")
        migrate(watch)
        watch.execute("reset search_path")
        assert_in_step(watch)
    finally:
        old.execute("drop owned by old_app cascade")
        watch.execute("reset search_path")
        watch.execute("grant select, insert, update, delete on tblproduct to old_app")
        watch.execute("revoke create on schema public from old_app, new_app")


def test_a_view_of_the_owner_is_no_way_to_run_as_the_owner(shop: Database) -> None:
    # p_type goes into dynamic SQL: it must be a type, and the caller needs the right to call.
    old, watch = shop.old_app(), shop.owner()
    hostile = "select tandem.is_castable('1', 'int) ; drop table tandem.run; --')"
    assert tries(old, hostile) == "42501"
    assert tries(watch, hostile) in ("42601", "42704", "22023")
    assert one(watch, "select to_regclass('tandem.run') is not null")


def test_hostile_values_are_only_values(shop: Database) -> None:
    old, watch = shop.old_app(), shop.owner()
    for value in (
        "'; drop table tblproduct; --",
        "$$x$$",
        "\\'",
        "%s %I %L",
        '"',
        "{{ x }}",
        "é\u202e",
    ):
        old.execute(
            "insert into tblproduct (productname, version, catalogname, configname, sku)"
            " values (%(v)s, %(v)s, %(v)s, %(v)s, %(v)s)",
            {"v": value},
        )
        assert one(watch, "select count(*) from tblbaseproduct where name = %s", value) == 1
    fill(watch, 1, 5000)
    assert_in_step(watch)


def test_a_name_that_would_be_cut_is_no_role(db: Database) -> None:
    """There is a role of 63 bytes. grant_to with two bytes more names no role: 42704, and nothing
    is remembered; it does not say yes and grant nothing."""
    root, owner, name = db.superuser(), db.owner(), "x" * 63
    root.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    try:
        with pytest.raises(psycopg.errors.UndefinedObject):
            owner.execute("select tandem.grant_to(%s, 'operator')", (name + "yz",))
    finally:
        root.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
