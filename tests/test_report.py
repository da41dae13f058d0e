"""The report: one HTML file over the run ledger, from what a database holds."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser
from pathlib import Path

import psycopg
import pytest

from pgtandem.report.charts import Series, bars, lines
from pgtandem.report.page import Page, Section, Table
from support.cli import pgtandem
from support.databases import Connection, Database
from support.shop import fill, migrate, one, prepared


class Seen(HTMLParser):
    """The texts, tags and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())
        if self.tags and self.tags[-1] == "h2" and data.strip():
            self.headings.append(data.strip())


def report(db: Database, folder: Path) -> Seen:
    """The report of the default mapping, as the command makes it."""
    path = folder / "report.html"
    done = pgtandem("report", "products", "--output", path, dsn=db.owner_dsn)
    assert (done.code, done.out.strip()) == (0, str(path)), done.err
    return Seen(path.read_text(encoding="utf-8"))


@pytest.fixture
def owner(db: Database) -> Connection:
    """Migrated, with a rejected row, writes of both sides, drift that was repaired."""
    conn = db.owner()
    prepared(conn, 600)
    conn.execute("insert into tblproduct (productname) values (' ')")
    migrate(conn, p_batch_rows=100)
    conn.execute("update tblproduct set status = 'x' where productid <= 20")
    conn.execute("select tandem.set_sync('products', 'hierarchy_to_flat', false)")
    conn.execute("update tblconfig set status = 'y' where status = 'x'")
    conn.execute("select tandem.set_sync('products', 'hierarchy_to_flat', true)")
    conn.execute("call tandem.repair('products', 'hierarchy')")
    conn.execute("call tandem.repair('products', 'hierarchy', p_dry_run => false)")
    return conn


def test_the_page_has_what_the_ledger_has(db: Database, owner: Connection, tmp_path: Path) -> None:
    seen = report(db, tmp_path)
    assert seen.tags.count("svg") == 8
    for heading in (
        "Rows per second, migrate (run 2)",
        "Rows per second, repair (run 4)",
        "Rows per level",
        "Rejected rows, by reason",
        "What the sync adds to a write",
        "Drift",
        "Checks",
        "To look at",
        "Runs",
    ):
        assert heading in seen.headings
    assert {"migrated", "productname is missing", "TD030", "repair (dry)"} <= set(seen.texts)
    levels = one(owner, "select array_agg(row_count) from tandem._level_rows('products')")
    assert {f"{count:,}" for count in levels} <= set(seen.texts)


def test_the_page_loads_nothing_and_runs_nothing(
    db: Database, owner: Connection, tmp_path: Path
) -> None:
    owner.execute("update tandem.rejected_row set message = '<script>alert(1)</script>'")
    seen = report(db, tmp_path)
    assert not {"script", "link", "iframe", "img", "image"} & set(seen.tags)
    assert "<script>alert(1)</script>" in seen.texts
    loads = [value for name, value in seen.attributes if name in ("src", "href", "xlink:href")]
    assert all(value and value.startswith("#") for value in loads)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text
    assert "#7700" not in text  # no colour of the drawing is left


def test_drift_is_kept_with_the_runs_that_looked(owner: Connection) -> None:
    rows = owner.execute(
        "select kind, drift_rows from tandem.run where drift_rows is not null order by run_id"
    ).fetchall()
    assert rows == [("migrate", 0), ("repair", 20), ("repair", 0)]


def test_a_mapping_that_is_not_prepared_has_a_report(db: Database, tmp_path: Path) -> None:
    fill(db.owner(), 5)
    seen = report(db, tmp_path)
    assert "not prepared" in seen.texts
    assert "Drift" not in seen.headings


def test_an_operator_may_and_a_reader_may_not(db: Database, owner: Connection) -> None:
    owner.execute("select tandem.grant_to('new_app', 'operator')")
    owner.execute("select tandem.grant_to('old_app', 'reader')")
    query = "select count(*) from tandem._level_rows('products')"
    assert one(db.new_app(), query) == 6
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.old_app().execute(query.encode())


def test_an_unknown_mapping_is_refused_and_writes_nothing(db: Database, tmp_path: Path) -> None:
    done = pgtandem("report", "nothing", dsn=db.owner_dsn, folder=tmp_path)
    assert done.code != 0
    assert "nothing" in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_same_plot_is_the_same_text() -> None:
    def draw() -> str:
        series = [Series("one", [1, 2, 3]), Series("two", [3, 2, 1])]
        return lines("t", [1, 2, 3], series, x_label="x", y_label="y") + bars(
            "b", ["a", "b", "c"], series, y_label="y"
        )

    assert draw() == draw()


def test_a_plot_says_what_it_shows_and_keeps_its_text() -> None:
    plot = bars('a "b" <c>', ["left", "right"], [Series("n", [1, 20000])], y_label="rows")
    assert plot.startswith('<svg role="img" aria-label="a &quot;b&quot; &lt;c&gt;"')
    assert ">20,000<" in plot and ">right<" in plot


def test_a_page_takes_any_text() -> None:
    made = one_moment()
    page = Page("t & <t>", "about", made)
    page.sections = [Section("s", "<b>", table=Table(("a", "b"), [(1, "<i>"), (None, None)]))]
    seen = Seen(page.html())
    assert {"t & <t>", "<b>", "<i>"} <= set(seen.texts)
    assert "b" not in seen.tags and "i" not in seen.tags
    assert page.sections[0].table is not None
    assert page.sections[0].table.numeric == [True, False]


def one_moment() -> datetime.datetime:
    return datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
