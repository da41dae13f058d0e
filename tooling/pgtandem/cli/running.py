"""What the verbs that call a committing procedure share: bar, Ctrl-C, summary of the run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

import click

from pgtandem.cli.group import EXIT_INTERRUPTED
from pgtandem.cli.options import Database, notice_text, say, show_notice, this_command
from pgtandem.cli.output import scalar, select
from pgtandem.progress import Stopped, call_with_bar
from pgtandem.slow_batches import slow_batches_cancelled

_LATEST_RUN: Final = """
select r.run_id, r.kind, r.mapping, r.state, r.total_rows, r.read_rows, r.written_rows,
    r.unchanged_rows, r.rejected_rows, r.batches, r.attempt, r.wal_bytes,
    coalesce(a.seconds, 0)::float8 as seconds, r.message
from tandem.run as r
-- without the time between two attempts, when nobody was at it
left join lateral (
    select sum(s.seconds) as seconds
    from (
        select extract(epoch from max(b.finished_at) - min(
            b.finished_at - make_interval(secs => b.milliseconds::float8 / 1000)
        )) as seconds
        from tandem.run_batch as b
        where b.run_id = r.run_id
        group by b.attempt
    ) as s
) as a on true
where r.kind = %s and r.mapping = %s
    and r.key_from is not distinct from %s::text and r.key_to is not distinct from %s::text
order by r.run_id desc
limit 1
"""


def call(
    db: Database,
    statement: str,
    arguments: Sequence[object],
    *,
    kind: str,
    mapping: str,
    import_id: int | None = None,
) -> None:
    """CALL with a bar; Ctrl-C ends it in the server, says how to go on, and exits with 130."""
    db.conn.remove_notice_handler(show_notice)
    watch = nullcontext() if import_id is None else slow_batches_cancelled(db.target, say)
    try:
        with watch:
            call_with_bar(
                db.target,
                db.conn,
                statement,
                arguments,
                kind=kind,
                mapping=mapping,
                notice=notice_text,
                import_id=import_id,
            )
    except Stopped:
        say(
            f"Stopped, in the server too. Nothing that {kind} has committed is lost.\n"
            f"Go on where it stopped:  {this_command()}"
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    finally:
        db.conn.add_notice_handler(show_notice)


def latest_run(
    db: Database, kind: str, mapping: str, key_from: str | None = None, key_to: str | None = None
) -> dict[str, Any]:
    """The last run of a kind, as tandem.run has it; empty where there is none."""
    found = select(db.conn, _LATEST_RUN, kind, mapping, key_from, key_to).as_objects()
    return found[0] if found else {}


def phase_of(db: Database, mapping: str) -> str | None:
    """The phase that a mapping is in."""
    query = "select m.phase from tandem.mapping as m where m.name = %s"
    phase: str | None = scalar(db.conn, query, mapping)
    return phase


def run_pairs(run: dict[str, Any]) -> list[tuple[str, object]]:
    """A run's figures for people."""
    if not run:
        return []
    seconds = float(run["seconds"])
    rate = f", {run['read_rows'] / seconds:,.0f} rows/s" if seconds > 0.001 else ""
    pairs: list[tuple[str, object]] = [
        ("run", f"{run['run_id']} ({run['state']})"),
        ("rows read", run["read_rows"]),
        ("  written", run["written_rows"]),
        ("  unchanged", run["unchanged_rows"]),
        ("  rejected", run["rejected_rows"]),
        ("batches", run["batches"]),
        ("time", f"{seconds:,.1f} s{rate}"),
        ("WAL", f"{run['wal_bytes'] / 1_000_000:,.1f} MB"),
    ]
    if run["attempt"] > 1:
        pairs.append(("attempts", run["attempt"]))
    if run["message"]:
        pairs.append(("message", run["message"]))
    return pairs
