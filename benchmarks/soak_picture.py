"""The picture of a soak: latencies over time above, memory below, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT = 860, 70, 150
TOP, UPPER, GAP, LOWER = 60, 260, 40, 110
BOTTOM = TOP + UPPER + GAP + LOWER
_LINES = (
    ("longest pause", "#b22222", lambda one: one.pause),
    ("longest request", "#e08214", lambda one: one.longest),
    ("99 % of requests", "#2166ac", lambda one: one.p99),
    ("median request", "#4d9221", lambda one: one.median),
)


def picture(windows: Sequence[Any], what: str, *, goal_s: float) -> str:
    """The picture of a run.

    windows : its parts, as soak_live.Window; what : what was run, in a line.
    """
    last = windows[-1].began or 1.0

    def across(window: Any) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * window.began / last

    parts = [_text(LEFT, 24, "A soak: latencies and memory over simulated time", size=15)]
    parts += [_text(LEFT, 24 + 15 * line, words, size=10) for line, words in enumerate(_wrapped(what), 1)]
    parts += _latencies(windows, across, goal_s)
    parts += _memory(windows, across)
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = LEFT + (WIDTH - LEFT - RIGHT) * share
        parts.append(_text(at, BOTTOM + 18, f"{last * share:.0f} s", anchor="middle"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {BOTTOM + 30}" font-family="sans-serif">'
    ground = f'<rect width="{WIDTH}" height="{BOTTOM + 30}" fill="white"/>'
    return "\n".join([head, f"<title>{escape(what)}</title>", ground, *parts, "</svg>", ""])


def _latencies(windows: Sequence[Any], across: Callable[[Any], float], goal_s: float) -> list[str]:
    """The upper panel, milliseconds on a logarithmic scale."""
    values = [value(one) for one in windows for _name, _colour, value in _LINES] + [goal_s]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def up(seconds: float) -> float:
        return TOP + UPPER * (high - math.log10(seconds)) / (high - low)

    parts = []
    for power in range(low, high + 1):
        parts.append(_line(up(10.0**power), "#ddd"))
        parts.append(_text(LEFT - 8, up(10.0**power) + 4, f"{10.0 ** (power + 3):g} ms", anchor="end"))
    parts.append(_line(up(goal_s), "#b22222", dashes="5 4"))
    parts.append(_text(WIDTH - RIGHT + 6, up(goal_s) + 4, f"goal: no pause above {1000 * goal_s:.0f} ms", size=9))
    for at, (name, colour, value) in enumerate(_LINES):
        parts.append(_curve([(across(one), up(value(one))) for one in windows], colour))
        parts.append(_text(WIDTH - RIGHT + 6, TOP + UPPER - 14 * (len(_LINES) - at), name, colour=colour))
    return parts


def _memory(windows: Sequence[Any], across: Callable[[Any], float]) -> list[str]:
    """The lower panel, from zero."""
    most = max(one.megabytes for one in windows) * 1.1 or 1.0
    top = TOP + UPPER + GAP

    def up(megabytes: float) -> float:
        return top + LOWER * (1 - megabytes / most)

    parts = [_line(up(0), "#999"), _text(LEFT - 8, up(0) + 4, "0 MB", anchor="end")]
    last = windows[-1].megabytes
    parts.append(_text(LEFT - 8, up(last) + 4, f"{last:.0f} MB", anchor="end"))
    parts.append(_curve([(across(one), up(one.megabytes)) for one in windows], "#762a83"))
    parts.append(_text(WIDTH - RIGHT + 6, up(last) + 4, "memory", colour="#762a83"))
    return parts


def _wrapped(words: str, width: int = 120) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _line(at: float, colour: str, *, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{colour}"{dashed}/>'


def _curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, *, size: int = 11, anchor: str = "start", colour: str = "#222") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"
