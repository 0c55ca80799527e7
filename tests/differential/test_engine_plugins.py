"""Plug-ins and hosts that the engine must be careful with, one at a time."""

from __future__ import annotations

import dataclasses
import gc
import json
import subprocess
import sys
import weakref

import pytest

from filtersched.columns.column import NotColumnarError
from filtersched.errors import UndeclaredRead
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import Flavor, RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.settings import make_conf
from filtersched.weighers.base import BaseWeigher
from tests.differential.world import outcome


class ReadsTooMuchFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb > host_state.num_io_ops


class ReadsTooMuchColumnsFilter(ReadsTooMuchFilter):
    host_reads = ("free_ram_mb",)
    columnar = True


class AsksQuietlyFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return getattr(host_state, "num_io_ops", 99) == 0


class ReadsTooMuchOfRequestFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    spec_reads = ("memory_mb",)

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb > spec.vcpus


class BranchingFilter(BaseHostFilter):
    host_reads = ("free_ram_mb", "num_io_ops")
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb > 0 and host_state.num_io_ops == 0


class ReadsTooMuchWeigher(BaseWeigher):
    host_reads = ("free_ram_mb",)

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class MultipliesByHostWeigher(BaseWeigher):
    host_reads = ("num_io_ops",)

    def weight_multiplier(self, host_state):
        return 1 + host_state.num_io_ops

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_io_ops


class LooseFilter(ReadsTooMuchFilter):
    """A subclass with a method of its own declares nothing, whatever its base says."""

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops == 0


@dataclasses.dataclass
class HashlessFilter(BaseHostFilter):
    """A dataclass that compares by value has no hash."""

    limit: int = 1

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < self.limit


class OverriddenInBaseModuleFilter(BaseHostFilter):
    """Declared, and with a `filter_all` of its own, in a module that is called base."""

    __module__ = "acme.base"
    host_reads = ("free_ram_mb",)

    def host_passes(self, host_state, spec):
        return True

    def filter_all(self, hosts, spec):
        return list(hosts)[:1]


class SpareHost(HostState):
    """A host with a number worked out from two others."""

    @property
    def spare(self):
        return self.vcpus_total - self.num_io_ops


class MadeUpHost(HostState):
    """A host that makes an attribute up when it is read."""

    def __getattr__(self, name):
        if name == "spare":
            return self.vcpus_total - self.num_io_ops
        raise AttributeError(name)


