"""The linters: every rule is seen to fail on a bad sample and to pass on a good one."""

import io
import json
from pathlib import Path

import pytest

from pgtandem.lint import Finding, lint_project
from pgtandem.lint.rules import RULES
from pgtandem.lint.rules.templates import template_filters
from pgtandem.lint.run import check_house_rules, run_lint
from pgtandem.lint.source import read_source
from pgtandem.lint.sqlfluff_run import lint_with_sqlfluff
from pgtandem.render import SAFE_FILTERS, environment

CONFIG = Path(__file__).parent.parent / ".sqlfluff"
PIN = "set search_path = pg_catalog, pg_temp"


def house(sql: str, db_path: str = "triggers/x.sql", *more: str) -> list[Finding]:
    """House rules over one file (and `more` around it)."""
    others = [
        read_source(f"more{n}.sql", f"triggers/m{n}.sql", text) for n, text in enumerate(more)
    ]
    sources = [read_source("x.sql", db_path, sql), *others]
    return [finding for finding in check_house_rules(sources) if finding.path == "x.sql"]


def function(
    body: str,
    *,
    name: str = "_f",
    declare: str = "",
    head: str = "p_a integer",
    returns: str = "void",
) -> str:
    """A function that no rule objects to, around `body`."""
    declared = f"declare\n{declare}\n" if declare else ""
    return (
        f"create function tandem.{name}({head}) returns {returns}\nlanguage plpgsql\n{PIN}\n"
        f"as ${name}$\n{declared}begin\n{body}\nend\n${name}$;\n"
    )


def procedure(body: str, *, options: str = "", declare: str = "", name: str = "_run") -> str:
    """A procedure without a SET clause around `body`."""
    declared = f"declare\n{declare}\n" if declare else ""
    return (
        f"create procedure tandem.{name}(p_a integer)\nlanguage plpgsql {options}\n"
        f"as ${name}$\n{declared}begin\n{body}\nend\n${name}$;\n"
    )


LOCAL = "set local search_path = pg_catalog, pg_temp;"
PROBE = "begin\ncommit;\nexception when invalid_transaction_termination then\nnull;\nend;"
OTHER_PROBE = PROBE.replace("invalid_transaction_termination", "division_by_zero")
LOOP = "procedures/core/_run.sql"
IN_BLOCK = "create function tandem._f() returns int language sql as 'select 1';"
FAILED = "perform 1;\ncommit;\nexception when division_by_zero then null;"
ASKS = PROBE.replace("commit;", "rollback; return;")
RAISE = "raise exception 'x' using errcode = 'TD001'"
TABLE = "create table tandem._t (a integer, constraint t_pkey primary key (a));\n"

