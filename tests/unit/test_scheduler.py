"""The pipeline at its public door: what is chosen, what is refused, what careless plug-ins do."""

from __future__ import annotations

import copy
import logging
import random
import threading
from datetime import datetime, timedelta

import pytest

from filtersched import (
    BaseHostFilter,
    BaseWeigher,
    ChanceScheduler,
    Destination,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    InvalidWeight,
    NoValidHost,
    PluginNotFound,
    RequestSpec,
    Retry,
    make_conf,
    scheduler_from,
)
from tests.unit.made_schedulers import scheduler_maker

HERE = __name__
FLAVOR = Flavor(memory_mb=100)


def host(name: str, free_ram_mb: float = 1000, **attributes) -> HostState:
    return HostState(
        name, total_usable_ram_mb=1000, free_ram_mb=free_ram_mb, ram_allocation_ratio=1.0, **attributes
    )


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def make(request):
    """Makes a scheduler with filters and weighers, most of them from this module."""
    return scheduler_maker(request.module, use_engine=request.param)


def placed(selections) -> list[str]:
    return [one.host for one in selections]


# -- choosing ---------------------------------------------------------------------------------


def test_highest_weight_wins_and_counts_again_for_each_instance(make):
    given = [host("a", 500), host("b", 900), host("c", 750)]
    assert placed(make().select_destinations(RequestSpec(FLAVOR, num_instances=5), given)) == ["b", "b", "c", "b", "c"]


def test_negative_multiplier_packs(make):
    given = [host("a", 500), host("b", 250), host("c", 750)]
    spec = RequestSpec(FLAVOR, num_instances=4)
    assert placed(make(ram_weight_multiplier=-1.0).select_destinations(spec, given)) == ["b", "b", "a", "a"]


def test_among_equals_the_callers_order_decides_and_then_the_last_chosen(make):
    given = [host("a"), host("b"), host("c")]
    spec = RequestSpec(Flavor(), num_instances=3)
    assert placed(make().select_destinations(spec, given)) == ["a", "a", "a"]
    assert placed(make().select_destinations(spec, given[::-1])) == ["c", "c", "c"]


def test_without_filters_every_host_passes_and_without_weighers_all_weigh_nothing(make):
    (selection,) = make("", "").select_destinations(RequestSpec(Flavor(10**6)), [host("a"), host("b")])
    assert (selection.host, selection.weight) == ("a", 0.0)


def test_instance_uuids_count_and_not_the_number(make):
    spec = RequestSpec(FLAVOR, num_instances=5)
    selections = make().select_destinations(spec, [host("a")], ["i1", "i2"])
    assert [one.instance_uuid for one in selections] == ["i1", "i2"]


def test_uuid_of_the_request_is_kept_and_missing_ones_are_made_up(make):
    (selection,) = make().select_destinations(RequestSpec(FLAVOR, instance_uuid="i1"), [host("a")])
    assert selection.instance_uuid == "i1"
    made_up = make().select_destinations(RequestSpec(FLAVOR, num_instances=3), [host("a")])
    assert len({one.instance_uuid for one in made_up}) == 3
    assert {len(one.instance_uuid) for one in made_up} == {36}


def test_hosts_may_be_any_iterable(make):
    assert placed(make().select_destinations(RequestSpec(FLAVOR), (one for one in [host("a")]))) == ["a"]


def test_old_mapping_of_a_request_is_scheduled(make):
    spec = RequestSpec.from_filter_properties(
        {"request_spec": {"instance_uuids": ["i1", "i2"]}, "instance_type": {"memory_mb": 600}}
    )
    assert placed(make().select_destinations(spec, [host("a"), host("b")])) == ["a", "b"]


