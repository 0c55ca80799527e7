"""What all schedulers share: a request made ready, the lock, the commit."""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NoReturn, Self, SupportsIndex

from oslo_config import cfg

from filtersched.columns.values import utc_now
from filtersched.engine.decision import Choice, Decision
from filtersched.errors import InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_lists import undisturbed
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.narrowing import skips_filters
from filtersched.hosts.reservations import Reservation
from filtersched.hosts.several_decisions import by_decision
from filtersched.loading import FiltersGiven, bind_options
from filtersched.plugins.configurable import Configurable
from filtersched.plugins.timing import measured
from filtersched.requests.record import checked_names
from filtersched.requests.request_spec import MAX_INSTANCES, RequestSpec
from filtersched.requests.seal import sealed
from filtersched.resources.shared_resources import SharedResources
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Selection
from filtersched.results.unread_field import UnreadField
from filtersched.schedulers.arguments import as_hosts, check_choices, check_pool, check_spec, checked_seed
from filtersched.schedulers.devices import aliases_of
from filtersched.schedulers.filters_in_use import FiltersInUse
from filtersched.schedulers.groups import add_placements
from filtersched.schedulers.late_commits import asked_again, still_good
from filtersched.schedulers.observer import observed
from filtersched.schedulers.profiles import Profiles
from filtersched.schedulers.reloading import Reloadable
from filtersched.schedulers.reserving import checked as checked_reservation
from filtersched.schedulers.reserving import give_back, hold, open_places, where_reserved
from filtersched.schedulers.several import Several
from filtersched.schedulers.uuids import random_uuids, random_uuids_and_seed
from filtersched.settings import ProfileConf, SchedulerSettings, make_conf, read_scheduler_settings
from filtersched.settings.json_options import JsonOptions
from filtersched.weighers.base import BaseWeigher

LOG = logging.getLogger(__name__)

Detail = Literal["counts", "full"]


