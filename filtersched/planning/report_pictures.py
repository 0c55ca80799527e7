"""The pictures of a report: SVG inside the page, in the colors of the reader's screen or paper."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from filtersched.planning.report_sections import (
    Bars,
    HeatMap,
    Lines,
    Section,
    StackedBars,
    check_report_packages,
    printable,
)

# Stand for the colors of text and of lines, which the page chooses.
_INK, _LINE = "#010203", "#040506"
_COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#eeca3b")
# Of hosts that are oversubscribed.
_OVER = "#5b2a86"
_WIDTH = 8.0  # inches
_MOST_BARS = 40
_MOST_POINTS = 2000
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.5,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}


def picture(section: Section, salt: str) -> str | None:
    """The picture of a section as markup; None for one without. `salt` makes its ids unlike those of others."""
    check_report_packages()
    from markupsafe import Markup
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context(), warnings.catch_warnings():
        # The browser's fonts draw the text, so it does not matter what those of the library lack.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        # Whatever a file of the user's says, a report looks alike everywhere.
        rcdefaults()
        rcParams.update({**_STYLE, "svg.hashsalt": salt})
        if isinstance(section, Bars) and section.bars:
            figure = _bars(section)
        elif isinstance(section, StackedBars) and section.names:
            figure = _stacked(section)
        elif isinstance(section, Lines) and any(len(x) for x, _y in section.lines.values()):
            figure = _lines(section)
        elif isinstance(section, HeatMap) and section.names and section.shares:
            figure = _heat_map(section)
        else:
            return None
        found: str = Markup(_svg(figure, section.title, salt))
        return found


def _figure(height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _bars(section: Bars) -> Any:
    bars = section.bars[:_MOST_BARS]
    figure, (axes,) = _figure(0.7 + 0.3 * len(bars))
    drawn = axes.barh(range(len(bars)), [one.value for one in bars], color=_COLORS[0])
    axes.bar_label(drawn, labels=[f"{one.value:,.6g}" for one in bars], padding=3)
    _name_rows(axes, [one.name for one in bars])
    if all(float(one.value).is_integer() for one in bars):
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(_label(section.unit))
    return figure


def _stacked(section: StackedBars) -> Any:
    names = list(section.names)[:_MOST_BARS]
    figure, (axes,) = _figure(1.2 + 0.3 * len(names))
    above, below = np.zeros(len(names)), np.zeros(len(names))
    for at, (part, numbers) in enumerate(section.counting.items()):
        values = np.array(list(numbers)[: len(names)], dtype=np.float64)
        starts = np.where(values >= 0, above, below)
        axes.barh(range(len(names)), values, left=starts, color=_COLORS[at % len(_COLORS)], label=_label(part))
        above += np.maximum(values, 0)
        below += np.minimum(values, 0)
    _name_rows(axes, names)
    axes.set_xlabel(_label(section.unit))
    if section.counting:
        figure.legend(loc="outside upper left", ncols=3)
    return figure


def _label(text: str) -> str:
    """A text that is no formula, whatever stands in it; nor hidden from legends, as those that begin with _ are."""
    shown = printable(text).replace("$", r"\$")
    return f"\u200b{shown}" if shown.startswith("_") else shown


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    clean = map(printable, names)
    short = [name if len(name) <= 40 else f"{name[:39]}…" for name in clean]
    axes.set_yticks(range(len(names)), short, parse_math=False)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)


def _lines(section: Lines) -> Any:
    figure, (axes,) = _figure(3.0)
    factor = 100.0 if section.is_share else 1.0
    for at, (name, (x, y)) in enumerate(section.lines.items()):
        chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).astype(np.intp))
        axes.plot(
            np.asarray(x, dtype=np.float64)[chosen],
            factor * np.asarray(y, dtype=np.float64)[chosen],
            drawstyle="steps-post",
            color=_COLORS[at % len(_COLORS)],
            label=_label(name),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel(_label(section.over))
    if section.is_share:
        axes.yaxis.set_major_formatter("{x:g} %")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def _heat_map(section: HeatMap) -> Any:
    from matplotlib import colormaps

    colors = colormaps["YlOrRd"].with_extremes(bad=(0, 0, 0, 0), over=_OVER)
    across = max(10, math.ceil(math.sqrt(len(section.names))))
    zones = sorted(set(section.zones))
    rows: list[list[int]] = []
    ticks: list[float] = []
    for zone in zones:
        here = [at for at, one in enumerate(section.zones) if one == zone]
        start = len(rows)
        rows += [here[at : at + across] for at in range(0, len(here), across)]
        ticks.append((start + len(rows) - 1) / 2)
        rows.append([])
    rows.pop()
    figure, axes = _figure(min(8.0, max(1.6, 1.0 + 0.22 * len(rows))), len(section.shares))
    for at, (name, shares) in enumerate(section.shares.items()):
        cells = np.full((len(rows), across), np.nan)
        for row, here in enumerate(rows):
            cells[row, : len(here)] = 100 * shares[here]
        drawn = axes[at].imshow(cells, cmap=colors, vmin=0, vmax=100, aspect="auto", interpolation="none")
        axes[at].set_title(_label(name), fontsize=10)
        axes[at].set_xticks([])
        axes[at].set_yticks(ticks if at == 0 and len(zones) <= _MOST_BARS else [], minor=False)
        if at == 0 and len(zones) <= _MOST_BARS:
            axes[at].set_yticks(ticks, list(map(printable, zones)), parse_math=False)
        axes[at].grid(visible=False)
    figure.colorbar(drawn, ax=list(axes), format="{x:g} %", shrink=0.9, extend="max")
    return figure


_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r' id="([^"]*)"')


def _svg(figure: Any, title: str, salt: str) -> str:
    """The figure as an element of HTML, which takes its colors from the page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True)
    text = _METADATA.sub("", stream.getvalue())
    text = text[text.index("<svg") :]
    used = set(re.findall(r"#([A-Za-z0-9_-]+)", " ".join(re.findall(r'(?:href="|url\()#[^")]+', text))))
    # Of ids only those that are referred to may stay: a page has several pictures.
    text = _ID.sub(lambda found: f' id="{salt}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{salt}-", text)
    text = text.replace(_INK, "var(--ink)").replace(_LINE, "var(--line)")
    text = re.sub(r' (?:width|height)="[0-9.]+pt"', "", text, count=2)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(printable(title), quote=True)}"', 1)
