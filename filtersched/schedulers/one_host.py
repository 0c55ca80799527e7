"""One host asked whether it can take an instance, and the selection that puts it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from filtersched.engine.decision import Choice, Decision
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import excluded_by, skips_filters
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import sealed
from filtersched.results.selection import Selection
from filtersched.results.verdict import HostVerdicts
from filtersched.schedulers.filter_scheduler import FilterScheduler


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether one host can take one instance."""

    #: Whether the request lets the host in, and every filter passes it.
    passed: bool
    _scheduler: FilterScheduler
    _decision: Decision
    _host: HostState

    def verdicts(self) -> HostVerdicts:
        """What every filter says. A filter that raises counts as one that refuses, and says so."""
        return self._decision.ask(self._host, 0)

    def selection(self) -> Selection:
        """The instance on that host, to be committed or moved. Call it only if the host passed."""
        return sealed(self._selection)

    def _selection(self) -> Selection:
        host, decision = self._host, self._decision
        before = decision.without.get((host.host, host.nodename), host)
        spec = decision.spec_for(0, ())
        (selection,) = decision.selections([Choice(spec, host, self._scheduler.deplete(before, spec), 0.0)])
        return selection


def ask_host(
    scheduler: FilterScheduler,
    spec: RequestSpec,
    pool: HostPool,
    key: Key,
    *,
    filters: Sequence[BaseHostFilter],
    move: bool = False,
) -> Asked:
    """Ask filters about one host of a pool, for one instance, up to one that refuses it.

    move : the instance is on a host of the pool, and may go elsewhere or stay.
    filters : the filters of the decision.

    Call it under the lock of the pool, and use the answer before the pool changes. Raises what a filter raises.
    """
    uuids = None if spec.instance_uuid is None else [spec.instance_uuid]
    decision = scheduler._prepare(spec, pool, uuids, filters=filters, move=move)
    host = pool[key]
    return Asked(sealed(lambda: _passes(decision, host)), scheduler, decision, host)


def _passes(decision: Decision, host: HostState) -> bool:
    seen, spec = decision.without.get((host.host, host.nodename), host), decision.spec_for(0, ())
    if excluded_by(host, spec) is not None:
        return False
    return skips_filters(spec) or HostFilterHandler().passes(decision.filters, seen, spec, 0)
