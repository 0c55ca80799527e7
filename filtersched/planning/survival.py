"""Survival: how many instances fit so that any one domain can fail and its instances find a place elsewhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from filtersched.errors import FilterschedError, InvalidRequest, must_be
from filtersched.hosts.domains import DomainKey, name_of
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.planning.capacity_result import Survival
from filtersched.planning.filling import Filling
from filtersched.planning.trial_moves import request_of
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.results.no_valid_host import NoValidHost


class _Undo(FilterschedError):
    """Takes a trial back."""


def domains_of(pool: HostPool, domain: str) -> dict[Any, list[Key]]:
    """The hosts of each domain. Raises InvalidRequest where no host is in one."""
    if not isinstance(domain, str):
        raise InvalidRequest(must_be("survive", "a kind of domain", domain), field="survive", value=domain)
    key = DomainKey(domain, "")
    found: dict[Any, list[Key]] = {}
    for host in pool:
        for one in key.of(host):
            found.setdefault(name_of(one), []).append((host.host, host.nodename))
    if not found:
        hint = "write host, zone, aggregate:KEY or an attribute of hosts"
        said = f"no host is in a domain of the kind {domain!r}; {hint}"
        raise InvalidRequest(said, field="survive", value=domain)
    return found


def survival(
    pool: HostPool,
    filled: Callable[[HostPool, int], Filling],
    domain: str,
    most: int,
    *,
    limit: int,
    groups: Mapping[str, InstanceGroup],
    full: Filling | None = None,
) -> Survival:
    """How many of the instances that `filled` places survive the failure of any one domain.

    filled : places so many of them at most on a copy of the pool.
    limit : how many instances are asked for at most; `most` bounds the search for those that fit.
    groups : by uuid, of the instances on the hosts.
    full : what `filled` places at most, if it is known.
    """
    domains = domains_of(pool, domain)
    here, not_moved = _instances(pool, groups)
    filling = filled(pool, most) if full is None else full
    total = len(filling.placed)
    if filling.refusal is not None and not here and filling.is_alike():
        on = Counter((one.host, one.nodename) for _number, one in filling.placed)
        fits = {name: sum(on[key] for key in keys) for name, keys in domains.items()}
        worst = max(fits, key=fits.__getitem__)
        # Where others have room for c instances of a domain of m, n = c + (all that fit elsewhere - free elsewhere).
        count = total - fits[worst]
        return Survival(domain, min(count, limit), str(worst) if count < limit else None, True, not_moved)
    if total > limit:
        filling = filled(pool, limit)
        total = len(filling.placed)
    check = _Check(filling, domains, here)
    worst = check.worst(total)
    if worst is None:
        return Survival(domain, total, None, False, not_moved)
    # `low` survives, or is -1 for none; `high` does not.
    low, high = -1, total
    while high - low > 1:
        middle = (low + high) // 2
        found = check.worst(middle)
        if found is None:
            low = middle
        else:
            high, worst = middle, found
    return Survival(domain, max(low, 0), str(worst), False, not_moved)


def _instances(pool: HostPool, groups: Mapping[str, InstanceGroup]) -> tuple[dict[Key, list[RequestSpec]], int]:
    """What asks for another place for the instances on each host, and how many cannot be asked to move."""
    found: dict[Key, list[RequestSpec]] = {}
    not_moved = 0
    held = {uuid for one in pool.reservations.values() for uuid in one.instance_uuids}
    for host in pool:
        for uuid, instance in host.instances.items():
            if uuid in held:
                continue
            if instance.flavor is None or instance.forced or any(one not in groups for one in instance.groups):
                not_moved += 1
            else:
                found.setdefault((host.host, host.nodename), []).append(request_of(instance, groups))
    return found, not_moved


class _Check:
    """Whether the instances of each domain find a place elsewhere, with the first n of a filling."""

    def __init__(
        self, filling: Filling, domains: Mapping[Any, list[Key]], here: Mapping[Key, list[RequestSpec]]
    ) -> None:
        self._filling = filling
        self._domains = domains
        self._here = here
        # The domains that failed last are asked first.
        self._order = list(domains)

    def worst(self, count: int) -> Any:
        """The first domain found whose instances find no place, with so many of the filling; None if all do."""
        placed = self._filling.placed
        tail = [one for _number, one in placed[count:]]
        on: dict[Key, Counter[int]] = defaultdict(Counter)
        for number, one in placed[:count]:
            on[one.host, one.nodename][number] += 1
        found = None

        def ask() -> None:
            nonlocal found
            if tail:
                self._filling.pool.release(tail)
            found = next((name for name in self._order if not self._moves(self._domains[name], on)), None)

        self._tentatively(ask)
        if found is not None:
            self._order.remove(found)
            self._order.insert(0, found)
        return found

    def _moves(self, keys: list[Key], on: Mapping[Key, Mapping[int, int]]) -> bool:
        wanted = sorted(self._wanted(keys, on), key=_size, reverse=True)
        passed = True

        def place() -> None:
            nonlocal passed
            for at, spec in enumerate(wanted):
                uuids = [f"{spec.instance_uuid or 'survivor'}-{at}-{one}" for one in range(spec.num_instances)]
                spec.instance_uuid = None
                try:
                    self._filling.scheduler.place(spec, self._filling.pool, uuids, seed=0, **self._filling.how)
                except NoValidHost:
                    passed = False
                    return

        if wanted:
            self._tentatively(place)
        return passed

    def _wanted(self, keys: list[Key], on: Mapping[Key, Mapping[int, int]]) -> Iterator[RequestSpec]:
        """Requests for the instances on these hosts, elsewhere."""
        failed = [host for host, _node in keys]
        counts: Counter[int] = Counter()
        for key in keys:
            counts.update(on.get(key, {}))
            for spec in self._here.get(key, ()):
                yield _elsewhere(spec, 1, failed)
        for number, count in counts.items():
            yield _elsewhere(self._filling.kinds[number].spec, count, failed)

    def _tentatively(self, act: Callable[[], None]) -> None:
        def trial() -> None:
            act()
            raise _Undo

        try:
            self._filling.pool.transaction(trial)
        except _Undo:
            return


def _elsewhere(spec: RequestSpec, count: int, failed: list[str]) -> RequestSpec:
    made = spec.copy()
    made.num_instances = count
    made.ignore_hosts = [*spec.ignore_hosts, *failed]
    return made


def _size(spec: RequestSpec) -> tuple[float, ...]:
    return spec.memory_mb, spec.vcpus, spec.root_gb + spec.ephemeral_gb, spec.num_instances
