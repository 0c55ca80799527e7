"""HostPool.save and load: the same pool after a restart."""

from __future__ import annotations

import gc
import json
import os
import stat
from datetime import datetime, timedelta

import pytest

from filtersched import (
    CommitConflict,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    Instance,
    InstanceGroup,
    InvalidHost,
    InventoryError,
    RequestSpec,
    Selection,
    make_conf,
)

NOON = datetime(2026, 1, 2, 12)
FLAVOR = Flavor(memory_mb=100, vcpus=1, extra_specs={"hw:x": "é"})
WEB = InstanceGroup(uuid="web", policy="anti-affinity")


class Rack(HostState):
    rack: str = ""


def host(name: str, kind=HostState, **attributes) -> HostState:
    return kind(name, **{"total_usable_ram_mb": 1000, "free_ram_mb": 1000, "vcpus_total": 8, **attributes})


@pytest.fixture
def pool() -> HostPool:
    pool = HostPool(
        [
            host("a", stats={"num_vm_active": 1}, metrics={"net": 0.1}, traits=["A"], service={"updated_at": NOON}),
            host("b", aggregates=[{"name": "x", "metadata": {"k": "v"}}], ram_allocation_ratio=1.1),
            host("two", nodename="n1", capabilities={"list": [1, {"deep": None}]}),
            host("two", nodename="n2", free_ram_mb=-5.25, resources={"FPGA": (4, 1)}),
        ]
    )
    pool.clock = lambda: NOON
    return pool


@pytest.fixture(scope="module")
def scheduler() -> FilterScheduler:
    return FilterScheduler(
        make_conf(
            enabled_filters="RamFilter,ServerGroupAntiAffinityFilter",
            weight_classes="RAMWeigher",
            host_subset_size=3,
        )
    )


def state(pool: HostPool):
    hosts = [(one.to_dict(), one._generation, list(one.instances)) for one in pool]
    return hosts, pool.uuid, pool.generation


def again(pool: HostPool, tmp_path, **options) -> HostPool:
    pool.save(tmp_path / "pool.jsonl")
    return HostPool.load(tmp_path / "pool.jsonl", **options)


def test_loaded_pool_is_the_saved_one(pool, scheduler, tmp_path):
    scheduler.place(RequestSpec(FLAVOR, instance_group=WEB, scheduler_hints={"x": "y"}), pool, ["i1"])
    scheduler.place(RequestSpec(FLAVOR, num_instances=2), pool, ["i3", "i2"])
    pool.remove("b")
    assert state(again(pool, tmp_path)) == state(pool)


def test_empty_pool_comes_back(tmp_path):
    pool = HostPool()
    assert state(again(pool, tmp_path)) == state(pool)


@pytest.mark.parametrize("seed", range(5))
def test_later_decisions_with_the_same_seed_are_the_same(pool, scheduler, tmp_path, seed):
    scheduler.place(RequestSpec(FLAVOR, num_instances=3), pool, ["i1", "i2", "i3"], seed=seed)
    pool.report("a", free_ram_mb=700, instances=["i1"])
    loaded = again(pool, tmp_path)

    def later(pool: HostPool):
        pool.clock = lambda: NOON + timedelta(minutes=1)
        chosen = scheduler.place(RequestSpec(FLAVOR, num_instances=4, now=NOON), pool, list("wxyz"), seed=seed + 9)
        return [(selection.host, selection.nodename, selection.weight) for selection in chosen], state(pool)

    assert later(pool) == later(loaded)


def test_selection_of_before_the_restart_can_be_committed(pool, scheduler, tmp_path):
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=WEB), pool, ["i1"])
    loaded = again(pool, tmp_path)
    loaded.commit([Selection.from_dict(json.loads(json.dumps(one.to_dict()))) for one in selections])
    assert loaded.host_of("i1").host == selections[0].host


@pytest.mark.parametrize(
    "change",
    [
        lambda pool, chosen: setattr(pool[chosen], "num_io_ops", 3),
        lambda pool, chosen: pool.adopt("a" if chosen == "b" else "b", [Instance("i9", groups=["web"])]),
    ],
    ids=["host", "group"],
)
def test_selection_conflicts_after_the_restart_as_it_would_have_before(scheduler, tmp_path, change):
    pool = HostPool([host("a"), host("b")])
    selections = scheduler.select_destinations(RequestSpec(FLAVOR, instance_group=WEB), pool, ["i1"])
    change(pool, selections[0].host)
    loaded = again(pool, tmp_path)
    for either in (pool, loaded):
        with pytest.raises(CommitConflict):
            either.commit(selections)


def test_reports_go_on_where_they_were(pool, scheduler, tmp_path):
    scheduler.place(RequestSpec(FLAVOR, force_hosts=["a"]), pool, ["i1"])
    pool.report("a", free_ram_mb=800, instances=["i1"], observed_at=NOON)
    pool.clock = lambda: NOON + timedelta(seconds=5)
    pool.release("i1")
    loaded = again(pool, tmp_path)
    for either in (pool, loaded):
        assert not either.report("a", free_ram_mb=1, observed_at=NOON - timedelta(seconds=1)).accepted
        either.report("a", free_ram_mb=800, instances=["i1"], observed_at=NOON + timedelta(seconds=1))
        assert either["a"].free_ram_mb == 900


