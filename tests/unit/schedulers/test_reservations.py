"""Places that are held for requests to come: who may fill them, until when, and what others are told."""

import json
from datetime import datetime, timedelta

import pytest

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

NOW = datetime(2026, 1, 31, 12)
UNTIL = datetime(2026, 1, 31, 18)
OPTIONS = {
    "enabled_filters": ["RamFilter", "CoreFilter"],
    "weight_classes": ["RAMWeigher"],
    "ram_allocation_ratio": 1.0,
    "cpu_allocation_ratio": 1.0,
}
OWNERS = {"project_id": "p"}


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def scheduler(request):
    return FilterScheduler(make_conf(**OPTIONS), use_engine=request.param)


def pool_of(*free, clock=NOW):
    pool = HostPool(
        HostState(f"h{nr}", total_usable_ram_mb=8192, free_ram_mb=ram, vcpus_total=8) for nr, ram in enumerate(free)
    )
    pool.clock = lambda: clock
    return pool


def spec(memory_mb=2048, vcpus=2, project_id="other", **given):
    return RequestSpec(Flavor(memory_mb=memory_mb, vcpus=vcpus), project_id=project_id, **given)


def free(pool):
    return [host.free_ram_mb for host in pool]


def hosts(selections):
    return [one.host for one in selections]


def test_places_are_used_for_others(scheduler):
    pool = pool_of(4096)
    held = scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS, until=UNTIL)
    assert len(held.instance_uuids) == 2
    assert free(pool) == [0]
    with pytest.raises(NoValidHost):
        scheduler.place(spec(), pool)


def test_others_are_told_what_is_reserved_until_when(scheduler):
    pool = pool_of(4096)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS, until=UNTIL)
    with pytest.raises(NoValidHost) as caught:
        scheduler.place(spec(), pool)
    assert str(caught.value).endswith(
        "Nearest: h0 lacks 2048 MB of RAM (free 0, asked 2048); "
        "4 vCPUs, 4096 MB of RAM are reserved for 'batch' until 2026-01-31 18:00."
    )
    verdicts = caught.value.explanation.why("h0")
    assert verdicts.reserved == ("4 vCPUs, 4096 MB of RAM are reserved for 'batch' until 2026-01-31 18:00",)
    assert json.loads(json.dumps(verdicts.to_dict()))["reserved"] == list(verdicts.reserved)


def test_an_owner_fills_a_place(scheduler):
    pool = pool_of(4096)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS)
    scheduler.place(spec(project_id="p"), pool, ["mine"])
    assert len(pool.reservations["batch"].instance_uuids) == 1
    assert free(pool) == [0]
    pool.release("mine")
    assert free(pool) == [2048]


def test_an_owner_goes_where_its_places_are(scheduler):
    pool = pool_of(2048, 8192)
    scheduler.reserve(spec(ignore_hosts=["h1"]), pool, 1, name="batch", owners=OWNERS)
    (one,) = scheduler.place(spec(project_id="p"), pool)
    assert one.host == "h0"
    assert one.explanation.refused["ReservedPlaceFilter"] == 1
    assert hosts(scheduler.place(spec(project_id="p"), pool)) == ["h1"]


def test_an_owner_who_asks_for_more_than_is_held_may_go_anywhere(scheduler):
    pool = pool_of(2048, 8192)
    scheduler.reserve(spec(ignore_hosts=["h1"]), pool, 1, name="batch", owners=OWNERS)
    assert sorted(hosts(scheduler.place(spec(project_id="p", num_instances=5), pool))) == ["h0", "h1", "h1", "h1", "h1"]
    assert pool.reservations == {}


def test_a_large_instance_fills_as_many_places_as_its_size(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(), pool, 3, name="batch", owners=OWNERS)
    scheduler.place(spec(4096, 2, project_id="p"), pool)
    assert len(pool.reservations["batch"].instance_uuids) == 1
    assert free(pool) == [8192 - 4096 - 2048]


def test_a_small_instance_fills_a_whole_place(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(), pool, 1, name="batch", owners=OWNERS)
    scheduler.place(spec(512, 1, project_id="p"), pool)
    assert pool.reservations == {}
    assert free(pool) == [8192 - 512]


def test_places_are_given_back_when_their_time_is_over(scheduler):
    pool = pool_of(2048)
    scheduler.reserve(spec(), pool, 1, name="batch", owners=OWNERS, until=UNTIL)
    pool.clock = lambda: UNTIL
    (selection,) = scheduler.select_destinations(spec(), pool)
    assert list(pool.reservations) == ["batch"]
    pool.commit(selection)
    assert (free(pool), pool.reservations) == ([0], {})
    assert list(pool["h0"].instances) == [selection.instance_uuid]


def test_a_place_whose_time_is_over_is_released_by_the_next_placement(scheduler):
    pool = pool_of(2048, 2048)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS, until=UNTIL)
    pool.clock = lambda: UNTIL + timedelta(seconds=1)
    scheduler.place(spec(), pool)
    assert sorted(free(pool)) == [0, 2048]


