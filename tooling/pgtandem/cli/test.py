"""`pgtandem test`: mappings proved on a throwaway server."""

from __future__ import annotations

import time

import click

from pgtandem.cli.options import debug_option, say
from pgtandem.cli.output import print_table
from pgtandem.errors import EXIT_REFUSED
from pgtandem.project import find_sync_mappings
from pgtandem.proof import ROWS, WRITES, prove


@click.command("test")
@click.argument("mappings", nargs=-1, metavar="[MAPPING]...")
@click.option("--rows", type=click.IntRange(min=500), default=ROWS, show_default=True)
@click.option(
    "--writes",
    type=click.IntRange(min=1),
    default=WRITES,
    show_default=True,
    help="So many random writes on both sides.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other rows and writes.")
@debug_option
def command(mappings: tuple[str, ...], rows: int, writes: int, seed: int) -> None:
    """Prove MAPPINGs on a server of their own; exit 1 where something failed.

    Random rows in a table made from the mapping's types, migrated (killed once, and resumed),
    written on both sides with drift 0 after each write, taken back and forward again. Touches no
    database of yours.
    """
    failed = 0
    for mapping in find_sync_mappings(mappings):
        started = time.monotonic()
        proofs = []
        for proof in prove(mapping, seed=seed, rows=rows, writes=writes):
            say(f"{mapping.name}: {proof.what}: {'ok' if proof.passed else 'FAILED'}")
            proofs.append(proof)
        print_table(
            ("result", mapping.name, "figures"),
            [("ok" if proof.passed else "FAILED", proof.what, proof.detail) for proof in proofs],
        )
        bad = sum(not proof.passed for proof in proofs)
        failed += bad
        seconds = time.monotonic() - started
        say(f"{mapping.name}: {len(proofs) - bad} proved, {bad} failed, in {seconds:.1f} s.")
    if failed:
        raise click.exceptions.Exit(EXIT_REFUSED)
