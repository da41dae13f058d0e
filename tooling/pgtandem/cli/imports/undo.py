"""`pgtandem import undo`: take back what an import has written."""

from __future__ import annotations

from typing import Final

import click

from pgtandem.cli.imports.shown import import_as_object
from pgtandem.cli.options import State, connected, database, json_option, say, this_command
from pgtandem.cli.output import print_json, print_table, scalar, select
from pgtandem.cli.running import call
from pgtandem.errors import EXIT_DONE, EXIT_REFUSED
from pgtandem.importing import no_import

_TO_UNDO: Final = """
select c.table_name as "table", c.action as change, sum(json_array_length(c.images)) as rows
from tandem.import_change as c
where c.import_id = %s
group by c.table_name, c.action
order by c.table_name, c.action
"""
_UNDONE: Final = """
select u.table_name as "table", u.action as change,
    count(*) filter (where u.outcome = 'reversed') as reversed,
    count(*) filter (where u.outcome = 'kept') as kept,
    count(*) filter (where u.outcome = 'error') as error
from tandem.import_undone as u
where u.import_id = %s
group by u.table_name, u.action
order by u.table_name, u.action
"""
_REASONS: Final = """
select u.table_name as "table", u.change, u.outcome, u.why, u.rows, u.ids
from (
    select i.table_name, i.action as change, i.outcome, i.why, count(*) as rows,
        (array_agg(i.row_id order by length(i.row_id), i.row_id))[:3] as ids
    from tandem.import_undone as i
    where i.import_id = %s and i.outcome <> 'reversed'
    group by i.table_name, i.action, i.outcome, i.why
) as u
order by u.rows desc, u.table_name, u.change, u.why
"""


@click.command("undo")
@click.argument("import_id", metavar="IMPORT", type=int)
@click.option("--yes", is_flag=True, help="Do it; without this, what would be undone is shown.")
@json_option
@connected
def command(state: State, *, import_id: int, yes: bool, as_json: bool) -> None:
    """Take back what IMPORT has written, as far as nobody has touched it since.

    Rows that it inserted are deleted, columns that it changed get their values of before. What was
    written since, or is needed by other rows, is kept and listed with the reason. Stopped, the same
    command goes on.

    Exit code: 0 all of it is taken back, 1 something is kept, or --yes was not said.
    """
    with database(state) as db:
        job = import_as_object(db, import_id)
        if job is None:
            raise no_import(import_id)
        # what cannot be undone is refused before it is shown
        scalar(db.conn, "select j.state from tandem._import_to_undo(%s) as j", import_id)
        if not yes:
            changes = select(db.conn, _TO_UNDO, import_id)
            if as_json:
                print_json({"import_id": import_id, "to_undo": changes.as_objects()})
            else:
                print_table(changes.columns, changes.rows)
            say(f"Nothing was changed. To take it back:  {this_command('--yes')}")
            raise click.exceptions.Exit(EXIT_REFUSED)
        call(
            db,
            "call tandem.undo_import(%s)",
            (import_id,),
            kind="undo_import",
            mapping=job["mapping"],
            import_id=import_id,
        )
        undone = select(db.conn, _UNDONE, import_id)
        reasons = select(db.conn, _REASONS, import_id)
    if as_json:
        print_json(
            {
                "import_id": import_id,
                "undone": undone.as_objects(),
                "not_undone": reasons.as_objects(),
            }
        )
    elif undone.rows:
        print_table(undone.columns, undone.rows)
        if reasons.rows:
            print_table(
                ("table", "change", "outcome", "why", "rows", "ids, such as"),
                [(*row[:-1], ", ".join(row[-1])) for row in reasons.rows],
                limit=120,
            )
    else:
        say(f"Import {import_id} has written nothing.")
    raise click.exceptions.Exit(EXIT_REFUSED if reasons.rows else EXIT_DONE)
