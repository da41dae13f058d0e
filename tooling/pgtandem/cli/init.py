"""`pgtandem init`: a mapping written from a live table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pgtandem.cli.options import State, connected, database, say
from pgtandem.errors import UsageError
from pgtandem.propose import Proposal, propose
from pgtandem.scaffold import parse_part, scaffold

NEXT: Final = (
    ("test", "proves the mapping on a throwaway server"),
    ("deploy", "changes nothing outside the schemas tandem*"),
    ("plan", "what will run, and what it locks"),
    ("analyze", "what is in the data, and what stands in the way"),
    ("prepare", "makes the tables ready"),
    ("migrate", "moves the rows while programs write"),
)


@click.command("init")
@click.argument("table")
@click.option(
    "--level",
    "levels",
    multiple=True,
    metavar="NAME=COLUMN,..",
    help="A level and the columns that tell its rows; repeat it from the top down. Without any, "
    "levels are proposed from the data.",
)
@click.option(
    "--leaf",
    metavar="NAME[=COLUMN,..]",
    help="The level with a row per flat row; without columns it gets all that are left.",
)
@click.option(
    "--satellite",
    "satellites",
    multiple=True,
    metavar="NAME=COLUMN,..",
    help="Dated rows of a leaf, such as prices; the first column is the one that counts.",
)
@click.option("--name", help="The mapping's name; made from the table's otherwise.")
@click.option("--key", metavar="COLUMN", help="A unique column, if not the primary key.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: mappings/<name>.toml.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@connected
def command(
    state: State,
    *,
    table: str,
    levels: tuple[str, ...],
    leaf: str | None,
    satellites: tuple[str, ...],
    name: str | None,
    key: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """Write a mapping for TABLE from the live catalog; changes nothing in the database.

    TABLE is written as in SQL, such as product, shop.product or '"My Schema"."Table"'. Example:

        pgtandem init product --level brand=brand --level model=model --leaf item=sku,colour

    Without --level it looks at the rows and proposes levels; the file says why.
    """
    if not levels and (leaf or satellites):
        raise UsageError(
            "--leaf and --satellite need --level, too.",
            hint="Name all levels, or nothing at all: then all is proposed from the data.",
        )
    if levels and not leaf:
        raise UsageError("--level needs --leaf, the level with a row per flat row.")
    with database(state) as db:
        if levels and leaf:
            shape = Proposal(
                tuple(parse_part(text, "--level") for text in levels),
                parse_part(leaf, "--leaf", columns_needed=False),
                tuple(parse_part(text, "--satellite") for text in satellites),
                (),
            )
        else:
            shape = propose(db.conn, table, key)
        made = scaffold(
            db.conn,
            table,
            shape.levels,
            shape.leaf,
            shape.satellites,
            name=name,
            key=key,
            evidence=shape.evidence,
        )
    path = output or Path("mappings") / f"{made.mapping.name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(made.text)
    except FileExistsError:
        raise UsageError(f"{path} exists already.", hint="--force writes over it.") from None
    click.echo(path)
    for line in shape.evidence:
        say(line)
    for note in made.notes:
        say(f"Note: {note}")
    called = made.mapping.name
    width = len("pgtandem analyze ") + len(called)
    say(f"Next: read {path}, then")
    for verb, what in NEXT:
        say(f"  {f'pgtandem {verb} {called}'.ljust(width)}  # {what}")
