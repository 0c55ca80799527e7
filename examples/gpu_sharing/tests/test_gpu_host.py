"""A host gives out its GPUs, and gets back exactly what was taken."""

from __future__ import annotations

import pytest
from gpu_sharing.gpu_host import FragmentationGpuHost, GpuHost, RandomGpuHost
from gpu_sharing.gpu_share_filter import GpuShareFilter
from gpu_sharing.task_mix import Task, TaskMix

from filtersched import FilterScheduler, HostPool, InvalidHost, NoValidHost
from filtersched.testing import check_host, make_host, make_spec, sample_hosts, sample_specs


def share(thousandths, **attributes):
    return make_spec(extra_specs={"gpu:thousandths": str(thousandths)}, **attributes)


def whole(count):
    return make_spec(extra_specs={"gpu:count": str(count)})


def scheduler():
    return FilterScheduler(filters=[GpuShareFilter], weighers=[])


class QuarterHost(FragmentationGpuHost):
    """Serves a cluster in which most tasks need a quarter of a GPU, and few need half of one."""

    mix = TaskMix({Task(1, 250, 1): 3, Task(1, 500, 1): 1})


@pytest.mark.parametrize("host_class", [GpuHost, RandomGpuHost, QuarterHost])
def test_host_gives_back_what_it_takes(host_class):
    hosts = [*sample_hosts(host_class=host_class), make_host(host_class, gpus_free=[1000, 450, 1000])]
    check_host(host_class, hosts, [*sample_specs(), share(450), share(300), whole(2)])


@pytest.mark.parametrize(
    ("free", "thousandths", "gpus"),
    [
        ([1000, 500, 300], 300, [2]),
        ([1000, 500, 300], 301, [1]),
        ([500, 500], 400, [0]),
        ([1000, 1000], 1000, [0]),
        ([300, 300], 301, []),
        ([], 1, []),
    ],
)
def test_share_is_of_the_gpu_with_the_least_room_that_is_enough(free, thousandths, gpus):
    taken = make_host(GpuHost, gpus_free=free).consume_from_request(share(thousandths))
    assert taken.get("gpus", []) == gpus


def test_whole_gpus_are_the_first_that_are_not_in_use():
    host = make_host(GpuHost, gpus_free=[999, 1000, 1000, 1000])
    assert host.consume_from_request(whole(2)) == {"gpus": [1, 2], "gpu_thousandths": 1000, "gpu_kind": "2"}
    assert (host.gpus_free, host.gpu_kinds) == ((999, 0, 0, 1000), {"2": 1})


def test_instance_forced_onto_a_full_host_takes_no_gpu_and_gives_none_back():
    pool = HostPool([make_host(GpuHost, "g", gpus_free=[100])])
    spec = share(500, force_hosts=["g"])
    pool.commit(scheduler().select_destinations(spec, pool, ["i1"]))
    assert (pool["g"].gpus_free, pool["g"].num_instances) == ((100,), 1)
    pool.release("i1")
    assert (pool["g"].gpus_free, pool["g"].num_instances) == ((100,), 0)


def test_kinds_of_instances_are_counted_until_they_are_released():
    pool = HostPool([make_host(GpuHost, "g", gpus_free=[1000, 1000])])
    for uuid, spec in (("a", share(500)), ("b", share(500)), ("c", whole(1))):
        spec.instance_uuid = uuid
        pool.commit(scheduler().select_destinations(spec, pool, [uuid]))
    assert (pool["g"].gpus_free, pool["g"].gpu_kinds) == ((0, 0), {"share": 2, "1": 1})
    pool.release("a")
    pool.release("c")
    assert (pool["g"].gpus_free, pool["g"].gpu_kinds) == ((500, 1000), {"share": 1})


def test_request_for_several_instances_fills_one_gpu_after_the_other_and_then_none():
    pool = HostPool([make_host(GpuHost, "g", gpus_free=[1000, 600])])
    with pytest.raises(NoValidHost, match="Instance 4 of 4"):
        scheduler().place(share(500, num_instances=4), pool)
    assert pool["g"].gpus_free == (1000, 600)
    placed = scheduler().place(share(500, num_instances=3), pool)
    assert [pool["g"].instances[one.instance_uuid].consumed["gpus"] for one in placed] == [(1,), (0,), (0,)]


def test_gpus_survive_a_restart(tmp_path):
    pool = HostPool([make_host(GpuHost, "g", gpus_free=[1000, 600], gpu_model="T4")])
    spec = share(500)
    (placed,) = scheduler().place(spec, pool)
    pool.save(tmp_path / "pool.json")
    again = HostPool.load(tmp_path / "pool.json", host_class=GpuHost)
    assert again["g"].gpus_free == (1000, 100)
    again.release(placed.instance_uuid)
    assert (again["g"].gpus_free, again["g"].gpu_kinds, again["g"].gpu_model) == ((1000, 600), {}, "T4")


def test_report_that_misses_an_instance_leaves_its_gpu_counted():
    pool = HostPool([make_host(GpuHost, "g", gpus_free=[1000, 600])])
    (placed,) = scheduler().place(share(500), pool)
    pool.report("g", gpus_free=[1000, 600], gpu_kinds={}, instances=[])
    assert (pool["g"].gpus_free, pool["g"].gpu_kinds) == ((1000, 100), {"share": 1})
    pool.report("g", gpus_free=[1000, 100], gpu_kinds={"share": 1}, instances=[placed.instance_uuid])
    assert (pool["g"].gpus_free, pool["g"].gpu_kinds) == ((1000, 100), {"share": 1})


@pytest.mark.parametrize("given", [[1001], [-1], ["500"], [0.5], [True], "1000", 4, None, {"0": 5}])
def test_gpus_that_are_none_are_refused(given):
    with pytest.raises(InvalidHost, match="gpus_free") as caught:
        GpuHost("g", gpus_free=given)
    assert caught.value.attribute == "gpus_free"


def test_random_gpu_depends_on_the_instance_only():
    chosen = {
        uuid: [
            make_host(RandomGpuHost, gpus_free=[1000] * 4).consume_from_request(share(300, instance_uuid=uuid))["gpus"]
            for _ in range(2)
        ]
        for uuid in map(str, range(40))
    }
    assert all(one == other for one, other in chosen.values())
    assert {gpus[0] for gpus, _ in chosen.values()} == {0, 1, 2, 3}


def test_gpu_with_the_fewest_fragments_is_taken():
    # A quarter of the first GPU leaves 250, which most tasks can use; of the second, 600, which all can use.
    host = make_host(QuarterHost, gpus_free=[500, 850])
    assert host.consume_from_request(share(250))["gpus"] == [1]
    assert make_host(GpuHost, gpus_free=[500, 850]).consume_from_request(share(250))["gpus"] == [0]
