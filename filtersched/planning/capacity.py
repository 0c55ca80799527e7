"""How many more instances fit on the hosts of a pool, what ends it, and how many hosts a demand needs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from filtersched.errors import InvalidRequest, must_be
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.loading import FiltersGiven
from filtersched.planning.capacity_result import Capacity, KindCapacity, Survival
from filtersched.planning.filling import Filling, Kind
from filtersched.planning.survival import domains_of, survival
from filtersched.planning.trial_moves import Groups, groups_by_uuid
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor, InstanceGroup

#: So many instances of a kind are tried at most, where nothing else ends it.
MOST = 100_000
# So many are enough to see where they go, if nothing can end it.
_OPEN = 1_000


def capacity(
    scheduler: Any,
    pool: HostPool,
    flavors: Iterable[Flavor | RequestSpec | Mapping[str, Any]],
    *,
    mix: Sequence[float] | None = None,
    until: int | None = None,
    survive: str | None = None,
    buy: HostState | None = None,
    groups: Groups = (),
    filters: FiltersGiven | None = None,
    profile: str | None = None,
) -> Capacity:
    """How many instances of each flavor alone still fit, and of all together in the shares of a mix.

    Instances are placed one after another, as requests of one instance each, where the scheduler would
    place them; on a copy, so that the pool stays as it is.

    flavors : what to place: flavors, or requests with hints and an image too.
    mix : the share of each flavor, such as (3, 1); together they are placed until one is refused.
    until : how many are asked for; None fills the hosts, with at most `MOST` of each. Where no filter looks at
        what instances take, the search stops sooner, and the answer `is_open`.
    survive : a kind of domain: "host", "zone", "aggregate:KEY" or an attribute of hosts such as "rack". Also
        finds how many fit so that any one such domain can fail.
    buy : a host. Also finds how many more like it are needed for `until` instances; with `survive`, for as many
        that survive.
    groups : the server groups of the instances on the hosts, for `survive`.
    filters, profile : as of `select_destinations`.

    Raises InvalidRequest for arguments that make no sense, and what a plug-in raises.
    """
    if isinstance(flavors, str | Mapping | RequestSpec) or not isinstance(flavors, Iterable):
        raise InvalidRequest(must_be("flavors", "a list of flavors", flavors), field="flavors", value=flavors)
    how = {name: value for name, value in (("filters", filters), ("profile", profile)) if value is not None}
    kinds = [_kind(one, number) for number, one in enumerate(flavors, 1)]
    _check(kinds, mix, until, buy)
    question = _Question(scheduler, pool, how, until, survive, buy, groups_by_uuid(groups))
    if not isinstance(pool, HostPool):
        raise InvalidRequest(must_be("pool", "a HostPool", pool), field="pool", value=pool)
    if survive is not None:
        domains_of(pool, survive)
    together = None
    if mix is not None:
        shares = zip(kinds, mix, strict=True)
        together = question.answer([kind._replace(share=float(share)) for kind, share in shares], "mix")
    return Capacity(len(pool), tuple(question.answer([kind], kind.name) for kind in kinds), together)


class _Question:
    """What is asked about each kind and about the mix."""

    def __init__(
        self,
        scheduler: Any,
        pool: HostPool,
        how: Mapping[str, Any],
        until: int | None,
        survive: str | None,
        buy: HostState | None,
        groups: Mapping[str, InstanceGroup],
    ) -> None:
        self._scheduler = scheduler
        self._pool = pool
        self._how = how
        self._until = until
        self._most = MOST if until is None else until
        self._survive = survive
        self._buy = buy
        self._groups = groups

    def answer(self, kinds: Sequence[Kind], name: str) -> KindCapacity:
        filling = self._filled(kinds, self._pool, self._most)
        found = filling.result(name, is_open=self._until is None and filling.refusal is None and len(self._pool) > 0)
        if self._survive is not None:
            full = filling if self._until is None else None
            found = replace(found, survival=self._survival(kinds, self._pool, full))
        return found if self._buy is None else replace(found, to_buy=self._to_buy(kinds))

    def _filled(self, kinds: Sequence[Kind], pool: HostPool, most: int) -> Filling:
        filling = Filling(self._scheduler, copy.copy(pool), kinds, how=self._how)
        filling.fill(min(most, _OPEN) if self._until is None and filling.is_open() else most)
        return filling

    def _survival(self, kinds: Sequence[Kind], pool: HostPool, full: Filling | None = None) -> Survival:
        assert self._survive is not None
        return survival(
            pool,
            lambda hosts, most: self._filled(kinds, hosts, most),
            self._survive,
            MOST,
            limit=self._most,
            groups=self._groups,
            full=full,
        )

    def _to_buy(self, kinds: Sequence[Kind]) -> int | None:
        """How many hosts more are enough; with one less, they are not. None if more do not help."""
        before = self._fits(kinds, 0)
        if before >= self._most:
            return 0
        low, high = 0, 1
        while (fits := self._fits(kinds, high)) < self._most:
            # One host may be too small a step: with `survive`, the second one helps only.
            if fits <= before and high > 2:
                return None
            before, low, high = fits, high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if self._fits(kinds, middle) >= self._most:
                high = middle
            else:
                low = middle
        return high

    def _fits(self, kinds: Sequence[Kind], more: int) -> int:
        pool = copy.copy(self._pool)
        known = {host.host for host in pool}
        for number in range(1, more + 1):
            pool.add(_another(self._buy, number, known))
        if self._survive is not None:
            return self._survival(kinds, pool).count
        return len(self._filled(kinds, pool, self._most).placed)


def _another(host: Any, number: int, known: set[str]) -> HostState:
    """A host of the same make, with a name that no other has."""
    name = f"{host.host}-{number}"
    while name in known:
        name += "+"
    data = {**host.to_dict(), "host": name, "nodename": name, "uuid": None}
    made: HostState = type(host).from_dict(data)
    return made


def _kind(given: Any, number: int) -> Kind:
    spec = given.copy() if isinstance(given, RequestSpec) else RequestSpec(given)
    spec.num_instances, spec.instance_uuid, spec.instance_uuids = 1, None, ()
    return Kind(spec.flavor.name or f"#{number}", spec)


def _check(kinds: Sequence[Kind], mix: Sequence[float] | None, until: int | None, buy: HostState | None) -> None:
    if not kinds:
        raise InvalidRequest("there must be a flavor at least", field="flavors", value=kinds)
    names = [kind.name for kind in kinds]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise InvalidRequest(f"two flavors have the name {twice!r}; name them apart", field="flavors", value=twice)
    if until is not None and (type(until) is not int or not 1 <= until <= MOST):
        said = must_be("until", f"None, or a whole number from 1 to {MOST}", until)
        raise InvalidRequest(said, field="until", value=until)
    if mix is not None:
        if len(mix) != len(kinds):
            said = f"mix has {len(mix)} shares, and there are {len(kinds)} flavors; give a share of each"
            raise InvalidRequest(said, field="mix", value=mix)
        if not all(isinstance(one, int | float) and 0 < one < float("inf") for one in mix):
            raise InvalidRequest(must_be("mix", "a number above 0 for each flavor", mix), field="mix", value=mix)
    if buy is not None and not isinstance(buy, HostState):
        raise InvalidRequest(must_be("buy", "a HostState", buy), field="buy", value=buy)
    if buy is not None and until is None:
        raise InvalidRequest("buy needs a demand: how many instances are asked for, as until", field="until")
