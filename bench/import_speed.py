"""Imports by the new path against the old one, against rows one by one, and against the limit.

    python bench/import_speed.py [--rows 50000] [--rounds 3] [--there 1000000] [--only limit]

A file of items in five colours and five sizes, a row each variant, from the client's memory to what
is committed. Each measurement has a database of its own; ours and the baseline take turns. The
limit is COPY and one upsert a table of rows that are known to be clean: no row of it can fail, be
reported or be taken back.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from import_lab import (
    Lab,
    Row,
    Rows,
    Work,
    cost,
    file_of,
    in_parts,
    lab,
    old_path,
    ours,
    outcome,
    row_at_a_time,
    row_at_a_time_autocommit,
    set_based,
    together,
)
from lab import Connection, Measurement

OLD_ROWS = 10_000
"""Rows that the old path is given: more would take minutes."""


def by_turns(it: Lab, turn: int, rows: Sequence[Row], works: Sequence[Work]) -> list[float]:
    """Seconds of each work, the first one first in every other round."""
    order = list(range(len(works)))
    taken = {
        index: it.seconds(works[index], rows) for index in (order if turn % 2 else reversed(order))
    }
    return [taken[index] for index in order]


def compare(
    done: Measurement, it: Lab, rounds: int, rows: Sequence[Row], work: Work
) -> Measurement:
    """Speed of our import in units of another work's."""
    for turn in range(rounds):
        mine, other = by_turns(it, turn, rows, (ours, work))
        done.ratios.append(other / mine)
        done.micros.append((mine / len(rows) * 1e6, other / len(rows) * 1e6))
    return done


