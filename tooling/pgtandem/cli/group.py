"""The group of all commands: what there is, errors as lines to read, exit codes."""

from __future__ import annotations

import traceback
from typing import Any, Final, NoReturn

import click
import psycopg

from pgtandem import __version__
from pgtandem.cli.lazy import LazyGroup
from pgtandem.cli.options import State, debug_option, dsn_option, say
from pgtandem.errors import EXIT_REFUSED, PgTandemError, describe, exit_code

EXIT_INTERRUPTED: Final = 130
"""Ctrl-C, as shells count it (128 + SIGINT), so that a script can tell it from a failed check."""

SECTIONS: Final = {
    "A mapping, in the order of use": (
        "init render plan prepare analyze migrate validate drift show repair rollback sync load"
    ),
    "The package": "demo deploy undeploy bundle status doctor report lint test",
    "Imports": "import worker",
}
"""Each verb is the module of the same name beside this one, and the command in it."""
MODULES: Final = {"import": "imports"}
"""The verbs that Python has taken, and their modules."""


class VerbGroup(LazyGroup):
    """The group of all commands, which turns errors into lines and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        ctx.ensure_object(State)  # one for the group and the verb
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt:
            say("Stopped.")
            ctx.exit(EXIT_INTERRUPTED)
        except (PgTandemError, psycopg.Error) as error:
            _fail(ctx, error, exit_code(error))
        except BrokenPipeError:
            raise  # click ends quietly when the reader of our output has gone
        except Exception as error:
            _fail(ctx, error, EXIT_REFUSED)


def _fail(ctx: click.Context, error: Exception, code: int) -> NoReturn:
    state = ctx.ensure_object(State)
    if state.debug:
        say("".join(traceback.format_exception(error)).rstrip())
    say(describe(error))
    if not state.debug and not isinstance(error, (PgTandemError, psycopg.Error, OSError)):
        say("HINT: This is a fault of pgtandem's; --debug shows where.")
    ctx.exit(code)


@click.group(
    cls=VerbGroup,
    package="pgtandem.cli",
    sections=SECTIONS,
    modules=MODULES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Connection: --dsn, else PGTANDEM_DSN, else libpq's PG* variables and service files, "
    "else an embedded server kept in .pgtandem/ under the working folder.  Data goes to stdout, "
    "talk to stderr.  Exit codes: 0 done, 1 a check failed or work was refused, 2 wrong use or no "
    "connection, 130 stopped by Ctrl-C.",
)
@click.version_option(__version__, prog_name="pgtandem")
@dsn_option
@debug_option
def main() -> None:
    """Move a live PostgreSQL database to its new shape and keep both shapes true.

    A mapping says how a flat table becomes a hierarchy of tables. First on a table of your own:
    init, deploy, plan, prepare, analyze, migrate, validate.
    """
