"""`pgtandem import scan`: every lock that a program writes down is found, and prose is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtandem.scan import Report, Wanted, scan
from pgtandem.scan.files import LARGEST
from pgtandem.scan.pysource import scan_python
from pgtandem.scan.sqltext import scan_sql, settled
from support.cli import Done, pgtandem
from support.databases import Database

APP = """
    with engine.begin() as conn:
        conn.execute(text("LOCK TABLE tblproduct IN ACCESS EXCLUSIVE MODE"))
        rows = load(conn)
"""
ROUTES = '''
    cur.execute("""
        LOCK TABLE tblproduct
        IN EXCLUSIVE MODE
    """)
'''


def python(code: str) -> list[tuple[int, str, str, str | None]]:
    """Line, kind, tables and mode of what is found in a program."""
    found, fault = scan_python("x.py", code)
    assert fault is None
    return [(f.line, f.kind, ", ".join(f.tables), f.mode) for f in settled(found).findings]


def sql(code: str) -> list[tuple[int, str, str, str | None]]:
    """The same for a file of SQL."""
    findings = settled(scan_sql("x.sql", code)).findings
    return [(f.line, f.kind, ", ".join(f.tables), f.mode) for f in findings]


def tree(root: Path, **files: str) -> Report:
    """A scan of files of these names, `_` being a dot, and contents."""
    for name, content in files.items():
        (root / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return scan([root], Wanted())


def shop(root: Path) -> Path:
    """The importer as it is today: two programs and the lines where they lock."""
    routes = root / "app" / "api"
    routes.mkdir(parents=True)
    filler = "def f{0}(x):\n    return x  # LOCK TABLE is taken below\n"
    app = "".join(map(filler.format, range(1161))) + "def run(engine):" + APP
    (root / "app.py").write_text(app)
    api = "".join(map(filler.format, range(672))) + "\ndef route(cur):" + ROUTES
    (routes / "routes.py").write_text(api)
    return root


def test_the_shops_two_places_are_found_where_they_are(tmp_path: Path) -> None:
    done = pgtandem("import", "scan", ".", "--json", dsn=None, folder=shop(tmp_path))
    assert done.code == 1, done
    found = done.json()
    assert [(f["path"], f["line"], f["kind"], f["mode"]) for f in found["findings"]] == [
        ("app.py", 2325, "lock", "ACCESS EXCLUSIVE"),
        ("app/api/routes.py", 1348, "lock", "EXCLUSIVE"),
    ]
    assert found["summary"]["blockers"] == 2 and found["summary"]["files"] == 2
    assert found["clean"] is False
    shown = pgtandem("import", "scan", ".", dsn=None, folder=tmp_path)
    assert "app.py:2325" in shown.out and "app/api/routes.py:1348" in shown.out
    assert shown.err.splitlines()[-1].startswith("Next: app.py:2325 takes an ACCESS EXCLUSIVE lock")


@pytest.mark.parametrize(
    ("expression", "table", "mode"),
    [
        ('"LOCK TABLE a"', "a", "ACCESS EXCLUSIVE"),
        ('"lock a"', "a", "ACCESS EXCLUSIVE"),
        ('"LOCK TABLE ONLY s.a, b IN SHARE MODE NOWAIT"', "s.a, b", "SHARE"),
        ('b"LOCK TABLE a"', "a", "ACCESS EXCLUSIVE"),
        ("'LOCK' ' TABLE ' r'a'", "a", "ACCESS EXCLUSIVE"),
        ('"LOCK TABLE " + t + " IN EXCLUSIVE MODE"', "{t}", "EXCLUSIVE"),
        ('"LOCK TABLE " + NAME', "tblproduct", "ACCESS EXCLUSIVE"),
        ('f"LOCK TABLE {t} IN {m} MODE"', "{t}", "unknown"),
        ('f"LOCK TABLE {s}.{t}"', "{s}.{t}", "ACCESS EXCLUSIVE"),
        ('f"LOCK TABLE tbl{t}"', "tbl{t}", "ACCESS EXCLUSIVE"),
        ('f"LOCK TABLE {NAME} {tail}"', "tblproduct", "unknown"),
        ('f"{before} LOCK TABLE a"', "a", "ACCESS EXCLUSIVE"),
        ('"LOCK TABLE %s" % t', "{t}", "ACCESS EXCLUSIVE"),
        ('"LOCK TABLE %(t)s IN %(m)s MODE" % {"t": NAME, "m": "SHARE"}', "tblproduct", "SHARE"),
        ('"LOCK TABLE {} IN {m} MODE".format(t, m="SHARE")', "{t}", "SHARE"),
        ('"LOCK TABLE {}"', "{}", "ACCESS EXCLUSIVE"),
        ('sql.SQL("LOCK TABLE {}").format(sql.Identifier("S", "a"))', "S.a", "ACCESS EXCLUSIVE"),
        ('sql.SQL("LOCK TABLE ") + sql.Identifier("a")', "a", "ACCESS EXCLUSIVE"),
        ('text("LOCK TABLE :t IN SHARE MODE")', "{:t}", "SHARE"),
        ('text("LOCK TABLE a").execution_options(x=1)', "a", "ACCESS EXCLUSIVE"),
        ('" ".join(["LOCK TABLE", t, "IN SHARE MODE"])', "{t}", "SHARE"),
        ('"LOCK TABLE " + ", ".join(ts)', "{', '.join(ts)}", "ACCESS EXCLUSIVE"),
        ('dedent("""\\\n  lock /* x\n  */ -- y\n table a""")', "a", "ACCESS EXCLUSIVE"),
        ('"BEGIN; LOCK TABLE a; COMMIT"', "a", "ACCESS EXCLUSIVE"),
        ('"DO $$ begin lock table a; end $$"', "a", "ACCESS EXCLUSIVE"),
        ('"LOCK TABLES a WRITE, b AS c READ LOCAL"', "a, b", "ACCESS EXCLUSIVE"),
        ("\"psql --command 'lock table a'\"", "a", "ACCESS EXCLUSIVE"),
        ("'psql -c \"lock table a\"'", "a", "ACCESS EXCLUSIVE"),
        ('["psql", "--command=LOCK TABLE a"]', "a", "ACCESS EXCLUSIVE"),
        ('(lambda: "LOCK TABLE a")()', "a", "ACCESS EXCLUSIVE"),
        ("f\"{run('LOCK TABLE a')}\"", "a", "ACCESS EXCLUSIVE"),
    ],
)
def test_every_form_of_a_string(expression: str, table: str, mode: str) -> None:
    code = f'NAME = "tblproduct"\ndef f(cur, t, m):\n    cur.execute({expression})\n'
    assert [row[1:] for row in python(code)] == [("lock", table, mode)]


@pytest.mark.parametrize(
    "code",
    [
        '"""LOCK TABLE a;"""',
        'def f():\n    """LOCK TABLE a;"""',
        "# LOCK TABLE a",
        'log.info("lock table rows for a moment")',
        'cur.execute("lock table rows for a moment")',
        'logger.warning("LOCK TABLE a")',
        'self.log.debug(f"LOCK TABLE {t}")',
        'raise ValueError("LOCK TABLE a")',
        'x = "LOCK TABLE a" in y',
        'y.startswith("LOCK TABLE a")',
        're.search("LOCK TABLE a", y)',
        'parser.add_argument("--x", help="lock table a")',
        'label = "Lock account"',
        'button("Truncate description")',
        'title = f"Lock {name}"',
        'x = {"LOCK TABLE": 1}',
        'cur.execute("select lock, lock_table from lock where truncated")',
        'cur.execute("select lock from t -- lock table a")',
        'cur.execute("unlock table a")',
        'cur.execute("select pg_advisory_unlock(1), date_trunc(1)")',
        "Product.objects.select_for_update().get(pk=1)",
        "session.query(P).with_for_update().all()",
        'cur.execute("select * from t where a = 1 for update")',
        'cur.execute("select * from t limit 1 for update")',
        'cur.execute(f"select * from t {where} for update")',
        'cur.execute("create index concurrently i on t (a)")',
        'cur.execute("vacuum analyze t")',
        'cur.execute("alter table products to taste")',
    ],
)
def test_false_friends(code: str) -> None:
    assert python(code) == []


def test_a_statement_in_pieces_is_read_as_the_program_builds_it() -> None:
    code = 'q = "LOCK TABLE "\nq += t\nq += " IN SHARE MODE"\nrun(q)\n'
    assert python(code) == [(1, "lock", "{t}", "SHARE")]
    assert python('parts.append("LOCK TABLE ")') == [(1, "lock", "", "unknown")]
    bare = 'wanted = "lock products"\ncur.execute(wanted)\n'
    assert python(bare) == [(1, "lock", "products", "ACCESS EXCLUSIVE")]


def test_lines_are_those_of_the_word() -> None:
    code = 'é = 1\ncur.execute(\n    f"select {é};"\n    f"LOCK TABLE {t} "\n    "IN SHARE MODE"\n)'
    assert python(code) == [(4, "lock", "{t}", "SHARE")]
    assert python('cur.execute("""\n\n  {x}\n; lock\n a""".format(x=1))')[0][0] == 4


SQL = r"""
-- lock table no;
LOCK a; lock table only (b), "C d".e in share mode nowait;
/* lock table no; /* nested */ lock table no; */
create function f() returns void language plpgsql as $f$
declare lock boolean;
begin
  if true then lock table c in exclusive mode; end if;
  execute 'lock table ' || quote_ident(t) || ' in exclusive mode';
  execute format('lock table %I in %s mode', t, m);
  raise notice 'lock table no; %', 'lock table no';
  raise exception using
    hint = 'lock table no';
