"""Attacks on imports: what a role may not reach, rows that nobody foresaw, others at work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from imports.jobs import counts, failures, items, run, state, submit, variants
from pgtandem.deploy import deploy
from support.databases import Connection, Database
from support.locks import wait_for_lock_wait
from support.shop import one

LAWS = """
select sum(inserted + updated + unchanged + superseded + failed + suppressed) = case
    when state = 'done' then rows_in else next_row - 1 end
from tandem.import_job where import_id = %s group by state, rows_in, next_row
"""
ORPHANS = """
select count(*) from item_variant as v
where not exists (select from item_master as i where i.item_id = v.item_id)
    or v.color_id is not null
        and not exists (select from color_master as c where c.color_id = v.color_id)
    or v.size_id is not null
        and not exists (select from size_master as s where s.size_id = v.size_id)
"""


def accounted(conn: Connection, import_id: int) -> None:
    """Each row that was looked at is counted once, and nothing refers to what is not there."""
    assert one(conn, LAWS, import_id) is True
    assert one(conn, ORPHANS) == 0


def refused(conn: Connection, query: str, *values: object) -> str:
    """The SQLSTATE with which a statement ends; '' where it does not fail."""
    try:
        conn.execute(query.encode(), values)
    except psycopg.Error as error:
        return f"{error.sqlstate}"
    return ""


def submit_with(conn: Connection, arguments: str, *values: object) -> str:
    """The SQLSTATE of submitting one row with these arguments."""
    query = "select tandem.submit_import('items', '[{\"name\": \"A\"}]', " + arguments + ")"
    return refused(conn, query, *values)


@contextmanager
def level(db: Database, role: str, name: str) -> Iterator[Connection]:
    """A session of a role that has a level, and a schema of its own."""
    db.owner().execute(f"select tandem.grant_to('{role}', '{name}')".encode())
    db.superuser().execute(f"create schema planted authorization {role}".encode())
    yield db.connect(db.dsn(role))


EVIL = """
create table planted.caught (who text);
grant insert, select on planted.caught to public;
grant usage on schema planted to public;
create function planted.evil() returns boolean language plpgsql as $$
begin
    insert into planted.caught values (current_user);
    return true;