# code, bad, good; a pair (sql, path) where the file's place matters
SAMPLES: list[tuple[str, str | tuple[str, str], str | tuple[str, str]]] = [
    ("TH00", "create tabel tandem.x ();", TABLE),
    ("TH00", function("if then end if;"), function("return;")),
    ("TH01", "select a from t;", "select a from tandem.t;"),
    ("TH01", function("perform 1 from t;"), function("perform 1 from tandem.t;")),
    (
        "TH01",
        function("for r_a in select a from t loop null; end loop;", declare="r_a record;"),
        function(
            "for r_a in with t as (select 1 as a) select a from t loop null; end loop;",
            declare="r_a record;",
        ),
    ),
    (
        "TH01",
        function("perform 1 from new_rows;", head="", returns="trigger"),
        function("perform 1 from new_rows;", head="", returns="trigger")
        + "create trigger tandem_10_x after insert on tandem.t referencing new table as new_rows "
        "for each statement execute function tandem._f();",
    ),
    (
        "TH01",
        "select a from tandem.t as x where exists (select 1 from x);",
        "select a from tandem.t as x for update of x;",
    ),
    ("TH02", "select now();", "select pg_catalog.now(), coalesce(a, 1), current_user from s.t;"),
    (
        "TH02",
        function("p_a := abs(p_a);"),
        function("p_a := pg_catalog.abs(p_a) + extract(epoch from p_t);", head="p_a int, p_t time"),
    ),
    ("TH02", function("if abs(p_a) > 1 then null; end if;"), function("return;")),
    (
        "TH02",
        function("return;", declare="v_a integer := abs(p_a);"),
        function("return;", declare="v_a integer := pg_catalog.abs(p_a);"),
    ),
    ("TH02", "comment on table t is 'x';", "comment on table tandem.t is 'x';"),
    ("TH02", "drop function f();", "drop function tandem.f();"),
    ("TH02", "select 't'::regclass;", "select 'tandem.t'::regclass;"),
    ("TH03", function("return;").replace(PIN, ""), function("return;")),
    ("TH03", function("return;").replace(PIN, "set search_path = public"), function("return;")),
    (
        "TH03",
        "create function tandem._f() returns int language sql as $_f$ select 1 $_f$;",
        "-- lint: inlinable\n"
        "create function tandem._f() returns int language sql as $_f$ select 1 $_f$;",
    ),
    (
        "TH03",
        "-- lint: inlinable\ncreate function tandem._f() returns int language sql "
        "security definer as $_f$ select 1 $_f$;",
        f"create function tandem._f() returns int language sql {PIN} as $_f$ select 1 $_f$;",
    ),
    ("TH03", procedure("null;"), procedure(f"{LOCAL}\nnull;")),
    ("TH03", procedure(f"{LOCAL}\nnull;", options="security definer"), procedure(f"{LOCAL}")),
    (
        "TH03",
        f"do $do$ begin\n{IN_BLOCK}\nend $do$;",
        f"do $do$ begin\n-- lint: inlinable\n{IN_BLOCK}\nend $do$;",
    ),
    ("TH04", (procedure("commit;"), LOOP), (procedure(f"{LOCAL}\ncommit;\n{LOCAL}"), LOOP)),
    (
        "TH04",
        (procedure(f"{LOCAL}\ncommit;\nperform tandem.x();\n"), LOOP),
        (procedure(f"{LOCAL}\nif p_a > 1 then\ncommit;\nend if;\n{LOCAL}\nperform 1;"), LOOP),
    ),
    (
        "TH04",
        (procedure(f"{LOCAL}\nloop\nperform 1;\ncommit;\nend loop;"), LOOP),
        (procedure(f"{LOCAL}\nloop\nperform 1;\ncommit;\n{LOCAL}\nend loop;"), LOOP),
    ),
    ("TH04", (procedure(f"{LOCAL}\ncommit;", options=PIN), LOOP), (procedure(LOCAL), LOOP)),
    (
        "TH04",
        (procedure(f"{LOCAL}\ncommit;", options="security definer"), LOOP),
        (procedure(f"{LOCAL}\n{PROBE}\ncommit;\n{LOCAL}"), LOOP),
    ),
    (
        "TH04",
        (procedure(f"{LOCAL}\ncommit;", declare="v_a integer := p_a + 1;"), LOOP),
        (procedure(f"{LOCAL}\nv_a := p_a + 1;\ncommit;", declare="v_a integer := 1;"), LOOP),
    ),
    ("TH05", procedure(f"{LOCAL}\ncommit;"), (procedure(f"{LOCAL}\ncommit;"), LOOP)),
    (
        "TH05",
        procedure(f"{LOCAL}\nrollback;"),
        function(ASKS),
    ),
    (
        "TH06",
        (procedure(f"{LOCAL}\nbegin\nperform 1;\n{PROBE[6:]}"), LOOP),
        (procedure(f"{LOCAL}\n{PROBE}"), LOOP),
    ),
    (
        "TH06",
        (
            procedure(f"{LOCAL}\n{FAILED}"),
            LOOP,
        ),
        (procedure(f"{LOCAL}\nperform 1;\ncommit;"), LOOP),
    ),
    (
        "TH06",
        (procedure(f"{LOCAL}\n{OTHER_PROBE}"), LOOP),
        (procedure(f"{LOCAL}\n{PROBE}"), LOOP),
    ),
    ("TH07", function("return;").replace("$_f$", "$body$"), function("return;")),
    (
        "TH07",
        f"create function tandem._f() returns int language sql {PIN} as 'select 1';",
        f"create function tandem._f() returns int language sql {PIN} as $_f$select 1$_f$;",
    ),
    (
        "TH08",
        (function("return;"), "procedures/core/other.sql"),
        (function("return;"), "procedures/core/_f.sql"),
    ),
    (
        "TH08",
        (function("return;") + function("return;", name="_g"), "procedures/core/_f.sql"),
        ("create view tandem._v as select 1 as a;", "procedures/core/_v.sql"),
    ),
    ("TH08", (TABLE, "procedures/core/_t.sql"), (TABLE, "schema/core/x/up.sql")),
    (
        "TH09",
        function("return;", name="f"),
        function("return;", name="f") + "comment on function tandem.f(integer) is 'Does it.';",
    ),
    (
        "TH09",
        "create view tandem.v as select 1 as a; comment on view tandem.w is 'x';",
        "create view tandem.v as select 1 as a; comment on view tandem.v is 'x';",
    ),
    ("TH09", "create schema s;", "create schema s; comment on schema s is 'x';"),
    (
        "TH09",
        "create type tandem.t as (a integer);",
        "create type tandem.t as (a integer); comment on type tandem.t is 'x';",
    ),
    ("TH10", function(f"{RAISE};"), function(f"{RAISE}, hint = 'y';")),
    ("TH10", function("raise exception 'x' using hint = 'y';"), function("raise notice 'x';")),
    (
        "TH10",
        function("raise unique_violation;"),
        function("raise unique_violation using message = 'x', detail = 'y';"),
    ),
    (
        "TH10",
        function(f"begin {RAISE}; exception when sqlstate 'TD002' then raise; end;"),
        function(f"begin {RAISE}; exception when sqlstate 'TD001' then raise; end;"),
    ),
    (
        "TH11",
        function("begin perform 1;\nexception when others then null;\nend;"),
        function(
            "begin perform 1;\n-- lint: others: a row may raise anything\n"
            "exception when others then null;\nend;"
        ),
    ),
    (
        "TH11",
        function("begin perform 1;\nexception\n-- lint: others\nwhen others then null;\nend;"),
        function("begin perform 1;\nexception when division_by_zero then null;\nend;"),
    ),
    ("TH12", function("return;", head="a integer"), function("return;", head="p_a integer")),
    ("TH12", function("return;", declare="x integer;"), function("return;", declare="v_x int;")),
    (
        "TH12",
        function("return;", declare="v_run tandem.run%rowtype;"),
        function("return;", declare="r_run tandem.run%rowtype;"),
    ),
    (
        "TH12",
        function("return;", declare="run tandem.run;"),
        function("return;", declare="v_id tandem.run.run_id%type; r_run tandem.run;"),
    ),
    (
        "TH12",
        function("for i in 1..3 loop null; end loop;"),
        function("for v_i in 1..3 loop null; end loop;", returns="table (a integer)"),
    ),
    (
        "TH13",
        "create trigger x after insert on tandem.t for each row execute function tandem.f();",
        "create trigger tandem_10_x after insert on tandem.t "
        "for each row execute function tandem.f();",
    ),
    ("TH14", "create table tandem._t (a integer primary key);", TABLE),
    (
        "TH14",
        "alter table tandem.t add check (a > 0);",
        "alter table tandem.t add constraint t_a_check check (a > 0);",
    ),
    ("TH14", "create index on tandem.t (a);", "create index t_a_idx on tandem.t (a);"),
    (
        "TH14",
        function("perform $a$create table tandem.t (a integer primary key)$a$;"),
        function("perform 'create table %I (a integer primary key)';"),
    ),
    (
        "TH15",
        function("execute 'select 1'; return new;", head="", returns="trigger"),
        function("new.a := old.a; return new;", head="", returns="trigger"),
    ),
    (
        "TH15",
        function(
            "for r_a in execute 'select 1' loop null; end loop; return null;",
            head="",
            returns="trigger",
            declare="r_a record;",
        ),
        function("execute 'select 1';"),
    ),
    (
        "TH16",
        function(
            "for r_a in select 1 as a loop begin perform 1; exception when division_by_zero then "
            "null; end; end loop;",
            declare="r_a record;",
        ),
        function(
            "for v_i in 1..3 loop begin perform 1; exception when division_by_zero then "
            "null; end; end loop;"
        ),
    ),
    (
        "TH16",
        function(
            "foreach v_a in array p_a loop begin perform 1; exception when division_by_zero then "
            "null; end; end loop;",
            declare="v_a integer;",
            head="p_a integer[]",
        ),
        function(
            "loop begin perform 1; exit; exception when division_by_zero then null; end; end loop;"
        ),
    ),
    ("TH18", function("PERFORM 1;"), function("perform 'A' as \"A\"; -- A")),
    ("TH18", function("return; -- " + "x" * 100), function("return; -- " + "x" * 80)),
    ("TH18", function("\treturn;"), function("    return;")),
    ("TH19", function(r"perform 'a\_b';"), function(r"perform e'a\\_b', $x$a\_b$x$;")),
    ("TH18", function("return; "), function("return;\n\n")),
    (
        "TH20",
        function("return;").replace(PIN, f"{PIN} set enable_nestloop = off"),
        function("return;").replace(PIN, f"{PIN} set enable_nestloop = off set jit = off"),
    ),
    ("TH19", "-- lint: inlinable\n" + TABLE, TABLE),
    ("TH19", "-- lint: everything\n" + TABLE, TABLE + "-- a lint of wool"),
]


