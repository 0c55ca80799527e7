"""HostPool: names, changes, commit and release."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import ClassVar

import pytest

from filtersched import (
    BaseHostFilter,
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    Selection,
    make_conf,
)

FLAVOR = Flavor(memory_mb=100, vcpus=1)


def host(name: str, free_ram_mb: int = 1000, **attributes) -> HostState:
    return HostState(name, total_usable_ram_mb=1000, free_ram_mb=free_ram_mb, vcpus_total=8, **attributes)


@pytest.fixture
def pool() -> HostPool:
    return HostPool([host("cmp1"), host("cmp2", 900), host("two", nodename="n1"), host("two", nodename="n2")])


@pytest.fixture(scope="module")
def scheduler() -> FilterScheduler:
    return FilterScheduler(make_conf(enabled_filters="RamFilter", weight_classes="RAMWeigher"))


def state(pool: HostPool) -> list[dict]:
    return [one.to_dict() for one in pool]


# -- names ------------------------------------------------------------------------------------


def test_hosts_keep_the_order_they_were_given_in(pool):
    assert [(one.host, one.nodename) for one in pool] == [
        ("cmp1", "cmp1"),
        ("cmp2", "cmp2"),
        ("two", "n1"),
        ("two", "n2"),
    ]
    assert len(pool) == 4


def test_host_is_found_by_name_and_node_by_both(pool):
    assert pool["cmp1"].host == "cmp1"
    assert pool["cmp1", "cmp1"] is pool["cmp1"]
    assert pool["two", "n2"].nodename == "n2"
    assert ("cmp1" in pool, "two" in pool, ("two", "n1") in pool) == (True, True, True)
    assert ("cmp9" in pool, ("two", "n9") in pool, "n1" in pool) == (False, False, False)


@pytest.mark.parametrize("name", ["cmp9", ("two", "n9"), "n1", "CMP1"])
def test_unknown_name_is_a_key_error(pool, name):
    with pytest.raises(KeyError):
        pool[name]


def test_name_of_a_host_with_several_nodes_does_not_say_which(pool):
    with pytest.raises(KeyError, match="2 nodes"):
        pool["two"]


def test_second_host_of_a_name_is_refused_and_the_pool_is_as_before(pool):
    with pytest.raises(InvalidHost, match="there is one of that name") as caught:
        pool.add(host("cmp1"))
    assert caught.value.host == "cmp1"
    assert len(pool) == 4


def test_host_of_another_pool_is_refused(pool):
    with pytest.raises(InvalidHost, match="in another pool"):
        HostPool([pool["cmp1"]])


@pytest.mark.parametrize("strange", [None, 5, "cmp1", {"host": "cmp1"}])
def test_what_is_no_host_is_refused(strange):
    with pytest.raises(InvalidHost, match="keeps hosts"):
        HostPool([strange])


def test_hosts_of_a_pool_that_could_not_be_made_are_free():
    first = host("cmp1")
    with pytest.raises(InvalidHost, match="there is one of that name"):
        HostPool([first, host("cmp1")])
    assert len(HostPool([first])) == 1


def test_removed_host_is_free_and_unknown(pool):
    gone = pool.remove("cmp1")
    assert ("cmp1" in pool, len(pool), [one.host for one in pool]) == (False, 3, ["cmp2", "two", "two"])
    assert pool["cmp2"].host == "cmp2"
    assert pool["two", "n2"].nodename == "n2"
    gone.free_ram_mb = 5
    assert HostPool([gone])["cmp1"].free_ram_mb == 5
    with pytest.raises(KeyError):
        pool.remove("cmp1")


def test_last_node_of_a_host_answers_to_its_name(pool):
    pool.remove(("two", "n1"))
    assert pool["two"].nodename == "n2"


def test_pool_may_be_changed_while_it_is_gone_through(pool):
    for member in pool:
        pool.remove((member.host, member.nodename))
    assert (len(pool), list(pool)) == (0, [])


# -- changes ----------------------------------------------------------------------------------


def test_host_in_a_pool_keeps_its_name(pool):
    with pytest.raises(InvalidHost, match="keeps its name"):
        pool["cmp1"].host = "other"
    with pytest.raises(InvalidHost, match="keeps its name"):
        pool.update("cmp1", nodename="other")
    assert pool["cmp1"].nodename == "cmp1"


def test_update_assigns_all_or_nothing(pool):
    pool.update("cmp1", free_ram_mb=1, num_io_ops=2)
    assert (pool["cmp1"].free_ram_mb, pool["cmp1"].num_io_ops) == (1, 2)
    with pytest.raises(InvalidHost, match="num_io_ops"):
        pool.update("cmp1", free_ram_mb=7, num_io_ops=-1)
    assert pool["cmp1"].free_ram_mb == 1


def test_update_refuses_a_mistyped_attribute(pool):
    with pytest.raises(InvalidHost, match="Did you mean 'free_ram_mb'"):
        pool.update("cmp1", free_ram=7)


def test_update_takes_attributes_that_were_added_by_assignment(pool):
    pool["cmp1"].rack = "r1"
    pool.update("cmp1", rack="r2")
    assert pool["cmp1"].rack == "r2"


class TopicFilter(BaseHostFilter):
    host_reads = ("topic",)

    def host_passes(self, host_state, spec):
        return host_state.topic == "compute"


def test_update_to_none_is_seen_where_the_default_is_something_else(pool):
    scheduler = FilterScheduler(make_conf(enabled_filters=[], weight_classes="RAMWeigher"))
    scheduler.filters = [TopicFilter()]

    def best() -> str:
        return scheduler.select_destinations(RequestSpec(FLAVOR), pool)[0].host

    assert [best(), best()] == ["cmp1", "cmp1"]
    pool.update("cmp1", topic=None)
    assert best() == "two"


@pytest.mark.parametrize("name", ["copy", "release_request", "vm_states", "__class__", "attributes", "_checks"])
def test_update_replaces_no_method(pool, name):
    with pytest.raises(InvalidHost, match="cannot be assigned") as caught:
        pool.update("cmp1", free_ram_mb=5, **{name: 3})
    assert (caught.value.host, caught.value.attribute) == ("cmp1", name)
    assert pool["cmp1"].copy().free_ram_mb == 1000


def test_attribute_of_own_may_be_called_name():
    class Named(HostState):
        name: str = ""

    pool = HostPool([Named("cmp1")])
    pool.update("cmp1", name="one")
    assert pool["cmp1"].name == "one"
    pool.report("cmp1", name="two")
    assert pool["cmp1"].name == "two"


@pytest.mark.parametrize("name", ["_owner", "_generation", "_scratch"])
def test_update_does_not_reach_what_the_pool_notes_on_a_host(pool, name):
    with pytest.raises(InvalidHost, match="has no attribute"):
        pool.update("cmp1", **{name: None})
    with pytest.raises(InvalidHost, match="in another pool"):
        HostPool([pool["cmp1"]])


def test_update_assigns_limits(pool):
    pool.update("cmp1", limits={"memory_mb": 7}, free_ram_mb=5)
    assert (pool["cmp1"].limits, pool["cmp1"].free_ram_mb) == ({"memory_mb": 7}, 5)
    with pytest.raises(InvalidHost, match="limits must be a mapping") as caught:
        pool.update("cmp1", limits=5)
    assert (caught.value.attribute, pool["cmp1"].limits) == ("limits", {"memory_mb": 7})


def test_update_of_a_node_leaves_its_siblings(pool):
    pool.update(("two", "n2"), num_io_ops=5)
    assert (pool["two", "n1"].num_io_ops, pool["two", "n2"].num_io_ops) == (0, 5)
    with pytest.raises(KeyError):
        pool.update("cmp9", num_io_ops=1)


def test_next_decision_sees_every_kind_of_change(pool, scheduler):
    def best() -> str:
        (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
        return f"{selection.host}/{selection.nodename}"

    assert best() == "cmp1/cmp1"
    pool["cmp1"].free_ram_mb = 10
    assert best() == "two/n1"
    pool.update(("two", "n1"), free_ram_mb=20)
    assert best() == "two/n2"
    pool.remove(("two", "n2"))
    assert best() == "cmp2/cmp2"
    pool.add(host("new", 950))
    assert best() == "new/new"
    del pool["new"].free_ram_mb
    assert best() == "cmp2/cmp2"


def test_copy_of_a_pool_has_hosts_of_its_own(pool, scheduler):
    pool["cmp1"].rack = ["r1"]
    for other in (copy.copy(pool), copy.deepcopy(pool)):
        assert state(other) == state(pool)
        scheduler.place(RequestSpec(FLAVOR, num_instances=4), other)
        other.remove("cmp1").rack.append("r2")
        assert (len(other), sum(one.free_ram_mb for one in other)) == (3, 2900 - 300)
    assert (len(pool), sum(one.free_ram_mb for one in pool)) == (4, 3900)
    assert pool["cmp1"].rack == ["r1"]


class OwnCopyHost(HostState):
    """Copies what is inside of an attribute too."""

    def copy(self):
        new = super().copy()
        new.slots = [list(slot) for slot in self.slots]
        return new


def test_copy_of_a_pool_copies_hosts_their_own_way():
    original = OwnCopyHost("a")
    original.slots = [[1]]
    pool = HostPool([original])
    copy.copy(pool)["a"].slots[0].append(2)
    assert pool["a"].slots == [[1]]


def test_copy_of_a_pool_is_another_pool(pool, scheduler):
    (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    other = copy.copy(pool)
    with pytest.raises(CommitConflict, match="not decided on in this pool"):
        other.commit(selection)
    assert other.uuid != pool.uuid


def test_pickling_a_pool_is_refused_with_the_way_to_do_it(pool):
    with pytest.raises(TypeError, match=r"pickle list\(pool\)"):
        pickle.dumps(pool)


# -- while hosts are being chosen -------------------------------------------------------------


class MeddlingFilter(BaseHostFilter):
    """Does something to the pool instead of answering."""

    meddle = None

    def host_passes(self, host_state, spec):
        self.meddle()
        return True


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.parametrize(
    "meddle",
    [
        lambda pool, _selections: pool.update("cmp2", free_ram_mb=1),
        lambda pool, _selections: pool.add(host("new")),
        lambda pool, _selections: pool.remove("cmp2"),
        lambda pool, selections: pool.commit(selections),
        lambda pool, selections: pool.release(selections),
        lambda pool, _selections: setattr(pool["cmp2"], "free_ram_mb", 1),
    ],
    ids=["update", "add", "remove", "commit", "release", "assign"],
)
def test_plug_in_that_changes_the_pool_is_an_error_that_says_so(pool, meddle, use_engine):
    scheduler = FilterScheduler(make_conf(enabled_filters=[]), use_engine=use_engine)
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    scheduler.filters = [MeddlingFilter()]
    scheduler.filters[0].meddle = lambda: meddle(pool, selections)
    before = state(pool)
    with pytest.raises(InvalidHost, match="may not be changed while hosts are being chosen") as caught:
        scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    assert caught.value.__notes__[0].startswith("MeddlingFilter was asked")
    assert state(pool) == before


def test_plug_in_may_have_a_pool_of_its_own(pool):
    def meddle():
        own = HostPool([host("own"), host("other")])
        own.update("own", free_ram_mb=1)
        own.remove("other")
        inner.place(RequestSpec(FLAVOR), copy.copy(own))

    inner, scheduler = (FilterScheduler(make_conf(enabled_filters=[])) for _ in range(2))
    scheduler.filters = [MeddlingFilter()]
    scheduler.filters[0].meddle = meddle
    assert len(scheduler.select_destinations(RequestSpec(FLAVOR), pool)) == 1


# -- commit and release -----------------------------------------------------------------------


def test_commit_takes_and_release_gives_back(pool, scheduler):
    before = state(pool)
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, num_instances=3), pool)
    assert state(pool) == before
    pool.commit(selections)
    taken = [one for one in pool if one.instances]
    assert sum(len(one.instances) for one in taken) == 3
    assert sum(one.free_ram_mb for one in pool) == 3900 - 300
    pool.release(selections)
    # What is left is the time of the last change and counters that were not written down before.
    left = [{name: value for name, value in one.items() if name != "updated"} for one in state(pool)]
    zeros = {"vcpus_used": 0, "num_instances": 0, "num_io_ops": 0, "free_disk_mb": 0, "instances": {}}
    assert [{**zeros, **one} for one in left] == [{**zeros, **one} for one in before]


def test_committed_instance_is_on_its_host_until_released(pool, scheduler):
    (selection,) = scheduler.place(RequestSpec(FLAVOR, instance_uuid="i1"), pool)
    assert list(pool["cmp1"].instances) == ["i1"]
    pool.release(selection)
    assert list(pool["cmp1"].instances) == []


def test_instances_of_one_request_may_leave_one_by_one(pool, scheduler):
    selections = scheduler.place(RequestSpec(FLAVOR, num_instances=5), pool)
    for selection in selections:
        pool.release(selection)
    assert [one.free_ram_mb for one in pool] == [1000, 900, 1000, 1000]


def test_committing_twice_is_refused_and_takes_nothing(pool, scheduler):
    selections = scheduler.place(RequestSpec(FLAVOR), pool)
    with pytest.raises(CommitConflict):
        pool.commit(selections)
    with pytest.raises(InvalidRequest, match="once"):
        pool.commit([*scheduler.select_destinations(RequestSpec(FLAVOR, instance_uuid="i1"), pool)] * 2)
    assert sum(one.free_ram_mb for one in pool) == 3800


def test_releasing_twice_is_refused_and_gives_nothing(pool, scheduler):
    selections = scheduler.place(RequestSpec(FLAVOR, num_instances=2), pool)
    pool.release(selections[0])
    with pytest.raises(InvalidRequest, match="not on host") as caught:
        pool.release(selections)
    assert caught.value.value == selections[0].instance_uuid
    assert sum(one.free_ram_mb for one in pool) == 3800


def test_releasing_what_was_never_committed_is_refused(pool, scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    with pytest.raises(InvalidRequest, match="not on host"):
        pool.release(selections)


def test_releasing_from_a_host_that_is_gone_is_refused(pool, scheduler):
    selections = scheduler.place(RequestSpec(FLAVOR), pool)
    pool.remove(selections[0].host)
    with pytest.raises(InvalidRequest, match="not on host"):
        pool.release(selections)


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: setattr(pool["cmp1"], "num_io_ops", 1),
        lambda pool: pool.update("cmp1", num_io_ops=1),
        lambda pool: setattr(pool["cmp1"], "rack", "r1"),
        lambda pool: pool.remove("cmp1"),
        lambda pool: pool.add(pool.remove("cmp1")),
    ],
    ids=["assigned", "updated", "attribute added", "removed", "removed and added"],
)
def test_commit_after_a_change_of_the_chosen_host_is_a_conflict(pool, scheduler, change):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    change(pool)
    before = state(pool)
    with pytest.raises(CommitConflict, match="cmp1 changed") as caught:
        pool.commit(selections)
    assert (caught.value.hosts, caught.value.selections) == (("cmp1",), tuple(selections))
    assert state(pool) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: setattr(pool["cmp1"], "free_ram_mb", 1000),
        lambda pool: setattr(pool["cmp1"], "traits", ["A", "B"]),
        lambda pool: pool.update("cmp1", free_ram_mb=1000, service={"disabled": False}),
        lambda pool: pool.report("cmp1", free_ram_mb=1000),
    ],
    ids=["assigned", "container assigned", "updated", "reported"],
)
def test_writing_the_value_that_stands_there_is_no_change(pool, scheduler, change):
    pool.update("cmp1", traits={"A", "B"}, service={"disabled": False})
    before = pool.generation
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    change(pool)
    assert pool.generation == before
    pool.commit(selections)


@pytest.mark.parametrize("value", [1000.0, True, -0.0], ids=repr)
def test_an_equal_value_of_another_type_or_sign_is_a_change(pool, value):
    pool["cmp1"].free_ram_mb = {1000.0: 1000, True: 1, -0.0: 0.0}[value]
    before = pool.generation
    if value is True:
        pool["cmp1"].rack = 1
        before = pool.generation
        pool["cmp1"].rack = True
    else:
        pool["cmp1"].free_ram_mb = value
    assert pool.generation == before + 1


def test_one_conflict_keeps_all_selections_of_the_call_out(pool, scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, num_instances=3), pool)
    assert len({(one.host, one.nodename) for one in selections}) == 3
    chosen = selections[1]
    pool.update((chosen.host, chosen.nodename), num_io_ops=1)
    before = state(pool)
    with pytest.raises(CommitConflict) as caught:
        pool.commit(selections)
    assert [one.index for one in caught.value.selections] == [1]
    assert state(pool) == before


def test_commit_after_a_change_of_another_host_is_none(pool, scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    pool["cmp2"].num_io_ops = 1
    pool.add(host("cmp3"))
    pool.commit(selections)
    assert pool["cmp1"].free_ram_mb == 900


def test_selection_decided_on_other_hosts_is_a_conflict(pool, scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), [host("cmp1")])
    with pytest.raises(CommitConflict):
        pool.commit(selections)


def test_selection_of_a_pool_that_was_made_anew_is_a_conflict(scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), HostPool([host("cmp1")]))
    pool = HostPool([host("cmp1")])
    with pytest.raises(CommitConflict, match="cmp1 was not decided on in this pool") as caught:
        pool.commit(selections)
    assert (caught.value.hosts, list(pool["cmp1"].instances)) == (("cmp1",), [])


@pytest.mark.parametrize("best", ["cmp1", "cmp2"])
def test_instance_that_is_on_a_host_already_is_placed_nowhere(pool, scheduler, best):
    spec = RequestSpec(FLAVOR, instance_uuid="i1")
    scheduler.place(spec, pool)
    pool.update("cmp1", free_ram_mb=1000 if best == "cmp1" else 0)
    before = state(pool)
    with pytest.raises(InvalidRequest, match=r"i1 is on host 'cmp1' already.* released first") as caught:
        scheduler.place(spec, pool)
    assert (caught.value.field, caught.value.value, state(pool)) == ("instance_uuid", "i1", before)


def test_instance_that_was_released_may_be_placed_again(pool, scheduler):
    spec = RequestSpec(FLAVOR, instance_uuid="i1")
    pool.release(scheduler.place(spec, pool))
    pool.update("cmp1", free_ram_mb=0)
    assert [one.host for one in scheduler.place(spec, pool)] == ["two"]


def test_instance_that_came_with_a_report_is_known(pool, scheduler):
    pool["two", "n2"].instances = {"i1": {}}
    with pytest.raises(InvalidRequest, match="i1 is on host 'two' already"):
        scheduler.place(RequestSpec(FLAVOR, instance_uuid="i1"), pool)
    pool["two", "n2"].instances = {}
    assert [one.host for one in scheduler.place(RequestSpec(FLAVOR, instance_uuid="i1"), pool)] == ["cmp1"]


def test_two_decisions_for_one_instance_are_not_committed_together(pool, scheduler):
    spec = RequestSpec(FLAVOR, instance_uuid="i1")
    chosen = scheduler.select_destinations(spec, pool)
    spec.ignore_hosts = ["cmp1"]
    chosen += scheduler.select_destinations(spec, pool)
    assert [one.host for one in chosen] == ["cmp1", "two"]
    with pytest.raises(InvalidRequest, match="i1 is on host 'cmp1' already"):
        pool.commit(chosen)
    assert [list(one.instances) for one in pool] == [[], [], [], []]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host": 5}, "host"),
        ({"nodename": None}, "nodename"),
        ({"instance_uuid": "i2"}, "instance_uuid"),
        ({"instance_uuid": ["i1"]}, "instance_uuid"),
        ({"index": "0"}, "index"),
        ({"weight": None}, "weight"),
        ({"limits": None}, "limits"),
        ({"alternates": ["cmp2"]}, "alternates"),
        ({"alternates": ("cmp2",)}, "alternates"),
        ({"host_state": None}, "host_state"),
        ({"spec": None}, "spec"),
        ({"spec": RequestSpec(FLAVOR, instance_uuid="i2")}, "instance_uuid"),
        ({"seed": 0.5}, "seed"),
        ({"generation": "1"}, "generation"),
        ({"generation": True}, "generation"),
        ({"pool": 7}, "pool"),
    ],
    ids=repr,
)
def test_selection_that_cannot_be_is_refused(pool, scheduler, changes, field):
    (selection,) = scheduler.select_destinations(RequestSpec(FLAVOR, instance_uuid="i1"), pool)
    for act in (pool.commit, pool.release):
        with pytest.raises(InvalidRequest, match="a selection") as caught:
            act(replace(selection, **changes))
        assert caught.value.field == field
    assert list(pool["cmp1"].instances) == []


def test_selection_written_down_can_be_committed_and_released(pool, scheduler):
    spec = RequestSpec(FLAVOR, instance_group=InstanceGroup("affinity"), instance_uuid="i1")
    (selection,) = scheduler.select_destinations(spec, pool)
    again = Selection.from_dict(selection.to_dict())
    pool.commit(again)
    assert list(pool["cmp1"].instances) == ["i1"]
    pool.release(Selection.from_dict(again.to_dict()))
    assert (list(pool["cmp1"].instances), pool["cmp1"].free_ram_mb) == ([], 1000)


class Leaky(HostState):
    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        if self.capabilities.get("broken"):
            raise OSError("no device left")


def test_host_that_cannot_take_an_instance_at_commit_leaves_everything_as_it_was(scheduler):
    pool = HostPool([Leaky("a", free_ram_mb=1000, total_usable_ram_mb=1000)])
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, num_instances=2), pool)
    object.__setattr__(pool["a"], "capabilities", {"broken": True})
    before = state(pool)
    with pytest.raises(OSError, match="no device left"):
        pool.commit(selections)
    assert state(pool) == before


class WatchedHost(HostState):
    """Notes which mapping its instances are in while they come and go."""

    seen: ClassVar[list[object]] = []

    def consume_from_request(self, spec):
        self.seen.append(self.instances)
        super().consume_from_request(spec)

    def release_request(self, spec):
        self.seen.append(self.instances)
        super().release_request(spec)


def test_instances_of_a_host_are_copied_once_however_many_come_and_go(scheduler):
    pool = HostPool([WatchedHost("a", total_usable_ram_mb=10_000, free_ram_mb=10_000)])
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, num_instances=50), pool)
    for act in (pool.commit, pool.release):
        WatchedHost.seen.clear()
        act(selections)
        assert len(WatchedHost.seen) == 50
        assert all(one is WatchedHost.seen[0] for one in WatchedHost.seen)
    assert dict(pool["a"].instances) == {}


@pytest.mark.parametrize("strange", [[5], [None], [host("cmp1")], ["i1", 5]], ids=repr)
def test_what_is_no_selection_can_be_neither_committed_nor_released(pool, strange):
    for act in (pool.commit, pool.move, pool.release):
        with pytest.raises(InvalidRequest, match="only selections"):
            act(strange)


def test_uuid_cannot_be_committed(pool):
    with pytest.raises(InvalidRequest, match="only selections can be committed"):
        pool.commit("i1")


def test_empty_commit_and_release_do_nothing(pool):
    before = pool.generation
    pool.commit([])
    pool.release([])
    assert pool.generation == before
