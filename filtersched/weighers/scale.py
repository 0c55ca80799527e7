"""The scale of a weigher: raw weights moved to its ends, and mapped to [0, 1]. For one weight, or an array of them."""

from __future__ import annotations

from typing import Any

import numpy as np


def clamp(raw: Any, minval: float | None, maxval: float | None) -> Any:
    """A raw weight, or an array of them, moved to the ends of the scale; None is no end."""
    if type(raw) is np.ndarray:
        raw = raw if minval is None else np.maximum(raw, float(minval))
        return raw if maxval is None else np.minimum(raw, float(maxval))
    if minval is not None and raw < minval:
        raw = minval
    return maxval if maxval is not None and raw > maxval else raw


def to_unit(raw: Any, low: float, high: float, *, out: Any = None) -> Any:
    """A raw weight, or an array of them, between `low` and `high` as a number from 0 to 1.

    0.0 if both ends are equal: a weigher which cannot tell hosts apart changes nothing.
    out : (n_hosts,) float64, where the result for an array may be written.
    Rule: docs/compatibility, "normalisation".
    """
    if type(raw) is not np.ndarray:
        return 0.0 if low == high else (raw - low) / (high - low)
    if low == high:
        return np.zeros_like(raw)
    # Subtracting 0.0 changes nothing, and takes time.
    moved = raw if low == 0.0 else np.subtract(raw, low, out=out)
    return np.divide(moved, high - low, out=out)
