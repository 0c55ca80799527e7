"""FilterScheduler: the pipeline. ChanceScheduler beside it.

    narrow -> filter -> weigh -> select -> deplete, and on to the next instance
"""

from __future__ import annotations

import contextlib
import functools
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from oslo_config import cfg

from filtersched.conf import make_conf, read_scheduler_settings
from filtersched.engine import Engine, StrangerReturned
from filtersched.engine.decision import Choice, Decision
from filtersched.errors import InvalidHost, InvalidRequest, NoValidHost
from filtersched.filters.handler import HostFilterHandler
from filtersched.hosts import narrowing
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState, deciding
from filtersched.hosts.service import service_fact, service_is_up
from filtersched.json_options import JsonOptions
from filtersched.loader import load_driver, load_filters, load_weighers
from filtersched.requests.request_spec import MAX_INSTANCES, RequestSpec
from filtersched.results.explanation import HostVerdicts
from filtersched.results.selection import Filtered, Selection, WeighedHost, steps_of
from filtersched.weighers.handler import HostWeightHandler

LOG = logging.getLogger(__name__)

Detail = Literal["counts", "full"]
_T = TypeVar("_T")


class Scheduler:
    """What the drivers share: requests made ready, decisions under the pool's lock, commits."""

    def __init__(self, conf: cfg.ConfigOpts | None = None) -> None:
        """conf : as `filtersched.make_conf` makes it; None is the defaults. Read once, here."""
        self.conf = make_conf() if conf is None else conf
        self.settings = read_scheduler_settings(self.conf)
        self._random = random.Random()
        self._json_options = JsonOptions(self.settings.json_config_location)

    def select_destinations(
        self,
        spec: RequestSpec,
        hosts: HostPool | Iterable[HostState],
        instance_uuids: Sequence[str] | None = None,
        *,
        filters: str | Sequence[str] | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
    ) -> list[Selection]:
        """Choose a host for every instance of a request; hosts and request stay as they are.

        instance_uuids : one per instance; given, their number counts and not `spec.num_instances`.
            Those that nobody names are made up.
        filters : names to use instead of the configured ones, among the available.
        return_alternates : also give hosts to try if the chosen one fails, `max_attempts` - 1 of them.
        seed : of the random draws; None draws one. Selections record it, and it replays the decision.
        explain : "full" also keeps every host's weights.

        Returns one Selection per instance, in order. Raises NoValidHost if not all instances find a
        host, InvalidRequest for a request that makes no sense, PluginNotFound for a filter that is
        not available, and whatever a plug-in raises.
        """
        decision = self._decision(
            spec,
            hosts,
            instance_uuids,
            filters=filters,
            return_alternates=return_alternates,
            seed=seed,
            explain=explain,
        )
        return self._under_lock(hosts, lambda: self._decided(decision))

    def place(
        self, spec: RequestSpec, pool: HostPool, instance_uuids: Sequence[str] | None = None, **options: Any
    ) -> list[Selection]:
        """Decide and commit in one step: the ordinary call for a program that keeps a pool.

        Arguments and errors are those of `select_destinations`; no other thread comes in between.
        """
        if not isinstance(pool, HostPool):
            raise InvalidRequest("place() needs a HostPool; select_destinations() takes any hosts", field="pool")
        with pool.lock:
            selections = self.select_destinations(spec, pool, instance_uuids, **options)
            pool.commit(selections)
        return selections

    def _decide(self, decision: Decision) -> list[Choice]:
        raise NotImplementedError(f"{type(self).__name__} defines no way to decide")

    def _filters_named(self, names: str | Sequence[str] | None) -> Sequence[Any]:
        """The filters of a decision; a driver without filters has none to name."""
        if names is not None:
            raise InvalidRequest(f"{type(self).__name__} uses no filters", field="filters", value=names)
        return ()

    def _under_lock(self, hosts: HostPool | Iterable[HostState], act: Callable[[], _T]) -> _T:
        lock: AbstractContextManager[Any] = hosts.lock if isinstance(hosts, HostPool) else contextlib.nullcontext()
        with lock, deciding():
            return act()

    def _decision(
        self,
        spec: RequestSpec,
        hosts: HostPool | Iterable[HostState],
        instance_uuids: Sequence[str] | None,
        *,
        filters: str | Sequence[str] | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
    ) -> Decision:
        if not isinstance(spec, RequestSpec):
            raise InvalidRequest(f"the request must be a RequestSpec, not {spec!r}", field="spec", value=spec)
        if explain not in ("counts", "full"):
            raise InvalidRequest(f"explain must be 'counts' or 'full', not {explain!r}", field="explain", value=explain)
        uuids = self._uuids(spec, instance_uuids)
        ready = spec.copy()
        if "now" not in spec.__dict__:
            ready.now = datetime.now(UTC).replace(tzinfo=None)
        if not spec.availability_zone and self.settings.default_schedule_zone:
            ready.availability_zone = self.settings.default_schedule_zone
        if not spec.config_options:
            ready.config_options = self._json_options.options()
        group = spec.instance_group
        if group is not None:
            ready.instance_group = group.with_members(uuids)
        return Decision(
            spec=ready,
            hosts=hosts if isinstance(hosts, HostPool) else _as_hosts(hosts),
            uuids=uuids,
            filters=self._filters_named(filters),
            alternates=self.settings.max_attempts - 1 if return_alternates else 0,
            seed=self._random.getrandbits(63) if seed is None else seed,
            keep_columns=explain == "full",
        )

    def _uuids(self, spec: RequestSpec, given: Sequence[str] | None) -> list[str]:
        if isinstance(given, str):
            raise InvalidRequest("instance_uuids must be a list of texts", field="instance_uuids", value=given)
        uuids = list(given or spec.instance_uuids)
        if not uuids and spec.num_instances == 1 and spec.instance_uuid is not None:
            uuids = [spec.instance_uuid]
        if not uuids:
            return [_made_up_uuid(self._random) for _ in range(spec.num_instances)]
        if len(uuids) > MAX_INSTANCES:
            raise InvalidRequest(f"{len(uuids)} instances are more than {MAX_INSTANCES}", field="instance_uuids")
        if len(set(uuids)) < len(uuids) or not all(isinstance(uuid, str) and uuid for uuid in uuids):
            raise InvalidRequest("instance_uuids must be texts, all different", field="instance_uuids", value=uuids)
        return uuids

    def _decided(self, decision: Decision) -> list[Selection]:
        retry = decision.spec.retry
        if retry is not None and retry.num_attempts > self.settings.max_attempts:
            raise NoValidHost(
                f"Attempt {retry.num_attempts} is above the maximum of {self.settings.max_attempts}.",
                num_instances=len(decision.uuids),
            )
        try:
            choices = self._decide(decision)
        except NoValidHost as refusal:
            LOG.info("No host for instance %d of %d", refusal.index + 1, refusal.num_instances)
            raise
        return decision.selections(choices)


