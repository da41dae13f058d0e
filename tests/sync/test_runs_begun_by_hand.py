"""Runs that an operator begins or ends by hand: others read what is noted, and paste it."""

from __future__ import annotations

import pytest

from support.databases import Connection, Database
from support.shop import one
from sync.shops import sqlstate
from sync.test_attacks import synced

BEGIN = "select * from tandem._run_begin('migrate', 'products', %s)"


@pytest.fixture
def operated(db: Database) -> tuple[Connection, Connection]:
    """Sessions of the owner and of an operator."""
    owner = synced(db)
    owner.execute("select tandem.grant_to('old_app', 'operator')")
    return owner, db.old_app()


@pytest.mark.parametrize(
    "params",
    [
        '{"batch_rows": "1); drop table tblconfigprice; --"}',
        '{"one_transaction": "1); drop table tblconfigprice; --"}',
        '{"dry_run": "hello"}',
        '{"max_batches": 1e400}',
        '{"batch_rows": 1.5}',
        '{"on_reject": {"a": 1}}',
        '{"unknown": 1}',
        '"text"',
        "[]",
        "null",
        None,
    ],
)
def test_parameters_that_the_verb_does_not_have_are_refused(
    operated: tuple[Connection, Connection], params: str | None
) -> None:
    """Else next_step would have them in a statement to paste, or the views would end with 22P02."""
    owner, operator = operated
    assert sqlstate(operator, BEGIN, (params,)) == "22023"
    for view in ("status", "metrics", "doctor()"):
        assert sqlstate(owner, f"select * from tandem.{view}") is None
    assert sqlstate(owner, "call tandem.migrate('products')") is None


def test_text_of_a_run_is_quoted_in_its_call(operated: tuple[Connection, Connection]) -> None:
    owner, operator = operated
    text = "1'); drop table tblconfigprice; --"
    assert sqlstate(operator, BEGIN, (f'{{"from": "{text}"}}',)) is None
    operator.close()
    quoted = one(owner, "select quote_literal(%s)", text)
    assert f"p_from => {quoted});" in one(owner, "select next_step from tandem.status")


def test_what_a_run_stopped_with_ends_no_comment(operated: tuple[Connection, Connection]) -> None:
    owner, operator = operated
    run = one(operator, "select run_id from tandem._run_begin('migrate', 'products', '{}')")
    finish = "select tandem._run_finish(%s, 1, 'paused', %s)"
    assert sqlstate(operator, finish, (run, r'{"sqlstate": "X\ndrop;", "message": "m"}')) == "23514"
    message = r'{"sqlstate": "22000", "message": "m\n\rdrop table tblconfigprice;"}'
    operator.execute(finish.encode(), (run, message))
    next_step = one(owner, "select next_step from tandem.status")
    assert "m  drop table" in next_step and len(next_step.splitlines()) == 1
