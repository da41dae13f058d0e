"""The verb `load`: what fits is loaded, what does not is reported with its line."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgtandem.load import BadLine, LoadError, LoadProgress, LoadResult, load_file, parse_columns
from support.databases import Connection, Database

DATA = Path(os.environ.get("PGTANDEM_DATA") or Path(__file__).parents[2] / "shared" / "data")


def real(name: str) -> Path:
    """A file of real data, which is not part of the project."""
    path = DATA / "products" / name
    if not path.exists():
        pytest.skip(f"{path} is absent; PGTANDEM_DATA names the data folder")
    return path


@pytest.fixture
def owner(bare_db: Database) -> Connection:
    return bare_db.owner()


def write(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def names(conn: Connection) -> list[Any]:
    rows = conn.execute("select productname from tblproduct order by productid").fetchall()
    return [row[0] for row in rows]


def numbers(result: LoadResult) -> list[int]:
    return [bad.line for bad in result.bad_lines]


def accounted(result: LoadResult) -> bool:
    return result.records == result.loaded + result.bad + result.swallowed


# -- which column is loaded from what


def test_the_header_is_matched_without_case_and_blanks(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, " PRODUCTNAME ,  amount,Ignored,status\na,1.5,x,active\n")
    result = load_file(owner, "tblProduct", path)
    assert result.columns == (
        ("productname", " PRODUCTNAME "),
        ("amount", "  amount"),
        ("status", "status"),
    )
    assert result.unused == ("Ignored",)
    assert result.table == "public.tblproduct"
    assert (result.records, result.loaded, result.bad) == (1, 1, 0)
    row = owner.execute("select productname, amount::text, status from tblproduct").fetchone()
    assert row == ("a", "1.50", "active")


def test_a_mapping_comes_first_and_the_rest_goes_by_name(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "name,productname,list price,version\nA,B,2,v1\n")
    columns = parse_columns('ProductName=NAME Amount="list price"')
    result = load_file(owner, "tblproduct", path, columns)
    assert result.unused == ("productname",)
    row = owner.execute("select productname, amount::text, version from tblproduct").fetchone()
    assert row == ("A", "2.00", "v1")


def test_names_that_differ_in_case_only(owner: Connection, tmp_path: Path) -> None:
    owner.execute('create table "Odd" ("Name" text, name text, "a""b" varchar(3))')
    result = load_file(owner, "Odd", write(tmp_path, 'Name,name,"a""b"\nx,y,z\n'))
    assert len(result.columns) == 3
    assert owner.execute('select "Name", name, "a""b" from "Odd"').fetchone() == ("x", "y", "z")


def test_generated_columns_are_left_alone(owner: Connection, tmp_path: Path) -> None:
    owner.execute(
        "create table g (id bigint generated always as identity, a int, "
        "b int generated always as (a * 2) stored)"
    )
    path = write(tmp_path, "id,a,b\n9,1,9\n")
    assert load_file(owner, "g", path).unused == ("id", "b")
    assert owner.execute("select * from g").fetchall() == [(1, 1, 2)]
    with pytest.raises(LoadError, match=r"'b' of g is generated"):
        load_file(owner, "g", path, {"b": "b"})


@pytest.mark.parametrize(
    ("content", "columns", "message", "hint"),
    [
        ("a,b\n1,2\n", {}, "No name in the header", "as in ProductName=name"),
        ("ProductName;Amount\na;1\n", {}, "No name in the header", "separated by ';'"),
        ("name\na\n", {"Produktname": "name"}, "'Produktname' is not in the table", "version"),
        ("name\na\n", {"ProductName": "nom"}, "'nom'.* is not in the header", "'name'"),
        ("name,NAME \na,b\n", {"ProductName": "Name"}, "stands several times", "'NAME '"),
        ("productname,PRODUCTNAME\na,b\n", {}, None, None),
        ("Productname,PRODUCTNAME\na,b\n", {}, "stands 2 times", "Rename"),
        ("name,x\na,b\n", {"ProductName": "name", "Sku": "name"}, "given twice", None),
        ("", {}, "is empty", "first line"),
        ("\n\n", {}, "is empty", "first line"),
        (b"\xff\xfea\x00", {}, "not UTF-8", "utf-16"),
        (b"PK\x03\x04\x14\x00\x06\x00", {}, "is a ZIP archive", "Save the sheet as CSV"),
        (b"\x81\x82,x\n", {}, "cannot be read as utf-8-sig text", "encoding"),
    ],
)
def test_a_header_that_does_not_fit(
    *,
    owner: Connection,
    tmp_path: Path,
    content: str | bytes,
    columns: dict[str, str],
    message: str | None,
    hint: str | None,
) -> None:
    path = write(tmp_path, content)
    if message is None:
        assert load_file(owner, "tblproduct", path, columns).loaded == 1
        return
    with pytest.raises(LoadError, match=message) as caught:
        load_file(owner, "tblproduct", path, columns)
    if hint is not None:
        assert caught.value.hint is not None
        assert hint in caught.value.hint
    assert names(owner) == []


def test_other_things_that_are_not_there(owner: Connection, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no file"):
        load_file(owner, "tblproduct", tmp_path / "none.csv")
    with pytest.raises(LoadError, match="cannot be read"):
        load_file(owner, "tblproduct", tmp_path)
    path = write(tmp_path, "productname\na\n")
    with pytest.raises(LoadError, match=r"no table 'nowhere\.t'"):
        load_file(owner, "nowhere.t", path)
    with pytest.raises(LoadError, match="no encoding"):
        load_file(owner, "tblproduct", path, encoding="klingon")
    with pytest.raises(LoadError, match="delimiter"):
        load_file(owner, "tblproduct", path, delimiter="||")


@pytest.mark.parametrize("text", ["ProductName", "=x", "a=", "a=1 a=2", 'a="b'])
def test_columns_that_cannot_be_read(text: str) -> None:
    with pytest.raises(LoadError):
        parse_columns(text)


def test_a_file_with_a_header_alone(owner: Connection, tmp_path: Path) -> None:
    result = load_file(owner, "tblproduct", write(tmp_path, "productname\n"))
    assert (result.records, result.loaded, result.bad) == (0, 0, 0)


# -- lines


def test_ragged_lines_are_reported_by_their_number(owner: Connection, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'productname,version\r\na,1\r\nb\r\n\r\n"c\r\nd",2\r\ne,1,2\r\n"f\r\ng\r\nh"\r\ni,3\r\n',
    )
    result = load_file(owner, "tblproduct", path)
    assert [(bad.line, bad.last_line) for bad in result.bad_lines] == [(3, 3), (7, 7), (8, 10)]
    assert str(result.bad_lines[0]).startswith("line 3: It has 1 fields, the header has 2.")
    assert names(owner) == ["a", "c\r\nd", "i"]
    assert result.blank_lines == 1
    assert accounted(result)


def test_a_quote_that_is_never_closed_costs_its_line_alone(
    owner: Connection, tmp_path: Path
) -> None:
    path = write(tmp_path, 'productname,version\na,1\n"b,1\nc,1\nd,"1"\ne,1\n')
    result = load_file(owner, "tblproduct", path)
    assert numbers(result) == [3]
    assert names(owner) == ["a", "c", "d", "e"]
    path = write(tmp_path, 'productname,version\nf,1\ng,"1\nh,1\n')
    result = load_file(owner, "tblproduct", path)
    assert numbers(result) == [3]
    assert "never closed" in result.bad_lines[0].reason
    assert names(owner)[4:] == ["f", "h"]


def test_a_quote_that_a_late_line_closes_costs_its_line_alone(
    owner: Connection, tmp_path: Path
) -> None:
    """The lines between are no text of a field: each is a record of the header's width."""
    rows = [f"n{i},{i},1" for i in range(20)]
    rows[1], rows[15] = '"n1,1,1', 'screen 27",15,1'
    path = write(tmp_path, "productname,sku,version\n" + "\n".join(rows) + "\n")
    result = load_file(owner, "tblproduct", path)
    assert numbers(result) == [3]
    assert "never closed" in result.bad_lines[0].reason
    assert len(names(owner)) == 19


