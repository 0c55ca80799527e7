"""ChanceScheduler: a random host that is up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from filtersched.engine.decision import Choice, Decision
from filtersched.hosts.host_state import HostState
from filtersched.hosts.service import service_is_up
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.filter_step import FilterStep
from filtersched.schedulers.base import Scheduler


class ChanceScheduler(Scheduler):
    """Place each instance on a random host that is up, without filters, weighers and depletion."""

    spec_reads: ClassVar[Sequence[str] | None] = ("ignore_hosts",)

    def _choose(self, decision: Decision) -> list[Choice]:
        ignored = decision.spec.ignore_hosts
        asked = [host for host in decision.offered() if host.host not in ignored]
        hosts = [host for host in asked if self._is_up(host, decision.spec)]
        if not hosts:
            step = FilterStep.of_lists(type(self).__name__, asked, hosts, asked)
            raise decision.refusal(0, lambda: [step], [], reason="Is the appropriate service running?")
        decision.drawn_from = lambda _left, _weights: len(hosts) if len(hosts) > 1 else None
        choices: list[Choice] = []
        for index in range(len(decision.uuids)):
            host = decision.random().choice(hosts)
            choices.append(Choice(decision.spec_for(index, choices), host, host.copy(), 0.0))
        return choices

    def _is_up(self, host: HostState, spec: RequestSpec) -> bool:
        disabled = host.service.get("disabled")
        return not disabled and service_is_up(host.service, spec.now, self.settings.service_down_time)