class FilterScheduler(Scheduler):
    """Place instances on the best of the hosts that every filter lets pass.

    A derived class may override any of the steps `narrow`, `filter`, `weigh`, `select` and
    `deplete`; it is then called for every instance, on host objects.
    """

    def __init__(self, conf: cfg.ConfigOpts | None = None, *, use_engine: bool = True) -> None:
        """use_engine : False decides on host objects, step by step; the answer is the same."""
        super().__init__(conf)
        self.catalog = load_filters(self.conf, self.settings)
        self.filters = self.catalog.get(self._enabled(), spelling=self.settings.enabled_filters_option)
        self.weighers = load_weighers(self.conf, self.settings, scheduler=self)
        self._engine = self._engine_for() if use_engine else None
        self._filter_handler = HostFilterHandler()
        self._weight_handler = HostWeightHandler()

    def _engine_for(self) -> Engine | None:
        """The fast path, for a scheduler that leaves the steps as they are."""
        steps = ("narrow", "filter", "weigh", "select", "deplete")
        if any(getattr(type(self), step) is not getattr(FilterScheduler, step) for step in steps):
            return None
        settings = self.settings
        return Engine(
            self.weighers,
            shuffle=settings.shuffle_best_same_weighed_hosts,
            subset_size=settings.host_subset_size,
        )

    def _enabled(self) -> Sequence[str]:
        settings = self.settings
        return settings.baremetal_enabled_filters if settings.use_baremetal_filters else settings.enabled_filters

    def _filters_named(self, names: str | Sequence[str] | None) -> Sequence[Any]:
        return self.filters if names is None else self.catalog.get(names)

    def explain(
        self, spec: RequestSpec, host: HostState, *, filters: str | Sequence[str] | None = None
    ) -> HostVerdicts:
        """What every filter says of one host as it is now, not only the first that refuses it."""
        decision = self._decision(spec, [host], None, filters=filters)
        return self._under_lock(decision.hosts, lambda: decision.ask(host, 0))

    def _decide(self, decision: Decision) -> list[Choice]:
        if self._engine is not None and not decision.keep_columns:
            try:
                return self._engine.choices(decision)
            except StrangerReturned:
                decision.start_over()
        return self._decide_plainly(decision)

    def _decide_plainly(self, decision: Decision) -> list[Choice]:
        """The pipeline on host objects: what the engine must equal."""
        hosts = decision.offered()
        choices: list[Choice] = []
        for index in range(len(decision.uuids)):
            spec = decision.spec_for(index, choices)
            filtered = self.filter(self.narrow(hosts, spec), spec, index, decision.filters)
            ranked = self.select(self.weigh(filtered, spec), decision.random)
            if not ranked:
                raise decision.refusal(index, functools.partial(steps_of, filtered), choices)
            chosen = ranked[0].obj
            depleted = self.deplete(chosen, spec)
            choices.append(decision.choice(spec, ranked, depleted, steps_of(filtered)))
            hosts = [depleted, *(other.obj for other in ranked[1:])]
        if decision.alternates and len(choices) > 1:
            # Once more, now that everything is depleted: alternates are what would be left.
            spec = decision.spec_for(len(choices) - 1, choices)
            filtered = self.filter(self.narrow(hosts, spec), spec, len(choices) - 1, decision.filters)
            decision.left = [one.obj for one in self.select(self.weigh(filtered, spec), decision.random)]
        return choices

    def narrow(self, hosts: Sequence[HostState], spec: RequestSpec) -> Sequence[HostState]:
        """The hosts that the request itself lets in: destination, ignored and forced hosts."""
        return narrowing.narrow(hosts, spec)

    def filter(
        self, hosts: Sequence[HostState], spec: RequestSpec, index: int, filters: Sequence[Any]
    ) -> Sequence[HostState]:
        """The hosts that every filter lets pass, in their order."""
        if narrowing.skips_filters(spec):
            return Filtered(hosts)
        passed = self._filter_handler.get_filtered_objects(filters, hosts, spec, index)
        return Filtered(()) if passed is None else passed

    def weigh(self, hosts: Sequence[HostState], spec: RequestSpec) -> list[WeighedHost]:
        """The hosts with their weights, highest first; equal ones keep their order."""
        return self._weight_handler.get_weighed_objects(self.weighers, hosts, spec)

    def select(self, ranked: Sequence[WeighedHost], chance: Callable[[], random.Random]) -> list[WeighedHost]:
        """The ranking with the chosen host first.

        chance : gives the decision's random generator. It is drawn from only where there is a
            choice: one shuffle of the tied if they are shuffled, one draw among the first
            `host_subset_size`.
        """
        order = list(ranked)
        if self.settings.shuffle_best_same_weighed_hosts:
            tied = [one for one in order if one.weight == order[0].weight]
            if len(tied) > 1:
                chance().shuffle(tied)
                order[: len(tied)] = tied
        subset = min(self.settings.host_subset_size, len(order))
        if subset > 1:
            order.insert(0, order.pop(chance().randrange(subset)))
        return order

    def deplete(self, host: HostState, spec: RequestSpec) -> HostState:
        """A copy of the host without what one instance of the request takes."""
        depleted = host.copy()
        depleted.consume_from_request(spec)
        return depleted