def old(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """The old path: a lock on each table and row by row."""
    done = Measurement("LOCK TABLE path", "our speed / its", 1, at_least=True)
    return compare(done, it, rounds, rows[:OLD_ROWS], old_path)


def one_by_one(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """Prepared upserts from Python."""
    done = Measurement("upserts one by one, one transaction", "our speed / its", 1, at_least=True)
    return compare(done, it, rounds, rows, row_at_a_time)


def autocommit(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """The same, each in a transaction of its own."""
    done = Measurement("upserts one by one, autocommit", "our speed / its", 1, at_least=True)
    return compare(done, it, rounds, rows, row_at_a_time_autocommit)


def limit(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """The limit, and where our time goes."""
    done = Measurement("the limit, fresh tables", "our speed / its", 0.6, at_least=True)
    for turn in range(rounds):

        def parts(conn: Connection, given: Sequence[Row]) -> float:
            found = in_parts(conn, given)
            for name, seconds in asdict(found).items():
                done.note(f"share of {name}", seconds / found.whole)
            return found.whole

        def durable(conn: Connection, given: Sequence[Row]) -> float:
            return in_parts(conn, given, durable=True).whole

        mine, other, kept = by_turns(it, turn, rows, (parts, set_based, durable))
        done.ratios.append(other / mine)
        done.micros.append((mine / len(rows) * 1e6, other / len(rows) * 1e6))
        done.note("durable: our speed / its", other / kept)
        done.note("seconds, ours", mine)
        done.note("seconds, the limit", other)
    return done


def at_once(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """Four sessions, a quarter each, and four with the same file."""
    done = Measurement("four at a time, a quarter each", "throughput / one alone", 1, at_least=True)
    # whole items, so that no two sessions write the same one
    quarters: list[Rows] = [[], [], [], []]
    for row in rows:
        quarters[int(row.name.split()[1]) % 4].append(row)
    for turn in range(rounds):
        works: list[Callable[[], float]] = [
            lambda: together(it, [rows]),
            lambda: together(it, quarters),
            lambda: together(it, [rows] * 4),
        ]
        order = range(3) if turn % 2 else reversed(range(3))
        taken = {index: works[index]() for index in order}
        done.ratios.append(taken[0] / taken[1])
        done.note("the same file four times: throughput / one alone", 4 * taken[0] / taken[2])
    return done


def filled(it: Lab, rows: Rows) -> str:
    """A database that has the rows."""
    return it.filled("filled", lambda conn: set_based(conn, rows))


def again(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """The same file once more: nothing is to be written."""
    template = filled(it, rows)
    done = Measurement("the same again", "our WAL in % of a plain upsert's", 1, at_least=False)
    for turn in range(rounds):
        order = (ours, set_based) if turn % 2 else (set_based, ours)
        taken = {work: cost(it, work, rows, template) for work in order}
        mine, other = taken[ours], taken[set_based]
        done.ratios.append(100 * mine.wal / other.wal)
        done.note("time, ours / its", mine.seconds / other.seconds)
        done.note("bytes of WAL, ours", mine.wal)
        done.note("bytes of WAL, its", other.wal)
        done.note("rows written, ours", mine.written)
        done.note("rows written, its", other.written)
        done.note("sequence values, ours", mine.sequences)
        done.note("sequence values, its", other.sequences)
    return done


def changed(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """Another price in each tenth row."""
    template = filled(it, rows)
    given = [
        row._replace(price=f"{float(row.price) + 1:.2f}") if number % 10 == 0 else row
        for number, row in enumerate(rows)
    ]
    done = Measurement("10 % changed", "our WAL / a plain upsert's", 0.25, at_least=False)
    for turn in range(rounds):
        order = (ours, set_based) if turn % 2 else (set_based, ours)
        taken = {work: cost(it, work, given, template) for work in order}
        mine, other = taken[ours], taken[set_based]
        done.ratios.append(mine.wal / other.wal)
        done.note("time, ours / its", mine.seconds / other.seconds)
        done.note("rows written, ours", mine.written)
    return done


UNLUCKY = """
create function unlucky() returns trigger language plpgsql as $$
begin
    if new.quantity = 1013 then raise exception 'thirteen'; end if;
    return new;
end $$;
create trigger unlucky before insert or update on item_variant
for each row execute function unlucky()
"""


def bad(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """A price that is none in each hundredth row; and a trigger that refuses it."""
    template = it.filled("unlucky", lambda conn: conn.execute(UNLUCKY))
    priced = [r._replace(price="x") if n % 100 == 7 else r for n, r in enumerate(rows)]
    refused = [r._replace(quantity="1013") if n % 100 == 7 else r for n, r in enumerate(rows)]
    failing = sum(row.price == "x" for row in priced)
    done = Measurement("1 % bad prices", "time / all clean", 1.2, at_least=False)

    def checked(conn: Connection, given: Sequence[Row]) -> float:
        seconds = ours(conn, given)
        found = outcome(conn)
        assert found["failed"] == (0 if given is rows else failing), found
        return seconds

    for turn in range(rounds):
        files = (rows, priced, refused)
        order = range(3) if turn % 2 else reversed(range(3))
        taken = {index: it.seconds(checked, files[index], template) for index in order}
        done.ratios.append(taken[1] / taken[0])
        done.note("1 % refused by a trigger: time / all clean", taken[2] / taken[0])
    return done


def single(it: Lab, rows: Rows, rounds: int) -> Measurement:
    """The worst case: one item with all variants, 250 colours in some 200 sizes."""
    given = file_of(len(rows), 250, max(1, len(rows) // 250))
    done = Measurement("one item with all variants", "our speed / the limit", 0.6, at_least=True)
    return compare(done, it, rounds, given, set_based)


def there(it: Lab, rows: Rows, rounds: int, items: int) -> Measurement:
    """Items that are there among many: by the indexes alone."""

    def fill(conn: Connection) -> None:
        set_based(conn, file_of(COLOURS_OF_MANY, COLOURS_OF_MANY, 1))
        conn.execute("truncate item_master, item_variant restart identity")
        conn.execute(MANY.encode(), (items,))

    template = it.filled("many", fill)
    step = max(1, items // len(rows))
    given = [
        Row(f"Item {n:07}", f"Colour {n % COLOURS_OF_MANY + 1}", "36", f"S{n}", "9.90", "5", "text")
        for n in range(step, items + 1, step)
    ][: len(rows)]
    done = Measurement(
        f"the same again among {items:,} items", "our speed / the limit", 0.6, at_least=True
    )
    for turn in range(rounds):
        order = (ours, set_based) if turn % 2 else (set_based, ours)
        taken = {work: cost(it, work, given, template) for work in order}
        done.ratios.append(taken[set_based].seconds / taken[ours].seconds)
        done.note("WAL, ours / its", taken[ours].wal / taken[set_based].wal)
        done.note("rows written, ours", taken[ours].written)
        done.note("seconds, ours", taken[ours].seconds)
    return done


COLOURS_OF_MANY = 40
MANY = f"""
with made as (
    insert into item_master (name, description)
    select 'Item ' || lpad(i::text, 7, '0'), 'text' from generate_series(1, %s) as i
    returning item_id, name
)
insert into item_variant (item_id, color_id, size_id, sku, price, quantity)
select m.item_id, c.color_id, (select size_id from size_master), 'S' || x.i, 9.90, 5
from made as m
cross join lateral (select substr(m.name, 6)::integer as i) as x
join color_master as c on c.color_name = 'Colour ' || x.i %% {COLOURS_OF_MANY} + 1
"""

COMPARISONS = {
    "old": old,
    "one_by_one": one_by_one,
    "autocommit": autocommit,
    "limit": limit,
    "at_once": at_once,
    "again": again,
    "changed": changed,
    "bad": bad,
    "single": single,
}


def main() -> int:
    """Run the comparisons; print each as it is done."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--there", type=int, default=1_000_000, help="items for `there`")
    options.add_argument("--only", default=",".join([*COMPARISONS, "there"]))
    options.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    given = options.parse_args()
    rows = file_of(given.rows)
    with lab() as it:
        for name in given.only.split(","):
            done = (
                there(it, rows, given.rounds, given.there)
                if name == "there"
                else COMPARISONS[name](it, rows, given.rounds)
            )
            shown = asdict(done) | {"median": statistics.median(done.ratios), "met": done.met}
            print(json.dumps(shown) if given.json else done, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