class SpareFilter(BaseHostFilter):
    host_reads = ("spare",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.spare > 3


def fast_and_plain(filters=(), weighers=(), **options):
    """A scheduler with the engine and one without, using plug-ins of this module."""
    paths = [f"{__name__}.{one.__name__}" for one in filters]
    conf = make_conf(
        scheduler_available_filters=["standard_filters", *paths],
        scheduler_default_filters=[one.__name__ for one in filters],
        scheduler_weight_classes=[f"{__name__}.{one.__name__}" for one in weighers],
        **options,
    )
    return FilterScheduler(conf), FilterScheduler(conf, use_engine=False)


def hosts(*busy, kind=HostState):
    return [kind(f"h{nr}", free_ram_mb=1024, num_io_ops=ops, vcpus_total=8) for nr, ops in enumerate(busy)]


def names(selections):
    return [one.host for one in selections]


@pytest.mark.parametrize("make", [list, HostPool])
@pytest.mark.parametrize(
    ("plugin", "attribute"),
    [
        (ReadsTooMuchFilter, "num_io_ops"),
        (ReadsTooMuchColumnsFilter, "num_io_ops"),
        (AsksQuietlyFilter, "num_io_ops"),
        (ReadsTooMuchOfRequestFilter, "vcpus"),
    ],
)
def test_a_filter_that_reads_what_it_did_not_declare_is_named(plugin, attribute, make):
    fast, _plain = fast_and_plain([plugin])
    with pytest.raises(UndeclaredRead) as caught:
        fast.select_destinations(RequestSpec(num_instances=2), make(hosts(0, 0)))
    assert (caught.value.plugin, caught.value.attribute) == (plugin.__name__, attribute)
    assert plugin.__name__ in str(caught.value)
    assert repr(attribute) in str(caught.value)


@pytest.mark.parametrize("plugin", [ReadsTooMuchWeigher, MultipliesByHostWeigher])
def test_a_weigher_that_reads_what_it_did_not_declare_is_named(plugin):
    fast, _plain = fast_and_plain(weighers=[plugin])
    with pytest.raises(UndeclaredRead) as caught:
        fast.select_destinations(RequestSpec(), hosts(0, 0))
    assert (caught.value.plugin, caught.value.attribute) == (plugin.__name__, "num_io_ops")


def test_a_filter_that_calls_itself_columnar_and_is_not_is_named():
    fast, _plain = fast_and_plain([BranchingFilter])
    with pytest.raises(NotColumnarError, match="operators only") as caught:
        fast.select_destinations(RequestSpec(), hosts(0))
    assert any("BranchingFilter" in note for note in caught.value.__notes__)


def test_a_subclass_with_a_method_of_its_own_is_called_as_undeclared():
    fast, plain = fast_and_plain([LooseFilter])
    for scheduler in (fast, plain):
        assert names(scheduler.select_destinations(RequestSpec(), hosts(1, 0))) == ["h1"]


def test_a_filter_without_a_hash_can_be_used():
    fast, _plain = fast_and_plain([HashlessFilter])
    assert names(fast.select_destinations(RequestSpec(), hosts(1, 0))) == ["h1"]


def test_an_overridden_filter_all_is_called_in_a_module_of_any_name():
    fast, plain = fast_and_plain([OverriddenInBaseModuleFilter])
    for scheduler in (fast, plain):
        steps = scheduler.select_destinations(RequestSpec(), hosts(0, 0))[0].explanation.steps
        assert [(step.before, step.after) for step in steps] == [(2, 1)]


@pytest.mark.parametrize("kind", [SpareHost, MadeUpHost])
def test_what_is_worked_out_from_other_attributes_is_never_old(kind):
    fast, _plain = fast_and_plain([SpareFilter])
    pool = HostPool(hosts(0, 0, kind=kind))
    assert names(fast.select_destinations(RequestSpec(), pool)) == ["h0"]
    pool["h0"].num_io_ops = 5
    assert names(fast.select_destinations(RequestSpec(), pool)) == ["h1"]
    pool["h1"].vcpus_total = 3
    with pytest.raises(NoValidHost):
        fast.select_destinations(RequestSpec(), pool)


def test_a_list_of_filters_changed_in_place_is_seen():
    fast, _plain = fast_and_plain([HashlessFilter, LooseFilter])
    pool = HostPool(hosts(1, 0))
    assert names(fast.select_destinations(RequestSpec(), pool)) == ["h1"]
    fast.filters.clear()
    assert names(fast.select_destinations(RequestSpec(), pool)) == ["h0"]


def test_one_pool_serves_several_schedulers_and_one_scheduler_several_pools():
    ram = FilterScheduler(make_conf(scheduler_default_filters=["RamFilter"], ram_weight_multiplier=1.0))
    pack = FilterScheduler(make_conf(scheduler_default_filters=["CoreFilter"], ram_weight_multiplier=-1.0))
    pools = [
        HostPool(HostState(f"h{n}", total_usable_ram_mb=99, free_ram_mb=n) for n in order) for order in ((1, 2), (4, 3))
    ]
    for _ in range(2):
        found = [names(one.select_destinations(RequestSpec(), pool)) for one in (ram, pack) for pool in pools]
        assert found == [["h2"], ["h4"], ["h1"], ["h3"]]
    pools[0]["h2"].free_ram_mb = 0
    assert names(ram.select_destinations(RequestSpec(Flavor(memory_mb=1)), pools[0])) == ["h1"]
    assert names(pack.select_destinations(RequestSpec(), pools[0])) == ["h2"]


def test_a_pool_that_nobody_holds_goes_away_while_its_scheduler_stays():
    scheduler = FilterScheduler(make_conf(scheduler_default_filters=["RamFilter"]))

    def use_a_pool():
        pool = HostPool(hosts(0, 0))
        for count in (1, 3):
            scheduler.select_destinations(RequestSpec(num_instances=count), pool)
        return weakref.ref(pool)

    gone = use_a_pool()
    gc.collect()
    assert gone() is None


def test_more_changes_than_are_remembered_are_all_seen():
    scheduler = FilterScheduler(make_conf(scheduler_default_filters=["RamFilter"]))
    pool = HostPool(HostState(f"h{n}", total_usable_ram_mb=9999, free_ram_mb=10 + n) for n in range(3))
    assert names(scheduler.select_destinations(RequestSpec(), pool)) == ["h2"]
    for value in range(5000):
        pool["h1"].free_ram_mb = value
    assert names(scheduler.select_destinations(RequestSpec(), pool)) == ["h1"]


def test_an_explanation_names_those_it_was_about_after_hosts_came_and_went():
    fast, plain = fast_and_plain([HashlessFilter])
    for scheduler in (fast, plain):
        pool = HostPool(hosts(1, 0, 2, 0))
        steps = scheduler.select_destinations(RequestSpec(num_instances=2), pool)[0].explanation.steps
        pool.remove("h0")
        pool.add(HostState("new"))
        pool.remove("h3")
        assert [step.refused for step in steps] == [("h0", "h2")]


def test_the_hosts_and_the_request_stay_as_they_were():
    fast, _plain = fast_and_plain([LooseFilter])
    given, spec = hosts(0, 0), RequestSpec(Flavor(memory_mb=64), num_instances=3)
    before = [vars(one).copy() for one in given]
    fast.select_destinations(spec, given, filters=[])
    assert [vars(one) for one in given] == before
    assert spec.instance_uuid is None


def test_made_up_uuids_differ_and_all_else_is_alike():
    fast, plain = fast_and_plain(host_subset_size=3)
    found = [one.select_destinations(RequestSpec(num_instances=5), hosts(0, 1, 0), seed=3) for one in (fast, plain)]
    assert names(found[0]) == names(found[1])
    uuids = {one.instance_uuid for selections in found for one in selections}
    assert len(uuids) == 10


def test_a_full_explanation_is_the_same_with_the_engine():
    fast, plain = fast_and_plain([HashlessFilter])
    spec = RequestSpec(num_instances=2, now="2026-01-31T12:00:00")
    found = [
        outcome(lambda one=one: one.select_destinations(spec, hosts(0, 1, 0), ["a", "b"], seed=1, explain="full"))
        for one in (fast, plain)
    ]
    assert found[0] == found[1]
    assert found[0][0] == "placed"


_REPLAY = """
import json, sys
from filtersched import FilterScheduler, Flavor, HostState, RequestSpec, make_conf
seed = json.loads(sys.argv[1])
conf = make_conf(scheduler_default_filters=["RamFilter"], host_subset_size=4, shuffle_best_same_weighed_hosts=True)
for use_engine in (True, False):
    scheduler = FilterScheduler(conf, use_engine=use_engine)
    hosts = [HostState(f"h{n}", total_usable_ram_mb=9000, free_ram_mb=9000 - n % 2) for n in range(9)]
    found = scheduler.select_destinations(RequestSpec(Flavor(memory_mb=64), num_instances=6), hosts, seed=seed)
    print(json.dumps([found[0].seed, *((one.host, repr(one.weight)) for one in found)]))
"""


def test_a_recorded_seed_replays_a_decision_in_another_process():
    def runs(seed):
        done = subprocess.run(
            [sys.executable, "-c", _REPLAY, json.dumps(seed)], capture_output=True, text=True, check=True, timeout=240
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    drawn, _other_draw = runs(None)
    again = runs(drawn[0])
    assert again == [drawn, drawn]


class LargeSumFilter(BaseHostFilter):
    host_reads = ("free_ram_mb", "num_io_ops")
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb + host_state.num_io_ops == host_state.free_ram_mb + 1


def test_whole_numbers_that_grow_beyond_what_a_column_holds_exactly_are_compared_exactly():
    fast, plain = fast_and_plain([LargeSumFilter])
    large = [HostState("h0", free_ram_mb=2**53 - 1, num_io_ops=2)]
    for scheduler in (plain, fast):
        with pytest.raises(NoValidHost):
            scheduler.select_destinations(RequestSpec(), large)


class NotGivenFilter(BaseHostFilter):
    host_reads = ("ram_allocation_ratio",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.ram_allocation_ratio is None


def test_a_columnar_body_that_asks_for_none_is_refused_or_right():
    fast, plain = fast_and_plain([NotGivenFilter])
    given = [HostState("h0", ram_allocation_ratio=2.0), HostState("h1")]
    assert names(plain.select_destinations(RequestSpec(), given)) == ["h1"]
    try:
        assert names(fast.select_destinations(RequestSpec(), given)) == ["h1"]
    except NotColumnarError:
        return


class ForgivingFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    columnar = True

    def host_passes(self, host_state, spec):
        try:
            return int(host_state.free_ram_mb) > 0
        except (TypeError, ValueError):
            return False


def test_a_columnar_body_that_catches_type_errors_is_refused():
    fast, plain = fast_and_plain([ForgivingFilter])
    assert names(plain.select_destinations(RequestSpec(), hosts(0))) == ["h0"]
    with pytest.raises(NotColumnarError):
        fast.select_destinations(RequestSpec(), hosts(0))