def test_stray_quotes_are_kept_as_text(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, 'sku,productname,version\n1,"Stop!" she said,"v1"\n2,7" disk,1\n')
    result = load_file(owner, "tblproduct", path)
    assert names(owner) == ['"Stop!" she said', '7" disk']
    assert owner.execute("select version from tblproduct where sku = '1'").fetchone() == ("v1",)
    assert result.notes == ("1 lines have quotes in the text, kept as text: 2.",)


def test_an_empty_field_is_null(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, 'productname,version,sku,amount,currency\na,,"",,\n')
    load_file(owner, "tblproduct", path)
    row = owner.execute("select version, sku, amount, currency from tblproduct").fetchone()
    assert row == (None, None, None, None)


def test_values_that_do_not_go_into_their_column(owner: Connection, tmp_path: Path) -> None:
    good = "fine,1.5,USD,active,{}"
    lines = [
        "productname,amount,currency,status,configdata",
        good,
        "number,₹5,USD,active,{}",
        "too long,1,USD,a status longer than twenty,{}",
        "currency,1,EURO,active,{}",
        good,
        "json,1,USD,active,{",
        ",1,USD,active,{}",
        "range,1e20,USD,active,{}",
        'json zero,1,USD,active,"{""a"": ""\\u0000""}"',
        "  blanks are no matter of ours  , 2 ,USD,active,[]",
    ]
    result = load_file(owner, "tblproduct", write(tmp_path, "\n".join(lines)))
    found = [(bad.line, bad.column, bad.sqlstate) for bad in result.bad_lines]
    assert found == [
        (3, "amount", "22P02"),
        (4, "status", "22001"),
        (5, "currency", "22001"),
        (7, "configdata", "22P02"),
        (8, "productname", "23502"),
        (9, "amount", "22003"),
        (10, "configdata", "22P05"),
    ]
    assert "₹5" in result.bad_lines[0].reason
    assert all(bad.hint for bad in result.bad_lines)
    assert names(owner) == ["fine", "fine", "  blanks are no matter of ours  "]
    assert accounted(result)