@pytest.mark.parametrize(("code", "bad", "good"), SAMPLES)
def test_rule(code: str, bad: str | tuple[str, str], good: str | tuple[str, str]) -> None:
    """The bad sample has the finding, the good one has not."""
    bad_sql, bad_path = bad if isinstance(bad, tuple) else (bad, "triggers/x.sql")
    good_sql, good_path = good if isinstance(good, tuple) else (good, "triggers/x.sql")
    assert code in {finding.code for finding in house(bad_sql, bad_path)}
    found = house(good_sql, good_path)
    assert code not in {finding.code for finding in found}
    assert "TH00" not in {finding.code for finding in found}


def test_every_rule_has_a_sample() -> None:
    """No rule without a sample; TH17 is tested below."""
    assert {code for code, _, _ in SAMPLES} == {*RULES, "TH00", "TH19"}


def test_a_call_of_a_committing_procedure_commits() -> None:
    """What calls the loop has no SET clause either and pins the path again after the CALL."""
    loop = procedure(f"{LOCAL}\ncommit;\n{LOCAL}")
    bad = procedure("call tandem._run(1);\nperform 1;", name="_migrate", options=PIN)
    codes = [finding.code for finding in house(bad, "triggers/x.sql", loop)]
    assert codes.count("TH04") == 3
    good = procedure(f"{LOCAL}\ncall tandem._run(1);", name="_migrate")
    assert house(good, "triggers/x.sql", loop) == []


