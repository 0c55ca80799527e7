"""A story made real: two schedulers, one with the engine and one without, on the same hosts."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle

from filtersched.errors import InvalidHost, InvalidRequest
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler, StochasticScheduler
from filtersched.settings import make_conf
from tests.differential import third_party_weighers

_FILTERS = "tests.differential.third_party_filters.every_filter"
_WEIGHERS = third_party_weighers.__name__


class GpuHost(HostState):
    """A host with a number of GPUs that instances take."""

    gpus_free = 4

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.gpus_free -= spec.vcpus

    def release_request(self, spec):
        super().release_request(spec)
        self.gpus_free += spec.vcpus


class LicensedHost(HostState):
    """A host with a list of licences, one an instance, and a tag that says so."""

    licences = ("a", "b", "c")

    def copy(self):
        new = super().copy()
        new.licences = list(self.licences)
        return new

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.licences = self.licences[1:]
        self.tag = "closed" if not self.licences else "".join(self.licences)


class TurningHost(HostState):
    """A host whose aggregates and hypervisor change with its first instance."""

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.aggregates = [{"name": "turned", "metadata": {"ram_weight_multiplier": "-2", "rank": "7"}}]
        self.hypervisor_type = "xen"


class FragileHost(HostState):
    """A host that cannot take a fourth instance."""

    def consume_from_request(self, spec):
        if self.num_instances == 3:
            raise OverflowError(f"{self.host} takes no fourth instance")
        super().consume_from_request(spec)


class WornHost(HostState):
    """A host that counts failures, more of them than a column holds from its second instance on."""

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.failed_builds = self.failed_builds + 1 if self.num_instances < 2 else 2**53 + 1


class BrokenHost(HostState):
    """A host of which some attributes cannot be read while it is a xen or has failed builds."""

    @property
    def temperature(self):
        if self.hypervisor_type == "xen":
            raise OSError(f"the sensor of {self.host} does not answer")
        return self.num_instances + 0.5

    @property
    def sensor(self):
        if self.failed_builds:
            raise OSError(f"the sensor of {self.host} has no name")
        return (self.topic, self.num_instances)


KINDS = {
    each.__name__: each
    for each in (HostState, GpuHost, LicensedHost, TurningHost, FragileHost, WornHost, BrokenHost)
}


class StillPool(HostPool):
    """A pool in which a move can be decided by two schedulers: `place` leaves the instances where they are."""

    def place(self, decide, again=None, *, move=False, confirm=True):
        """As that of a HostPool, which would move them."""
        return self.decide_and_commit(decide) if move else super().place(decide, again, confirm=confirm)


class Caller:
    """Who asks, as an object that is made anew for each request."""

    def __init__(self, topics):
        self._topics = frozenset(topics)

    def may_use(self, topic):
        return topic in self._topics


def made_host(data):
    known = {name: value for name, value in data.items() if name in HostState.attributes}
    host = KINDS[data.get("kind", "HostState")](**known)
    for name in data.keys() - known.keys() - {"kind"}:
        setattr(host, name, data[name])
    return host


def made_spec(request):
    extra_specs = dict(request.get("extra_specs") or {})
    for name in ("expression", "weight"):
        if request.get(name) is not None:
            extra_specs[f"acme:{name}"] = request[name]
    flavor = {name: request[name] for name in ("memory_mb", "vcpus", "root_gb") if name in request}
    given = {name: request[name] for name in _PLAIN if request.get(name) is not None}
    spec = RequestSpec({**flavor, "extra_specs": extra_specs}, **{"now": "2026-01-31T12:00:00", **given})
    if request.get("caller") is not None:
        spec.context = Caller(request["caller"])
    if request.get("tenant_limit") is not None:
        spec.tenant_limit = request["tenant_limit"]
    return spec


_PLAIN = (
    *("num_instances", "now", "instance_group", "scheduler_hints", "availability_zone", "ignore_hosts"),
    *("force_hosts", "force_nodes", "requested_destination", "project_id", "image", "retry"),
)


def made_uuids(request, nr):
    """The uuids of a request's instances; those of `nr` are new, others may be on hosts already."""
    count = request.get("num_instances", 1)
    new = [f"u{nr}-{index}" for index in range(count)]
    return {"new": new, "known": ["i1", "i3", *new][:count], "one known": ["i2"]}[request.get("uuids", "new")]