def test_filters_may_be_chosen_per_request_among_the_available(make):
    scheduler, given = make("RamFilter"), [host("a"), host("b")]
    spec = RequestSpec(Flavor(memory_mb=5000), scheduler_hints={"different_host": "i1"})
    assert placed(scheduler.select_destinations(spec, given, filters="DifferentHostFilter")) == ["a"]
    assert placed(scheduler.select_destinations(spec, given, filters=[])) == ["a"]
    with pytest.raises(NoValidHost):
        scheduler.select_destinations(spec, given, filters=["DifferentHostFilter", "RamFilter"])
    with pytest.raises(PluginNotFound) as caught:
        scheduler.select_destinations(spec, given, filters=["RamFilter", "RAMFilter", "NoFilter"])
    assert caught.value.names == ("RAMFilter", "NoFilter")


def test_forced_host_is_taken_unfiltered_and_weighed(make):
    given = [host("a", 50), host("b", 10), host("c")]
    spec = RequestSpec(FLAVOR, force_hosts=["A", "B"])
    assert placed(make().select_destinations(spec, given)) == ["a"]
    checked = RequestSpec(FLAVOR, force_hosts=["A"], scheduler_hints={"_nova_check_type": ["resize"]})
    with pytest.raises(NoValidHost):
        make().select_destinations(checked, given)


def test_requested_destination_is_filtered(make):
    with pytest.raises(NoValidHost):
        make().select_destinations(
            RequestSpec(FLAVOR, requested_destination=Destination("a")), [host("a", 50), host("b")]
        )


def test_default_zone_is_put_into_a_request_that_names_none(make):
    given = [host("a"), host("b", service={"availability_zone": "az2"})]
    scheduler = make("AvailabilityZoneFilter", default_schedule_zone="az2")
    assert placed(scheduler.select_destinations(RequestSpec(FLAVOR), given)) == ["b"]
    assert placed(scheduler.select_destinations(RequestSpec(FLAVOR, availability_zone="nova"), given)) == ["a"]


# -- groups -----------------------------------------------------------------------------------


def test_instances_of_an_anti_affinity_group_spread_within_one_request(make):
    spec = RequestSpec(FLAVOR, num_instances=3, instance_group=InstanceGroup("anti-affinity"))
    given = [host("a"), host("b", 900), host("c", 800)]
    scheduler = make("ServerGroupAntiAffinityFilter")
    assert placed(scheduler.select_destinations(spec, given)) == ["a", "b", "c"]
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(
            RequestSpec(FLAVOR, num_instances=4, instance_group=InstanceGroup("anti-affinity")), given
        )
    assert caught.value.index == 3


def test_instances_of_an_affinity_group_stay_together(make):
    spec = RequestSpec(Flavor(memory_mb=300), num_instances=3, instance_group=InstanceGroup("affinity"))
    given = [host("a", 400), host("b", 950)]
    assert placed(make("RamFilter,ServerGroupAffinityFilter").select_destinations(spec, given)) == ["b", "b", "b"]


def test_group_of_the_caller_stays_as_it_is(make):
    group = InstanceGroup("anti-affinity", hosts=["z"], members=["m"])
    spec = RequestSpec(FLAVOR, num_instances=2, instance_group=group)
    selections = make("ServerGroupAntiAffinityFilter").select_destinations(spec, [host("a"), host("b")], ["i1", "i2"])
    assert spec.instance_group is group
    assert (group.hosts, group.members) == (("z",), ("m",))
    assert selections[1].spec.instance_group.hosts == ("z", "a")
    assert selections[1].spec.instance_group.members == ("m", "i1", "i2")


# -- chance -----------------------------------------------------------------------------------

SAME = [host(name) for name in "abcdefgh"]


def test_same_seed_gives_the_same_answer(make):
    scheduler = make(host_subset_size=8)
    spec = RequestSpec(Flavor(), num_instances=20)
    first, again = (placed(scheduler.select_destinations(spec, SAME, seed=7)) for _ in range(2))
    assert first == again
    assert len(set(first)) > 1


