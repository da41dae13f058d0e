"""All comparisons of bench/ in one run on one server: their figures as JSON, and two pictures.

    make bench                    1,000,000 rows, 3 rounds, into .pgtandem/bench/
    python bench/all.py [--rows 1000000] [--rounds 3] [--out .pgtandem/bench]

Then the same once at a tenth and a hundredth of the rows: the second picture has cost against size.
The files are written anew after each comparison: what is done is not lost when a later one breaks
off. Ratios only mean something beside the baseline of the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bulk_update
import drift
import latency
import migration
import orders
import single_row
from lab import Lab, Measurement, lab, value

COMPARISONS: tuple[Callable[[Lab, int], Measurement], ...] = (
    migration.measure,
    latency.measure,
    single_row.measure,
    bulk_update.measure,
    drift.measure,
    orders.measure,
)
SCALING: tuple[Callable[[Lab, int], Measurement], ...] = (
    migration.measure,
    single_row.measure,
    bulk_update.measure,
    drift.measure,
)
Sizes = dict[int, list[Measurement]]
"""Measurements by the number of rows in the shop."""


def write_figures(
    folder: Path, about: dict[str, object], done: Sequence[Measurement], sizes: Sizes
) -> Path:
    """Write figures.json: what was measured on, then each comparison with all its rounds."""
    path = folder / "figures.json"
    comparisons = [asdict(one) | {"median": one.median, "met": one.met} for one in done]
    smaller = {rows: [asdict(one) for one in found] for rows, found in sizes.items()}
    written = about | {"comparisons": comparisons, "by size": smaller}
    path.write_text(json.dumps(written, indent=1) + "\n")
    return path


def pyplot() -> Any:
    """matplotlib for files, which only make bench installs."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    return pyplot


def draw(folder: Path, about: dict[str, object], done: Sequence[Measurement]) -> Path:
    """Draw figures.svg: each comparison's rounds against its target; right of the line is good."""
    plots = pyplot()
    figure, axes = plots.subplots(figsize=(9, 1.2 + 0.8 * len(done)), layout="constrained")
    for row, one in enumerate(reversed(done)):
        scale = [ratio / one.target if one.at_least else one.target / ratio for ratio in one.ratios]
        median = one.median / one.target if one.at_least else one.target / one.median
        colour = "#2a7f62" if one.met else "#b5482f"
        axes.barh(row, median, color=colour, height=0.5)
        axes.plot(scale, [row] * len(scale), "o", color="black", markersize=4)
        bound = "at least" if one.at_least else "at most"
        text = f"{one.ratio_of} = {one.median:.2f}, target {bound} {one.target}"
        axes.text(0.02, row + 0.33, text, va="bottom", fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(done)), [one.name for one in reversed(done)])
    axes.set_ylim(-0.6, len(done) - 0.2)
    axes.set_xlim(left=0)
    axes.set_xlabel("share of the target reached; dots are rounds, 1 is the target")
    axes.set_title(f"PostgreSQL {about['postgresql']}, {about['rows']:,} rows", fontsize=10)
    path = folder / "figures.svg"
    figure.savefig(path, metadata={"Date": None})
    plots.close(figure)
    return path


def draw_sizes(folder: Path, about: dict[str, object], sizes: Sizes) -> Path:
    """Draw sizes.svg: microseconds a row against rows in the shop, ours and the baseline's."""
    plots = pyplot()
    figure, axes = plots.subplots(figsize=(9, 5), layout="constrained")
    names = [one.name for one in sizes[max(sizes)]]
    for number, name in enumerate(names):
        colour = f"C{number}"
        found = {rows: one for rows in sorted(sizes) for one in sizes[rows] if one.name == name}
        for index, style, whose in ((0, "o-", "pgtandem"), (1, "x:", "by hand")):
            costs = [
                statistics.median(pair[index] for pair in one.micros) for one in found.values()
            ]
            axes.plot(list(found), costs, style, color=colour, label=f"{name}, {whose}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows in the shop")
    axes.set_ylabel("microseconds a row")
    axes.set_title(f"Cost against size, PostgreSQL {about['postgresql']}", fontsize=10)
    figure.legend(fontsize=8, ncols=len(names), loc="outside lower center")
    path = folder / "sizes.svg"
    figure.savefig(path, metadata={"Date": None})
    plots.close(figure)
    return path


def main() -> int:
    """Run all comparisons, print each as it is done, write JSON and picture."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--out", type=Path, default=Path(".pgtandem/bench"))
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    done: list[Measurement] = []
    sizes: Sizes = {}
    with lab(given.rows) as it:
        with it.connect("postgres") as conn:
            version = value(conn, "select current_setting('server_version')")
        about: dict[str, object] = {
            "rows": given.rows,
            "rounds": given.rounds,
            "postgresql": version,
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        }
        for measure in COMPARISONS:
            done.append(measure(it, given.rounds))
            print(done[-1], flush=True)
            figures = write_figures(given.out, about, done, sizes)
            picture = draw(given.out, about, done)
    sizes[given.rows] = [one for one in done if one.micros]
    for rows in (given.rows // 10, given.rows // 100):
        with lab(rows) as it:
            sizes[rows] = [measure(it, 1) for measure in SCALING]
    figures = write_figures(given.out, about, done, sizes)
    scaling = draw_sizes(given.out, about, sizes)
    for rows, found in sizes.items():
        ratios = ", ".join(f"{one.name} {one.median:.2f}" for one in found)
        print(f"{rows:,} rows: {ratios}")
    print(f"{figures}\n{picture}\n{scaling}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