class Scheduler(Reloadable, Configurable):
    """The base of all drivers: it prepares requests, holds the pool's lock, and commits."""

    #: The filters and the weighers in use, in order; a driver may have none.
    filters: Sequence[BaseHostFilter] = ()
    weighers: Sequence[BaseWeigher] = ()
    #: The shared resources in use; a driver may have none.
    resources: SharedResources = SharedResources(())
    #: Of which metrics pools remember how many values, for the weighers in use.
    kept_metrics: Mapping[str, int] = MappingProxyType({})
    #: What the driver itself reads of a request, apart from its filters and weighers, and from what chooses the
    #: profile; None if it may be anything.
    spec_reads: ClassVar[Sequence[str] | None] = None

    def __init__(self, conf: cfg.ConfigOpts | None = None) -> None:
        """conf : as `filtersched.make_conf` makes it; None is the defaults. Read once, here."""
        self.conf: cfg.ConfigOpts = make_conf() if conf is None else conf
        self.settings: SchedulerSettings = read_scheduler_settings(self.conf)
        bind_options(self, self.conf, f"{type(self).__module__}:{type(self).__qualname__}")
        self._json_options = JsonOptions(self.settings.json_config_location)
        self._in_use = FiltersInUse(self, ())
        self._pci_aliases = aliases_of(self.settings)
        #: The name of the profile that this scheduler decides for; None is the main configuration.
        self.profile: str | None = conf.profile.name if isinstance(conf, ProfileConf) else None
        #: The schedulers of the profiles, by name.
        self.profiles: Profiles = Profiles(self, self.conf, self.settings, self._made_for)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse: plug-ins and caches stay where they are."""
        raise TypeError("a scheduler cannot be copied or pickled; make one from the configuration in each process")

    @observed
    def select_destinations(
        self,
        spec: RequestSpec,
        hosts: HostPool | Iterable[HostState],
        instance_uuids: Sequence[str] | None = None,
        *,
        filters: FiltersGiven | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
        profile: str | None = None,
    ) -> list[Selection]:
        """Choose a host for every instance of a request, without changing hosts or request.

        instance_uuids : one per instance; given, their number counts and not `spec.num_instances`.
            Missing uuids are generated.
        filters : what to use instead of the scheduler's filters: names among the available, classes,
            whose options are configured, and objects, whose options are their own.
        return_alternates : also give hosts to try if the chosen one fails, `max_attempts` - 1 of them.
        seed : of the random draws; None draws one. Selections record it, and it replays the decision.
        explain : "full" also keeps every host's weights.
        profile : the profile that decides; "default" is the main configuration. None leaves the choice to
            the flavor, else the project, else the hint of the request.

        Returns one Selection per instance, in order. Raises NoValidHost if not all instances find a
        host, InvalidRequest for a request that makes no sense, PluginNotFound for a filter that is
        not available, and whatever a plug-in raises.
        """
        offered = hosts if isinstance(hosts, HostPool) else as_hosts(hosts)

        def decide() -> list[Selection]:
            scheduler = self._deciding(spec, profile)
            decision = scheduler._prepare(
                spec,
                offered,
                instance_uuids,
                filters=filters,
                return_alternates=return_alternates,
                seed=seed,
                explain=explain,
            )
            return scheduler._decide(decision)

        # Nothing is looked at before the lock is held: neither the clock nor the hosts.
        return offered.run(decide) if isinstance(offered, HostPool) else undisturbed(offered, decide)

    @observed
    def place(
        self,
        spec: RequestSpec,
        pool: HostPool,
        instance_uuids: Sequence[str] | None = None,
        *,
        filters: FiltersGiven | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
        profile: str | None = None,
        move: bool = False,
        confirm: bool = True,
    ) -> list[Selection]:
        """Decide and commit atomically. This is the usual call for a program that keeps a pool.

        move : the instances are on hosts of the pool, and may go elsewhere or stay: resize, migrate,
            evacuate. Their hosts are weighed without them. Raises InvalidRequest for one that is on
            no host.
        confirm : False claims the places of a shared pool for a while: the instances are given back unless
            `pool.confirm()` comes in time. InvalidRequest on a pool that cannot do that.

        Takes and raises what `select_destinations` does otherwise; no other thread comes in
        between. On a shared pool CommitConflict is raised where others were faster again and again.
        """
        check_pool(pool, "place")
        scheduler = self._deciding(spec, profile)
        pool.check_request(spec)
        spare = pool.spare_alternates if spec.num_instances == 1 and not return_alternates else 0

        def decide() -> list[Selection]:
            give_back(pool)
            decision = scheduler._prepare(
                spec,
                pool,
                instance_uuids,
                filters=filters,
                return_alternates=return_alternates,
                seed=seed,
                explain=explain,
                move=move,
            )
            decision.alternates = decision.alternates or spare
            return scheduler._decide(decision)

        def again(chosen: list[Selection]) -> tuple[list[Selection], bool]:
            return still_good(chosen, pool, self._prepare_again, filters)

        placed = pool.place(decide, again, move=move, confirm=confirm)
        return [replace(one, alternates=()) for one in placed] if spare else placed

    @observed
    def place_all(
        self,
        specs: Iterable[RequestSpec],
        pool: HostPool,
        *,
        filters: FiltersGiven | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
        profile: str | None = None,
    ) -> list[list[Selection]]:
        """Decide and commit several requests in one step: all of them, or none.

        They are placed as by `place`, one after another, hardest first: that for which the filters leave
        the fewest hosts at the beginning; among such the one whose instances have more memory, VCPUs and
        disk; then the one with more instances; then in the order given. So the groups and hints of each
        see those placed before.

        specs : different requests, at least one.
        seed : of the random draws of each.
        profile : which decides them all; None lets each request choose, as of `place`.

        Returns the selections of each request, in the order given. Raises what `place` does; nothing
        is placed then, and `request` of a NoValidHost is the number of the request in `specs`.
        """
        check_pool(pool, "place_all")
        wanted = [specs] if isinstance(specs, RequestSpec) else list(specs)
        several = Several(wanted, [self._deciding(spec, profile) for spec in wanted], pool, filters)
        how = {"return_alternates": return_alternates, "seed": seed, "explain": explain}

        def place() -> list[list[Selection]]:
            give_back(pool)
            return several.place(**how)

        return pool.decide_and_commit(lambda: pool.transaction(place))

    @observed
    def reserve(
        self,
        spec: RequestSpec,
        pool: HostPool,
        n: int,
        *,
        name: str,
        owners: Mapping[str, str],
        until: datetime | str | None = None,
        filters: FiltersGiven | None = None,
        profile: str | None = None,
        seed: int | None = None,
    ) -> Reservation:
        """Hold places for requests to come: n times what an instance of `spec` takes.

        An owner's request sees them as free, and goes where they are if they have room for all its
        instances; each instance uses up as many places of its host as its size fills. For others they
        are used. They are released when `until` has come, by `pool.unreserve(name)`, or one by one.

        name : of the reservation; `pool.reservations` has it.
        owners : what requests of the owners have: "project_id", "user_id", or both.
        until : naive UTC by the pool's clock; None is no end.

        Raises InvalidRequest for a name that is taken and for values that cannot be, and what `place`
        does; nothing is reserved then.
        """
        check_pool(pool, "reserve")
        check_spec(spec)

        def place() -> Reservation:
            give_back(pool)
            reservation = checked_reservation(pool, n, name, owners, until)
            uuids = [f"{reservation.name}/{uuid}" for uuid in random_uuids(n)]
            scheduler = self._deciding(spec, profile)
            decision = scheduler._prepare(spec, pool, uuids, filters=filters, seed=seed)
            decision.without = {}
            # Places are not filled by places.
            decision.spec.__dict__["_holds_place"] = True
            try:
                return hold(pool, reservation, sealed(scheduler._selections, decision))
            except NoValidHost as refusal:
                refusal.reservation = reservation.name
                raise

        return pool.transaction(place)

    @observed
    def commit(
        self,
        selections: Selection | Iterable[Selection],
        pool: HostPool,
        *,
        filters: FiltersGiven | None = None,
    ) -> None:
        """Commit a decision that was made earlier, if the hosts can take it still.

        Where a chosen host, the request's server group or a shared resource has changed since the
        decision, the filters are asked again about the host as it is now.

        filters : the filters of the decision, if they are not the configured ones.

        Raises CommitConflict if one of them refuses, or the host is gone, and what `pool.commit`
        raises; nothing is applied then.
        """
        chosen = [selections] if isinstance(selections, Selection) else list(selections)
        pool.run(self._commit, chosen, pool, filters)

    def unread(
        self, spec: RequestSpec, *, filters: FiltersGiven | None = None, profile: str | None = None
    ) -> tuple[UnreadField, ...]:
        """What the request asks for and no plug-in in use reads, and which plug-ins would; empty is good.

        filters, profile : as of `select_destinations`.

        The request is decided as if it did not ask for that. A request that forces hosts, and so
        skips the filters, has nothing unread. A selection's `explanation.unread` says the same.
        """
        scheduler = self._deciding(spec, profile)
        return scheduler._unread(spec, scheduler._filters_named(filters))

    def _unread(self, spec: RequestSpec, filters: Sequence[Any]) -> tuple[UnreadField, ...]:
        return self._those_in_use(filters).readers.unread(spec)

    def _those_in_use(self, filters: Sequence[Any]) -> FiltersInUse:
        """The filters of a decision, mostly those of the last one."""
        in_use = self._in_use
        if not in_use.are(filters):
            in_use = self._in_use = FiltersInUse(self, filters)
        return in_use

    def _decide(self, decision: Decision) -> list[Selection]:
        return where_reserved(decision, functools.partial(sealed, self._selections))

    def _hosts_left(self, decision: Decision) -> int:
        """How many hosts the filters leave for the first instance; 0 if it cannot be placed."""

        def count(one: Decision) -> int:
            left = sealed(self._left, one)
            if not left:
                # Then other hosts than those with places that are held for the request are looked at.
                raise NoValidHost
            return left

        try:
            return where_reserved(decision, count)
        except NoValidHost:
            return 0

    def _left(self, decision: Decision) -> int:
        """How many hosts the filters leave for the first instance; 0 if it cannot be placed."""
        try:
            return self._selections(decision)[0].explanation.left
        except NoValidHost:
            return 0

    def _read_of_requests(self, filters: FiltersGiven | None) -> Collection[str] | None:
        """What the number of hosts that the filters leave depends on in a request; None if it may be anything."""
        return None

    def _commit(self, chosen: Sequence[Selection], pool: HostPool, filters: FiltersGiven | None) -> None:
        is_ours = all(isinstance(one, Selection) and one.pool == pool.uuid for one in chosen)
        if is_ours and pool.shared_by_decisions(chosen) is not None:
            # One after another, so that the filters see what the decisions before have taken.
            pool.transaction(self._commit_one_after_another, by_decision(chosen), pool, filters)
            return
        if is_ours and pool.stale(chosen):
            chosen = sealed(asked_again, chosen, pool, self._prepare_again, filters)
        pool.commit(chosen)

    def _commit_one_after_another(
        self, decisions: Sequence[Sequence[Selection]], pool: HostPool, filters: FiltersGiven | None
    ) -> None:
        for one in decisions:
            self._commit(one, pool, filters)

    def _prepare_again(self, selection: Selection, *of: Any, **how: Any) -> Decision:
        """A decision by the profile that made the selection."""
        scheduler: Self = self.profiles.that_made(selection)
        return scheduler._prepare(*of, **how)

    def _made_for(self, conf: cfg.ConfigOpts) -> Self:
        """The scheduler of the profile that this configuration is of."""
        return self._made_of(conf, conf.profile.replaces())

    def _deciding(self, spec: RequestSpec, profile: str | None) -> Self:
        """The scheduler that decides a request. Raises InvalidRequest for a profile that nobody defines."""
        check_spec(spec)
        scheduler: Self = self.profiles.of(spec, profile)
        return scheduler

    def _choose(self, decision: Decision) -> list[Choice]:
        raise NotImplementedError(f"{type(self).__name__} defines no way to decide")

    def _filters_named(self, given: FiltersGiven | None) -> Sequence[Any]:
        """The filters of a decision; a driver without filters has none to name."""
        if given is not None:
            raise InvalidRequest(f"{type(self).__name__} uses no filters", field="filters", value=given)
        return ()

    def _prepare(
        self,
        spec: RequestSpec,
        hosts: HostPool | list[HostState],
        instance_uuids: Sequence[str] | None,
        *,
        filters: FiltersGiven | None = None,
        return_alternates: bool = False,
        seed: int | None = None,
        explain: Detail = "counts",
        before: Mapping[str, HostState] = MappingProxyType({}),
        total: int | None = None,
        taken: Sequence[Mapping[str, Any]] = (),
        move: bool = False,
    ) -> Decision:
        if explain not in ("counts", "full"):
            raise InvalidRequest(
                f"explain must be 'counts' or 'full', not {shown(explain)}", field="explain", value=explain
            )
        settings = self.settings
        pool = hosts if isinstance(hosts, HostPool) else None
        given = self._uuids(spec, instance_uuids)
        drawn, drawn_seed = random_uuids_and_seed(0 if given else spec.num_instances)
        uuids = given or drawn
        ready = spec.for_decision(utc_now if pool is None else pool.clock)
        count = len(uuids)
        if count == 1:
            # Then it is the request of the only instance as well.
            ready.__dict__["instance_uuid"] = uuids[0]
        if settings.default_schedule_zone and not spec.availability_zone:
            ready.availability_zone = settings.default_schedule_zone
        if settings.json_config_location and not spec.config_options:
            ready.config_options = self._json_options.options()
        add_placements(ready, hosts, uuids, before, count if total is None else total)
        chosen = self._filters_named(filters)
        further = () if pool is None else pool.further_filters(ready)
        if further:
            chosen = [*further, *chosen]
        in_use = self._those_in_use(chosen)
        in_use.complete(ready, hosts, uuids if move else ())
        if self.kept_metrics and pool is not None:
            pool.keep_metrics(self.kept_metrics)
        if self.resources:
            self.resources.prepare(ready, hosts, uuids, taken)
        asks_filters = not skips_filters(ready)
        decision = Decision(
            spec=ready,
            hosts=hosts,
            uuids=uuids,
            filters=chosen,
            alternates=settings.max_attempts - 1 if return_alternates else 0,
            seed=drawn_seed if seed is None else checked_seed(seed),
            keep_columns=explain == "full",
            seconds={} if explain == "full" else None,
            unread=self._unread,
            profile=self.profile,
            limiting=in_use.limiting if asks_filters else (),
            asks_filters=asks_filters,
        )
        open_places(decision, move=move)
        return decision

    def _uuids(self, spec: RequestSpec, given: Sequence[str] | None = None) -> list[str]:
        """The uuids that caller or request give; [] if none are given. Raises InvalidRequest."""
        uuids = list(spec.instance_uuids)
        if given is not None:
            if isinstance(given, str):
                raise InvalidRequest("instance_uuids must be a list of texts", field="instance_uuids", value=given)
            uuids = list(checked_names("instance_uuids", given)) or uuids
        if not uuids and spec.num_instances == 1 and spec.instance_uuid is not None:
            uuids = [spec.instance_uuid]
        if not uuids:
            return []
        if len(uuids) > MAX_INSTANCES:
            raise InvalidRequest(f"{len(uuids)} instances are more than {MAX_INSTANCES}", field="instance_uuids")
        if len(set(uuids)) < len(uuids) or not all(uuids):
            raise InvalidRequest("instance_uuids must be texts, all different", field="instance_uuids", value=uuids)
        return uuids

    def _selections(self, decision: Decision) -> list[Selection]:
        retry = decision.spec.retry
        if retry is not None and retry.num_attempts > self.settings.max_attempts:
            too_many = f"Attempt {retry.num_attempts} is above the maximum of {self.settings.max_attempts}."
            raise decision.refusal(0, tuple, [], reason=too_many)
        try:
            choices = measured(decision.seconds, self._choose, decision)
        except NoValidHost as refusal:
            LOG.info("No host for instance %d of %d", refusal.index + 1, refusal.num_instances)
            raise
        check_choices(choices, type(self).__name__)
        return decision.selections(choices)