def test_recorded_seed_replays_a_decision(make):
    scheduler = make(host_subset_size=8, shuffle_best_same_weighed_hosts=True)
    spec = RequestSpec(Flavor(), num_instances=20)
    drawn = scheduler.select_destinations(spec, SAME)
    replayed = make(host_subset_size=8, shuffle_best_same_weighed_hosts=True).select_destinations(
        spec, SAME, seed=drawn[0].seed
    )
    assert placed(replayed) == placed(drawn)


def test_choice_is_among_the_best_of_the_subset_only(make):
    given = [host("a", 900), host("b", 800), host("c", 700)]
    scheduler = make(host_subset_size=2)
    chosen = {placed(scheduler.select_destinations(RequestSpec(FLAVOR), given, seed=n))[0] for n in range(40)}
    assert chosen == {"a", "b"}


def test_shuffling_touches_the_tied_best_only(make):
    given = [host("low", 500), host("a"), host("b"), host("c")]
    scheduler = make(shuffle_best_same_weighed_hosts=True)
    chosen = {placed(scheduler.select_destinations(RequestSpec(FLAVOR), given, seed=n))[0] for n in range(40)}
    assert chosen == {"a", "b", "c"}


def test_nothing_global_is_drawn_from(make):
    random.seed(5)
    expected = random.Random(5).random()
    make(host_subset_size=8).select_destinations(RequestSpec(Flavor(), num_instances=5), SAME)
    assert random.random() == expected


# -- all or nothing, nothing borrowed is changed ----------------------------------------------


def state(hosts) -> list[dict]:
    return [vars(one).copy() for one in hosts]


def test_deciding_leaves_hosts_and_request_as_they_are(make):
    given = [host("a", instances=["i8"]), host("b")]
    spec = RequestSpec(FLAVOR, num_instances=5, instance_group=InstanceGroup("affinity"))
    before, asked = state(given), vars(spec).copy()
    make().select_destinations(spec, given, return_alternates=True, explain="full")
    assert (state(given), vars(spec)) == (before, asked)


def test_request_that_cannot_be_placed_whole_leaves_no_trace(make):
    pool = HostPool([host("a", 350), host("b", 150)])
    before, generation = state(pool), pool.generation
    with pytest.raises(NoValidHost) as caught:
        make().place(RequestSpec(FLAVOR, num_instances=5), pool)
    assert (caught.value.index, caught.value.num_instances) == (4, 5)
    assert (state(pool), pool.generation) == (before, generation)


def test_place_commits_what_it_decides(make):
    pool = HostPool([host("a", 250), host("b", 150)])
    selections = make().place(RequestSpec(FLAVOR, num_instances=3), pool)
    assert sorted(placed(selections)) == ["a", "a", "b"]
    assert [one.free_ram_mb for one in pool] == [50, 50]


def test_place_needs_a_pool(make):
    with pytest.raises(InvalidRequest, match="HostPool"):
        make().place(RequestSpec(), [host("a")])


# -- alternates -------------------------------------------------------------------------------


def test_alternates_are_the_next_best_and_no_more_than_attempts_allow(make):
    given = [host("a", 900), host("b", 800), host("c", 700), host("d", 600)]
    (selection,) = make().select_destinations(RequestSpec(FLAVOR), given, return_alternates=True)
    assert [other.host for other in selection.alternates] == ["b", "c"]
    (selection,) = make(max_attempts=1).select_destinations(RequestSpec(FLAVOR), given, return_alternates=True)
    assert selection.alternates == ()
    (selection,) = make(max_attempts=9).select_destinations(RequestSpec(FLAVOR), given, return_alternates=True)
    assert [other.host for other in selection.alternates] == ["b", "c", "d"]


def test_alternates_are_in_the_same_cell_and_not_chosen_for_a_sibling(make):
    given = [
        host("a", 900, cell_uuid="1"),
        host("b", 890, cell_uuid="2"),
        host("c", 250, cell_uuid="1"),
        host("d", 240, cell_uuid="2"),
    ]
    selections = make().select_destinations(
        RequestSpec(Flavor(memory_mb=200), num_instances=2), given, return_alternates=True
    )
    assert [(one.host, [other.host for other in one.alternates]) for one in selections] == [
        ("a", ["c"]),
        ("b", ["d"]),
    ]