def test_unreserve_gives_back_what_is_left(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(), pool, 3, name="batch", owners=OWNERS)
    scheduler.place(spec(project_id="p"), pool)
    pool.unreserve("batch")
    assert free(pool) == [8192 - 2048]
    with pytest.raises(InvalidRequest, match="no reservation 'batch'"):
        pool.unreserve("batch")


def test_reservations_are_saved_with_the_pool(scheduler, tmp_path):
    pool = pool_of(4096)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS, until=UNTIL)
    pool.save(tmp_path / "pool.jsonl")
    loaded = HostPool.load(tmp_path / "pool.jsonl")
    assert loaded.reservations == pool.reservations
    loaded.clock = pool.clock
    scheduler.place(spec(project_id="p"), loaded)
    assert len(loaded.reservations["batch"].instance_uuids) == 1


def test_a_report_leaves_places_counted_on_top(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS)
    pool.report("h0", free_ram_mb=8192, instances=[])
    assert free(pool) == [4096]


def test_an_owner_who_moves_may_fill_a_place(scheduler):
    pool = pool_of(2048, 2048)
    scheduler.place(spec(project_id="p", ignore_hosts=["h1"]), pool, ["mine"])
    scheduler.reserve(spec(), pool, 1, name="batch", owners=OWNERS)
    scheduler.place(spec(project_id="p", ignore_hosts=["h0"]), pool, ["mine"], move=True)
    assert pool.host_of("mine").host == "h1"
    assert (free(pool), pool.reservations) == ([2048, 0], {})


def test_a_late_commit_fills_a_place_too(scheduler):
    pool = pool_of(4096)
    scheduler.reserve(spec(), pool, 2, name="batch", owners=OWNERS)
    early = scheduler.select_destinations(spec(project_id="p"), pool)
    pool.update("h0", failed_builds=1)
    with pytest.raises(CommitConflict):
        pool.commit(early)
    scheduler.commit(early, pool)
    assert len(pool.reservations["batch"].instance_uuids) == 1


def test_reserving_more_than_fits_reserves_nothing(scheduler):
    pool = pool_of(4096)
    with pytest.raises(NoValidHost) as caught:
        scheduler.reserve(spec(), pool, 3, name="batch", owners=OWNERS)
    assert (free(pool), pool.reservations) == ([4096], {})
    assert str(caught.value).startswith(
        "No valid host was found. Reservation 'batch', place 3 of n = 3: 1 host, 1 refused by RamFilter."
    )
    assert caught.value.to_dict()["reservation"] == "batch"


def test_a_large_instance_fills_places_of_several_reservations_and_those_that_end_first(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(3072, 2), pool, 1, name="late", owners=OWNERS)
    scheduler.reserve(spec(3072, 2), pool, 1, name="soon", owners=OWNERS, until=UNTIL)
    scheduler.place(spec(1024, 1, project_id="p"), pool)
    assert list(pool.reservations) == ["late"]
    scheduler.reserve(spec(3072, 2), pool, 1, name="again", owners=OWNERS, until=UNTIL)
    scheduler.place(spec(7168, 2, project_id="p"), pool)
    assert (free(pool), pool.reservations) == ([0], {})


def test_places_that_an_owner_reserves_fill_none_that_it_has(scheduler):
    pool = pool_of(8192)
    scheduler.reserve(spec(project_id="p"), pool, 1, name="batch", owners=OWNERS)
    scheduler.reserve(spec(project_id="p"), pool, 1, name="more", owners=OWNERS)
    assert sorted(pool.reservations) == ["batch", "more"]
    assert free(pool) == [4096]


def test_an_owner_does_not_reserve_its_places_twice(scheduler):
    pool = pool_of(4096)
    scheduler.reserve(spec(project_id="p"), pool, 2, name="batch", owners=OWNERS)
    with pytest.raises(NoValidHost):
        scheduler.reserve(spec(project_id="p"), pool, 1, name="more", owners=OWNERS)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"n": 0}, "n", "above 0"),
        ({"n": True}, "n", "above 0"),
        ({"name": ""}, "name", "name"),
        ({"name": "taken"}, "name", "already"),
        ({"owners": {}}, "owners", "mapping"),
        ({"owners": {"project": "p"}}, "owners", "project_id"),
        ({"owners": {"project_id": 7}}, "owners", "text"),
        ({"until": "noon"}, "until", "until"),
        ({"until": NOW}, "until", "later"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(wrong, field, said):
    scheduler, pool = FilterScheduler(make_conf(**OPTIONS)), pool_of(8192)
    scheduler.reserve(spec(512, 1), pool, 1, name="taken", owners=OWNERS)
    given = {"n": 1, "name": "batch", "owners": OWNERS, "until": None, **wrong}
    with pytest.raises(InvalidRequest, match=said) as caught:
        scheduler.reserve(spec(), pool, given.pop("n"), **given)
    assert caught.value.field == field
    assert list(pool.reservations) == ["taken"]