def test_lines_are_those_of_the_file() -> None:
    """A finding in a body, in a statement of several lines, after a multi-byte character."""
    sql = "-- é\n\n" + function("return;\nperform 1\nfrom tandem.a,\n    b;")
    assert [(f.code, f.line) for f in house(sql)] == [("TH01", 11)]
    into = function("select 1, 2\n    into p_a,\n        p_a\nfrom a;\nselect 1 into p_a from b;")
    assert [(f.code, f.line) for f in house(into)] == [("TH01", 9), ("TH01", 10)]


TEMPLATES = [
    ("{{ m.name }}", "{{ m.name | ident }}"),
    ("{{ m.table | upper }}", "{{ m.value | literal }}"),
    ("{{ m.a | ident if x else m.b }}", "{{ m.a | ident if x else m.b | ident }}"),
    ("{{ m.a | indent(4) }}", "{{ m.a | literal | indent(4) }}"),
    ("{{ f(m.a) }}", "{% macro f(a) %}{{ a | ident }}{% endmacro %}{{ f(m.a) }}"),
    ("{% macro f(a) %}{{ a }}{% endmacro %}", "{{ ',' if not loop.last }}"),
    ("{{ m.value | trusted }}", "{{ level.name | trusted }}"),
    (
        "{% for a in m.values %}{{ a | trusted }}{% endfor %}",
        "{% for a, b in fault_tests(m) %}{{ a | trusted }}{% endfor %}",
    ),
    (
        "{% for n in ('a', 'b') %}{% endfor %}{% for n in m.values %}{{ n | trusted }}{% endfor %}",
        "{% for n in ('a', 'b') %}{{ n | trusted }}{% endfor %}",
    ),
    ("{% set n = m.value %}{{ n | trusted }}", "{% set n = 'a_' ~ l.name %}{{ n | trusted }}"),
    (
        "{% for a, n in l.key_params %}{{ a | trusted }}{% endfor %}",
        "{% for n in m.values %}{% endfor %}{% for a, n in l.key_params %}{{ n | trusted }}"
        "{% endfor %}",
    ),
    (
        "{% set n = 'a' %}{% if x %}{% set n = m.value %}{% endif %}{{ n | trusted }}",
        "{% set n = 'a' %}{% if x %}{% set n = 'b' %}{% endif %}{{ n | trusted }}",
    ),
    (
        "{% macro f(a) %}{{ a | trusted }}{% endmacro %}{{ f('x') }}{{ f(m.a) }}",
        "{% macro f(a, b='y') %}{{ a | trusted }}{{ b | trusted }}{% endmacro %}{{ f('x') }}",
    ),
    ("{% if %}", "{% if x %}{% endif %}"),
]