class ChanceScheduler(Scheduler):
    """Place each instance on a random host that is up; no filters, no weighers, no depletion."""

    def _decide(self, decision: Decision) -> list[Choice]:
        ignored = decision.spec.ignore_hosts
        hosts = [host for host in decision.offered() if host.host not in ignored and self._is_up(host, decision.spec)]
        if not hosts:
            raise NoValidHost("Is the appropriate service running?", num_instances=len(decision.uuids))
        choices: list[Choice] = []
        for index in range(len(decision.uuids)):
            host = decision.random().choice(hosts)
            choices.append(Choice(decision.spec_for(index, choices), host, host.copy(), 0.0))
        return choices

    def _is_up(self, host: HostState, spec: RequestSpec) -> bool:
        disabled = service_fact(host.service, "disabled")
        return not disabled and service_is_up(host.service, spec.now, self.settings.service_down_time)


def _as_hosts(given: Iterable[HostState]) -> list[HostState]:
    hosts = list(given)
    for kind in set(map(type, hosts)):
        if not issubclass(kind, HostState):
            strange = next(one for one in hosts if type(one) is kind)
            raise InvalidHost(f"the hosts must be of HostState, not {strange!r}", value=strange)
    return hosts


def _made_up_uuid(chance: random.Random) -> str:
    """A random uuid of version 4, ten times as fast as uuid.uuid4()."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def scheduler_from(conf: cfg.ConfigOpts | None = None) -> Any:
    """The scheduler that `scheduler_driver` names, made for this configuration."""
    conf = make_conf() if conf is None else conf
    return load_driver(conf, read_scheduler_settings(conf))(conf)
