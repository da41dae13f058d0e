"""What the source document on imports asks for line by line, where no other test proves it.

docs/requirements.md says for each line which test it is.
"""

from __future__ import annotations

from imports.jobs import run
from pgtandem.cli import worker
from support.databases import Database
from support.shop import one


def test_i05_the_unique_indexes_have_their_names_tables_and_rows(import_db: Database) -> None:
    found = import_db.owner().execute(
        "select tablename || ': ' || indexname, indexdef like '% WHERE (deleted_at IS NULL)'"
        " from pg_indexes where indexname like 'idx_%unique' order by 1"
    )
    assert found.fetchall() == [
        ("color_master: idx_color_master_color_name_unique", True),
        ("item_master: idx_item_master_name_unique", True),
        ("item_variant: idx_item_variant_item_id_color_id_size_id_unique", True),
        ("size_master: idx_size_master_size_name_unique", True),
    ]


def test_i06_a_job_says_when_it_was_touched_last(import_db: Database) -> None:
    conn = import_db.owner()
    touched = "select updated_at from tandem.import_job where import_id = %s"
    import_id = run(conn, [{"name": "A"}])
    before = one(conn, touched, import_id)
    conn.execute("update tandem.import_job set source = 'x' where import_id = %s", (import_id,))
    assert one(conn, touched, import_id) > before


def test_i07_the_settings_are_those_of_the_old_environment(import_db: Database) -> None:
    found = import_db.owner().execute(
        "select name, value from tandem.setting where name in ('import_batch_size',"
        " 'import_max_rows', 'import_timeout_seconds', 'import_background_threshold')"
    )
    assert dict(found.fetchall()) == {
        "import_batch_size": "1000",
        "import_max_rows": "50000",
        "import_timeout_seconds": "600",
        "import_background_threshold": "1000",
    }


def test_i09_progress_is_kept_for_longer_than_a_day(import_db: Database) -> None:
    conn = import_db.owner()
    import_id = run(conn, [{"name": "A"}])
    for table in ("import_job", "run"):
        conn.execute(
            f"update tandem.{table} set finished_at = finished_at - interval '86401 s'"
            " where import_id = %s".encode(),
            (import_id,),
        )
    conn.execute("call tandem.purge('2 days')")
    shown = "select percent from tandem.progress where kind = 'run_import'"
    assert one(conn, shown) == 100
    conn.execute("call tandem.purge('1 day')")
    assert one(conn, "select count(*) from tandem.import_job") == 0
    assert one(conn, "select count(*) from tandem.run where kind = 'run_import'") == 0


def test_i10_a_worker_looks_every_5_s_and_an_import_has_3_further_tries(
    import_db: Database,
) -> None:
    (poll,) = (option for option in worker.command.params if option.name == "poll")
    assert poll.default == 5
    query = "select value from tandem.setting where name = 'import_max_retries'"
    assert one(import_db.owner(), query) == "3"