def test_nothing_is_cut_off_in_a_domain_or_an_array(owner: Connection, tmp_path: Path) -> None:
    owner.execute("create domain code as varchar(3) check (value <> 'bad')")
    owner.execute("create table t (a code, b varchar(2)[], c bit(3), d char(4), e code[])")
    path = write(
        tmp_path,
        "a\tb\tc\td\te\nabc\t{xy}\t101\tabc\t{abc}\nabcd\t\t\t\t\n\t{xyz}\t\t\t\nbad\t\t\t\t\n"
        "\t\t1010\t\t\n\t\t\tabcde\t\n\t\t\t\t{abcd}\n",
        "t.tsv",
    )
    result = load_file(owner, "t", path)
    assert [(bad.line, bad.column) for bad in result.bad_lines] == [
        (3, "a"),
        (4, "b"),
        (5, "a"),
        (6, "c"),
        (7, "d"),
        (8, "e"),
    ]
    assert owner.execute("select a, b, c::text, d, e::text from t").fetchall() == [
        ("abc", ["xy"], "101", "abc ", "{abc}")
    ]


def test_broken_constraints(owner: Connection, tmp_path: Path) -> None:
    owner.execute(
        "create table t (id int primary key, parent int references t deferrable initially deferred,"
        " n int check (n > 0))"
    )
    path = write(tmp_path, "id,parent,n\n1,,1\n2,1,1\n2,1,1\n3,9,1\n4,1,0\n5,2,1\n")
    result = load_file(owner, "t", path)
    assert [(bad.line, bad.sqlstate) for bad in result.bad_lines] == [
        (4, "23505"),
        (5, "23503"),
        (6, "23514"),
    ]
    assert owner.execute("select array_agg(id order by id) from t").fetchone() == ([1, 2, 5],)


def test_triggers_of_the_table_that_refuse(owner: Connection, tmp_path: Path) -> None:
    owner.execute(
        "create function refuse() returns trigger language plpgsql as $$ begin "
        "if new.productname = 'loud' then raise 'no %', new.productname using hint = 'ask'; end if;"
        "if new.productname = 'quiet' then return null; end if; return new; end $$"
    )
    owner.execute(
        "create trigger t before insert on tblproduct for each row execute function refuse()"
    )
    path = write(tmp_path, "productname\na\nloud\nquiet\nb\n")
    result = load_file(owner, "tblproduct", path)
    assert (result.loaded, result.bad, result.swallowed) == (2, 1, 1)
    assert result.bad_lines == (BadLine(3, 3, "no loud.", "ask", None, "P0001"),)
    assert accounted(result)


def test_nul_bytes_and_bytes_that_do_not_decode(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "productname,sku\nä,1\n".encode() + b"b\0,2\nc\xe4,3\nd,4\n")
    result = load_file(owner, "tblproduct", path)
    assert numbers(result) == [3, 4]
    assert "NUL" in result.bad_lines[0].reason
    assert "byte 0xe4" in result.bad_lines[1].reason
    assert names(owner) == ["ä", "d"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "latin-1"])
