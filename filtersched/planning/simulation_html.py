"""A simulation in a notebook: a table, and the use over time as a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from filtersched.planning.amounts import RESOURCES, WORDS, Floats

_WIDTH, _HEIGHT, _POINTS = 600, 120, 300
_COLORS = {"ram_mb": "#4c78a8", "vcpus": "#f58518", "disk_mb": "#54a24b"}


def simulation_html(summary: Mapping[str, Any], series: Mapping[str, Floats]) -> str:
    """The counts as a table, and a line for each resource; needs neither scripts nor a network."""
    refused = "".join(
        f"<tr><td>refused by {escape(name)}</td><td>{one['requests']:,}</td></tr>"
        for name, one in summary["refused_by"].items()
        if one["requests"]
    )
    used = "".join(
        f'<tr><td><span style="color:{_COLORS[name]}">&#9644;</span> {WORDS[name]} at the peak</td>'
        f"<td>{_percent(share['peak'])}</td></tr>"
        for name, share in summary["utilisation"].items()
    )
    return (
        f"<table><tr><td>hosts</td><td>{summary['hosts']:,}</td></tr>"
        f"<tr><td>requests placed</td><td>{summary['placed']:,} of {summary['requests']:,}</td></tr>"
        f"{refused}{used}</table>{_drawing(series)}"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _drawing(series: Mapping[str, Floats]) -> str:
    count = len(series["time"])
    chosen = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).astype(np.intp))
    top = max(1.0, *(float(series[name].max()) for name in RESOURCES))
    lines = []
    for name in RESOURCES:
        heights = _HEIGHT * (1 - series[name][chosen] / top)
        steps = np.linspace(0, _WIDTH, len(chosen)) if len(chosen) > 1 else np.array([0.0])
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(steps, heights, strict=True))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{_COLORS[name]}" stroke-width="1.5"/>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" aria-label="use over time">'
        f"<title>Use of the physical capacity, event by event</title>{''.join(lines)}</svg>"
    )
