"""What instances take of shared resources is committed, given back, moved, saved and loaded with them."""

import pickle

import pytest

from filtersched import CommitConflict, HostPool, Instance, NoValidHost, Selection
from tests.unit.resources.racks import Power, RackHost, configured, host, names, pool_of, request, scheduler


def test_the_record_of_an_instance_says_what_it_takes():
    pool = pool_of("r1")
    (selection,) = scheduler().place(request(300), pool)
    taken = {"power": {"amount": 300, "scopes": ["r1"]}}
    assert pool.instance(selection.instance_uuid).consumed["shared_resources"] == taken


def test_a_release_gives_back_what_was_taken_whatever_the_resource_says_now():
    class Dearer(Power):
        host_reads = None

        def amount(self, spec, host):
            return 900

    pool = pool_of("r1")
    first, _second = scheduler().place(request(300, count=2), pool)
    pool.release(first)
    assert scheduler(Dearer).shared_use(pool) == {"power": {"r1": 300}}


def test_a_release_by_uuid_gives_back_too():
    pool, placing = pool_of("r1"), scheduler()
    (selection,) = placing.place(request(1000), pool)
    pool.release(selection.instance_uuid)
    assert placing.shared_use(pool) == {"power": {}}


def test_a_move_takes_power_in_the_other_rack():
    pool, placing = pool_of("r1", "r2"), scheduler()
    (selection,) = placing.place(request(700), pool)
    elsewhere = request(700, ignore_hosts=["h1"], instance_uuid=selection.instance_uuid)
    placing.place(elsewhere, pool, move=True)
    assert placing.shared_use(pool) == {"power": {"r2": 700}}


def test_an_instance_that_moves_may_use_what_it_takes_already():
    pool, placing = pool_of("r1", "r1"), scheduler()
    (selection,) = placing.place(request(700), pool)
    elsewhere = request(700, ignore_hosts=["h1"], instance_uuid=selection.instance_uuid)
    assert names(placing.place(elsewhere, pool, move=True)) == ["h2"]


def test_an_adopted_instance_counts_as_its_request_would():
    pool, placing = pool_of("r1"), scheduler()
    pool.adopt("h1", [Instance("i1", flavor=request(400).flavor)])
    assert placing.shared_use(pool) == {"power": {"r1": 400}}


def test_an_adopted_instance_brings_its_record():
    pool, placing = pool_of("r1"), scheduler()
    taken = {"shared_resources": {"power": {"amount": 250, "scopes": ["r1"]}}}
    pool.adopt("h1", [Instance("i1", flavor=request(400).flavor, consumed=taken)])
    assert placing.shared_use(pool) == {"power": {"r1": 250}}


def test_a_host_that_is_removed_takes_its_instances_along():
    pool, placing = pool_of("r1", "r1"), scheduler()
    placing.place(request(600), pool)
    placing.shared_use(pool)
    pool.remove("h1")
    assert placing.shared_use(pool) == {"power": {}}


def test_a_host_that_is_added_brings_its_instances():
    pool, placing = pool_of("r1"), scheduler()
    placing.shared_use(pool)
    pool.add(host("h9", "r1", instances=[Instance("i1", flavor=request(400).flavor)]))
    assert placing.shared_use(pool) == {"power": {"r1": 400}}


def test_instances_follow_their_host_into_another_rack():
    pool, placing = pool_of("r1"), scheduler()
    placing.place(request(600), pool)
    placing.shared_use(pool)
    pool["h1"].rack = "r7"
    assert placing.shared_use(pool) == {"power": {"r7": 600}}


def test_a_late_commit_conflicts_over_the_resource():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    with pytest.raises(CommitConflict, match=r"shared resource 'power' \('r1'\) changed since the decision") as caught:
        pool.commit(late)
    assert (caught.value.resources, caught.value.hosts) == ((("power", "r1"),), ())


def test_a_conflict_applies_nothing():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    with pytest.raises(CommitConflict):
        pool.commit(late)
    assert (dict(pool["h1"].instances), deciding.shared_use(pool)) == ({}, {"power": {"r1": 600}})