def test_encodings(owner: Connection, tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "productname,version\nÉté ½,1\n".encode(encoding))
    assert load_file(owner, "tblproduct", path, encoding=encoding).loaded == 1
    assert names(owner) == ["Été ½"]


def test_characters_that_the_database_has_not(bare_db: Database, tmp_path: Path) -> None:
    name = f"{bare_db.clone_name}_latin1"
    with bare_db.server.admin() as admin:
        admin.execute(
            f"create database {name} owner shop_owner template template0 "
            "encoding 'LATIN1' locale 'C'"
        )
    try:
        with psycopg.connect(bare_db.server.conninfo(name, "shop_owner"), autocommit=True) as conn:
            conn.execute("set client_encoding to 'UTF8'")
            conn.execute("create table t (a text)")
            result = load_file(conn, "t", write(tmp_path, "a\né\n東\nb\n"))
            assert numbers(result) == [3]
            assert result.bad_lines[0].sqlstate == "22P05"
            assert result.loaded == 2
    finally:
        bare_db.server.drop_database(name)


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv"])
def test_gzip_is_known_by_its_content(owner: Connection, tmp_path: Path, name: str) -> None:
    content = gzip.compress(b"productname\na\n")
    assert load_file(owner, "tblproduct", write(tmp_path, content, name)).loaded == 1
    cut = gzip.compress(os.urandom(200_000).hex().encode())
    whole = gzip.compress(b"productname\n" + b"name\n" * 20_000) + cut
    with pytest.raises(LoadError, match="damaged near line"):
        load_file(owner, "tblproduct", write(tmp_path, whole[:-5000], name))
    assert names(owner) == ["a"], "a load that breaks off leaves nothing"


# -- transactions, rights, volume


def test_a_load_is_all_or_nothing(bare_db: Database, owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "productname\n" + "a\n" * 30)
    reader = bare_db.owner()
    seen: list[int] = []

    def stop(progress: LoadProgress) -> None:
        seen.append(progress.loaded)
        assert names(reader) == []
        if progress.loaded == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_file(owner, "tblproduct", path, progress=stop, batch_records=10)
    assert seen == [10, 20]
    assert names(owner) == []
    assert load_file(owner, "tblproduct", path).loaded == 30


def test_within_a_transaction_of_the_callers(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "productname,amount\na,1\nb,x\n")
    with owner.transaction(force_rollback=True):
        for _ in range(2):
            assert load_file(owner, "tblproduct", path).bad == 1
        assert names(owner) == ["a", "a"]
    assert names(owner) == []


def test_the_old_program_s_role_may_load(bare_db: Database, tmp_path: Path) -> None:
    conn = psycopg.connect(bare_db.old_app_dsn, autocommit=True)
    with conn:
        path = write(tmp_path, "productid,productname,amount\n7,a,1\n8,b,x\n")
        result = load_file(conn, "tblproduct", path)
        assert (result.loaded, result.bad) == (1, 1)
        assert "setval" in result.notes[0]


def test_a_missing_right_ends_the_load(bare_db: Database, tmp_path: Path) -> None:
    bare_db.owner().execute("revoke insert on tblproduct from old_app")
    with psycopg.connect(bare_db.old_app_dsn, autocommit=True) as conn:
        path = write(tmp_path, "productname\na\n")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            load_file(conn, "tblproduct", path)


def test_given_keys_move_the_sequence(owner: Connection, tmp_path: Path) -> None:
    load_file(owner, "tblproduct", write(tmp_path, "productid,productname\n5,a\n41,b\n"))
    owner.execute("insert into tblproduct (productname) values ('c')")
    row = owner.execute("select productid from tblproduct where productname = 'c'").fetchone()
    assert row == (42,)


def test_a_deadlock_is_tried_again(bare_db: Database, owner: Connection, tmp_path: Path) -> None:
    """The load holds key 2 and wants 1; the other session holds 1 and wants 2."""
    owner.execute("create table t (id int primary key)")
    other, monitor = bare_db.superuser(), bare_db.owner()
    # Who looks for the deadlock is its victim: the load, and late enough on a busy machine.
    other.execute(f"alter database {bare_db.clone_name} set deadlock_timeout = '3s'".encode())
    other.execute("set deadlock_timeout = '60s'")
    loader = bare_db.owner()
    results: list[LoadResult] = []
    path = write(tmp_path, "id\n2\n1\n")
    loading = threading.Thread(target=lambda: results.append(load_file(loader, "t", path)))
    with other.transaction(force_rollback=True):
        other.execute("insert into t values (1)")
        loading.start()
        waiting = "select from pg_locks where not granted and pid = %s"
        while monitor.execute(waiting, (loader.info.backend_pid,)).rowcount == 0:
            assert loading.is_alive()
        other.execute("insert into t values (2)")
    loading.join(30)
    assert [result.loaded for result in results] == [2]


