"""The flag: one function decides, once, and the same users stay in as the percentage grows."""

from __future__ import annotations

from decimal import Decimal
from math import sqrt
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports.jobs import run, state, submit
from support.cli import pgtandem
from support.databases import Database
from support.shop import Connection, one

USERS = 20_000
SHIRT = {"name": "Shirt", "color": "Red", "size": "M"}


def set_flag(conn: Connection, value: str | None = None, **more: object) -> None:
    named = "".join(f", p_{name} => %s" for name in more)
    conn.execute(
        f"select tandem.set_import_flag('items', %s{named})".encode(), (value, *more.values())
    )


def decide(conn: Connection, user: str | None) -> tuple[Any, ...]:
    row = conn.execute(
        "select importer, decided_by from tandem.import_flag_of('items', %s)", (user,)
    ).fetchone()
    assert row is not None
    return row


def refused(conn: Connection, statement: str, *values: object) -> str | None:
    """The SQLSTATE of a statement that fails with DETAIL and HINT."""
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode(), values or None)
    assert caught.value.diag.message_detail and caught.value.diag.message_hint
    return caught.value.sqlstate


def chosen(conn: Connection, import_id: int) -> tuple[Any, ...]:
    row = conn.execute(
        "select importer, decided_by from tandem.import_job where import_id = %s", (import_id,)
    ).fetchone()
    assert row is not None
    return row


GOLDEN = {
    ("items", "s", "1"): 97772,
    ("items", "s", "2"): 15192,
    ("items", "s", "ada@example.org"): 32934,
    ("items", "other salt", "1"): 92469,
    ("parts", "s", "1"): 9440,
    ("items", "s", "Zoë"): 80647,
    ("items", "s", ""): 78998,
}
"""Nobody changes these: users would change sides."""


@pytest.mark.parametrize("place", GOLDEN)
def test_nobody_changes_the_hash(import_db: Database, place: tuple[str, str, str]) -> None:
    found = one(import_db.owner(), "select tandem._import_bucket(%s, %s, %s)", *place)
    assert found == GOLDEN[place]


def test_whoever_is_in_stays_in_at_any_higher_percentage(import_db: Database) -> None:
    conn = import_db.owner()
    set_flag(conn, "percentage:0")
    buckets = [
        row[0]
        for row in conn.execute(
            "select f.bucket from generate_series(1, %s) as u,"
            " tandem.import_flag_of('items', u::text) as f",
            (USERS,),
        )
    ]

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(0, 100_000), min_size=1, max_size=3))
    def law(thousandths: list[int]) -> None:
        steps = {}
        for step in thousandths:
            set_flag(conn, None, percentage=Decimal(step) / 1000)
            steps[step] = {
                int(row[0])
                for row in conn.execute(
                    "select u from generate_series(1, %s) as u, tandem.import_flag_of('items',"
                    " u::text) as f where f.importer = 'new'",
                    (USERS,),
                )
            }
            # who is in is told by the bucket alone, so 10, 50, 30 keeps all who are below 30
            expected = {n for n, bucket in enumerate(buckets, 1) if bucket * 1000 < step}
            assert steps[step] == expected
            share = step / 100_000
            bound = 4.5 * sqrt(USERS * share * (1 - share)) + 1
            assert abs(len(expected) - USERS * share) <= bound
        for low, high in zip(sorted(steps), sorted(steps)[1:], strict=False):
            assert steps[low] <= steps[high]

    law()


def test_ten_then_fifty_then_thirty_keeps_all_below_thirty(import_db: Database) -> None:
    conn = import_db.owner()
    users = (
        "select coalesce(array_agg(u), '{}') from generate_series(1, 500) as u,"
        " tandem.import_flag_of('items', u::text) as f where f.importer = 'new'"
    )
    seen = []
    for n in (10, 50, 30):
        set_flag(conn, f"percentage:{n}")
        seen.append(set(one(conn, users)))
    ten, fifty, thirty = seen
    assert ten < thirty < fifty


def test_other_imports_have_other_first_users(import_db: Database) -> None:
    both = one(
        import_db.owner(),
        "select count(*) from generate_series(1, %s) as u"
        " where tandem._import_bucket('items', 's', u::text) < 10000"
        " and tandem._import_bucket('parts', 's', u::text) < 10000",
        USERS,
    )
    assert 100 < both < 300  # 200, were they independent


