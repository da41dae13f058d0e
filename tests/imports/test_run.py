"""An import from its rows to what is in the tables: each row is counted once, and rightly."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from imports.jobs import Counts, counts, failures, names, run, state, submit, variants
from support.databases import Database
from support.shop import one

SHIRT = {"name": "Shirt", "color": "Red", "size": "M", "sku": "S1", "price": "12.50"}


def test_a_row_becomes_an_item_a_colour_a_size_and_a_variant(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [SHIRT])
    assert (state(conn, done), counts(conn, done)) == ("done", Counts(inserted=1))
    assert variants(conn) == {("Shirt", "Red", "M", "S1", Decimal("12.50"), None)}


def test_the_same_rows_again_write_nothing(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [SHIRT, SHIRT | {"size": "L"}, {"name": "Hat"}]
    run(conn, rows)
    before = conn.execute(
        "select relname, n_tup_ins + n_tup_upd from pg_stat_user_tables"
    ).fetchall()
    there = conn.execute("select xmin, ctid, * from item_variant order by variant_id").fetchall()
    sequences = "select last_value from pg_sequences where schemaname = 'public' order by 1"
    burnt = conn.execute(sequences).fetchall()
    again = run(conn, rows)
    assert counts(conn, again) == Counts(unchanged=3)
    assert (
        conn.execute("select xmin, ctid, * from item_variant order by variant_id").fetchall()
        == there
    )
    assert conn.execute(sequences).fetchall() == burnt
    assert before


def test_only_what_differs_is_written(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT, SHIRT | {"size": "L"}])
    changed = run(conn, [SHIRT | {"price": "13"}, SHIRT | {"size": "L"}])
    assert counts(conn, changed) == Counts(updated=1, unchanged=1)
    assert {v[4] for v in variants(conn)} == {Decimal("13.00"), Decimal("12.50")}


def test_an_empty_field_keeps_what_is_there_unless_told_to_clear(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT | {"description": "soft"}])
    assert counts(conn, run(conn, [SHIRT | {"price": "", "description": ""}])) == Counts(
        unchanged=1
    )
    cleared = run(conn, [SHIRT | {"price": "", "description": ""}], empty="clear")
    assert counts(conn, cleared) == Counts(updated=1)
    assert {v[4] for v in variants(conn)} == {None}
    assert one(conn, "select description from item_master") is None


def test_a_field_that_the_input_lacks_is_not_touched(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT | {"description": "soft"}])
    bare = {name: SHIRT[name] for name in ("name", "color", "size")}
    assert counts(conn, run(conn, [bare], empty="clear")) == Counts(unchanged=1)


def test_an_input_of_items_alone_makes_no_variants(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [{"name": "A", "description": "x"}, {"name": "B"}])
    assert counts(conn, done) == Counts(inserted=2)
    assert variants(conn) == set()
    assert names(conn, "item_master", "name") == ["A", "B"]


@pytest.mark.parametrize(("rule", "price"), [("first", 1), ("last", 3)])
def test_one_row_of_a_key_wins_and_the_others_are_superseded(
    import_db: Database, rule: str, price: int
) -> None:
    conn = import_db.owner()
    done = run(conn, [SHIRT | {"price": str(n)} for n in (1, 2, 3)], duplicates=rule)
    assert counts(conn, done) == Counts(inserted=1, superseded=2)
    assert {v[4] for v in variants(conn)} == {Decimal(price)}
    assert one(conn, "select count(*) from tandem.import_mark where by_row = %s", price) == 2


def test_rows_of_one_key_may_be_an_error(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [SHIRT, {"name": "Hat"}, SHIRT | {"price": "9"}], duplicates="error")
    assert counts(conn, done) == Counts(inserted=1, failed=2)
    assert [(row, code) for row, _, code, _ in failures(conn, done)] == [(1, "21000"), (3, "21000")]


def test_what_rows_say_of_an_item_is_settled_by_the_same_rule(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [
        SHIRT | {"size": size, "description": text}
        for size, text in (("S", "old"), ("M", ""), ("L", "new"))
    ]
    done = run(conn, rows, duplicates="last", batch_rows=1)
    assert one(conn, "select description from item_master") == "new"
    warnings = one(conn, "select warnings from tandem.import_job where import_id = %s", done)
    assert warnings["contradiction"]["rows"] == 1
    run(conn, rows, duplicates="first", batch_rows=1)
    assert one(conn, "select description from item_master") == "old"


def test_a_deleted_row_is_revived_recreated_or_an_error(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT])
    kill = "update item_variant set deleted_at = now()"
    conn.execute(kill)
    assert counts(conn, run(conn, [SHIRT], deleted="revive")) == Counts(updated=1)
    conn.execute(kill)
    assert counts(conn, run(conn, [SHIRT], deleted="create")) == Counts(inserted=1)
    assert one(conn, "select count(*) from item_variant") == 2
    conn.execute(kill)
    failed = run(conn, [SHIRT, {"name": "Hat", "color": "Red"}], deleted="error")
    assert counts(conn, failed) == Counts(inserted=1, failed=1)
    # the one that was deleted last comes back
    conn.execute(
        "update item_variant set deleted_at = now() - interval '1 day' where variant_id = 2"
    )
    run(conn, [SHIRT], deleted="revive")
    assert one(conn, "select deleted_at is null from item_variant where variant_id = 1")


def test_a_live_row_wins_over_deleted_ones(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        "insert into item_master (name, deleted_at) values ('Shirt', now()), ('Shirt', now()),"
        " ('Shirt', null)"
    )
    done = run(conn, [{"name": "Shirt", "description": "x"}], deleted="error")
    assert counts(conn, done) == Counts(updated=1)
    assert one(conn, "select count(*) from item_master where description = 'x'") == 1


def test_a_variant_without_a_size_is_one(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [{"name": "Shirt", "color": "Red", "size": None, "price": "1"}]
    run(conn, rows)
    assert counts(conn, run(conn, rows)) == Counts(unchanged=1)
    assert one(conn, "select count(*) from item_variant") == 1


def test_a_colour_that_is_new_is_not_taken_for_none(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "Shirt", "color": None, "price": "1"}])
    done = run(conn, [{"name": "Shirt", "color": "Red", "price": "7"}])
    assert counts(conn, done) == Counts(inserted=1)
    assert {v[1:5:3] for v in variants(conn)} == {(None, Decimal(1)), ("Red", Decimal(7))}


NO_THIRTEEN = """
create function no_thirteen() returns trigger language plpgsql as $$
begin
    if new.quantity = 13 then
        raise exception 'thirteen' using hint = 'take twelve';
    end if;
    return new;