def test_hosts_of_own_classes_come_back_as_such(tmp_path):
    pool = HostPool([host("a"), host("b", Rack, rack="r1")])
    loaded = again(pool, tmp_path, host_class=(HostState, Rack))
    assert [(type(one), getattr(one, "rack", None)) for one in loaded] == [(HostState, None), (Rack, "r1")]


def test_instance_whose_uuid_is_empty_comes_back(tmp_path):
    loaded = again(HostPool([host("a", instances=[""])]), tmp_path)
    assert list(loaded["a"].instances) == [""]


def test_text_that_utf8_lacks_comes_back(tmp_path):
    loaded = again(HostPool([host("a", instances=[Instance("i", user_id="\ud800")])]), tmp_path)
    assert loaded.instance("i").user_id == "\ud800"


def test_undeclared_attributes_come_back(pool, tmp_path):
    pool["a"].shelf = {"row": [1, 2.5, None, True]}
    pool["a"].limits["vcpu"] = 3
    loaded = again(pool, tmp_path)
    assert (loaded["a"].shelf, loaded["a"].limits) == ({"row": [1, 2.5, None, True]}, {"vcpu": 3})


def test_what_json_does_not_bring_back_is_refused_and_the_old_file_stays(pool, tmp_path):
    path = tmp_path / "pool.jsonl"
    pool.save(path)
    before = path.read_bytes()
    pool["a"].shelf = (1, 2)
    with pytest.raises(InvalidHost, match=r"host 'a': shelf is \(1, 2\), which cannot be saved; declare shelf"):
        pool.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["pool.jsonl"]


def test_full_disk_leaves_the_old_file(pool, tmp_path, monkeypatch):
    path = tmp_path / "pool.jsonl"
    pool.save(path)
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    pool["a"].free_ram_mb = 3
    with pytest.raises(OSError, match="No space left"):
        pool.save(path)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (before, ["pool.jsonl"])


def test_file_keeps_its_mode_and_a_link_its_target(pool, tmp_path):
    path, link = tmp_path / "pool.jsonl", tmp_path / "link"
    pool.save(path)
    path.chmod(0o640)
    link.symlink_to(path)
    pool.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_new_file_has_the_mode_of_any_new_file(pool, tmp_path):
    (tmp_path / "other").touch()
    pool.save(tmp_path / "pool.jsonl")
    assert (tmp_path / "pool.jsonl").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_no_regular_file_is_not_replaced(pool, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is no regular file"):
        pool.save(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_system_without_nameless_files_saves_too(pool, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    pool.save(tmp_path / "pool.jsonl")
    assert len(HostPool.load(tmp_path / "pool.jsonl")) == 4
    assert os.listdir(tmp_path) == ["pool.jsonl"]


@pytest.mark.parametrize(
    ("damage", "line", "said"),
    [
        (lambda lines: lines[:3], 4, "ends before its 4 hosts"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], 5, "ends before its 4 hosts"),
        (lambda lines: [*lines, lines[-1]], 6, "goes on after its 4 hosts"),
        (lambda lines: [], 1, "is empty"),
        (lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]], 1, "version 2"),
        (lambda lines: [lines[0], b"{nonsense\n", *lines[2:]], 2, "is damaged"),
        (lambda lines: [lines[0], b"5\n", *lines[2:]], 2, "has 5 where a record belongs"),
        (lambda lines: [lines[0], lines[1].replace(b":1000,", b':"x",'), *lines[2:]], 2, "total_usable_ram_mb"),
        (lambda lines: [lines[0], lines[1].replace(b'"generation"', b'"generations"'), *lines[2:]], 2, "generation"),
        (lambda lines: [lines[0], lines[1].replace(b'"a"', b'"b"'), *lines[2:]], None, "'b'"),
        (lambda lines: [lines[0].replace(b"HostState", b"GpuHost"), *lines[1:]], 1, "GpuHost"),
    ],
)
def test_damaged_file_is_refused_with_its_line(pool, tmp_path, damage, line, said):
    path = tmp_path / "pool.jsonl"
    pool.save(path)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InventoryError, match=said) as caught:
        HostPool.load(path)
    assert (caught.value.line, caught.value.path) == (line, str(path))


def test_other_class_of_hosts_is_refused_by_name(tmp_path):
    pool = HostPool([host("b", Rack)])
    with pytest.raises(InventoryError, match=r"hosts of .*Rack, and host_class is .*HostState"):
        again(pool, tmp_path)


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        HostPool.load(tmp_path / "none")


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_once_a_pool_is_made_or_loaded_if_it_was_before(tmp_path, enabled):
    HostPool([HostState("a")]).save(tmp_path / "pool.jsonl")
    (tmp_path / "cut.jsonl").write_text("{")
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        HostPool.load(tmp_path / "pool.jsonl")
        with pytest.raises(InventoryError):
            HostPool.load(tmp_path / "cut.jsonl")
        with pytest.raises(InvalidHost):
            HostPool(HostState(name) for name in "aba")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