def test_another_rack_conflicts_with_nothing():
    pool, deciding = pool_of("r1", "r2"), scheduler()
    late = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    pool.commit(late)
    assert deciding.shared_use(pool) == {"power": {"r1": 600, "r2": 600}}


def test_an_instance_that_takes_nothing_conflicts_with_nothing():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(0, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    pool.commit(late)
    assert names(late) == ["h1"]


def test_a_scope_without_a_limit_conflicts_with_nothing():
    pool, deciding = pool_of("r1", "r1"), configured("power of=300 per=rack total.r2=10")
    late = deciding.select_destinations(request(ignore_hosts=["h2"]), pool)
    deciding.place(request(ignore_hosts=["h1"]), pool)
    pool.commit(late)
    assert deciding.shared_use(pool) == {"power": {"r1": 600}}


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: pool.adopt("h2", [Instance("i1", flavor=request(400).flavor)]),
        lambda pool: pool.add(host("h9", "r1", instances=[Instance("i1", flavor=request(400).flavor)])),
        lambda pool: pool.remove("h3"),
        lambda pool: pool.update("h3", rack="r1"),
        lambda pool: setattr(pool["h3"], "rack", "r1"),
        lambda pool: setattr(pool["h3"], "instances", {}),
        lambda pool: pool.report("h2", instances=[Instance("i1", flavor=request(400).flavor)]),
    ],
    ids=["adopted", "added", "removed", "updated", "assigned", "emptied", "reported"],
)
def test_every_change_of_what_is_taken_conflicts_with_an_earlier_decision(change):
    pool, deciding = pool_of("r1", "r1", "r2"), scheduler()
    pool.adopt("h3", [Instance("i3", flavor=request(400).flavor)])
    late = deciding.select_destinations(request(600, ignore_hosts=["h2", "h3"]), pool)
    change(pool)
    with pytest.raises(CommitConflict) as caught:
        pool.commit(late)
    assert caught.value.resources == (("power", "r1"),)


def test_an_instance_that_is_built_conflicts_with_nothing():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    (placed,) = deciding.place(request(300, ignore_hosts=["h1"]), pool)
    late = deciding.select_destinations(request(300, ignore_hosts=["h2"]), pool)
    pool.built(placed.instance_uuid)
    pool.commit(late)
    assert deciding.shared_use(pool) == {"power": {"r1": 600}}