end $$;
create trigger no_thirteen before insert or update on item_variant
for each row execute function no_thirteen();
"""


def test_a_row_that_a_trigger_refuses_is_found_alone(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(NO_THIRTEEN)
    rows = [
        SHIRT | {"size": str(n), "quantity": str(13 if n % 40 == 7 else n + 20)} for n in range(100)
    ]
    done = run(conn, rows, batch_rows=50)
    assert counts(conn, done) == Counts(inserted=97, failed=3)
    assert [(row, code, text) for row, _, code, text in failures(conn, done)] == [
        (n, "P0001", "thirteen") for n in (8, 48, 88)
    ]


def test_a_row_that_a_trigger_swallows_is_counted_as_suppressed(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function swallow() returns trigger language plpgsql as $$
        begin
            return case when new.quantity = 13 then null else new end;
        end $$;
        create trigger swallow before insert or update on item_variant
        for each row execute function swallow();
        """
    )
    rows = [SHIRT | {"size": str(n), "quantity": str(n)} for n in range(10, 20)]
    assert counts(conn, run(conn, rows)) == Counts(inserted=9, suppressed=1)
    rows = [row | {"quantity": "13"} for row in rows[:2]]
    assert counts(conn, run(conn, rows)) == Counts(suppressed=2)


def test_a_constraint_that_is_deferred_is_a_row_s_fault(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function even() returns trigger language plpgsql as $$
        begin
            if new.quantity % 2 = 1 then raise exception 'odd'; end if;
            return null;
        end $$;
        create constraint trigger even after insert on item_variant deferrable initially deferred
        for each row execute function even();
        """
    )
    rows = [SHIRT | {"size": str(n), "quantity": str(n)} for n in range(4)]
    assert counts(conn, run(conn, rows)) == Counts(inserted=2, failed=2)


def test_no_more_failed_rows_than_allowed(import_db: Database) -> None:
    conn = import_db.owner()
    rows = [SHIRT | {"size": str(n), "price": "x" if n < 5 else "1"} for n in range(100)]
    within = run(conn, rows, max_failed=5, max_failed_percent=5)
    assert (state(conn, within), counts(conn, within)) == ("done", Counts(inserted=95, failed=5))
    beyond = run(conn, rows, max_failed_percent=4.9)
    assert (state(conn, beyond), counts(conn, beyond)) == ("dead", Counts())


def test_a_dry_run_says_what_would_be_and_writes_nothing(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT, SHIRT | {"size": "L"}])
    rows = [
        SHIRT | {"price": "99"},
        SHIRT | {"size": "L"},
        SHIRT | {"size": "XL"},
        {"name": ""},
        SHIRT | {"size": "XL", "price": "3"},
    ]
    before = variants(conn)
    dry = run(conn, rows, dry_run=True, batch_rows=2)
    assert variants(conn) == before
    real = run(conn, rows, batch_rows=2)
    expected = Counts(inserted=1, updated=1, unchanged=1, superseded=1, failed=1)
    assert counts(conn, dry) == counts(conn, real) == expected
    changes = (
        "select table_name, action, json_array_length(images) from tandem.import_change"
        " where import_id = %s order by 1, 2"
    )
    assert conn.execute(changes, (dry,)).fetchall() == conn.execute(changes, (real,)).fetchall()


def test_the_same_key_is_the_same_import(import_db: Database) -> None:
    conn = import_db.owner()
    first = submit(conn, [SHIRT], key="file 1")
    assert submit(conn, [SHIRT], key="file 1") == first
    conn.execute("call tandem.run_import(%s)", (first,))
    assert submit(conn, [SHIRT], key="file 1") == first
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (first,))
    assert caught.value.sqlstate == "TD060"


def test_an_import_that_is_too_slow_stops_and_goes_on(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute(
        """
        create function slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.35); return new; end $$;
        create trigger slow before insert on item_variant
        for each row execute function slow();
        """
    )
    rows = [SHIRT | {"size": str(n)} for n in range(4)]
    import_id = submit(conn, rows, timeout_seconds=1, batch_rows=1)
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD061"
    assert state(conn, import_id) == "dead"
    done = one(conn, "select next_row - 1 from tandem.import_job")
    assert done < 4
    conn.execute("drop trigger slow on item_variant")
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert (state(conn, import_id), counts(conn, import_id)) == ("done", Counts(inserted=4))


def test_names_that_differ_in_case_and_blanks_alone_are_one_colour(import_db: Database) -> None:
    conn = import_db.owner()
    spellings = [" Black", "Black", "BLACK", "Black\u00a0", "Bl\u200back"]
    rows = [SHIRT | {"color": c, "size": str(n)} for n, c in enumerate(spellings)]
    done = run(conn, rows)
    assert counts(conn, done) == Counts(inserted=5)
    assert names(conn, "color_master", "color_name") == ["Black"]
    warnings = one(conn, "select warnings from tandem.import_job where import_id = %s", done)
    assert warnings["invisible"]["rows"] == 1


def test_a_header_without_the_item_is_refused(import_db: Database) -> None:
    conn = import_db.owner()
    with pytest.raises(psycopg.Error) as caught:
        submit(conn, [{"title": "Shirt"}])
    assert caught.value.sqlstate == "TD066"
    done = run(conn, [{"Title": "Shirt"}], fields='{"name": "title"}')
    assert counts(conn, done) == Counts(inserted=1)


def test_a_header_with_a_name_twice_is_told_apart_from_one_without(import_db: Database) -> None:
    conn = import_db.owner()
    conn.execute("create temporary table staged (content text[])")
    for header, hint in ((["name", "name"], "Rename all but one"), (["a", "b"], "Say which")):
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(
                "select tandem.submit_import('items', p_staging => 'staged', p_header => %s)",
                (header,),
            )
        assert caught.value.sqlstate == "TD066"
        assert str(caught.value.diag.message_hint).startswith(hint)


def test_what_is_said_of_a_run_that_ends_early(import_db: Database) -> None:
    conn = import_db.owner()
    notices: list[str] = []
    conn.add_notice_handler(lambda said: notices.append(said.message_primary or ""))
    run(conn, [SHIRT])
    assert notices[-1].endswith("rows/s, done")
    run(conn, [SHIRT, {"name": ""}], max_failed=0)
    assert "0 rows read of 2 (0 %)" in notices[-1]


def test_an_import_that_is_not_there_is_refused(import_db: Database) -> None:
    conn = import_db.owner()
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("select tandem.cancel_import(9)")
    hint = str(caught.value.diag.message_hint)
    assert conn.execute(hint.partition(";")[0].encode()).fetchall() == []


def test_an_empty_input_is_done(import_db: Database) -> None:
    conn = import_db.owner()
    done = run(conn, [], header=["name"])
    assert (state(conn, done), counts(conn, done)) == ("done", Counts())


def test_counts_that_do_not_add_up_are_no_success(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = submit(conn, [SHIRT, {"name": "Hat"}])
    conn.execute(
        """
        create or replace function tandem_items._write_rows(
            p_import bigint, p_run bigint, p_from integer, p_to integer
        ) returns tandem.import_counts language sql as $$
            insert into public.item_master (name) values ('half');
            select row(1, 0, 0, 0, 1)::tandem.import_counts
        $$
        """
    )
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert caught.value.sqlstate == "TD063"
    assert state(conn, import_id) == "dead"
    assert names(conn, "item_master", "name") == []
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("update tandem.import_job set state = 'done', next_row = rows_in + 1")


def test_the_budget_ends_an_import_that_is_tried_again_before_it_writes(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    rows = [SHIRT | {"size": str(n), "price": "x" if n < 5 else "1"} for n in range(20)]
    import_id = run(conn, rows, max_failed=4)
    assert one(conn, "select error_sqlstate from tandem.import_job") == "TD064"
    conn.execute("call tandem.run_import(%s)", (import_id,))
    assert (state(conn, import_id), counts(conn, import_id)) == ("dead", Counts())
    assert variants(conn) == set()


def test_a_revived_variant_gets_what_the_row_says(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [SHIRT])
    conn.execute("update item_variant set deleted_at = now()")
    conn.execute("update item_master set deleted_at = now()")
    done = run(conn, [SHIRT | {"price": "99", "description": "again"}])
    assert counts(conn, done) == Counts(updated=1)
    assert {v[4] for v in variants(conn)} == {Decimal("99.00")}
    assert one(conn, "select description from item_master where deleted_at is null") == "again"


def test_a_variant_of_a_new_color_is_not_looked_for_among_all_of_its_item(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    rows = [{"name": "Shirt", "color": f"C{n}", "size": "M"} for n in range(1000)]
    assert counts(conn, run(conn, rows, batch_rows=100)) == Counts(inserted=1000)
    conn.execute("select pg_stat_force_next_flush()")
    query = "select sum(idx_tup_fetch) from pg_stat_user_tables where relname = 'item_variant'"
    assert one(conn, query) < 5000


def test_a_row_that_changed_a_master_and_then_fails_is_counted_once(import_db: Database) -> None:
    conn = import_db.owner()
    run(conn, [{"name": "Shirt", "description": "old", "sku": "S1"}])
    conn.execute("update item_variant set deleted_at = now()")
    rows = [{"name": "Shirt", "description": "new", "sku": "S1"}]
    done = run(conn, rows, deleted="error")
    assert counts(conn, done) == Counts(failed=1)
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("update tandem.import_job set failed = 2, unchanged = -1")


@pytest.mark.parametrize("lacking", [{}, {"color": None}, {"size": None}])
def test_a_variant_is_found_at_once_however_many_its_item_has(
    import_db: Database, lacking: dict[str, None]
) -> None:
    """Also one that lacks an optional master, is imported again, or is deleted and comes back."""
    conn = import_db.owner()
    rows = [
        {"name": "Shirt", "color": f"C{n}", "size": f"{n}", "price": "1"} | lacking
        for n in range(1000)
    ]
    run(conn, rows, batch_rows=100)
    run(conn, [row | {"price": "2"} for row in rows], batch_rows=100)
    conn.execute("update item_variant set deleted_at = now()")
    assert counts(conn, run(conn, rows, batch_rows=100)) == Counts(updated=1000)
    conn.execute("select pg_stat_force_next_flush()")
    query = "select sum(idx_tup_fetch) from pg_stat_user_tables where relname = 'item_variant'"
    assert one(conn, query) < 60_000  # of 3,000 rows


def test_to_find_a_refused_row_costs_the_same_however_many_are_written(
    import_db: Database,
) -> None:
    """Small batches make their plans while the tables are small, and keep them."""
    conn = import_db.owner()
    conn.execute(NO_THIRTEEN)
    conn.execute("analyze color_master, size_master, item_master, item_variant")
    rows = [
        {
            "name": f"Item {n // 25}",
            "color": f"C{n // 5 % 5}",
            "size": f"{n % 5}",
            "description": "A thing",
            "sku": f"SKU-{n}",
            "price": "1.00",
            "quantity": str(13 if n % 100 == 7 else n + 20),
        }
        for n in range(3000)
    ]
    assert counts(conn, run(conn, rows)) == Counts(inserted=2970, failed=30)
    conn.execute("select pg_stat_force_next_flush()")
    query = "select sum(idx_tup_fetch) from pg_stat_user_tables where relname = 'item_variant'"
    assert one(conn, query) < 10_000


def test_a_batch_reads_of_the_items_what_it_names_however_many_are_written(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    conn.execute("analyze color_master, size_master, item_master, item_variant")
    rows = [{"name": f"Item {n}", "description": "A thing"} for n in range(3000)]
    assert counts(conn, run(conn, rows, batch_rows=100)) == Counts(inserted=3000)
    again = [row | {"description": "Another"} for row in rows]
    assert counts(conn, run(conn, again, batch_rows=100)) == Counts(updated=3000)
    conn.execute("select pg_stat_force_next_flush()")
    query = "select sum(idx_tup_fetch) from pg_stat_user_tables where relname = 'item_master'"
    assert one(conn, query) < 25_000  # of 6,000 rows


@pytest.mark.parametrize("path", ["run_import", "run_import_locked"])
def test_plans_made_for_a_row_hold_for_thousands(import_db: Database, path: str) -> None:
    """A session keeps them: of tables of a row, analysed, any way to read them costs the same."""
    conn = import_db.owner()

    def bring(number: int, text: str) -> int:
        rows = [
            {"name": f"Item {n}", "color": f"C{n}", "description": text, "sku": f"{text} {n}"}
            for n in range(number)
        ]
        import_id = submit(conn, rows, batch_rows=100)
        conn.execute(f"call tandem.{path}({import_id})".encode())
        return import_id

    tables = ("item_master", "item_variant", "color_master")
    deleted = [f"update {table} set deleted_at = now()".encode() for table in tables]
    for turn in range(8):
        bring(2, f"{turn}")
        if turn == 0:
            conn.execute("analyze color_master, size_master, item_master, item_variant")
        if turn % 2:
            for statement in deleted:
                conn.execute(statement)
    conn.execute("select pg_stat_force_next_flush()")
    fetched = "select sum(idx_tup_fetch) from pg_stat_user_tables where relname = any (%s)"
    before = one(conn, fetched, list(tables))
    bring(2000, "new")
    assert counts(conn, bring(2000, "changed")) == Counts(updated=2000)
    for statement in deleted:
        conn.execute(statement)
    assert counts(conn, bring(2000, "revived")) == Counts(updated=2000)
    conn.execute("select pg_stat_force_next_flush()")
    assert one(conn, fetched, list(tables)) - before < 150_000  # of 6,000 rows