def test_the_first_rule_that_applies_decides(import_db: Database) -> None:
    conn = import_db.owner()
    assert decide(conn, "7") == decide(conn, None) == ("new", "default")
    set_flag(conn, "false", test_users=["1", "2"], denied=["2", "3"])
    assert decide(conn, "1") == decide(conn, "9") == ("old", "default")
    set_flag(conn, " TEST_users_only ")
    assert decide(conn, "1") == ("new", "test user")
    assert decide(conn, "2") == ("old", "denied")
    assert decide(conn, "9") == decide(conn, None) == ("old", "default")
    set_flag(conn, "percentage:100")
    assert decide(conn, "1") == ("new", "test user")
    assert decide(conn, "3") == ("old", "denied")
    assert decide(conn, "9") == decide(conn, None) == ("new", "percentage")
    set_flag(conn, "percentage: 99.999")
    assert decide(conn, None) == ("old", "percentage")
    set_flag(conn, "true")
    assert (decide(conn, "3"), decide(conn, "9")) == (("old", "denied"), ("new", "default"))
    set_flag(conn, kill_switch=True)
    assert {decide(conn, u) for u in ("1", "3", "9", None)} == {("old", "kill switch")}
    set_flag(conn, kill_switch=False)
    assert decide(conn, "9") == ("new", "default")


@pytest.mark.parametrize(
    ("value", "percentage", "kept"),
    [
        ("percentage:12.5", None, "percentage:12.5"),
        ("PERCENTAGE:050.500", None, "percentage:50.5"),
        ("percentage", 7, "percentage:7"),
        (None, "0.001", "percentage:0.001"),
        ("percentage:10", 10, "percentage:10"),
        ("percentage:100.000", None, "percentage:100"),
        ("True", None, "true"),
    ],
)
def test_a_value_is_kept_in_one_form(
    import_db: Database, value: str | None, percentage: object, kept: str
) -> None:
    conn = import_db.owner()
    set_flag(conn, value, percentage=percentage)
    assert one(conn, "select value from tandem.import_flag") == kept


@pytest.mark.parametrize(
    ("value", "percentage"),
    [
        ("percentage:", None),
        ("percentage:101", None),
        ("percentage:-1", None),
        ("percentage:1e1", None),
        ("percentage:NaN", None),
        ("percentage:0.0001", None),
        ("percentage:10", 20),
        ("percentage", None),
        (None, 101),
        (None, "NaN"),
        ("true", 10),
        ("yes", None),
        ("", None),
    ],
)
def test_nonsense_is_refused(import_db: Database, value: str | None, percentage: object) -> None:
    conn = import_db.owner()
    code = refused(
        conn, "select tandem.set_import_flag('items', %s, %s::numeric)", value, percentage
    )
    assert code == "22023"
    assert one(conn, "select count(*) from tandem.import_flag_change") == 0


def test_it_is_decided_once_when_an_import_is_submitted(import_db: Database) -> None:
    conn = import_db.owner()
    set_flag(conn, "test_users_only", test_users=["7"])
    mine, other = submit(conn, [SHIRT], user="7"), submit(conn, [SHIRT], user="8")
    set_flag(conn, "true")
    assert chosen(conn, mine) == ("new", "test user")
    assert chosen(conn, other) == ("old", "default")
    conn.execute(
        "create function busy() returns trigger language plpgsql as"
        " $$ begin raise exception 'busy' using errcode = '55P03'; end $$;"
        "create trigger busy before insert on item_master for each row execute function busy()"
    )
    conn.execute("update tandem.setting set value = 1 where name = 'batch_attempts'")
    for import_id in (mine, other):
        with pytest.raises(psycopg.Error) as caught:
            conn.execute("call tandem.run_import(%s)", (import_id,))
        assert caught.value.sqlstate == "55P03"
    conn.execute("drop trigger busy on item_master")
    set_flag(conn, kill_switch=True)
    for import_id in (mine, other):
        conn.execute("call tandem.run_import(%s)", (import_id,))
    assert (chosen(conn, mine)[0], chosen(conn, other)[0]) == ("new", "old")
    assert (state(conn, mine), state(conn, other)) == ("done", "done")