end $$;
"""


# privilege


def test_a_policy_of_a_referring_table_runs_nothing_as_the_owner(import_db: Database) -> None:
    owner = import_db.owner()
    owner.execute("grant references on item_master to old_app")
    owner.execute("grant usage on schema public to old_app")
    with level(import_db, "old_app", "operator") as app:
        app.execute(EVIL)
        app.execute(
            "create table planted.note (item_id bigint references public.item_master);"
            "alter table planted.note enable row level security;"
            "create policy p on planted.note using (planted.evil());"
            "grant select, update on planted.note to public"
        )
        import_id = run(owner, [{"name": "A", "color": "Red"}])
        app.execute("insert into planted.note values (1)")
        app.execute("truncate planted.caught")
        app.execute("call tandem.undo_import(%s)", (import_id,))
        assert app.execute("select who from planted.caught").fetchall() == []


def test_a_referring_table_that_the_owner_may_not_read_does_not_stop_undo(
    import_db: Database,
) -> None:
    owner = import_db.owner()
    owner.execute("grant references on item_master to old_app")
    with level(import_db, "old_app", "writer") as app:
        app.execute("create table planted.note (item_id bigint references public.item_master)")
        import_id = run(owner, [{"name": "A", "color": "Red"}])
        owner.execute("call tandem.undo_import(%s)", (import_id,))
        assert one(owner, "select count(*) from item_master") == 0


def test_a_log_with_a_policy_runs_nothing_as_who_records(import_db: Database) -> None:
    with level(import_db, "old_app", "writer") as app:
        app.execute(EVIL)
        app.execute(
            "create table planted.import_logs (status text);"
            "insert into planted.import_logs values ('completed');"
            "alter table planted.import_logs enable row level security;"
            "create policy p on planted.import_logs using (planted.evil());"
            "grant select on planted.import_logs to public"
        )
        refused(
            import_db.owner(),
            "select tandem.record_import_baseline('items', 'planted.import_logs')",
        )
        assert app.execute("select who from planted.caught").fetchall() == []


def test_staging_is_read_as_who_hands_it_in(import_db: Database) -> None:
    with level(import_db, "old_app", "writer") as app:
        app.execute(EVIL)
        app.execute(
            "create domain planted.d as text check (value is null or planted.evil());"
            "create table planted.s (name planted.d);"
            "insert into planted.s values ('A');"
            "truncate planted.caught;"
            "alter table planted.s enable row level security;"
            "alter table planted.s force row level security;"
            "create policy p on planted.s using (planted.evil());"
        )
        app.execute("select tandem.submit_import('items', p_staging => 'planted.s')")
        import_db.owner().execute("call tandem.work_imports()")
        assert set(app.execute("select who from planted.caught").fetchall()) == {("old_app",)}
        import_db.owner().execute("create table secret (name text)")
        query = "select tandem.submit_import('items', p_staging => 'public.secret')"
        assert refused(app, query) == "42501"
        query = "select tandem.submit_import('items', p_staging => 'tandem.import_job')"
        assert refused(app, query) == "42501"


def test_temporary_objects_hide_nothing(import_db: Database) -> None:
    with level(import_db, "old_app", "operator") as app:
        app.execute(
            "create temp table import_job (x int); create temp table pg_class (name text);"
            "create temp table import_row (x int); create temp table item_master (name text);"
            "create temp table run (x int); create temp table setting (name text, value text);"
            "create type pg_temp.import_input as (a text); insert into pg_class values ('A');"
            "create function pg_temp.format(text, variadic text[]) returns text"
            " language sql as $$ select 'drop' $$; set search_path = pg_temp, pg_catalog"
        )
        row = app.execute(
            "select tandem.submit_import('items', p_staging => 'pg_temp.pg_class')"
        ).fetchone()
        assert row is not None
        app.execute("call tandem.run_import(%s)", row)
        assert counts(import_db.owner(), row[0]).inserted == 1


@pytest.mark.parametrize("name", ["reader", "writer", "operator"])
def test_a_level_gives_no_more_than_it_says(import_db: Database, name: str) -> None:
    run(import_db.owner(), [{"name": "A", "price": "secret"}])
    with level(import_db, "old_app", name) as app:
        for table in (
            "import_job",
            "import_row",
            "import_mark",
            "import_change",
            "import_cancel",
            "import_flag",
            "import_worker",
            "rejected_row",
            "setting",
            "mapping",
        ):
            for query in (
                f"delete from tandem.{table}",
                f"truncate tandem.{table}",
                f"insert into tandem.{table} default values",
            ):
                assert refused(app, query) == "42501", query
        for query in (
            "select * from item_master",
            "select * from tandem.import_row",
            "select tandem._import_of(1)",
            "select tandem._purge_imports(now(), 9)",
            "select tandem._reject_import_row(1, 1, 1, 'a', 'b', 'c')",
            "call tandem.prepare('items')",
            "call tandem.apply_duplicates('items')",
            "call tandem.purge('0 days')",
            "select tandem_items._write_rows(1, 1, 1, 1)",
        ):
            assert refused(app, query) == "42501", query
        if name == "reader":
            for query in (
                "select * from tandem.import_failed_rows",
                "select tandem.submit_import('items', '[]')",
                "select tandem.cancel_import(1)",
            ):
                assert refused(app, query) == "42501", query


def test_a_role_without_a_level_may_nothing(import_db: Database) -> None:
    app = import_db.old_app()
    for query in (
        "select tandem.submit_import('items', '[]')",
        "select tandem.cancel_import(1)",
        "select * from tandem.import_health()",
        "select tandem.import_key('a')",
        "select tandem.import_flag_of('items', 'a')",
    ):
        assert refused(app, query) == "42501", query


def test_set_role_does_not_lend_a_level(import_db: Database) -> None:
    import_db.owner().execute("select tandem.grant_to('new_app', 'operator')")
    boss = import_db.superuser()
    boss.execute("set role old_app")
    assert refused(boss, "call tandem.work_imports()") == "42501"


@pytest.mark.parametrize(
    "content",
    [
        "'[5:6]={A,Red}'::text[]",
        "'[0:1]={A,Red}'::text[]",
        "'{{A,Red},{B,Blue}}'::text[]",
        "null",
        "'{}'::text[]",
        "'{A,Red,more,still}'::text[]",
    ],
)
def test_content_of_odd_arrays_is_a_row_or_refused(import_db: Database, content: str) -> None:
    """Never another row: the name is A and the colour Red, or the row fails."""
    conn = import_db.owner()
    conn.execute("create temp table s (content text[])")
    conn.execute(f"insert into s values ({content})".encode())
    query = "select tandem.submit_import('items', p_staging => 's', p_header => '{name,color}')"
    code = refused(conn, query)
    if code:
        assert code in ("22023", "23502")
        return
    conn.execute("call tandem.work_imports()")
    conn.execute("call tandem.run_import(1)") if state(conn, 1) == "queued" else None
    assert state(conn, 1) == "done"
    accounted(conn, 1)
    assert {each[:2] for each in variants(conn)} <= {("A", "Red")}


@pytest.mark.parametrize(
    "fault",
    [
        "p_fields => '[]'",
        "p_fields => '3'",
        "p_fields => 'null'",
        'p_fields => \'{"name": {"a": 1}}\'',
        'p_fields => \'{"name": null, "color": 5}\'',
    ],
)
def test_odd_fields_are_refused_clearly(import_db: Database, fault: str) -> None:
    assert submit_with(import_db.owner(), fault) in ("22023", "TD066", "")


# data


@pytest.mark.parametrize(
    "kind",
    [pytest.param(each) for each in ("view", "partitioned", "inherited")],
)
def test_staging_that_is_no_plain_table_loses_no_row(import_db: Database, kind: str) -> None:
    conn = import_db.owner()
    conn.execute(
        {
            "view": "create table t (name text); create view s as select * from t",
            "partitioned": "create table s (name text) partition by list (name);"
            "create table t partition of s default",
            "inherited": "create table s (name text); create table t () inherits (s)",
        }[kind].encode()
    )
    conn.execute("insert into t values ('A')")
    query = "select tandem.submit_import('items', p_staging => 's')"
    code = refused(conn, query)
    if code:
        assert code == "22023"
    else:
        assert one(conn, "select rows_in from tandem.import_job") == 1


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param("p_max_failed_percent => 'NaN'"),
        pytest.param("p_max_failed_percent => -1"),
        pytest.param("p_max_failed_percent => 'Infinity'"),
        pytest.param("p_max_failed_percent => 101"),
        "p_max_failed => -1",
        "p_timeout_seconds => -1",
        "p_timeout_seconds => 0",
        "p_duplicates => null",
        "p_empty => null",
        "p_deleted => null",
        "p_batch_rows => 0",
        "p_batch_rows => -5",
    ],
)
def test_nonsense_is_refused(import_db: Database, argument: str) -> None:
    assert submit_with(import_db.owner(), argument) == "22023"


def test_null_of_batch_rows_and_so_on_is_the_setting(import_db: Database) -> None:
    conn = import_db.owner()
    assert (
        submit_with(
            conn,
            "p_batch_rows => null, p_timeout_seconds => null,"
            " p_dry_run => null, p_durable => null, p_fields => null",
        )
        == ""
    )
    assert one(conn, "select batch_rows from tandem.import_job") == 1000


@pytest.mark.parametrize(
    "field, value",
    [
        ("price", "1e400"),
        ("price", "12345678901234567890.123"),
        ("price", '"NaN"'),
        ("price", '"Infinity"'),
        ("price", "[1]"),
        ("price", "true"),
        ("price", '{"a": 1}'),
        ("quantity", "2147483648"),
        ("quantity", "1.5"),
        ("quantity", '"٣"'),
        ("quantity", "false"),
        ("quantity", '"0x10"'),
        ("quantity", '"1_000"'),
        ("quantity", '"\\u200b1"'),
    ],
)
def test_a_value_that_does_not_fit_fails_its_row_alone(
    import_db: Database, field: str, value: str
) -> None:
    conn = import_db.owner()
    rows = f'[{{"name": "A", "{field}": {value}}}, {{"name": "B", "{field}": 1}}]'
    row = conn.execute("select tandem.submit_import('items', %s::jsonb)", (rows,)).fetchone()
    assert row is not None
    import_id = row[0]
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert state(conn, import_id) == "done"
    accounted(conn, import_id)
    assert [each[1] for each in failures(conn, import_id)] == [field]
    assert len(variants(conn)) == 1


def test_minus_zero_and_plain_json_numbers(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "A", "price": -0.0, "quantity": "-0"}])
    assert [(row[4], row[5]) for row in variants(conn)] == [(0, 0)]


def test_nul_in_json_is_refused(import_db: Database) -> None:
    query = "select tandem.submit_import('items', '[{\"name\": \"A\\u0000\"}]')"
    assert refused(import_db.owner(), query) == "22P05"


@pytest.mark.parametrize("odd", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u00ad"])
def test_names_that_differ_in_what_is_not_seen(import_db: Database, odd: str) -> None:
    conn = import_db.owner()
    import_id = run(
        conn, [{"name": "A", "color": "Red"}, {"name": f"A{odd}", "color": f"R{odd}ed"}]
    )
    accounted(conn, import_id)
    assert state(conn, import_id) == "done"
    warnings = one(conn, "select warnings from tandem.import_job where import_id = %s", import_id)
    assert warnings, "nothing is said of it"


@pytest.mark.parametrize("header", [{"Name": "A", "NAME": "B"}, {" name": "A", "name ": "B"}, {}])
def test_a_header_that_cannot_be_told_is_refused(
    import_db: Database, header: dict[str, str]
) -> None:
    with pytest.raises(psycopg.Error) as error:
        submit(import_db.owner(), [header])
    assert error.value.sqlstate == "TD066"


def test_1_600_columns_10_000_names_and_a_megabyte(import_db: Database) -> None:
    conn = import_db.owner()
    columns = ", ".join(f"c{n} text" for n in range(1599))
    conn.execute(f"create temp table s (name text, {columns})".encode())
    conn.execute("insert into s (name) values ('A'), ('B')")
    row = conn.execute("select tandem.submit_import('items', p_staging => 's')").fetchone()
    assert row is not None
    conn.execute("call tandem.run_import(%s)", row)
    assert counts(conn, row[0]).inserted == 2
    begun = time.monotonic()
    wide = run(conn, [{"name": "C"} | {f"h{n}": "x" for n in range(10000)}])
    assert counts(conn, wide).inserted == 1
    assert time.monotonic() - begun < 10
    big = run(
        conn,
        [
            {"name": "x" * 1_000_000},
            {"name": "D", "description": "y" * 1_000_000},
            {"name": "E", "color": "é" * 500_000},
        ],
    )
    assert state(conn, big) == "done"
    accounted(conn, big)


def test_a_bomb_of_names_is_refused_or_soon_done(import_db: Database) -> None:
    """Each row has names of its own: what is kept is their square."""
    conn = import_db.owner()
    rows = [{"name": str(n)} | {f"k{n}-{k}": "1" for k in range(5)} for n in range(1500)]
    begun = time.monotonic()
    submit(conn, rows)
    size = one(conn, "select sum(pg_column_size(content)) from tandem.import_row")
    assert time.monotonic() - begun < 10
    assert int(str(size)) < 20 * len(json.dumps(rows))


# concurrency


def test_eight_sessions_submit_one_key(import_db: Database) -> None:
    sessions = [import_db.owner() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda s: submit(s, [{"name": "A"}], key="k"), sessions))
    assert len(ids) == 1
    assert one(import_db.owner(), "select count(*) from tandem.import_row") == 1


def call(conn: Connection, query: str) -> str:
    return refused(conn, query)


@pytest.mark.parametrize("path", ["new", "old"])
@pytest.mark.parametrize("deed", ["delete", "soft delete", "rename"])
@pytest.mark.parametrize(
    "table, column, value", [("item_master", "name", "A"), ("color_master", "color_name", "Red")]
)
def test_a_referenced_row_goes_during_a_batch(
    import_db: Database, *, deed: str, table: str, column: str, value: str, path: str
) -> None:
    """An item's own row is waited for, as the import writes it; a colour's may go after it."""
    conn, app, worker = import_db.owner(), import_db.owner(), import_db.owner()
    run(conn, [{"name": "A", "color": "Red"}, {"name": "B", "color": "Blue"}])
    conn.execute("delete from item_variant")
    import_id = submit(
        conn,
        [
            {"name": "A", "color": "Red", "price": "1", "description": "d"},
            {"name": "B", "color": "Blue", "price": "2"},
        ],
    )
    waits = path == "old" or deed == "delete" or table == "item_master"
    with ThreadPoolExecutor(1) as pool:
        with app.transaction():
            app.execute(
                {
                    "delete": f"delete from {table} where {column} = '{value}'",
                    "soft delete": f"update {table} set deleted_at = now()"
                    f" where {column} = '{value}'",
                    "rename": f"update {table} set {column} = 'else' where {column} = '{value}'",
                }[deed].encode()
            )
            verb = "run_import" if path == "new" else "run_import_locked"
            done = pool.submit(call, worker, f"call tandem.{verb}({import_id})")
            if waits:
                wait_for_lock_wait(conn, worker.info.backend_pid)
            else:
                done.result()
        assert done.result() == ""
    assert state(conn, import_id) == "done"
    accounted(conn, import_id)
    if path == "new" and deed != "delete":
        return  # as if the import had been first
    assert {row[:2] for row in variants(conn)} == {("A", "Red"), ("B", "Blue")}
    dead = (
        "select count(*) from item_variant join item_master i using (item_id)"
        " left join color_master c using (color_id)"
        " where i.deleted_at is not null or c.deleted_at is not null"
    )
    assert one(conn, dead) == 0


def test_an_item_that_an_app_deletes_with_its_variants_gets_no_live_one(
    import_db: Database,
) -> None:
    """The import has waited for the app, so it is after it: it sees a deleted item."""
    conn, app, worker = import_db.owner(), import_db.owner(), import_db.owner()
    run(conn, [{"name": "A", "color": "Red"}])
    import_id = submit(conn, [{"name": "A", "color": "Blue", "description": "d"}])
    with ThreadPoolExecutor(1) as pool:
        with app.transaction():
            app.execute("update item_variant set deleted_at = now()")
            app.execute("update item_master set deleted_at = now()")
            done = pool.submit(call, worker, f"call tandem.run_import({import_id})")
            wait_for_lock_wait(conn, worker.info.backend_pid)
        assert done.result() == ""
    accounted(conn, import_id)
    dead = "select count(*) from item_variant join item_master as i using (item_id)"
    dead += " where item_variant.deleted_at is null and i.deleted_at is not null"
    assert one(conn, dead) == 0


def test_what_an_app_refers_to_during_a_merge_is_moved(import_db: Database) -> None:
    conn, app, worker = import_db.owner(), import_db.owner(), import_db.owner()
    conn.execute(
        "create table basket (n int primary key, item_id bigint references item_master"
        " on delete cascade)"
    )
    run(conn, [{"name": "A", "color": "Red"}, {"name": "A ", "color": "Red"}])
    items_there = one(conn, "select count(*) from item_master")
    conn.execute("select tandem.plan_duplicates('items')")
    conn.execute("update tandem.duplicate_plan set approved = true where action = 'merge'")
    with ThreadPoolExecutor(1) as pool:
        with app.transaction():
            app.execute("insert into basket select item_id, item_id from item_master")
            done = pool.submit(call, worker, "call tandem.apply_duplicates('items')")
            time.sleep(0.5)
        assert done.result() == ""
    assert one(conn, "select count(*) from basket") == items_there
    assert one(conn, ORPHANS) == 0


def test_an_app_that_refers_to_a_composite_key_keeps_its_rows(import_db: Database) -> None:
    """Undo looks at foreign keys of one column alone."""
    conn = import_db.owner()
    conn.execute(
        "alter table item_master add unique (item_id, name);"
        "create table basket (item_id bigint, name text, foreign key (item_id, name)"
        " references item_master (item_id, name) on delete cascade)"
    )
    import_id = run(conn, [{"name": "A"}])
    conn.execute("insert into basket select item_id, name from item_master")
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from basket") == 1


def test_a_policy_or_trigger_on_the_tables_of_an_import_is_the_owner_s(
    import_db: Database,
) -> None:
    with level(import_db, "old_app", "writer") as app:
        app.execute(
            "create function planted.t() returns trigger language plpgsql as"
            " 'begin return null; end'"
        )
        for query in (
            "create trigger t before insert on public.item_master for each row"
            " execute function planted.t()",
            "create rule r as on insert to public.item_master do instead nothing",
            "create policy p on public.item_master",
            "create table planted.c () inherits (public.item_master)",
            "create index on public.item_master (name)",
        ):
            assert refused(app, query) in ("42501", "42P16"), query


def test_a_dead_import_that_is_cancelled_during_its_undo_is_cancelled(
    import_db: Database,
) -> None:
    conn, app, worker = (import_db.owner() for _ in range(3))
    import_id = run(conn, [{"name": str(n)} for n in range(30)], batch_rows=5)
    conn.execute("update tandem.import_job set state = 'dead'")
    with ThreadPoolExecutor(1) as pool:
        with app.transaction():
            app.execute("select from item_master where name = '12' for update")
            done = pool.submit(call, worker, f"call tandem.undo_import({import_id})")
            wait_for_lock_wait(conn, worker.info.backend_pid)
            conn.execute("select tandem.cancel_import(%s)", (import_id,))
        assert done.result() == ""
    assert state(conn, import_id) == "cancelled"


def test_an_import_that_was_undone_does_not_go_on_where_it_died(import_db: Database) -> None:
    """It is refused, or begins anew: rows that are counted as inserted are there."""
    conn = import_db.owner()
    import_id = run(conn, [{"name": str(n)} for n in range(30)], batch_rows=5)
    conn.execute("delete from tandem.import_change where from_row > 15")
    conn.execute("delete from item_variant where item_id > 15")
    conn.execute("delete from item_master where item_id > 15")
    conn.execute("update tandem.import_job set state = 'dead', next_row = 16, inserted = 15")
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from item_master") == 0
    if call(conn, f"select tandem.redrive_import({import_id})") == "":
        call(conn, f"call tandem.run_import({import_id})")
        inserted = one(conn, "select inserted from tandem.import_job")
        assert (state(conn, import_id), one(conn, "select count(*) from item_master")) == (
            "done",
            inserted,
        )


def test_undo_keeps_a_revived_item_that_others_need(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "A", "color": "Red"}])
    conn.execute("update item_variant set deleted_at = now()")
    conn.execute("update item_master set deleted_at = now()")
    import_id = run(conn, [{"name": "A", "color": "Red"}])
    run(conn, [{"name": "A", "color": "Blue"}])
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    dead = "select count(*) from item_variant join item_master as i using (item_id)"
    dead += " where item_variant.deleted_at is null and i.deleted_at is not null"
    assert one(conn, dead) == 0


@pytest.mark.parametrize("edit", ["notes = 'of an app''s'", "deleted_at = now()"])
def test_undo_keeps_a_row_whose_other_columns_were_edited(import_db: Database, edit: str) -> None:
    conn = import_db.owner()
    conn.execute("alter table item_master add notes text")
    import_id = run(conn, [{"name": "A"}])
    conn.execute(f"update item_master set {edit}".encode())
    conn.execute("call tandem.undo_import(%s)", (import_id,))
    assert one(conn, "select count(*) from item_master") == 1


@pytest.mark.parametrize(
    "header",
    [
        "'[3:4]={name,color}'",
        "'{{name,color},{sku,size}}'",
        "'{name,null,color}'",
        "'{name,color,size}'",
        "'{name}'",
    ],
)
def test_a_writer_s_odd_header_moves_no_value(import_db: Database, header: str) -> None:
    with level(import_db, "old_app", "writer") as app:
        app.execute("create temp table s (name text, color text)")
        app.execute("insert into s values ('A', 'Red')")
        code = refused(
            app, f"select tandem.submit_import('items', p_staging => 's', p_header => {header})"
        )
    assert code in ("", "22023", "TD066")
    conn = import_db.owner()
    conn.execute("update tandem.import_job set updated_at = now() - interval '1 hour'")
    conn.execute("call tandem.work_imports()")
    for row in variants(conn):
        assert row[0] == "A" and row[1] in ("Red", None) and row[2:4] == (None, None)


def test_a_writer_s_own_options_are_checked(import_db: Database) -> None:
    """What tandem.submit_import does not let through, its inner half does not either."""
    with level(import_db, "old_app", "writer") as app:
        head = "select tandem._submit_import('items', '{name}', '{}', array[row(1,1,null,'{A}')"
        head += '::tandem.import_input], %s, %s::jsonb || \'{"duplicates": "last",'
        head += ' "deleted": "revive", "empty": "keep"}\')'
        for key, options in (
            ("a", "[]"),
            ("b", '{"batch_rows": -1}'),
            ("c", '{"max_failed_percent": "NaN"}'),
            ("d", '{"batch_rows": "x"}'),
            ("e", '{"duplicates": null}'),
        ):
            refused(app, head, key, options)
        null = "select tandem._submit_import('items', '{name}', null, null, 'n', '{\"duplicates\":"
        null += ' "last", "deleted": "revive", "empty": "keep"}\')'
        refused(app, null)
    conn = import_db.owner()
    for (import_id,) in conn.execute("select import_id from tandem.import_job").fetchall():
        call(conn, f"call tandem.run_import({import_id})")
        accounted(conn, import_id)
        assert state(conn, import_id) == "done"


def deployed(conn: Connection) -> str:
    """Deploy the import again, as by another build; no code where it worked."""
    deploy(conn, [items()])
    return ""


@pytest.mark.parametrize(
    "deed",
    [
        "call tandem.prepare('items')",
        "call tandem.rollback('items')",
        "deploy",
        "call tandem.purge('0 seconds')",
        "call tandem.undo_import({})",
        "select tandem.retire_import('items')",
        "call tandem.apply_duplicates('items')",
        "call tandem.run_import({})",
        "alter table item_variant drop column quantity",
    ],
)
def test_another_deed_during_a_run(import_db: Database, deed: str) -> None:
    conn, app, worker, other = (import_db.owner() for _ in range(4))
    run(conn, [{"name": str(n), "price": "1"} for n in range(30)])
    import_id = submit(conn, [{"name": str(n), "price": "2"} for n in range(30)], batch_rows=5)
    other.execute("set lock_timeout = '3s'")
    with ThreadPoolExecutor(2) as pool:
        with app.transaction():
            app.execute(
                "update item_variant set sku = 'x' from item_master i"
                " where i.item_id = item_variant.item_id and i.name = '12'"
            )
            done = pool.submit(call, worker, f"call tandem.run_import({import_id})")
            wait_for_lock_wait(conn, worker.info.backend_pid)
            if deed == "deploy":
                late = pool.submit(deployed, other)
            else:
                late = pool.submit(call, other, deed.format(import_id))
            time.sleep(0.3)
        codes = done.result(), late.result()
    assert all(code == "" or code[:2] in ("TD", "55") or code == "42703" for code in codes), codes
    accounted(conn, import_id)
    if state(conn, import_id) != "done" and "rollback" not in deed and "drop" not in deed:
        conn.execute("call tandem.run_import(%s)", (import_id,))
        assert state(conn, import_id) == "done"
        accounted(conn, import_id)


@pytest.mark.parametrize(
    "deed",
    ["undo", pytest.param("cancel"), "purge", "run"],
)
def test_another_deed_during_an_undo(import_db: Database, deed: str) -> None:
    conn, app, worker, other = (import_db.owner() for _ in range(4))
    import_id = run(conn, [{"name": str(n), "price": "1"} for n in range(30)], batch_rows=5)
    query = {
        "undo": "call tandem.undo_import({})",
        "cancel": "select tandem.cancel_import({})",
        "purge": "call tandem.purge('0 seconds')",
        "run": "call tandem.run_import({})",
    }[deed]
    with ThreadPoolExecutor(2) as pool:
        with app.transaction():
            app.execute("select from item_master where name = '12' for update")
            done = pool.submit(call, worker, f"call tandem.undo_import({import_id})")
            wait_for_lock_wait(conn, worker.info.backend_pid)
            late = pool.submit(call, other, query.format(import_id))
            time.sleep(0.3)
        codes = done.result(), late.result()
    assert all(code == "" or code[:2] in ("TD", "55", "P0") for code in codes), codes
    assert one(conn, ORPHANS) == 0
    if deed == "purge":
        return
    assert codes[0] == ""
    assert one(conn, "select count(*) from item_master") == 0
    assert one(conn, "select count(*) from tandem.import_cancel") == 0


def test_undo_leaves_no_orphan_where_there_is_no_foreign_key(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        "do $$ declare c text; begin for c in select conname from pg_constraint where conrelid ="
        " 'item_variant'::regclass and contype = 'f' loop execute format("
        "'alter table item_variant drop constraint %I', c); end loop; end $$"
    )
    first = run(conn, [{"name": "A", "color": "Red"}])
    run(conn, [{"name": "A", "color": "Red", "size": "M"}])
    conn.execute("call tandem.undo_import(%s)", (first,))
    assert one(conn, ORPHANS) == 0


def test_undo_removes_nobody_s_rows_by_a_cascade(import_db: Database) -> None:
    conn, app, worker = (import_db.owner() for _ in range(3))
    conn.execute("create table basket (item_id bigint references item_master on delete cascade)")
    import_id = run(conn, [{"name": "A"}, {"name": "B"}])
    with ThreadPoolExecutor(1) as pool:
        with app.transaction():
            app.execute("insert into basket select item_id from item_master where name = 'A'")
            done = pool.submit(call, worker, f"call tandem.undo_import({import_id})")
            wait_for_lock_wait(conn, worker.info.backend_pid)
        assert done.result() == ""
    assert one(conn, "select count(*) from basket") == 1