def test_the_scheduler_asks_again_and_commits_what_still_fits():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(400, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    deciding.commit(late, pool)
    assert deciding.shared_use(pool) == {"power": {"r1": 1000}}


def test_the_scheduler_asks_again_and_refuses_what_no_longer_fits():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(500, ignore_hosts=["h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    with pytest.raises(CommitConflict, match="rack 'r1' has 400 of 1000 W of 'power' free, asked 500"):
        deciding.commit(late, pool)


def test_instances_that_are_committed_together_count_for_each_other():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = [
        *deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool),
        *deciding.select_destinations(request(600, ignore_hosts=["h1"]), pool),
    ]
    pool["h1"].free_ram_mb -= 1
    with pytest.raises(CommitConflict, match="rack 'r1' has 400 of 1000 W"):
        deciding.commit(late, pool)


@pytest.mark.parametrize("way", ["dict", "pickle"])
def test_a_selection_that_was_written_down_conflicts_too(way):
    pool, deciding = pool_of("r1", "r1"), scheduler()
    (late,) = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    if way == "dict":
        late = Selection.from_dict(late.to_dict(), host_class=RackHost)
    else:
        late = pickle.loads(pickle.dumps(late))
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    with pytest.raises(CommitConflict):
        pool.commit(late)


def test_a_selection_that_was_written_down_is_committed_with_what_it_takes():
    pool, deciding = pool_of("r1"), scheduler()
    (selection,) = deciding.select_destinations(request(600), pool)
    pool.commit(Selection.from_dict(selection.to_dict(), host_class=RackHost))
    assert deciding.shared_use(pool) == {"power": {"r1": 600}}


def test_a_pool_is_loaded_with_what_is_taken(tmp_path):
    pool, placing = pool_of("r1", "r1"), scheduler()
    placing.place(request(600), pool)
    pool.save(tmp_path / "pool")
    loaded = HostPool.load(tmp_path / "pool", host_class=RackHost)
    with pytest.raises(NoValidHost, match="rack 'r1' has 400 of 1000 W"):
        placing.place(request(600), loaded)


def test_a_decision_from_before_a_restart_conflicts_as_without_it(tmp_path):
    pool, deciding = pool_of("r1", "r1", "r2"), scheduler()
    late = deciding.select_destinations(request(600, ignore_hosts=["h2", "h3"]), pool)
    other = deciding.select_destinations(request(600, ignore_hosts=["h1", "h2"]), pool)
    deciding.place(request(600, ignore_hosts=["h1", "h3"]), pool)
    pool.save(tmp_path / "pool")
    loaded = HostPool.load(tmp_path / "pool", host_class=RackHost)
    with pytest.raises(CommitConflict):
        loaded.commit(late)
    loaded.commit(other)
    assert deciding.shared_use(loaded) == {"power": {"r1": 600, "r2": 600}}


def test_a_host_changes_its_rack_after_a_restart_and_before_any_decision(tmp_path):
    pool, deciding = pool_of("r1", "r2"), scheduler()
    deciding.place(request(600, ignore_hosts=["h1"]), pool)
    late = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    pool.save(tmp_path / "pool")
    loaded = HostPool.load(tmp_path / "pool", host_class=RackHost)
    loaded["h2"].rack = "r1"
    with pytest.raises(CommitConflict):
        loaded.commit(late)


def test_a_pool_in_which_nobody_asked_for_resources_is_saved_as_before(tmp_path):
    pool = pool_of("r1")
    pool.save(tmp_path / "pool")
    assert "scopes" not in (tmp_path / "pool").read_text(encoding="utf-8")


def test_a_record_that_is_none_names_host_instance_and_resource():
    pool, placing = pool_of("r1"), scheduler()
    pool.adopt("h1", [Instance("i1", consumed={"shared_resources": {"power": {"amount": -3}}})])
    with pytest.raises(ValueError, match=r"host 'h1': instance i1 has .* for 'power'; it must have an 'amount'"):
        placing.shared_use(pool)


@pytest.mark.parametrize("record", [{}, {"amount": 5}, {"amount": 5, "scopes": [["r1"]]}, 7, None], ids=repr)
def test_an_instance_with_a_record_that_is_none_can_leave(record):
    pool, placing = pool_of("r1"), scheduler()
    placing.shared_use(pool)
    pool.adopt("h1", [Instance("i1", consumed={"shared_resources": {"power": record}})])
    pool.release("i1")
    assert placing.shared_use(pool) == {"power": {}}


def test_different_requests_that_are_placed_as_one_count_for_each_other():
    pool, placing = pool_of("r1", "r2"), scheduler()
    placing.place_all([request(600), request(500)], pool)
    assert sorted(placing.shared_use(pool)["power"].values()) == [500, 600]


def test_requests_of_which_one_does_not_fit_take_nothing():
    pool, placing = pool_of("r1", "r2"), scheduler()
    with pytest.raises(NoValidHost, match="rack 'r1' has"):
        placing.place_all([request(600), request(600), request(600)], pool)
    assert placing.shared_use(pool) == {"power": {}}


def test_a_transaction_that_failed_conflicts_with_nothing():
    pool, deciding = pool_of("r1", "r1"), scheduler()
    late = deciding.select_destinations(request(600, ignore_hosts=["h2"]), pool)
    with pytest.raises(NoValidHost):
        deciding.place_all([request(600, ignore_hosts=["h1"]), request(600)], pool)
    pool.commit(late)
    assert deciding.shared_use(pool) == {"power": {"r1": 600}}


def test_what_a_transaction_keeps_counts_once():
    pool, placing = pool_of("r1", "r2"), scheduler()

    def act():
        placing.place(request(300), pool)
        placing.place(request(300), pool)

    pool.transaction(act)
    placing.place(request(300), pool)
    assert sum(placing.shared_use(pool)["power"].values()) == 900