def test_the_kill_switch_is_for_what_is_submitted_next_and_says_what_waits(
    import_db: Database,
) -> None:
    conn = import_db.owner()
    notices: list[str] = []
    conn.add_notice_handler(lambda said: notices.append(said.message_primary or ""))
    set_flag(conn, kill_switch=True)
    assert notices == []
    set_flag(conn, kill_switch=False)
    waiting = submit(conn, [SHIRT])
    set_flag(conn, kill_switch=True)
    assert notices == ["1 import waits in the queue of the new path, and stays there"]
    assert chosen(conn, waiting) == ("new", "default")
    assert chosen(conn, run(conn, [SHIRT])) == ("old", "kill switch")
    conn.execute("call tandem.run_import(%s)", (waiting,))
    assert chosen(conn, waiting)[0] == "new"


def test_each_change_is_kept(import_db: Database) -> None:
    conn = import_db.owner()
    set_flag(conn, "false")
    salt = one(conn, "select salt from tandem.import_flag")
    set_flag(conn, "percentage:10", test_users=["a"])
    set_flag(conn, kill_switch=True)
    rows = conn.execute(
        "select before ->> 'value', after ->> 'value', after ->> 'kill_switch', changed_by"
        " from tandem.import_flag_change order by change_id"
    ).fetchall()
    assert rows == [
        (None, "false", "false", "shop_owner"),
        ("false", "percentage:10", "false", "shop_owner"),
        ("percentage:10", "percentage:10", "true", "shop_owner"),
    ]
    assert conn.execute("select salt, test_users from tandem.import_flag").fetchall() == [
        (salt, ["a"])
    ]


def test_a_mapping_that_is_no_import_has_no_flag(db: Database) -> None:
    assert refused(db.owner(), "select tandem.set_import_flag('products', 'true')") == "22023"


# --- the command ----------------------------------------------------------------------------------


def test_the_command_shows_and_sets(import_db: Database) -> None:
    def flag(*arguments: str) -> dict[str, Any]:
        done = pgtandem("import", "flag", "items", *arguments, "--json", dsn=import_db.owner_dsn)
        assert done.code == 0, done.err
        shown: dict[str, Any] = done.json()
        return shown

    assert (flag()["value"], flag()["set_by"]) == ("true", "no flag is set")
    assert flag("percentage:12.5", "--test-user", "7", "--test-user", "8")["test_users"] == [
        "7",
        "8",
    ]
    shown = flag("--kill")
    assert (shown["value"], shown["kill_switch"]) == ("percentage:12.5", True)
    shown = flag("--no-kill", "--percentage", "50", "--deny", "9", "--test-user", "")
    assert (shown["value"], shown["test_users"], shown["denied"]) == ("percentage:50", [], ["9"])
    people = pgtandem("import", "flag", "items", "nonsense", dsn=import_db.owner_dsn)
    assert (people.code, "[22023]" in people.err) == (2, True)
    assert "percentage:50" in pgtandem("import", "flag", "items", dsn=import_db.owner_dsn).out


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ({"USE_NEW_IMPORT_SYSTEM": "False"}, "false"),
        ({"USE_NEW_IMPORT_SYSTEM": "percentage:10"}, "percentage:10"),
        ({"USE_NEW_IMPORT_PERCENTAGE": "10"}, "percentage:10"),
        ({"USE_NEW_IMPORT_SYSTEM": "percentage", "USE_NEW_IMPORT_PERCENTAGE": "5"}, "percentage:5"),
        ({"USE_NEW_IMPORT_SYSTEM": "true", "USE_NEW_IMPORT_PERCENTAGE": "5"}, "true"),
    ],
)
def test_the_old_program_s_variables_set_it(
    import_db: Database, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], kept: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = pgtandem("import", "flag", "items", "--from-env", dsn=import_db.owner_dsn)
    assert done.code == 0, done.err
    assert one(import_db.owner(), "select value from tandem.import_flag") == kept


def test_the_variables_must_be_there(import_db: Database) -> None:
    for more in ((), ("true",)):
        done = pgtandem("import", "flag", "items", *more, "--from-env", dsn=import_db.owner_dsn)
        assert done.code == 2