@pytest.mark.parametrize(("bad", "good"), TEMPLATES)
def test_template_filters(bad: str, good: str) -> None:
    """TH17: what comes out of a template is quoted."""
    jinja = environment()
    assert [f.code for f in template_filters("x", bad, jinja, SAFE_FILTERS)] == ["TH17"]
    assert list(template_filters("x", good, jinja, SAFE_FILTERS)) == []


SQLFLUFF = [
    ("CP01", "SELECT 1 as a;\n", "select 1 as a;\n"),
    ("CP02", "select A from tandem.t;\n", "select a from tandem.t;\n"),
    ("CP03", "select COALESCE(a, b) from tandem.t;\n", "select coalesce(a, b) from tandem.t;\n"),
    ("CP05", "select a::TEXT from tandem.t;\n", "select a::text[] from tandem.t;\n"),
    ("CV11", "select cast(a as text) as a from tandem.t;\n", "select a::text from tandem.t;\n"),
    ("LT01", "select a ,b from tandem.t;\n", "select a, b from tandem.t;\n"),
    ("LT05", f"select '{'x' * 100}' as a;\n", f"select '{'x' * 80}' as a;\n"),
    ("LT12", "select 1 as a;", "select 1 as a;\n"),
]


@pytest.mark.parametrize(("code", "bad", "good"), SQLFLUFF)
def test_sqlfluff(code: str, bad: str, good: str) -> None:
    """The configuration does what it says outside bodies."""
    sources = [read_source(name, name, text) for name, text in (("bad", bad), ("good", good))]
    found = lint_with_sqlfluff(sources, CONFIG, processes=1)
    assert {(finding.path, finding.code) for finding in found} == {("bad", code)}


def test_bodies_are_not_for_sqlfluff() -> None:
    """Why TH18 exists: sqlfluff takes a body for a string constant."""
    sources = [read_source("x", "x", function("PERFORM  1 ,2;"))]
    assert lint_with_sqlfluff(sources, CONFIG, processes=1) == []


def test_project(tmp_path: Path) -> None:
    """Static files, templates and rendered SQL, found under their names."""
    (tmp_path / "procedures").mkdir()
    (tmp_path / "procedures" / "_f.sql").write_text(function("perform now();"))
    (tmp_path / "procedures" / "_g.sql").write_text("create {{ m.x }};")
    (tmp_path / ".sqlfluff").write_text(CONFIG.read_text())

    class Rendered:
        path, sql = "m/triggers/x.sql", "select 1 as A;\n"

    found = lint_project(tmp_path, [Rendered()])
    assert [(f.path, f.line, f.code) for f in found] == [
        ("db/procedures/_f.sql", 6, "TH02"),
        ("db/procedures/_g.sql", 1, "TH17"),
        ("rendered/m/triggers/x.sql", 1, "CP02"),
    ]


def test_run(tmp_path: Path) -> None:
    """Exit codes, lines and JSON."""
    for folder in ("schema", "mappings"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".sqlfluff").write_text(CONFIG.read_text())
    out, talk = io.StringIO(), io.StringIO()
    path = tmp_path / "schema" / "x.sql"
    path.write_text("select pg_catalog.now() as a;\n")
    assert run_lint(db_dir=tmp_path, stdout=out, stderr=talk) == 0
    assert (out.getvalue(), talk.getvalue()) == ("", "lint: clean\n")
    path.write_text("select now() as a;\n")
    assert run_lint(db_dir=tmp_path, stdout=out, stderr=talk) == 1
    assert out.getvalue().startswith("db/schema/x.sql:1: TH02 function now() has no schema; ")
    out = io.StringIO()
    assert run_lint(db_dir=tmp_path, as_json=True, stdout=out, stderr=talk) == 1
    assert json.loads(out.getvalue())[0]["code"] == "TH02"