end $f$;
do 'begin truncate d restart identity; end';
comment on table x is 'lock table no';
select 'lock no', 'lock table rows for a moment', lock from lock;
copy t from stdin;
lock table no;
\.
\echo lock table no;
\set q 'lock table :t'
lock table :"t" in row exclusive mode \g
lock tbl_{{ x }}_y;
insert into t values ('it\'s'); lock table h; insert into t values ('b');
"""


def test_sql_with_bodies_strings_and_other_tools_marks() -> None:
    assert sql(SQL) == [
        (3, "lock", "a", "ACCESS EXCLUSIVE"),
        (3, "lock", "b, C d.e", "SHARE"),
        (8, "lock", "c", "EXCLUSIVE"),
        (9, "lock", "{quote_ident(t)}", "EXCLUSIVE"),
        (10, "lock", "{%I}", "unknown"),
        (15, "truncate", "d", "ACCESS EXCLUSIVE"),
        (22, "lock", "{:t}", "ACCESS EXCLUSIVE"),
        (23, "lock", '{:"t"}', "ROW EXCLUSIVE"),
        (24, "lock", "tbl_{{ x }}_y", "ACCESS EXCLUSIVE"),
        (25, "lock", "h", "ACCESS EXCLUSIVE"),
    ]


@pytest.mark.parametrize(
    ("statement", "kind", "severity"),
    [
        ("lock table t", "lock", "blocker"),
        ("lock table t in share row exclusive mode", "lock", "blocker"),
        ("lock table t in share update exclusive mode", "lock", "note"),
        ("lock table t in access share mode", "lock", "note"),
        ("lock tables t read", "lock", "blocker"),
        ("flush tables with read lock", "lock", "blocker"),
        ("truncate t", "truncate", "blocker"),
        ("select pg_advisory_xact_lock(1)", "advisory", "warning"),
        ("select pg_try_advisory_lock_shared(1, 2)", "advisory", "warning"),
        ("select * from t for update", "for_update", "warning"),
        ("select * from t as a join u using (i) for no key update of a", "for_update", "warning"),
        ("with x as (select 1 from t for share) select 1 from x", "for_update", "warning"),
        ("alter table t disable trigger all", "disable_trigger", "warning"),
        ("alter table if exists only t add a int", "alter_table", "warning"),
        ("alter table t validate constraint c", "alter_table", "note"),
        ("alter table t validate constraint c, drop b", "alter_table", "warning"),
        ("create unique index on t (a)", "create_index", "warning"),
        ("drop index if exists i, j", "drop_index", "warning"),
        ("vacuum full t", "vacuum_full", "warning"),
        ("vacuum (analyze, full) t", "vacuum_full", "warning"),
        ("cluster t using i", "cluster", "warning"),
        ("reindex (verbose) table t", "reindex", "warning"),
        ("create temp table t (a int); truncate t", "truncate", "note"),
        ("create table t (a int); create index on t (a)", "create_index", "note"),
        ("create table t (a int); lock table t", "lock", "blocker"),
    ],
)
def test_kinds_and_severities(statement: str, kind: str, severity: str) -> None:
    for text in (statement, statement.upper() + ";"):
        found = settled(scan_sql("x.sql", text)).findings
        assert [(f.kind, f.severity) for f in found] == [(kind, severity)]


BLANK = st.text(" \t\n", min_size=1, max_size=3)
GAP = st.one_of(
    BLANK,
    st.sampled_from(["/* x */", "/* a /* ; */ ' */", " -- lock\n", "\n--\n", " /**/ "]),
)


def cased(word: str) -> st.SearchStrategy[str]:
    """A word in any mixture of capitals and small letters."""
    return st.lists(st.booleans(), min_size=len(word), max_size=len(word)).map(
        lambda up: "".join(c.upper() if u else c.lower() for c, u in zip(word, up, strict=True))
    )


@st.composite
def locks(draw: st.DrawFn) -> tuple[str, str]:
    """A LOCK in some spelling, and its mode."""
    mode = draw(st.sampled_from(["SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE"]))
    words = ["LOCK", "TABLE", "tblproduct", "IN", *mode.split(), "MODE"]
    text = draw(st.one_of(st.just(""), GAP))
    for word in words:
        text += draw(cased(word)) + draw(GAP)
    return text + draw(st.sampled_from(["", ";", "; select 1"])), mode


@given(locks())
def test_no_spelling_hides_a_lock(drawn: tuple[str, str]) -> None:
    """In SQL, in a body, and in a Python string of either form."""
    text, mode = drawn
    texts = [text, f"select 1;{text}", f"do $$begin {text}\n; end$$"]
    for one in texts:
        assert [(row[1], row[3]) for row in sql(one)] == [("lock", mode)], one
    for code in (f"x = {text!r}", f'x = """{text}"""', f'x = f"""{text}"""'):
        assert [(row[1], row[3]) for row in python(code)] == [("lock", mode)], code


@given(st.text("'\"$;\\`{}%:-/*\n abLOCKTE", max_size=60))
def test_nothing_that_stands_before_stops_the_reading(text: str) -> None:
    """No text is an error; what is written behind it in a string of its own is found."""
    scan_sql("x.sql", text)
    assert ("lock", "t") in {row[1:3] for row in python(f"x = {text!r}\ny = 'lock table t'")}


WAIVED = """
-- pgtandem: allow lock: nightly, alone
lock table a;
lock table b; -- pgtandem: allow lock: alone
lock table c;
/* pgtandem: allow truncate: staging */
truncate d;
-- pgtandem: allow truncate: another kind
lock table e;
-- pgtandem: allow lock
lock table f;
-- pgtandem: allow lock: nothing
select 'pgtandem: allow lock: in a string';
lock table g;
"""


def test_a_waiver_needs_a_reason_and_its_place(tmp_path: Path) -> None:
    report = tree(tmp_path, a_sql=WAIVED)
    assert [(f.tables[0], f.reason) for f in report.waived] == [
        ("a", "nightly, alone"),
        ("b", "alone"),
        ("d", "staging"),
    ]
    assert [f.tables[0] for f in report.findings] == ["c", "e", "f", "g"]
    remarks = "\n".join(report.remarks)
    assert "a.sql:10: `pgtandem: allow lock` has no reason" in remarks
    assert "a.sql:8: `pgtandem: allow truncate` allows nothing" in remarks
    assert "a.sql:12: `pgtandem: allow lock` allows nothing" in remarks


def test_a_waiver_in_python_stands_above_the_call(tmp_path: Path) -> None:
    code = (
        "# pgtandem: allow lock: alone at night\n"
        'cur.execute(\n    "lock table a"\n)\n'
        'cur.execute("lock table b")  # pgtandem: allow lock: b\n'
        'cur.execute("lock table c")\n'
        "# pgtandem: allow lock: two\n"
        'cur.execute("""\n\nlock table d;\nlock table e""")\n'
        'x = "# pgtandem: allow lock: a string"; cur.execute("lock table f")\n'
    )
    report = tree(tmp_path, a_py=code)
    assert [f.tables[0] for f in report.waived] == ["a", "b"]
    assert [f.tables[0] for f in report.findings] == ["c", "d", "e", "f"]


def test_only_the_tables_of_the_import_and_those_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'run("lock table TblProduct")\nrun("lock table shop.tblproduct")\nrun("lock table other")\n'
        'run(f"lock table {t}")\nrun("truncate tblproduct")\n'
    )

    def lines(*options: str) -> list[int]:
        done = pgtandem("import", "scan", tmp_path, *options, "--json", dsn=None)
        return sorted(finding["line"] for finding in done.json()["findings"])

    assert lines() == [1, 2, 3, 4, 5]
    assert lines("--table", "tblproduct") == [1, 2, 4, 5]
    assert lines("--table", "main.tblproduct") == [1, 4, 5]
    assert lines("--table", "tblproduct", "--table", "other", "--kind", "lock") == [1, 2, 3, 4]


def test_which_files_are_read(tmp_path: Path) -> None:
    statement = "lock table a;"
    for name in ("a.sql", "b.psql", "c.txt", "Z.DDL.sql", "sub/d.sql", ".git/e.sql"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(statement)
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "link.sql").symlink_to(tmp_path / "a.sql")
    (tmp_path / "gone.sql").symlink_to(tmp_path / "nothing.sql")
    (tmp_path / "large.sql").write_bytes(b" " * (LARGEST + 1))
    (tmp_path / "binary.sql").write_bytes(b"lock table a;\0")
    (tmp_path / "wide.sql").write_text(statement, encoding="utf-16")
    (tmp_path / "old.sql").write_bytes("-- é\r\nlock table a;".encode("latin-1"))

    def names(wanted: Wanted) -> list[str]:
        found = scan([tmp_path], wanted).findings
        return sorted(Path(f.path).relative_to(tmp_path).as_posix() for f in found)

    every = ["Z.DDL.sql", "a.sql", "b.psql", "old.sql", "sub/d.sql", "wide.sql"]
    assert names(Wanted()) == every
    assert names(Wanted(exclude=("sub", "*.psql", "[ow]*"))) == ["Z.DDL.sql", "a.sql"]
    assert names(Wanted(include=("*.txt",))) == ["c.txt"]
    report = scan([tmp_path], Wanted())
    assert report.files == 6
    said = "\n".join(report.remarks)
    assert "1 binary files, 1 files over 5 MB" in said and "old.sql is not UTF-8" in said
    assert [f.line for f in report.findings if f.path.endswith("old.sql")] == [2]
    assert len(scan([tmp_path / "c.txt"], Wanted()).findings) == 1, "a file that is named is read"


def test_folders_and_pipes_of_fitting_names_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.sql").mkdir()
    (tmp_path / "b.sql").write_text("select 1")
    assert scan([tmp_path], Wanted()).files == 1
    os.mkfifo(tmp_path / "c.sql")
    assert scan([tmp_path], Wanted()).files == 1


def test_python_that_is_none_is_searched_string_by_string(tmp_path: Path) -> None:
    code = (
        'def f(t):\n    """LOCK TABLE doc"""\n    print "x"  # "LOCK TABLE no"\n'
        '    cur.execute("LOCK TABLE a IN " +\n        "SHARE MODE")\n'
        '    cur.execute("LOCK TABLE %s" % t)\n'
        '    s = u"LOCK TABLE " + t + " IN EXCLUSIVE MODE"\n'
        "    # pgtandem: allow lock: still\n"
        '    cur.execute("LOCK TABLE b")\n'
    )
    report = tree(tmp_path, old_py=code)
    assert [(f.line, f.tables[0], f.mode) for f in report.findings] == [
        (4, "a", "SHARE"),
        (6, "{%s}", "ACCESS EXCLUSIVE"),
        (7, "{t}", "EXCLUSIVE"),
    ]
    assert [f.tables[0] for f in report.waived] == ["b"]
    assert "old.py is no Python" in report.remarks[0]


def test_an_f_string_of_a_newer_python_is_found_without_its_parser(tmp_path: Path) -> None:
    code = 'print "old"\ncur.execute(f"LOCK TABLE {d["x"]}")\nrun(f"LOCK TABLE {d[\'y\']};")\n'
    assert [f.line for f in tree(tmp_path, a_py=code).findings] == [2, 3]


def test_cells_of_a_notebook(tmp_path: Path) -> None:
    sources = [
        ("markdown", "lock table no;"),
        ("code", ["%load_ext sql\n", "cur.execute('lock table a')\n", "%sql lock table b"]),
        ("code", ["%%sql\n", "lock table c;"]),
    ]
    cells = [{"cell_type": kind, "source": source} for kind, source in sources]
    report = tree(tmp_path, n_ipynb=json.dumps({"cells": cells}))
    found = sorted((Path(f.path).name, f.line, f.tables[0]) for f in report.findings)
    assert found == [("n.ipynb#2", 2, "a"), ("n.ipynb#2", 3, "b"), ("n.ipynb#3", 2, "c")]
    assert "no notebook" in tree(tmp_path, m_ipynb="{}").remarks[0]


def test_exit_codes(tmp_path: Path) -> None:
    def run(*arguments: str | Path) -> Done:
        return pgtandem("import", "scan", *arguments, dsn=None, folder=tmp_path)

    nothing = run(tmp_path)
    assert (nothing.code, nothing.out) == (2, "") and "HINT" in nothing.err
    for wrong in ((), ("absent",), (".", "--kind", "locks")):
        done = run(*wrong)
        assert (done.code, done.out) == (2, ""), done
        assert "Traceback" not in done.err
    file = tmp_path / "a.sql"
    file.write_text("select 1;")
    clean = run(".")
    assert (clean.code, clean.out) == (0, "") and "1 files: 0 blockers" in clean.err
    file.write_text("lock table a in row exclusive mode;")
    note = run(".")
    assert note.code == 0 and "note" in note.out
    file.write_text("lock table a; -- pgtandem: allow lock: why not")
    waived = run(".")
    assert waived.code == 0 and "why not" in waived.out and "1 allowed" in waived.err
    file.write_text("vacuum full;")
    assert run(".").code == 1
    assert pgtandem("import", dsn=None).code in (0, 2)
    assert "scan" in pgtandem("import", "--help", dsn=None).out
    assert "import" in pgtandem("--help", dsn=None).out


def test_functions_of_a_database(db: Database) -> None:
    """pgtandem's own, which lock what they must, are left out."""
    owner = db.owner()
    before = pgtandem("import", "scan", "--database", "--json", dsn=db.owner_dsn)
    assert (before.code, before.json()["findings"]) == (0, [])
    owner.execute("create schema shop")
    owner.execute(
        "create procedure shop.load() language plpgsql as $$\nbegin\n  -- the importer\n"
        "  lock table public.tblproduct in exclusive mode;\n"
        "  execute format('truncate %I', 'x');\nend $$"
    )
    owner.execute(
        "create function shop.one(a int) returns void language sql as $$\n"
        "-- pgtandem: allow advisory: one importer at a time\n"
        "select pg_advisory_xact_lock(a) $$"
    )
    owner.execute("create function shop.one(a text) returns void language sql as 'lock tblproduct'")
    owner.execute(
        "create function shop.every() returns setof bigint language sql begin atomic"
        " select productid from tblproduct for update; end"
    )
    done = pgtandem("import", "scan", "--database", "--json", dsn=db.owner_dsn)
    assert done.code == 1, done
    found = sorted((f["path"], f["line"], f["kind"]) for f in done.json()["findings"])
    assert [row for row in found if row[2] != "for_update"] == [
        ("shop.load", 4, "lock"),
        ("shop.load", 5, "truncate"),
        ("shop.one(a text)", 1, "lock"),
    ]
    assert ("shop.every", "for_update") in {(row[0], row[2]) for row in found}
    assert [f["path"] for f in done.json()["waived"]] == ["shop.one(a integer)"]
    assert done.json()["summary"]["functions"] == 4
