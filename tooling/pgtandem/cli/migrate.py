"""`pgtandem migrate`: the rows moved while programs write, then checked."""

from __future__ import annotations

import click

from pgtandem.cli.checks import read_checks, show_checks, verdict
from pgtandem.cli.options import State, connected, database, json_option, mapping_argument, say
from pgtandem.cli.output import print_json, print_record
from pgtandem.cli.running import call, latest_run, phase_of, run_pairs
from pgtandem.errors import EXIT_REFUSED


@click.command("migrate")
@mapping_argument
@click.option(
    "--batch-rows",
    type=int,
    metavar="ROWS",
    help="Rows a batch; without it, batches adapt to --target-ms.",
)
@click.option("--target-ms", type=int, default=50, show_default=True, help="Aim of a batch.")
@click.option(
    "--pause-ms", type=int, default=0, show_default=True, help="Rest between two batches."
)
@click.option("--max-batches", type=int, help="Pause after so many; the same call goes on.")
@click.option("--dry-run", is_flag=True, help="Do each batch and roll it back.")
@click.option("--one-transaction", is_flag=True, help="All or nothing, for a maintenance window.")
@click.option(
    "--on-reject",
    type=click.Choice(["continue", "stop"]),
    default="continue",
    show_default=True,
    help="What to do at a row that cannot be moved.",
)
@click.option("--from", "key_from", metavar="KEY", help="The first flat key to migrate.")
@click.option("--to", "key_to", metavar="KEY", help="The last flat key to migrate.")
@json_option
@connected
def command(
    state: State,
    *,
    mapping: str,
    batch_rows: int | None,
    target_ms: int,
    pause_ms: int,
    max_batches: int | None,
    dry_run: bool,
    one_transaction: bool,
    on_reject: str,
    key_from: str | None,
    key_to: str | None,
    as_json: bool,
) -> None:
    """Switch the sync on, move the rows batch by batch, validate; exit 1 where a check failed.

    Programs go on writing. Ctrl-C, a killed client or server lose nothing: the same command goes on
    where it stopped.
    """
    with database(state) as db:
        call(
            db,
            "call tandem.migrate(p_mapping => %s, p_batch_rows => %s, p_target_ms => %s, "
            "p_pause_ms => %s, p_max_batches => %s, p_dry_run => %s, p_one_transaction => %s, "
            "p_on_reject => %s, p_from => %s, p_to => %s)",
            (
                mapping,
                batch_rows,
                target_ms,
                pause_ms,
                max_batches,
                dry_run,
                one_transaction,
                on_reject,
                key_from,
                key_to,
            ),
            kind="migrate",
            mapping=mapping,
        )
        run = latest_run(db, "migrate", mapping, key_from, key_to)
        phase = phase_of(db, mapping)
        complete = phase == "migrated" and not dry_run
        checks = read_checks(db, mapping) if complete else None
    if as_json:
        print_json({"run": run, "phase": phase, "checks": checks and checks.as_objects()})
    else:
        print_record(run_pairs(run))
        if checks is not None:
            show_checks(checks)
    if dry_run:
        say("A dry run: nothing was changed.")
    elif checks is None:
        say(f"{mapping} is not migrated as a whole yet; validate comes when it is.")
    elif not verdict(checks):
        raise click.exceptions.Exit(EXIT_REFUSED)
