"""HostPool: instances by uuid, moves, adoption, builds, and their groups."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Image,
    Instance,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    Selection,
    make_conf,
)

FLAVOR = Flavor(memory_mb=100, vcpus=1, root_gb=2, extra_specs={"resources:CUSTOM_FPGA": "1"})
WEB = InstanceGroup(uuid="web", policy="anti-affinity")
NOTHING_USED = {"num_instances": 0, "num_io_ops": 0, "vcpus_used": 0}
NOON = datetime(2026, 1, 2, 12)


def host(name: str, **attributes) -> HostState:
    return HostState(
        name,
        **{
            "total_usable_ram_mb": 1000,
            "free_ram_mb": 1000,
            "vcpus_total": 8,
            "total_usable_disk_gb": 10,
            "free_disk_mb": 10240,
            "resources": {"CUSTOM_FPGA": (4, 0)},
            **attributes,
        },
    )


@pytest.fixture
def pool() -> HostPool:
    pool = HostPool([host("a"), host("b"), host("c")])
    pool.clock = lambda: NOON
    return pool


@pytest.fixture(scope="module")
def scheduler() -> FilterScheduler:
    return FilterScheduler(make_conf(enabled_filters="RamFilter", weight_classes="RAMWeigher"))


def figures(host_state: HostState) -> dict:
    data = host_state.to_dict()
    return {key: value for key, value in data.items() if key not in ("instances", "updated")}


def place(scheduler, pool, uuid, **attributes):
    return scheduler.place(RequestSpec(FLAVOR, **attributes), pool, [uuid])[0]


# -- what a placed instance remembers ---------------------------------------------------------


def test_committed_instance_remembers_its_request(pool, scheduler):
    place(
        scheduler,
        pool,
        "i1",
        project_id="p",
        user_id="u",
        image=Image("img", properties={"os_type": "linux"}),
        instance_group=WEB,
        scheduler_hints={"rack": "r1"},
        availability_zone="nova",
        force_hosts=["b"],
    )
    assert pool.instance("i1") == Instance(
        "i1",
        project_id="p",
        user_id="u",
        image_ref="img",
        image_properties={"os_type": "linux"},
        flavor=FLAVOR,
        groups=["web"],
        scheduler_hints={"rack": ["r1"]},
        availability_zone="nova",
        forced=True,
        created_at=NOON,
        consumed={"num_io_ops": 1},
    )
    assert pool.host_of("i1") is pool["b"]


def test_instance_is_written_as_plain_data_and_comes_back(pool, scheduler):
    place(scheduler, pool, "i1", instance_group=WEB, scheduler_hints={"rack": "r1"})
    text = json.dumps(pool["a"].to_dict())
    assert HostState.from_dict(json.loads(text)).instances == pool["a"].instances


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flavor", {"vcpu": 1}),
        ("flavor", 5),
        ("groups", 5),
        ("priority", "high"),
        ("forced", "yes"),
        ("created_at", "noon"),
        ("consumed", 5),
        ("consumed", {"gpu": object()}),
    ],
)
def test_wrong_field_of_an_instance_is_refused_by_name(field, value):
    with pytest.raises(InvalidHost, match=field):
        Instance("i1", **{field: value})
    with pytest.raises(InvalidHost, match=field):
        HostState("a", instances={"i1": {field: value}})


def test_record_of_an_instance_is_checked_field_by_field():
    record = {"project_id": "p", "created_at": "2026-01-02T12:00:00", "groups": "web", "flavor": {"vcpus": 2}}
    made = HostState("a", instances={"i1": record}).instances["i1"]
    assert made == Instance("i1", project_id="p", created_at=NOON, groups=["web"], flavor=Flavor(vcpus=2))


# -- by uuid -----------------------------------------------------------------------------------


def test_release_by_uuid_gives_back_exactly_what_was_taken(pool, scheduler):
    before = figures(pool["a"])
    place(scheduler, pool, "i1")
    assert figures(pool["a"]) != before
    pool.release("i1")
    assert figures(pool["a"]) == before | NOTHING_USED
    assert dict(pool["a"].instances) == {}


def test_uuids_and_selections_can_be_released_together(pool, scheduler):
    selections = scheduler.place(RequestSpec(FLAVOR, num_instances=3), pool, ["i1", "i2", "i3"])
    pool.release(["i3", *selections[:2]])
    assert [len(one.instances) for one in pool] == [0, 0, 0]


def test_instance_that_is_nowhere_cannot_be_released_and_nothing_is(pool, scheduler):
    place(scheduler, pool, "i1")
    with pytest.raises(InvalidRequest, match="i9 is not on a host of this pool"):
        pool.release(["i1", "i9"])
    assert "i1" in pool["a"].instances


def test_instance_that_is_released_twice_in_one_call_is_refused(pool, scheduler):
    place(scheduler, pool, "i1")
    with pytest.raises(InvalidRequest, match="i1 is there twice"):
        pool.release(["i1", "i1"])


def test_instance_on_two_hosts_is_released_by_its_selection_only(pool):
    pool["a"].instances = pool["b"].instances = ["i1"]
    with pytest.raises(InvalidRequest, match="i1 is not on one host only: a, b"):
        pool.release("i1")
    with pytest.raises(KeyError, match="on several hosts: a, b"):
        pool.host_of("i1")


def test_unknown_uuid_is_a_key_error(pool):
    for look in (pool.host_of, pool.instance):
        with pytest.raises(KeyError):
            look("i9")


def test_release_from_a_host_that_is_gone_says_so(pool, scheduler):
    selection = place(scheduler, pool, "i1")
    pool.remove("a")
    with pytest.raises(InvalidRequest, match="'a', which was removed"):
        pool.release(selection)


def test_release_never_makes_more_free_than_there_is(pool, scheduler):
    place(scheduler, pool, "i1")
    pool.update("a", free_ram_mb=1000, free_disk_mb=10240, vcpus_used=0)
    pool.release("i1")
    assert (pool["a"].free_ram_mb, pool["a"].free_disk_mb, pool["a"].vcpus_used) == (1000, 10240, 0)


# -- classes of hosts of one's own ---------------------------------------------------------------


class Licensed(HostState):
    """Takes one of its free licences, the first, and says which."""

    free_licences = ("x", "y")

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        taken, *rest = self.free_licences
        self.free_licences = tuple(rest)
        return {"licence": taken}

    def release_instance(self, instance):
        super().release_instance(instance)
        self.free_licences = (*self.free_licences, instance.consumed["licence"])


class OldLicensed(HostState):
    """Releases by the request only."""

    licences = 2

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.licences -= 1

    def release_request(self, spec):
        super().release_request(spec)
        self.licences += 1


def test_what_consuming_returned_is_kept_for_the_release(scheduler):
    pool = HostPool([Licensed("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    place(scheduler, pool, "i1")
    place(scheduler, pool, "i2")
    assert pool.instance("i1").consumed == {"num_io_ops": 1, "licence": "x"}
    pool.release("i1")
    assert pool["a"].free_licences == ("x",)


def test_consuming_that_returns_no_mapping_is_an_error_that_names_the_host(scheduler):
    class Odd(HostState):
        def consume_from_request(self, spec):
            return 5

    pool = HostPool([Odd("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    with pytest.raises(InvalidHost, match="host 'a': consume_from_request must return a mapping or None, not 5"):
        place(scheduler, pool, "i1")


def test_class_that_releases_by_requests_only_is_released_by_the_selection(scheduler):
    pool = HostPool([OldLicensed("a", total_usable_ram_mb=1000, free_ram_mb=1000)])
    selection = place(scheduler, pool, "i1")
    with pytest.raises(InvalidHost, match="OldLicensed overrides release_request only"):
        pool.release("i1")
    pool.release(selection)
    assert (pool["a"].licences, dict(pool["a"].instances)) == (2, {})


# -- moves, adoption, builds ---------------------------------------------------------------------


def test_move_commits_and_releases_in_one_step(pool, scheduler):
    before = figures(pool["a"])
    place(scheduler, pool, "i1")
    away = scheduler.select_destinations(RequestSpec(FLAVOR, force_hosts=["c"]), pool, ["i1"])
    pool.move(away)
    assert pool.host_of("i1").host == "c"
    assert figures(pool["a"]) == before | NOTHING_USED
    assert pool["c"].free_ram_mb == 900


def test_instance_that_is_nowhere_cannot_be_moved(pool, scheduler):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR), pool, ["i1"])
    with pytest.raises(InvalidRequest, match="i1 is not on a host of this pool"):
        pool.move(selections)


def test_move_after_a_change_is_a_conflict(pool, scheduler):
    place(scheduler, pool, "i1")
    away = scheduler.select_destinations(RequestSpec(FLAVOR, force_hosts=["c"]), pool, ["i1"])
    pool["c"].free_ram_mb = 5
    with pytest.raises(CommitConflict, match="c changed"):
        pool.move(away)


def test_adopted_instances_are_in_the_figures_already(pool):
    pool.adopt("a", [Instance("i1", flavor=Flavor(memory_mb=300)), "i2"])
    assert (pool["a"].free_ram_mb, list(pool["a"].instances)) == (1000, ["i1", "i2"])
    pool.update("a", free_ram_mb=500)
    pool.release(["i1", "i2"])
    assert (pool["a"].free_ram_mb, dict(pool["a"].instances)) == (800, {})


def test_instance_that_is_on_a_host_cannot_be_adopted(pool):
    pool.adopt("a", ["i1"])
    with pytest.raises(InvalidRequest, match="i1 is on host 'a' already"):
        pool.adopt("b", ["i2", "i1"])
    assert not pool["b"].instances


def test_built_instance_counts_as_an_operation_no_longer(pool, scheduler):
    place(scheduler, pool, "i1")
    pool.built("i1")
    pool.built("i1")
    assert pool["a"].num_io_ops == 0
    pool["a"].num_io_ops = 3
    pool.release("i1")
    assert pool["a"].num_io_ops == 3


def test_instance_that_is_nowhere_cannot_be_built(pool):
    with pytest.raises(InvalidRequest, match="i9 is not on a host"):
        pool.built("i9")


# -- groups ----------------------------------------------------------------------------------------


def test_members_of_a_group_are_known_from_the_instances(pool, scheduler):
    place(scheduler, pool, "i1", instance_group=WEB)
    pool.adopt("b", [Instance("i2", groups=["web", "db"])])
    assert {uuid: one.host for uuid, one in pool.members("web").items()} == {"i1": "a", "i2": "b"}
    pool.release("i1")
    pool["b"].instances = [Instance("i2", groups=["db"])]
    assert (pool.members("web"), list(pool.members("db"))) == ({}, ["i2"])


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: pool.release("i1"),
        lambda pool: pool.adopt("c", [Instance("i3", groups=["web"])]),
        lambda pool: setattr(pool["c"], "instances", [Instance("i3", groups=["web"])]),
        lambda pool: pool.report("c", instances=[Instance("i3", groups=["web"])]),
        lambda pool: pool.add(host("d", instances=[Instance("i3", groups=["web"])])),
        lambda pool: pool.remove("a"),
    ],
    ids=["released", "adopted", "assigned", "reported", "host added", "host removed"],
)
def test_commit_after_a_change_of_the_group_is_a_conflict(pool, scheduler, change):
    place(scheduler, pool, "i1", instance_group=WEB, force_hosts=["a"])
    decided = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=WEB, force_hosts=["b"]), pool, ["i2"])
    change(pool)
    with pytest.raises(CommitConflict, match="group 'web' changed since the decision") as caught:
        pool.commit(decided)
    assert (caught.value.groups, caught.value.hosts) == (("web",), ())


def test_change_of_another_group_is_no_conflict(pool, scheduler):
    decided = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=WEB, force_hosts=["b"]), pool, ["i2"])
    pool.adopt("c", [Instance("i3", groups=["db"])])
    pool.commit(Selection.from_dict(json.loads(json.dumps(decided[0].to_dict()))))
    assert pool.host_of("i2").host == "b"


def test_class_that_assigns_instances_itself_has_the_record_with_its_time():
    class Cleared(HostState):
        def consume_from_request(self, spec: RequestSpec) -> None:
            super().consume_from_request(spec)
            self.instances = {}

    pool = HostPool([Cleared("a")])
    pool.clock = lambda: NOON
    FilterScheduler(make_conf(enabled_filters=[])).place(RequestSpec(Flavor()), pool, ["i1"])
    assert pool.instance("i1").created_at == NOON
