"""check_host: a class of hosts gives back what it takes, and its copies are copies."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from filtersched.errors import FilterschedError, shown
from filtersched.hosts.host_lists import as_host_class
from filtersched.hosts.host_names import described
from filtersched.hosts.host_state import BUILDING, HostState
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.testing.conformance import ConformanceError, SameAnswerWarning
from filtersched.testing.samples import sample_hosts, sample_specs
from filtersched.testing.unchanged import Snapshot, copied, equal

# When the host was changed last, which no release takes back; and what was placed since its metrics
# were measured, of which a record without a time does not say whether it is a part.
_NOT_GIVEN_BACK = frozenset(("updated", "limits", "unmeasured_vcpus"))


def check_host(
    host_class: type[HostState],
    hosts: Iterable[HostState] | None = None,
    specs: Iterable[RequestSpec] | None = None,
) -> None:
    """Raise ConformanceError if a class of hosts leaks.

    hosts, specs : what it is tried on; by default `sample_hosts(host_class=…)` and `sample_specs()`. Give some of
        your own with which `consume_from_request` takes something.

    The rules: consuming from a copy leaves the host as it is, whatever is nested in its attributes;
    what `consume_from_request` returns is plain data; and when instances are released, in any order
    and after a restart, every attribute is what it was. `to_dict` and `from_dict` bring back the same
    host. A request that `consume_from_request` raises about is passed over.

    Warns with SameAnswerWarning if no request took anything of what the class itself declares.
    """
    tried = list(sample_hosts(host_class=as_host_class(host_class)) if hosts is None else hosts)
    requests = sample_specs() if specs is None else list(specs)
    if not tried or not requests:
        raise ValueError("a check needs at least one host and one request")
    check = _HostCheck(host_class)
    for host in tried:
        check.reading(host)
        for at, spec in enumerate(requests):
            check.taking(host, [spec, requests[at - 1]])
    check.warn_of_nothing(len(tried), len(requests))


class _HostCheck:
    """One class under examination."""

    def __init__(self, host_class: type[HostState]) -> None:
        self.name = host_class.__name__
        self.overrides = host_class.consume_from_request is not HostState.consume_from_request
        self.own = host_class.attributes.keys() - HostState.attributes.keys()
        # What requests took of, and the first exception, which explains where they took nothing.
        self.taken_of: set[str] = set()
        self.problem: Exception | None = None

    def fail(self, rule: str, what: str, cause: BaseException | None = None) -> NoReturn:
        raise ConformanceError(f"{self.name}: {what}", plugin=self.name, rule=rule) from cause

    def reading(self, host: HostState) -> None:
        """Check that the host comes back from JSON."""
        try:
            back = type(host).from_dict(json.loads(json.dumps(host.to_dict())))
        except (FilterschedError, TypeError, ValueError) as problem:
            self.fail("to_dict", f"{described(host)} does not come back from to_dict: {problem}", problem)
        for name in host.attributes:
            value, other = getattr(host, name), getattr(back, name)
            if not equal(value, other):
                what = f"{name} of {described(host)} is {shown(value)}, and {shown(other)} after from_dict"
                self.fail("to_dict", what)

    def taking(self, host: HostState, specs: Sequence[RequestSpec]) -> None:
        """Check that what instances take of a copy comes back when they are released, the first one first."""
        before = Snapshot(host)
        used = host.copy()
        start = _facts(used)
        placed = []
        for number, spec in enumerate(specs):
            request = spec.for_instance(f"instance-placed-{number}")
            try:
                taken = used.consume_from_request(request)
            except Exception as problem:
                # The boundary to the author of the class: the filters may keep such requests from the host.
                self.problem = self.problem or problem
                return
            placed.append((request, self.record(used, request, taken)))
        self.taken_of |= {name for name, value in _facts(used).items() if not equal(value, start.get(name))}
        for request, instance in placed:
            self.release(used, request, instance)
        changed = before.changed()
        if changed:
            self.fail(
                "copy",
                f"a decision changes {', '.join(changed)} of {described(host)}: its copy shares what is nested there; "
                "override copy(), and copy that too",
            )
        now = _facts(used)
        for name in {**start, **now}:
            was, found = start.get(name), now.get(name)
            if name not in _NOT_GIVEN_BACK and not equal(was, found):
                self.fail(
                    "release",
                    f"{name} of {described(host)} was {shown(was)}, and is {shown(found)} after instances were placed "
                    "and released; release_instance must give back what consume_from_request takes",
                )

    def record(self, host: HostState, request: RequestSpec, taken: Any) -> Instance:
        """The record of the instance, as a pool that was saved and loaded has it."""
        if taken is not None and not isinstance(taken, Mapping):
            self.fail("consumed", f"consume_from_request returned {shown(taken)}; return a mapping or None")
        try:
            made = replace(request.as_instance(), consumed={**BUILDING, **(taken or {})})
            instance = Instance(**json.loads(json.dumps(made.to_dict())))
        except (FilterschedError, TypeError, ValueError) as problem:
            self.fail("consumed", f"consume_from_request returned {shown(taken)}, no plain data: {problem}", problem)
        host.instances = [*host.instances.values(), instance]
        return instance

    def release(self, host: HostState, request: RequestSpec, instance: Instance) -> None:
        try:
            if type(host).releases_instances():
                host.release_instance(instance)
            else:
                host.release_request(request)
        except Exception as problem:
            # The boundary to the author of the class.
            self.fail("release", f"releasing an instance of {described(host)} raised {problem!r}", problem)

    def warn_of_nothing(self, hosts: int, specs: int) -> None:
        if not self.overrides or not self.own or self.own & self.taken_of:
            return
        raised = "" if self.problem is None else f" (consume_from_request raised {self.problem!r})"
        warnings.warn(
            f"{self.name}: none of {specs} requests took anything of {', '.join(sorted(self.own))} of {hosts} "
            f"hosts{raised}, so the check saw little. Give hosts and requests that make a difference: "
            f"check_host({self.name}, [make_host({self.name}, …)], [make_spec(…)]).",
            SameAnswerWarning,
            stacklevel=3,
        )


def _facts(host: HostState) -> dict[str, Any]:
    """What the host is: declared attributes, and others that it has."""
    return {name: copied(getattr(host, name)) for name in {**host.attributes, **vars(host)}}