@functools.lru_cache(maxsize=400)
def _schedulers(text):
    options = json.loads(text)
    costs, weighers = options.pop("costs", None), options.pop("weighers", [])
    stochastic = options.pop("stochastic", False)
    if costs is not None:
        options["least_cost_functions"] = [f"{_WEIGHERS}.{one}" if "third" in one else one for one in costs]
        options["compute_fill_first_cost_fn_weight"] = options.get("ram_weight_multiplier", -1.0)
        options |= {"compute_third_cost_fn_weight": 0.7} if "compute_third_cost_fn" in costs else {}
    else:
        theirs = third_party_weighers.NAMES
        options["scheduler_weight_classes"] = [f"{_WEIGHERS}.{one}" if one in theirs else one for one in weighers]
    conf = make_conf(
        scheduler_available_filters=["standard_filters", _FILTERS],
        scheduler_default_filters=[],
        **options,
    )
    driver = StochasticScheduler if stochastic else FilterScheduler
    return driver(conf, use_engine=False), driver(conf)


def schedulers(options):
    """The plain scheduler and the fast one of a configuration; made once for each."""
    return _schedulers(json.dumps(options, sort_keys=True))


# -- what came out ----------------------------------------------------------------------------------


def outcome(decide, *, with_words=False):
    """All that can be seen of a decision, to be compared with `==`."""
    try:
        selections = decide()
    except NoValidHost as refusal:
        words = _words(refusal) if with_words else None
        return "refused", refusal.index, refusal.num_instances, _explained(refusal.explanation), words
    except Exception as problem:  # any exception of a plug-in is an outcome
        return "raised", type(problem), str(problem), getattr(problem, "__notes__", [])
    return "placed", [_selected(one) for one in selections]


def _words(refusal):
    """What a person reads of a refusal, here and in another process."""
    outside = pickle.loads(pickle.dumps(refusal))
    return str(refusal), str(outside), _near(refusal.explanation), _near(outside.explanation)


def _near(explanation):
    """The nearest misses, and what every filter says of the first of them."""
    nearest = [] if explanation is None else explanation.near_misses()
    return nearest, [explanation.why(one.name) for one in nearest[:1]]


def without_times(host):
    """The host's data, without when its instances were committed: every commit is at another time."""
    data = host.to_dict()
    for instance in data.get("instances", {}).values():
        instance.pop("created_at", None)
    return data


def _selected(selection):
    state = selection.host_state
    attributes = {name: value for name, value in vars(state).items() if name not in HostState.attributes}
    return (
        (selection.host, selection.nodename, selection.index, selection.seed, selection.generation),
        repr(float(selection.weight)),
        dict(selection.limits),
        [(each.host, each.nodename, dict(each.limits)) for each in selection.alternates],
        (type(state), without_times(state), attributes),
        selection.spec.to_dict() | {"instance_uuid": None, "instance_group": None},
        _explained(selection.explanation),
    )


def _explained(explanation):
    if explanation is None:
        return None
    return (
        [_step(step) for step in explanation.steps],
        [_step(step) for step in explanation.earlier],
        explanation.refused,
        # In words, which tell 0.0 from -0.0.
        [repr(one) for one in explanation.shares],
        (explanation.runner_up, repr(explanation.margin)),
        [(one.name, *map(repr, map(list, (one.raw, one.normalized, one.multipliers)))) for one in explanation.columns],
        explanation.ranked,
    )


def _step(step):
    return step.name, step.before, step.after, step.refused


class _Undone(Exception):
    """Ends a transaction."""


def made_of_columns(hosts, kind):
    """A pool of hosts of one class that is given columns; of those with the same name the last one counts."""
    hosts = list({(one["host"], one.get("nodename")): one for one in hosts}.values())
    given = [name for name in HostState.attributes if all(name in one for one in hosts)]
    columns = {name: [one[name] for one in hosts] for name in given if name not in ("host", "nodename")}
    names, nodes = [one["host"] for one in hosts], [one.get("nodename", one["host"]) for one in hosts]
    return StillPool.from_columns(names, nodes, host_class=kind, **columns)


