"""The rules that every driver keeps, tried out on lists and pools of hosts."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from oslo_config import cfg

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor
from filtersched.results.explanation import Explanation
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.schedulers.base import Scheduler
from filtersched.testing.conformance import ConformanceError
from filtersched.testing.samples import make_host
from filtersched.testing.unchanged import Snapshot

_T = TypeVar("_T")
_SEED = 20260131
_Node = tuple[str, str]


def check_driver(
    driver: type[Scheduler],
    hosts: Iterable[HostState] | None = None,
    specs: Iterable[RequestSpec] | None = None,
    *,
    conf: cfg.ConfigOpts | None = None,
) -> None:
    """Raise ConformanceError if a driver breaks a rule.

    driver : the class. It is made with `conf` alone, as the loader makes it.
    hosts, specs : what the driver is tried on; by default eight hosts with room, and requests for one and
        for three instances. At least one of the requests must find a host.

    The rules: the same seed gives the same decision, on a list of hosts and on a pool; there is one
    selection per instance, in order, on a host that was offered; alternates are other hosts; hosts and
    request stay as they are; no host at all is a NoValidHost, and so is a request that nothing fits;
    the explanation has words, plain data, and a word on every host; what `place` decides is committed,
    and a refusal commits nothing.
    """
    check = _DriverCheck(driver, conf)
    offered = [make_host(f"host-{n}", num_instances=n) for n in range(8)] if hosts is None else list(hosts)
    flavor = Flavor(memory_mb=512, vcpus=1, root_gb=1)
    asked = [RequestSpec(flavor), RequestSpec(flavor, num_instances=3)] if specs is None else list(specs)
    placed = [spec for spec in asked if check.decides(offered, spec)]
    if not placed:
        check.fail("refuses all", "found no host for any of the requests; give hosts and specs that it can place")
    for spec in placed:
        check.commits(offered, spec)
    for spec in asked:
        check.refuses([], spec)


class _DriverCheck:
    """One driver under examination."""

    def __init__(self, driver: type[Scheduler], conf: cfg.ConfigOpts | None) -> None:
        self.name: str = getattr(driver, "__name__", repr(driver))
        if not (inspect.isclass(driver) and issubclass(driver, Scheduler)):
            self.fail("base class", "is not derived from Scheduler; derive it from FilterScheduler")
        self.scheduler = self.call("the constructor", lambda: driver(conf))

    def fail(self, rule: str, what: str, cause: BaseException | None = None) -> NoReturn:
        raise ConformanceError(f"{self.name}: {what}", plugin=self.name, rule=rule) from cause

    def call(self, what: str, function: Callable[[], _T]) -> _T:
        """What the function returns; raising anything but a refusal is a failure."""
        try:
            return function()
        except NoValidHost:
            raise
        except Exception as problem:
            # The boundary to the plug-in.
            notes = "".join(f" ({note})" for note in getattr(problem, "__notes__", ()))
            self.fail("exception", f"{what} raised {problem!r}{notes}", problem)

    def decides(self, hosts: Sequence[HostState], spec: RequestSpec) -> bool:
        """Try a decision on a list and on a pool; whether there was a host."""
        pool = HostPool(host.copy() for host in hosts)
        before = [Snapshot(one) for one in (*hosts, *pool, spec)]
        first = self._decision(hosts, spec)
        for again, offered in (("again", hosts), ("on a pool", pool)):
            if self._decision(offered, spec) != first:
                said = f"decided otherwise {again}, with the same seed, hosts and request"
                self.fail("seed", f"{said}; draw by the random generator that `select` is given")
        for snapshot in before:
            changed = snapshot.changed()
            if changed:
                self.fail("changes", f"changed {', '.join(changed)} of {snapshot.thing!r}; a decision changes nothing")
        return first is not None

    def _decision(self, offered: Any, spec: RequestSpec) -> list[_Node] | None:
        def decide() -> Any:
            return self.scheduler.select_destinations(spec, offered, return_alternates=True, seed=_SEED)

        hosts = {(host.host, host.nodename) for host in offered}
        try:
            selections = self.call(f"select_destinations({spec!r})", decide)
        except NoValidHost as refusal:
            self._explains(refusal.explanation, offered)
            return None
        if not isinstance(selections, list) or not all(isinstance(one, Selection) for one in selections):
            self.fail("selections", f"select_destinations returned {selections!r} and no list of Selections")
        if [one.index for one in selections] != list(range(spec.num_instances)):
            said = f"returned selections {[one.index for one in selections]} for {spec.num_instances} instances"
            self.fail("selections", f"{said}; return one for each, in order")
        for selection in selections:
            strange = {(one.host, one.nodename) for one in (selection, *selection.alternates)} - hosts
            if strange:
                self.fail("hosts", f"chose {sorted(strange)}, which was not offered")
        chosen = [(one.host, one.nodename) for one in selections]
        for selection in selections:
            twice = [one.host for one in selection.alternates if (one.host, one.nodename) in chosen]
            if twice:
                self.fail("alternates", f"has {twice} among the alternates and among the chosen")
        self._explains(selections[-1].explanation, offered)
        return chosen

    def _explains(self, explanation: Explanation, offered: Iterable[HostState]) -> None:
        self.call("str(explanation)", lambda: str(explanation))
        self.call("explanation.to_dict()", lambda: json.dumps(explanation.to_dict()))
        for host in offered:
            self.call(f"explanation.why({host.host!r})", functools.partial(_words, explanation, host))

    def commits(self, hosts: Sequence[HostState], spec: RequestSpec) -> None:
        """Try `place` on a pool, and `release`."""
        pool = HostPool(host.copy() for host in hosts)
        selections = self.call("place", lambda: self.scheduler.place(spec, pool, seed=_SEED))
        known = {uuid for host in pool for uuid in host.instances}
        missing = [one.instance_uuid for one in selections if one.instance_uuid not in known]
        if missing:
            self.fail("commit", f"place returned selections, but the pool has no instance {missing[0]}")
        self.call("release", lambda: pool.release(selections))

    def refuses(self, hosts: Sequence[HostState], spec: RequestSpec) -> None:
        """Try a request where there is no host."""
        for offered in (list(hosts), HostPool(hosts)):
            decide = functools.partial(self.scheduler.select_destinations, spec, offered)
            try:
                self.call("select_destinations without hosts", decide)
            except NoValidHost:
                continue
            self.fail("no hosts", "placed an instance though there was no host; raise NoValidHost")


def _words(explanation: Explanation, host: HostState) -> str:
    return str(explanation.why(host))

