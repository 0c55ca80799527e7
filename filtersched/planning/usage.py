"""How much of all hosts is in use while requests are placed."""

from __future__ import annotations

from typing import Any

from filtersched.planning.amounts import RESOURCES, HostAmounts, amounts_of
from filtersched.requests.request_spec import RequestSpec


class Usage:
    """How much of all hosts is in use, by resource: before, at the peak, and at the end."""

    def __init__(self, amounts: HostAmounts) -> None:
        self.total: dict[str, float] = {name: float(amounts.total[name].sum()) for name in RESOURCES}
        self.before: dict[str, float] = {name: float(amounts.used[name].sum()) for name in RESOURCES}
        self.now: dict[str, float] = dict(self.before)
        self.peak: dict[str, float] = dict(self.before)

    def add(self, spec: RequestSpec, count: int) -> None:
        """Count that many instances of the request in, or out if negative."""
        now, peak = self.now, self.peak
        for name, amount in zip(RESOURCES, amounts_of(spec.flavor), strict=True):
            used = now[name] = now[name] + count * amount
            if used > peak[name]:
                peak[name] = used

    def to_dict(self) -> dict[str, Any]:
        """The shares in use, by resource."""
        return {
            name: {
                "before": _share(self.before[name], total),
                "peak": _share(self.peak[name], total),
                "final": _share(self.now[name], total),
            }
            for name, total in self.total.items()
        }


def _share(used: float, total: float) -> float | None:
    """The part in use, 1.0 for all; more where hosts are oversubscribed, None of nothing."""
    return round(used / total, 6) if total else None
