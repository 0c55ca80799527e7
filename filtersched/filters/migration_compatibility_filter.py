"""MigrationCompatibilityFilter: instances move only to CPUs that have all that they may use."""

from __future__ import annotations

from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.cpu_features import CpuFeatures, cpu_features
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_MOST_NAMED = 3


class MigrationCompatibilityFilter(BaseHostFilter):
    """Refuse hosts whose CPU lacks a feature of the CPU that an instance moves from.

    Both are read from `cpu_info`: its `features`, and its `arch`. New instances may go anywhere.

    | the source's features | the target's           | verdict |
    |-----------------------|------------------------|---------|
    | unknown               | any                    | pass    |
    | known                 | all of the source's    | pass    |
    | known                 | all but one, or more   | refuse  |
    | known                 | unknown                | refuse  |
    | known                 | of another `arch`      | refuse  |
    """

    spec_reads: ClassVar[tuple[str, ...]] = ("source_cpu",)
    # A request does not ask for it.
    spec_meets: ClassVar[tuple[str, ...]] = ()
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing, unless an instance moves whose source tells its features."""
        return () if spec.source_cpu is None else ("cpu_info",)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        source: CpuFeatures | None = spec.source_cpu
        return source is None or _why_not(source, host_state.cpu_info) is None

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        return None if spec.source_cpu is None else _why_not(spec.source_cpu, host_state.cpu_info)


def _why_not(source: CpuFeatures, cpu_info: Any) -> str | None:
    """Why a CPU cannot take over from the source; None if it can."""
    target = cpu_features(cpu_info)
    if target is None:
        return "does not tell the features of its CPU, which an instance that moves needs"
    if source.arch and target.arch and source.arch != target.arch:
        return f"has a CPU of {target.arch}, and the instance moves from {source.arch}"
    lacking = sorted(source.features - target.features)
    if not lacking:
        return None
    more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
    return f"has a CPU without {', '.join(lacking[:_MOST_NAMED])}{more}, which the instance's present CPU has"
