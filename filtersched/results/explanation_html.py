"""An explanation in a notebook: the filters' counts, the weighers' shares, the nearest misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def explanation_html(data: Mapping[str, Any]) -> str:
    """What `Explanation.to_dict()` says, as tables; needs neither scripts nor a network."""
    parts = [f"<p>{escape(data['message'])}</p>"]
    steps = [(one["filter"], one["before"], one["after"]) for one in data["steps"]]
    parts += _table(("filter", "hosts before", "hosts after"), steps)
    if data["host"] is not None:
        chosen = f"chosen: <b>{escape(data['host'])}</b>, weight {data['weight']:.6g}"
        second = f"; {data['margin']:.6g} ahead of {escape(data['runner_up'])}" if data["runner_up"] else ""
        parts.append(f"<p>{chosen}{second}</p>")
        shares = [(one["weigher"], *(f"{one[name]:.6g}" for name in _SHARE)) for one in data["shares"]]
        parts += _table(("weigher", *_SHARE), shares)
    misses = [(one["host"], "; ".join(_reasons(one))) for one in data["near_misses"]]
    parts += _table(("nearest", "why not"), misses)
    return "".join(parts)


_SHARE = ("raw", "normalized", "multiplier", "contribution")


def _reasons(verdicts: Mapping[str, Any]) -> list[str]:
    refused = (one for one in verdicts["verdicts"] if not one["passed"])
    return [f"{one['filter']}: {one['reason'] or 'refuses'}" for one in refused]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The rows under their head; nothing without rows."""
    if not rows:
        return []
    cells = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    header = "".join(f"<th>{escape(name)}</th>" for name in head)
    return [f"<table><tr>{header}</tr>", *(f"<tr>{row}</tr>" for row in cells), "</table>"]
