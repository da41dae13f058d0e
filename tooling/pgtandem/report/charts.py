"""Plots as SVG that takes its colours from the page around it, so that it fits light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Final

INK: Final = "#770001"
GRID: Final = "#770002"
SERIES: Final = ("#770011", "#770012", "#770013", "#770014", "#770015", "#770016")
"""Stand-ins: matplotlib draws with them, the page has the colours."""

PAGE_COLOURS: Final = {
    INK: "currentColor",
    GRID: "var(--grid)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
}
SETTINGS: Final[Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pgtandem",  # the same plot is the same SVG
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.figsize": (8, 2.6),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Series:
    """One line or one group of bars: its name in the legend, and its values."""

    name: str
    values: Sequence[float]


@contextmanager
def _plot(svg: list[str], title: str) -> Iterator[Any]:
    """Axes to draw on; afterwards `svg` has the picture, described by `title`."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with mpl.rc_context(SETTINGS):
        figure = Figure(layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        yield axes
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg.append(_for_page(text.getvalue(), title))


def _for_page(text: str, title: str) -> str:
    """The svg element alone, with the page's colours, a description, and no ids that clash."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    described = f'<svg role="img" aria-label="{escape(title)}"'
    text = text.replace("<svg", described, 1)
    for stand_in, colour in PAGE_COLOURS.items():
        text = text.replace(stand_in, colour)
    return text.strip()


def _legend(axes: Any) -> None:
    """Above the plot, where it covers nothing; where the best place is takes long to find out."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)


def lines(
    title: str, x: Sequence[Any], series: Sequence[Series], *, x_label: str, y_label: str
) -> str:
    """Lines over numbers or times."""
    svg: list[str] = []
    with _plot(svg, title) as axes:
        for colour, one in zip(SERIES, series, strict=False):
            marks = "o" if len(x) < 30 else None
            axes.plot(x, one.values, color=colour, linewidth=1.8, label=one.name, marker=marks)
        axes.set_ylim(0, max([1.0, *(max(one.values, default=0.0) * 1.05 for one in series)]))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(series) > 1:
            _legend(axes)
    return svg[0]


def bars(title: str, labels: Sequence[str], series: Sequence[Series], *, y_label: str) -> str:
    """Groups of bars, one for each label; the value stands on each bar."""
    svg: list[str] = []
    with _plot(svg, title) as axes:
        width = 0.8 / len(series)
        for number, (colour, one) in enumerate(zip(SERIES, series, strict=False)):
            places = [
                place + (number - (len(series) - 1) / 2) * width for place in range(len(labels))
            ]
            drawn = axes.bar(places, one.values, width * 0.94, color=colour, label=one.name)
            axes.bar_label(drawn, [f"{value:,.6g}" for value in one.values], padding=2, fontsize=8)
        axes.set_xticks(range(len(labels)), labels)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(-0.6, max(len(labels), 4) - 0.4)  # few bars are not wider than many
        axes.margins(y=0.15)
        axes.set_ylabel(y_label)
        if len(series) > 1:
            _legend(axes)
    return svg[0]
