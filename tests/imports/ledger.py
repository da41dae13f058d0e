"""Jobs and runs of imports put into the ledger by hand, for what reads it."""

from __future__ import annotations

from psycopg import sql

from support.shop import Connection, one


def job(
    conn: Connection,
    *,
    state: str = "done",
    rows: int = 10,
    failed: int = 0,
    seconds: float = 1,
    ago: str = "1 hour",
    **more: object,
) -> int:
    """A job whose rows are all looked at, and which ended so long ago after so many seconds; one
    that runs has begun so many seconds ago, one that waits was handed in so long ago."""
    ended = "clock_timestamp() - %(ago)s::interval" if state not in ("queued", "running") else None
    begun = (
        None if state == "queued"
        else f"{ended or 'clock_timestamp()'} - make_interval(secs => %(seconds)s)"
    )  # fmt: skip
    columns = {
        "mapping": "items",
        "header": ["name"],
        "places": [1],
        "rows_in": rows,
        "is_durable": True,
        "batch_rows": 1000,
        "timeout_seconds": 600,
        "state": state,
        "next_row": 1 if state == "queued" else rows + 1,
        "unchanged": 0 if state == "queued" else rows - failed,
        "failed": failed,
    } | more
    query = sql.SQL(
        "insert into tandem.import_job ({}, created_at, started_at, finished_at) values ({}, {})"
        " returning import_id"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Literal, columns.values())),
        sql.SQL(f"clock_timestamp() - %(ago)s::interval, {begun or 'null'}, {ended or 'null'}"),
    )
    row = conn.execute(query, {"ago": ago, "seconds": seconds}).fetchone()
    assert row is not None
    return int(row[0])


def ledger_run(conn: Connection, import_id: int, **columns: object) -> int:
    """A run of an import; of these columns."""
    values = {
        "kind": "run_import",
        "mapping": "items",
        "import_id": import_id,
        "state": "running",
    } | columns
    query = sql.SQL("insert into tandem.run ({}) values ({}) returning run_id").format(
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Literal, values.values())),
    )
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def batch(conn: Connection, run_id: int, *, ago: str, milliseconds: float, rows: int = 10) -> None:
    """A batch of a run that ended so long ago."""
    number = one(conn, "select count(*) + 1 from tandem.run_batch where run_id = %s", run_id)
    conn.execute(
        "insert into tandem.run_batch values (%s, %s, 1, %s, 0, %s, 0, 0, %s,"
        " clock_timestamp() - %s::interval)",
        (run_id, number, rows, rows, milliseconds, ago),
    )