def test_batches_and_memory(owner: Connection, tmp_path: Path) -> None:
    """30,000 lines, one in 3,000 bad, in batches of 5,000: all others are loaded, in order."""
    bad = set(range(500, 30_000, 3000))
    lines = [f"n{i},{'x' if i in bad else i}" for i in range(30_000)]
    path = write(tmp_path, "productname,amount\n" + "\n".join(lines) + "\n")
    seen: list[LoadProgress] = []
    reported: list[BadLine] = []
    result = load_file(owner, "tblproduct", path, progress=seen.append, on_bad_line=reported.append)
    assert [bad_line.line - 2 for bad_line in reported] == sorted(bad)
    assert tuple(reported) == result.bad_lines
    assert result.loaded == 30_000 - len(bad)
    assert names(owner) == [f"n{i}" for i in range(30_000) if i not in bad]
    assert seen[-1].bytes_read == seen[-1].bytes_total == path.stat().st_size
    assert [progress.records for progress in seen[:6]] == [1000, *range(6000, 30_000, 5000)]


def test_a_file_of_which_nothing_fits_is_refused(owner: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "productname,amount\n" + "a,x\n" * 1500)
    with pytest.raises(LoadError, match="Not one of the file's first 1000 records") as caught:
        load_file(owner, "tblproduct", path)
    assert caught.value.detail is not None
    assert (
        'line 2: column amount: invalid input syntax for type numeric: "x"' in caught.value.detail
    )


def test_no_subtransaction_per_row(owner: Connection, tmp_path: Path) -> None:
    """Transaction ids used by a good file of 10,000 lines: one a savepoint, two a batch."""
    path = write(tmp_path, "productname\n" + "a\n" * 10_000)
    count = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    before = owner.execute(count).fetchone()
    load_file(owner, "tblproduct", path)
    after = owner.execute(count).fetchone()
    assert before is not None
    assert after is not None
    assert after[0] - before[0] <= 10


# -- real files


def test_pc_parts(owner: Connection) -> None:
    columns = parse_columns("ProductName=name CatalogName=catalog ConfigData=config Amount=price")
    result = load_file(owner, "tblproduct", real("pc_parts_flat.csv.gz"), columns)
    assert (result.records, result.loaded, result.bad) == (66_778, 66_778, 0)
    counts = owner.execute(
        "select count(distinct productname), count(distinct (productname, version)), "
        "count(distinct (productname, version, catalogname)), count(amount) from tblproduct"
    ).fetchone()
    assert counts == (39_054, 39_054, 39_091, 16_222)


def test_goodreads_has_four_ragged_lines(owner: Connection) -> None:
    columns = parse_columns("ProductName=title ConfigName=authors Sku=isbn13 Version=num_pages")
    result = load_file(owner, "tblproduct", real("goodreads_books.csv.gz"), columns)
    assert numbers(result) == [3350, 4704, 5879, 8981]
    assert all("13 fields, the header has 12" in bad.reason for bad in result.bad_lines)
    assert (result.records, result.loaded) == (11_127, 11_123)
    assert owner.execute("select from tblproduct where productname ~ '^\"Stand Back'").rowcount == 1


@pytest.mark.parametrize(
    ("name", "columns", "loaded"),
    [
        ("lego_sets.csv.gz", "ProductName=name Sku=set_num Version=year", 22_347),
        ("vgsales.csv.gz", "ProductName=Name ConfigName=Platform Version=Year", 16_598),
    ],
)
def test_other_real_files(owner: Connection, name: str, columns: str, loaded: int) -> None:
    result = load_file(owner, "tblproduct", real(name), parse_columns(columns))
    assert (result.loaded, result.bad) == (loaded, 0)


def test_a_price_with_a_currency_sign(owner: Connection) -> None:
    columns = {"ProductName": "model", "Amount": "price"}
    path = real("smartphones_rupee.csv")
    with pytest.raises(LoadError, match="Not one") as caught:
        load_file(owner, "tblproduct", path, columns)
    assert "column amount" in (caught.value.detail or "")