def test_alternates_carry_limits(make):
    (selection,) = make().select_destinations(RequestSpec(FLAVOR), [host("a"), host("b", 900)], return_alternates=True)
    assert selection.alternates[0].limits == {"memory_mb": 1000.0}


# -- arguments that make no sense -------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"spec": None}, "spec"),
        ({"spec": {"num_instances": 1}}, "spec"),
        ({"explain": "everything"}, "explain"),
        ({"instance_uuids": ["i1", "i1"]}, "instance_uuids"),
        ({"instance_uuids": ["i1", ""]}, "instance_uuids"),
        ({"instance_uuids": ["i1", 5]}, "instance_uuids"),
        ({"instance_uuids": "i1"}, "instance_uuids"),
        ({"instance_uuids": "abc"}, "instance_uuids"),
        ({"instance_uuids": 5}, "instance_uuids"),
        ({"instance_uuids": [["i1"]]}, "instance_uuids"),
        ({"instance_uuids": [10**5000]}, "instance_uuids"),
        ({"instance_uuids": {"i1": 1}}, "instance_uuids"),
        ({"filters": 5}, "filters"),
        ({"filters": [5]}, "filters"),
        ({"seed": "x"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 10**5000}, "seed"),
    ],
)
def test_argument_that_makes_no_sense_is_refused_by_name(make, arguments, field):
    arguments = {"spec": RequestSpec(FLAVOR), "hosts": [host("a")], **arguments}
    with pytest.raises(InvalidRequest) as caught:
        make().select_destinations(**arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("strange", [None, "cmp1", {"host": "a"}, HostState])
def test_host_that_is_none_is_refused(make, strange):
    with pytest.raises(InvalidHost, match="must be of HostState"):
        make().select_destinations(RequestSpec(FLAVOR), [host("a"), strange])


@pytest.mark.parametrize("strange", [None, 5, "cmp1", b"cmp1", HostState("cmp1")], ids=lambda one: type(one).__name__)
def test_what_has_no_hosts_in_it_is_refused(make, strange):
    for use in (HostPool, lambda hosts: make().select_destinations(RequestSpec(FLAVOR), hosts)):
        with pytest.raises(InvalidHost, match="hosts must be a HostPool or an iterable of hosts"):
            use(strange)


def test_request_that_was_tried_too_often_finds_no_host(make):
    scheduler = make(max_attempts=2)
    tried = [RequestSpec(FLAVOR, retry=Retry(number)) for number in (2, 3)]
    assert placed(scheduler.select_destinations(tried[0], [host("a")])) == ["a"]
    with pytest.raises(NoValidHost, match=r"Attempt 3 is above the maximum of 2\.$"):
        scheduler.select_destinations(tried[1], [host("a")])


def test_request_without_hosts_finds_none(make, caplog):
    with caplog.at_level(logging.INFO, "filtersched"), pytest.raises(NoValidHost) as caught:
        make().select_destinations(RequestSpec(FLAVOR, num_instances=2), [])
    assert (caught.value.index, caught.value.num_instances) == (0, 2)
    assert caplog.messages == ["No host for instance 1 of 2"]


# -- careless plug-ins ------------------------------------------------------------------------


class RaisingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        raise LookupError("no rack")


class RaisingAllFilter(BaseHostFilter):
    def filter_all(self, hosts, spec):
        raise LookupError("no racks")


class RaisingLimitsFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        return True

    def limits(self, host_state, spec):
        raise LookupError("no limits")


class NoneFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        return None


class NoneAllFilter(BaseHostFilter):
    def filter_all(self, hosts, spec):
        return None


class NoBodyFilter(BaseHostFilter):
    """Defines nothing."""


class ChangingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        host_state.free_ram_mb = 10**6
        return True


class AddingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        host_state.seen = True
        return True


class ContainerChangingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        host_state.capabilities["seen"] = True
        return True


class RequestChangingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        spec.ignore_hosts = ["a"]
        return True


class RequestDeletingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        del spec.project_id
        return True


class DeclaredRequestChangingFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    spec_reads = ("project_id",)

    def host_passes(self, host_state, spec):
        spec.project_id = "p2"
        return host_state.free_ram_mb > 0


class RequestCopyingFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        for own in (spec.copy(), copy.copy(spec), copy.deepcopy(spec), RequestSpec()):
            own.project_id = "p2"
            own.ignore_hosts = ["a"]
        return True


class GeneratingFilter(BaseHostFilter):
    """Returns an iterator, in another order."""

    def filter_all(self, hosts, spec):
        return iter(sorted(hosts, key=lambda one: one.host, reverse=True))


class OnceFilter(BaseHostFilter):
    """Lets pass what passes when it is asked, which is once."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec):
        return host_state.num_instances == 0


class NumpyFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        import numpy as np

        return np.bool_(host_state.host == "b")


class RequestChangingWeigher(BaseWeigher):
    def _weigh_object(self, host_state, weight_properties):
        weight_properties.project_id = "p2"
        return 0.0


class ConstantWeigher(BaseWeigher):
    value = 1.0

    def _weigh_object(self, host_state, weight_properties):
        return self.value


class NanWeigher(ConstantWeigher):
    value = float("nan")


class InfiniteWeigher(ConstantWeigher):
    value = float("inf")


class NoneWeigher(ConstantWeigher):
    value = None


class TextWeigher(ConstantWeigher):
    value = "1"


class HugeWeigher(ConstantWeigher):
    value = 10**400


class RaisingWeigher(BaseWeigher):
    def _weigh_object(self, host_state, weight_properties):
        raise LookupError("no rack")


class RaisingAllWeigher(BaseWeigher):
    def weigh_objects(self, weighed_obj_list, weight_properties):
        raise LookupError("no racks")


class RaisingMultiplierWeigher(ConstantWeigher):
    def weight_multiplier(self, host_state):
        raise LookupError("no multiplier")


class NanMultiplierWeigher(ConstantWeigher):
    def weight_multiplier(self, host_state):
        return float("nan")


class NoneMultiplierWeigher(ConstantWeigher):
    def weight_multiplier(self, host_state):
        return None


class ShortWeigher(BaseWeigher):
    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [1.0]


class ChangingWeigher(BaseWeigher):
    def _weigh_object(self, host_state, weight_properties):
        host_state.free_ram_mb = 10**6
        return 1.0


TWO = [host("a"), host("b")]


@pytest.mark.parametrize(
    ("filters", "weighers", "asked_about"),
    [
        ("RaisingFilter", "", "<HostState a"),
        ("RaisingAllFilter", "", "2 hosts"),
        ("RaisingLimitsFilter", "", "<HostState a"),
        ("", "RaisingWeigher", "<HostState a"),
        ("", "RaisingAllWeigher", "2 hosts"),
        ("", "RaisingMultiplierWeigher", "<HostState a"),
    ],
)
def test_exception_of_a_plug_in_keeps_its_type_and_says_who_was_asked_about_what(make, filters, weighers, asked_about):
    with pytest.raises(LookupError, match="no ") as caught:
        make(filters, weighers).select_destinations(RequestSpec(FLAVOR), TWO, ["i1"])
    (note,) = caught.value.__notes__
    assert note.startswith(f"{filters or weighers} was asked")
    assert asked_about in note


def test_filter_that_raises_ends_the_request_though_another_host_would_do(make):
    pool = HostPool([host("a"), host("b", capabilities={"rack": 1})])
    with pytest.raises(LookupError):
        make("RaisingFilter").place(RequestSpec(FLAVOR), pool)
    assert [one.num_instances for one in pool] == [0, 0]
    assert placed(make("RamFilter").place(RequestSpec(FLAVOR), pool)) == ["a"]


@pytest.mark.parametrize("name", ["NoneFilter", "NoneAllFilter"])
def test_filter_that_returns_none_refuses(make, name):
    with pytest.raises(NoValidHost):
        make(name).select_destinations(RequestSpec(FLAVOR), TWO)


def test_filter_without_a_body_says_what_is_missing(make):
    with pytest.raises(NotImplementedError, match="NoBodyFilter defines no host_passes"):
        make("NoBodyFilter").select_destinations(RequestSpec(FLAVOR), TWO)


@pytest.mark.parametrize(
    ("filters", "weighers", "error"),
    [
        ("ChangingFilter", "", InvalidHost),
        ("AddingFilter", "", InvalidHost),
        ("ContainerChangingFilter", "", TypeError),
        ("", "ChangingWeigher", InvalidHost),
    ],
)
def test_plug_in_that_changes_a_host_is_an_error_and_the_host_is_as_before(make, filters, weighers, error):
    given = [host("a"), host("b")]
    before = state(given)
    with pytest.raises(error) as caught:
        make(filters, weighers).select_destinations(RequestSpec(FLAVOR), given)
    assert state(given) == before
    assert caught.value.__notes__[0].startswith(f"{filters or weighers} was asked about")


@pytest.mark.parametrize(
    ("filters", "weighers", "field"),
    [
        ("RequestChangingFilter", "", "ignore_hosts"),
        ("RequestDeletingFilter", "", "project_id"),
        ("DeclaredRequestChangingFilter", "", "project_id"),
        ("", "RequestChangingWeigher", "project_id"),
    ],
)
def test_plug_in_that_changes_the_request_is_an_error(make, filters, weighers, field):
    spec = RequestSpec(FLAVOR, project_id="p1")
    before = vars(spec).copy()
    with pytest.raises(InvalidRequest, match="only answers") as caught:
        make(filters, weighers).select_destinations(spec, TWO)
    assert caught.value.field == field
    assert vars(spec) == before
    assert caught.value.__notes__[0].startswith(f"{filters or weighers} was asked about")


def test_plug_in_may_change_requests_of_its_own(make):
    spec = RequestSpec(FLAVOR, project_id="p1")
    (selection,) = make("RequestCopyingFilter").select_destinations(spec, TWO)
    assert (selection.host, selection.spec.project_id, selection.spec.ignore_hosts) == ("a", "p1", ())


def test_request_may_be_changed_once_the_hosts_are_chosen(make):
    (selection,) = make("RamFilter").select_destinations(RequestSpec(FLAVOR, project_id="p1"), TWO)
    selection.spec.project_id = "p2"
    assert selection.spec.project_id == "p2"


def test_filter_may_return_any_iterable_in_any_order(make):
    assert placed(make("GeneratingFilter", "").select_destinations(RequestSpec(FLAVOR), TWO)) == ["b"]


def test_filter_may_answer_with_a_truth_value_of_numpy(make):
    assert placed(make("NumpyFilter").select_destinations(RequestSpec(FLAVOR), TWO)) == ["b"]


def test_filter_that_runs_once_is_not_asked_again(make):
    assert placed(make("OnceFilter", "").select_destinations(RequestSpec(FLAVOR, num_instances=3), TWO)) == ["a"] * 3


@pytest.mark.parametrize("name", ["NanWeigher", "InfiniteWeigher", "NoneWeigher", "TextWeigher", "HugeWeigher"])
def test_weight_that_is_no_finite_number_is_an_error_naming_weigher_and_host(make, name):
    with pytest.raises(InvalidWeight, match="A weight must be finite") as caught:
        make("", name).select_destinations(RequestSpec(FLAVOR), TWO)
    assert (caught.value.weigher, caught.value.host) == (name, "a")


@pytest.mark.parametrize("name", ["NoneMultiplierWeigher", "NanMultiplierWeigher"])
def test_multiplier_that_is_no_finite_number_is_an_error_naming_weigher_and_host(make, name):
    with pytest.raises(InvalidWeight, match="A multiplier must be a finite number") as caught:
        make("", name).select_destinations(RequestSpec(FLAVOR), TWO)
    assert (caught.value.weigher, caught.value.host) == (name, "a")


def test_weights_for_fewer_hosts_than_asked_about_are_an_error(make):
    with pytest.raises(InvalidWeight, match="returned 1 weights for 2 hosts"):
        make("", "ShortWeigher").select_destinations(RequestSpec(FLAVOR), TWO)


def test_no_weigher_is_asked_about_a_single_host(make):
    (selection,) = make("", "RaisingWeigher").select_destinations(RequestSpec(FLAVOR), TWO[:1])
    assert selection.weight == 0.0


# -- hosts of one's own -----------------------------------------------------------------------


class Licensed(HostState):
    """Has seats that an instance takes, in a list."""

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.seats.pop()

    def release_request(self, spec):
        super().release_request(spec)
        self.seats.append("seat")


class SeatFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        return bool(host_state.seats)


def licensed(name: str, seats: int) -> Licensed:
    made = Licensed(name)
    made.seats = ["seat"] * seats
    return made


def test_what_a_host_of_ones_own_counts_is_depleted_committed_and_released(make):
    pool = HostPool([licensed("a", 2), licensed("b", 1)])
    scheduler = make("SeatFilter", "")
    with pytest.raises(NoValidHost):
        scheduler.place(RequestSpec(num_instances=4), pool)
    assert [len(one.seats) for one in pool] == [2, 1]
    selections = scheduler.place(RequestSpec(num_instances=3), pool)
    assert [len(one.seats) for one in pool] == [0, 0]
    pool.release(selections)
    assert [len(one.seats) for one in pool] == [2, 1]


# -- derived schedulers -----------------------------------------------------------------------


class BackwardScheduler(FilterScheduler):
    """Overrides every step, and counts."""

    def __init__(self, conf=None):
        super().__init__(conf)
        self.steps = []

    def narrow(self, hosts, spec):
        self.steps.append("narrow")
        return [one for one in super().narrow(hosts, spec) if one.host != "never"]

    def filter(self, hosts, spec, index, filters):
        self.steps.append("filter")
        return super().filter(hosts, spec, index, filters)

    def weigh(self, hosts, spec):
        self.steps.append("weigh")
        return super().weigh(hosts, spec)[::-1]

    def select(self, ranked, chance):
        self.steps.append("select")
        return super().select(ranked, chance)

    def deplete(self, host, spec):
        self.steps.append("deplete")
        return super().deplete(host, spec)


def test_derived_scheduler_may_override_every_step():
    conf = make_conf(
        scheduler_driver=f"{HERE}.BackwardScheduler", enabled_filters="RamFilter", weight_classes="RAMWeigher"
    )
    scheduler = scheduler_from(conf)
    given = [host("never", 300), host("a", 400), host("b", 900)]
    assert placed(scheduler.select_destinations(RequestSpec(FLAVOR, num_instances=2), given)) == ["a", "a"]
    assert scheduler.steps == ["narrow", "filter", "weigh", "select", "deplete"] * 2


def test_scheduler_from_nothing_is_the_filter_scheduler_with_the_filters_of_the_document():
    scheduler = scheduler_from()
    assert type(scheduler) is FilterScheduler
    names = [type(one).__name__ for one in scheduler.filters]
    assert names == ["AvailabilityZoneFilter", "RamFilter", "ComputeFilter"]


# -- explaining one host ----------------------------------------------------------------------


def test_explain_answers_for_one_host_and_changes_nothing(make):
    small = host("a", 50)
    verdicts = make("RamFilter,SameHostFilter").explain(RequestSpec(FLAVOR), small)
    assert [(verdict.filter, verdict.passed) for verdict in verdicts.verdicts] == [
        ("RamFilter", False),
        ("SameHostFilter", True),
    ]
    assert small.free_ram_mb == 50


# -- by chance --------------------------------------------------------------------------------

NOW = datetime(2026, 1, 31, 12)


def served(name: str, age_s: float = 0, **facts) -> HostState:
    return HostState(name, service={"updated_at": NOW - timedelta(seconds=age_s), **facts})


def test_chance_takes_hosts_that_are_up_and_not_ignored():
    given = [served("up"), served("down", 61), served("off", disabled=True), served("not"), HostState("unknown")]
    chance = ChanceScheduler(make_conf())
    spec = RequestSpec(Flavor(10**9), num_instances=60, ignore_hosts=["not", "UP"], now=NOW)
    assert set(placed(chance.select_destinations(spec, given, seed=1))) == {"up", "unknown"}


def test_chance_without_a_host_that_is_up_finds_none():
    with pytest.raises(NoValidHost, match="appropriate service"):
        ChanceScheduler().select_destinations(RequestSpec(now=NOW), [served("down", 61)])


def test_chance_depletes_nothing_and_gives_copies():
    pool = HostPool([host("a")])
    (selection,) = ChanceScheduler().select_destinations(RequestSpec(FLAVOR), pool, seed=1)
    pool["a"].free_ram_mb = 5
    assert (selection.host_state.free_ram_mb, selection.seed) == (1000, 1)


def test_chance_has_no_filters_to_choose():
    with pytest.raises(InvalidRequest, match="uses no filters"):
        ChanceScheduler().select_destinations(RequestSpec(), [host("a")], filters="RamFilter")


# -- threads ----------------------------------------------------------------------------------


def in_threads(*bodies) -> list[BaseException]:
    """Run all at once; returns what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(len(bodies))

    def run(body):
        try:
            start.wait(timeout=240)
            body()
        except BaseException as problem:
            raised.append(problem)

    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert not [thread for thread in threads if thread.is_alive()]
    return raised


def test_two_threads_schedule_on_one_pool_while_a_third_updates_it(make):
    pool = HostPool([host(f"cmp{n}", 1000) for n in range(5)])
    scheduler = make()
    selections: list = []

    def schedule():
        for _ in range(40):
            try:
                selections.extend(scheduler.place(RequestSpec(Flavor(memory_mb=10), num_instances=3), pool))
            except NoValidHost:  # pragma: no cover - there is room for all
                raise

    def update():
        for n in range(200):
            pool.update(f"cmp{n % 5}", failed_builds=n, num_io_ops=0)
            pool[f"cmp{n % 5}"].host_ip = f"10.0.0.{n}"

    assert in_threads(schedule, schedule, update) == []
    assert len(selections) == 240
    # Nothing is lost and nothing is taken twice.
    assert sum(1000 - one.free_ram_mb for one in pool) == 2400
    assert sum(len(one.instances) for one in pool) == 240
    assert sum(one.num_instances for one in pool) == 240
    assert [one.failed_builds for one in pool] == [195, 196, 197, 198, 199]
    in_threads(*(lambda part=part: pool.release(part) for part in (selections[::2], selections[1::2])))
    assert [one.free_ram_mb for one in pool] == [1000] * 5
    assert [len(one.instances) for one in pool] == [0] * 5


def test_thread_that_changes_a_host_waits_for_the_decision_of_another(make):
    pool = HostPool([host("a"), host("b")])
    inside, seen = threading.Event(), []
    changer = threading.Thread(target=lambda: (inside.wait(60), setattr(pool["a"], "free_ram_mb", 0)))
    _Pausing.inside, _Pausing.seen = inside, seen
    changer.start()
    make("PausingFilter").select_destinations(RequestSpec(FLAVOR, num_instances=3), pool)
    changer.join(60)
    assert set(seen) <= {1000, 900, 800}
    assert pool["a"].free_ram_mb == 0


class _Pausing:
    inside: threading.Event
    seen: list


class PausingFilter(BaseHostFilter):
    """Lets another thread run in the middle of a decision."""

    def host_passes(self, host_state, spec):
        _Pausing.inside.set()
        _Pausing.seen.append(host_state.free_ram_mb)
        return True