class World:
    """A pool and what happens to it. Every request is decided with and without the engine."""

    def __init__(self, story):
        hosts = [made_host(one) for one in story["hosts"]]
        self.conf, self.other_conf = story["conf"], story.get("other_conf", story["conf"])
        self.extra = [host.copy() for host in hosts[:2]]
        self.pool = StillPool()
        if "columns" in story:
            self.pool = made_of_columns(story["hosts"], KINDS[story["columns"]])
        else:
            for host in hosts:
                self._add(host)
        self.placed = []
        self.nr = 0

    def _add(self, host):
        if (host.host, host.nodename) in self.pool:
            # Only a list may hold the same name twice.
            self.extra.append(host)
        else:
            self.pool.add(host)

    def run(self, events):
        """Let things happen; gives (plain outcome, fast outcome) of every request."""
        for kind, *arguments in events:
            if kind in ("ask", "place", "list", "other", "move"):
                yield self._ask(kind, *arguments)
            elif kind == "try":
                yield from self._try(*arguments)
            elif kind == "add":
                self._add(made_host({"host": f"a{arguments[0]}", **arguments[1]}))
            elif kind == "release":
                if self.placed:
                    self._release(self.placed.pop(arguments[0] % len(self.placed)))
            elif len(self.pool):
                self._change(kind, *arguments)

    def _change(self, kind, nr, *arguments):
        host = list(self.pool)[nr % len(self.pool)]
        if kind == "remove":
            self.pool.remove((host.host, host.nodename))
        elif kind == "update":
            self.pool.update((host.host, host.nodename), free_ram_mb=arguments[0], num_io_ops=1)
        elif kind == "report":
            figures, listed = arguments
            here = dict(list(host.instances.items())[:listed])
            # A class may not know how to give back an instance, or be too fragile for one.
            with contextlib.suppress(InvalidHost, OverflowError):
                self.pool.report((host.host, host.nodename), instances=here if listed else None, **figures)
        else:
            name, value = arguments[0]
            setattr(host, name, value)

    def _try(self, keeps, events):
        """Events in a transaction, which may be undone; no host comes or goes in one."""
        placed, found = list(self.placed), []

        def act():
            found.extend(self.run([one for one in events if one[0] not in ("add", "remove")]))
            if not keeps:
                raise _Undone

        try:
            self.pool.transaction(act)
        except _Undone:
            self.placed = placed
        return found

    def _release(self, selections):
        with contextlib.suppress(InvalidRequest, TypeError):
            self.pool.release(selections)

    def _ask(self, kind, request, filters):
        plain, fast = schedulers(self.other_conf if kind == "other" else self.conf)
        hosts = self.pool if kind != "list" else [*(host.copy() for host in self.pool), *self.extra]
        uuids = made_uuids(request, self.nr)
        self.nr += 1
        if kind == "move":
            there = sorted(uuid for host in self.pool for uuid in host.instances)
            uuids = there[:: 1 + self.nr % 2][: len(uuids)] or uuids

        def decided(scheduler):
            decide, how = scheduler.select_destinations, {}
            if kind == "move":
                decide, how = scheduler.place, {"move": True}
            return decide(
                made_spec(request),
                hosts,
                uuids,
                filters=list(filters),
                return_alternates=request.get("alternates", False),
                seed=request.get("seed", 0),
                explain=request.get("explain") or "counts",
                **how,
            )

        # Words are made by asking every filter about every host, so only now and then.
        with_words = request.get("seed", 0) % 8 == 0 and "ImpatientFilter" not in filters
        slow = outcome(lambda: decided(plain), with_words=with_words)
        chosen = []
        quick = outcome(lambda: chosen.extend(decided(fast)) or chosen, with_words=with_words)
        if chosen and slow == quick:
            # An instance may be there already, or a host may be too fragile for it.
            with contextlib.suppress(InvalidRequest, OverflowError, TypeError):
                if kind == "place":
                    self.pool.commit(chosen)
                    self.placed.append(chosen)
                elif kind == "move":
                    HostPool.move(self.pool, chosen)
        return slow, quick
