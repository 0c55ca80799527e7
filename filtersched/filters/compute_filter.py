"""ComputeFilter: hosts that work, and that announce what the flavor asks for."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.columns.column import HostColumns, NotVectorizable
from filtersched.columns.frozen import thaw
from filtersched.columns.values import moment
from filtersched.errors import shown
from filtersched.filters.extra_specs import ExtraSpecsFilter, Wish, compares_numbers, match, match_numbers
from filtersched.hosts.host_state import HostState
from filtersched.hosts.look_ups import may_have
from filtersched.hosts.service import is_forced_down, is_reported_down, last_heartbeat, service_is_up
from filtersched.plugins.columnar import filled, has_key, of_each
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import SERVICE_DOWN_TIME

# What every host announces about itself, and no flavor asks for.
_NO_CAPABILITIES = frozenset(("enabled", "timestamp"))


class ComputeFilter(ExtraSpecsFilter):
    """Refuse hosts that are disabled, down, or do not announce what the flavor asks for.

    All of these must hold; a host of another topic than compute passes.

    | of                            | must hold                                                     |
    |-------------------------------|---------------------------------------------------------------|
    | `service["disabled"]`         | false; no service known is fine                               |
    | `service["forced_down"]`      | false; no service known is fine                               |
    | `service["state"]`            | not "down"; no service known is fine                          |
    | last heartbeat of the service | `service_down_time` ago or less; no heartbeat known is fine   |
    | `capabilities["enabled"]`     | true or not announced                                         |
    | other capabilities            | none announced, or each extra spec of the flavor whose key is |
    |                               | bare or begins with `capabilities:` matches what is announced |
    """

    # The state of the services is that of the moment when the request came.
    run_filter_once_per_request = True
    options: ClassVar[Sequence[cfg.Opt]] = (SERVICE_DOWN_TIME,)
    host_reads: Sequence[str] = ("topic", "service", "capabilities")
    spec_reads: ClassVar[Sequence[str]] = ("extra_specs.*", "extra_specs.capabilities:*", "now")
    columnar = True
    reason_is_text = True
    scope = "capabilities"

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        now = moment(spec.now)
        age = abs(now - filled(of_each(host_state, "service", _heartbeat), now))
        alive = age <= self._down_time()
        enabled = of_each(host_state, "service", _is_enabled) & of_each(host_state, "capabilities", _announces_enabled)
        works = alive & enabled
        wishes = self.wishes(spec)
        if wishes:
            works &= _meets_all(host_state, wishes)
        return of_each(host_state, "topic", _is_not_compute) | works

    def _relevant_extra_specs(self, spec: RequestSpec, rows: Any) -> Any:
        return self._relevant(spec, lambda name: may_have(rows, "capabilities", name))

    def changes_at(self, host_state: Any) -> tuple[Any, Any]:
        # A host without a heartbeat does not change at all; 1970 is as good as any moment long ago.
        heartbeat = filled(of_each(host_state, "service", _heartbeat), 0)
        return heartbeat - self._down_time(), heartbeat + self._down_time()

    def _down_time(self) -> Any:
        """How old a heartbeat may be, in microseconds."""
        return self.option("service_down_time") * 1_000_000

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        service, capabilities = host_state.service, host_state.capabilities
        if service.get("disabled"):
            why = service.get("disabled_reason")
            return f"its service is disabled ({why})" if why else "its service is disabled"
        if is_forced_down(service):
            return "its service is forced down"
        if is_reported_down(service):
            return "Nova reports its service down"
        down_time = self.option("service_down_time")
        if not service_is_up(service, spec.now, down_time):
            return f"its service was last heard of at {last_heartbeat(service)}, more than {down_time} s away"
        if not _announces_enabled(capabilities):
            return "it announces that it is not enabled"
        unmet = _first_unmet(capabilities, self.wishes(spec))
        if unmet is None:
            return None
        announced = _announced(capabilities, unmet.steps)
        said = "not announced" if announced is None else f"announced as {shown(announced)}"
        return f"{unmet.name!r} is {said}, asked {shown(unmet.requirement)}"


def _is_not_compute(topic: Any) -> bool:
    return bool(topic != "compute")


def _is_enabled(service: Any) -> bool:
    return not service.get("disabled") and not is_forced_down(service) and not is_reported_down(service)


def _announces_enabled(capabilities: Mapping[str, Any]) -> bool:
    return bool(capabilities.get("enabled", True))


def _heartbeat(service: Any) -> int | None:
    heartbeat = last_heartbeat(service)
    return None if heartbeat is None else moment(heartbeat)


def _meets_all(host: Any, wishes: Sequence[Wish]) -> Any:
    """Whether what the host announces meets all wishes, on one host or on columns."""
    if not isinstance(host, HostColumns):
        return _first_unmet(host.capabilities, wishes) is None
    met: Any = True
    for wish in wishes:
        met = met & _meets(host, wish)
    return of_each(host, "capabilities", _announces_nothing) | met


def _meets(hosts: HostColumns, wish: Wish) -> Any:
    """Whether capabilities meet a wish, for columns of hosts that announce some."""
    if has_key(hosts, "capabilities", wish.steps[0]) is False:
        return False
    if compares_numbers(wish.requirement):
        with contextlib.suppress(NotVectorizable):
            return match_numbers(of_each(hosts, "capabilities", _announced_number, *wish.steps), wish.requirement)
    return of_each(hosts, "capabilities", _is_met, wish.requirement, *wish.steps)


def _announced_number(capabilities: Mapping[str, Any], *path: str) -> float | None:
    """The capability as a number. Raises ValueError for one that is none."""
    announced = _announced(capabilities, path)
    return None if announced is None else float(_text(announced))


def _is_met(capabilities: Mapping[str, Any], requirement: Any, *path: str) -> bool:
    if _announces_nothing(capabilities):
        return True
    announced = _announced(capabilities, path)
    return announced is not None and match(_text(announced), requirement)


def _announces_nothing(capabilities: Mapping[str, Any]) -> bool:
    return capabilities.keys() <= _NO_CAPABILITIES


def _text(announced: Any) -> str:
    # Lists are kept as tuples; their text is that of a list.
    return str(thaw(announced))


def _first_unmet(capabilities: Mapping[str, Any], wishes: Sequence[Wish]) -> Wish | None:
    """The first wish that the announced capabilities do not meet; a host that announces none meets all."""
    return next((wish for wish in wishes if not _is_met(capabilities, wish.requirement, *wish.steps)), None)


def _announced(capabilities: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The capability of that name; of two names, the second is looked up in what the first is.

    That may be a mapping, or JSON text of one, as `cpu_info` often is.
    """
    found: Any = capabilities
    for name in path:
        if isinstance(found, str):
            found = _from_json(found)
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
