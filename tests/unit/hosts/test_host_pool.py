"""HostPool: names, changes, commit and release."""

from __future__ import annotations

import pytest

from filtersched import (
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
    one = host("cmp1")
    with pytest.raises(InvalidHost, match="there is one of that name"):
        HostPool([one, host("cmp1")])
    assert len(HostPool([one])) == 1


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
    for one in pool:
        pool.remove((one.host, one.nodename))
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
        lambda pool: setattr(pool["cmp1"], "free_ram_mb", pool["cmp1"].free_ram_mb),
        lambda pool: pool.update("cmp1", num_io_ops=1),
        lambda pool: setattr(pool["cmp1"], "rack", "r1"),
        lambda pool: pool.remove("cmp1"),
        lambda pool: pool.add(pool.remove("cmp1")),
    ],
    ids=["assigned", "assigned the same", "updated", "attribute added", "removed", "removed and added"],
)
def test_commit_after_a_change_of_the_chosen_host_is_a_conflict(pool, scheduler, change):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool)
    change(pool)
    before = state(pool)
    with pytest.raises(CommitConflict, match="cmp1 changed") as caught:
        pool.commit(selections)
    assert (caught.value.hosts, caught.value.selections) == (("cmp1",), tuple(selections))
    assert state(pool) == before


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


@pytest.mark.parametrize("strange", [[5], ["i1"], [None], "i1", [host("cmp1")]], ids=repr)
def test_what_is_no_selection_can_be_neither_committed_nor_released(pool, strange):
    with pytest.raises(InvalidRequest, match="only selections"):
        pool.commit(strange)
    with pytest.raises(InvalidRequest, match="only selections"):
        pool.release(strange)


def test_empty_commit_and_release_do_nothing(pool):
    before = pool.generation
    pool.commit([])
    pool.release([])
    assert pool.generation == before
