"""Scores are whole numbers from 0 to 100, by the rules of each policy; expected ones are reckoned by hand."""

from __future__ import annotations

import pytest
from gpu_sharing.fragmentation_gpu_weigher import FragmentationGpuWeigher
from gpu_sharing.gpu_host import GpuHost
from gpu_sharing.gpu_share_filter import GpuShareFilter
from gpu_sharing.task_mix import Task, TaskMix
from gpu_sharing.weighers import (
    BestFitGpuWeigher,
    ClusteringGpuWeigher,
    DotProductGpuWeigher,
    PackingGpuWeigher,
    RandomGpuWeigher,
)

from filtersched import ConfigurationError, FilterScheduler, make_conf
from filtersched.testing import check_weigher, make_host, make_spec, sample_hosts, sample_specs

MIX = TaskMix({Task(4, 500, 1): 6, Task(8, 1000, 1): 3, Task(16, 1000, 2): 1, Task(32): 2})
WEIGHERS = [
    RandomGpuWeigher(),
    DotProductGpuWeigher(),
    BestFitGpuWeigher(),
    ClusteringGpuWeigher(),
    PackingGpuWeigher(),
    FragmentationGpuWeigher(MIX),
]
NAMES = [type(weigher).__name__ for weigher in WEIGHERS]
SHARE, ONE, TWO, NONE = (
    {"gpu:thousandths": "500"},
    {"gpu:count": "1"},
    {"gpu:count": "2"},
    {},
)


def asked(wish, **sizes):
    return make_spec(extra_specs=wish, **sizes)


def host(free, **attributes):
    return make_host(GpuHost, gpus_free=free, **{"vcpus_total": 64, **attributes})


@pytest.mark.parametrize("weigher", WEIGHERS, ids=NAMES)
def test_weigher_keeps_the_rules(weigher):
    specs = [*sample_specs(), *(asked(wish, vcpus=4) for wish in (SHARE, ONE, TWO, NONE))]
    check_weigher(weigher, sample_hosts(60, host_class=GpuHost), specs)


@pytest.mark.parametrize("weigher", WEIGHERS, ids=NAMES)
def test_scores_are_whole_numbers_up_to_100(weigher):
    hosts = [host([1000, free, 0, 1000], vcpus_used=used) for free in (0, 250, 999) for used in (0, 7, 33, 64)]
    for wish in (SHARE, ONE, TWO, NONE):
        ranked = FilterScheduler(filters=[], weighers=[weigher]).weigh(hosts, asked(wish, vcpus=3))
        scores = [one.weight * 100 for one in ranked]
        assert all(abs(score - round(score)) < 1e-9 and 0 <= score <= 100 for score in scores)


@pytest.mark.parametrize(
    ("weigher", "wish", "of", "score"),
    [
        # 64 of 128 CPUs times 16 of 128 is 0.0625; 2 of 8 GPUs times 2 of 8 is 0.0625: 100 (1 - 0.125 / 2).
        (DotProductGpuWeigher, TWO, host([1000, 1000]), 93),
        (DotProductGpuWeigher, NONE, host([1000] * 8), 96),
        # 48 of 128 CPUs are left, and no GPU: 100 (1 - 0.375 / 2).
        (BestFitGpuWeigher, TWO, host([1000, 1000]), 81),
        # One GPU of 8 is left: 100 (1 - (0.375 + 0.125) / 2).
        (BestFitGpuWeigher, ONE, host([1000, 1000]), 75),
        # 7000 of 8000 thousandths do not count as free: 25 * 7000 // 8000.
        (ClusteringGpuWeigher, SHARE, host([500, 500], gpu_kinds={"share": 2}), 75 + 21),
        (ClusteringGpuWeigher, SHARE, host([500, 500], gpu_kinds={"share": 1, "1": 1}), 50 + 21),
        (ClusteringGpuWeigher, SHARE, host([500, 500]), 25 + 21),
        (ClusteringGpuWeigher, SHARE, host([500, 500], gpu_kinds={"1": 1}), 0 + 21),
        (ClusteringGpuWeigher, TWO, host([1000] * 8, gpu_kinds={"2": 1}), 75),
        (ClusteringGpuWeigher, NONE, host([1000] * 8, gpu_kinds={"2": 1}), 0),
        # All GPUs are unused: 33 less their number.
        (PackingGpuWeigher, SHARE, host([1000, 1000]), 31),
        (PackingGpuWeigher, ONE, host([1000] * 8), 25),
        # GPUs of a host in use: 50 less the number of those not in use yet.
        (PackingGpuWeigher, TWO, host([1000, 1000, 0]), 48),
        # A GPU in use: 100 less a tenth of the percent that are free of it.
        (PackingGpuWeigher, SHARE, host([700, 560, 1000]), 95),
        (PackingGpuWeigher, SHARE, host([999, 1000]), 91),
        (PackingGpuWeigher, NONE, host([1000, 1000]), 0),
    ],
)
def test_score_is_as_the_policy_says(weigher, wish, of, score):
    assert weigher()._weigh_object(of, asked(wish, vcpus=16)) == score


@pytest.mark.parametrize(
    ("wish", "of", "score"),
    [
        # Of 2000 unused thousandths, 2 of 12 tasks can use nothing: 333.3 are fragments. Once half of a GPU is
        # taken, 1500 are of no use to 3 of 12, and 500 to another 3: 500. 100 / (1 + e^0.167) is 45.8.
        (SHARE, host([1000, 1000]), 45),
        # What nothing but shares could use is used up: fragments go from 250 to 0. 100 / (1 + e^-0.25) is 56.2.
        (SHARE, host([500]), 56),
        # The same with 4 CPUs, of which none is left.
        (SHARE, host([500], vcpus_total=4), 56),
        (ONE, host([999]), 0),
    ],
)
def test_score_is_higher_the_fewer_fragments_are_left(wish, of, score):
    assert FragmentationGpuWeigher(MIX)._weigh_object(of, asked(wish, vcpus=4)) == score


@pytest.mark.parametrize("weigher", [one for one in WEIGHERS if not isinstance(one, RandomGpuWeigher)], ids=NAMES[1:])
def test_first_of_hosts_that_score_alike_wins(weigher):
    hosts = [make_host(GpuHost, name, gpus_free=[1000, 500], vcpus_total=64) for name in "bca"]
    scheduler = FilterScheduler(filters=[GpuShareFilter], weighers=[weigher])
    assert scheduler.select_destinations(asked(SHARE), hosts)[0].host == "b"


def test_random_host_depends_on_the_instance_only_and_is_any():
    hosts = [make_host(GpuHost, f"h{at}", gpus_free=[1000]) for at in range(4)]
    scheduler = FilterScheduler(filters=[GpuShareFilter], weighers=[RandomGpuWeigher])
    chosen = {
        uuid: {scheduler.select_destinations(asked(SHARE), hosts, [uuid])[0].host for _ in range(2)}
        for uuid in map(str, range(40))
    }
    assert all(len(one) == 1 for one in chosen.values())
    assert set.union(*chosen.values()) == {"h0", "h1", "h2", "h3"}


def test_engine_places_as_the_plain_handlers_do():
    wishes = [SHARE, ONE, TWO, NONE, {"gpu:thousandths": "300"}]
    for weigher in WEIGHERS:
        chosen = []
        for use_engine in (True, False):
            hosts = [make_host(GpuHost, f"h{at}", gpus_free=[1000] * (at % 5), vcpus_total=64) for at in range(30)]
            scheduler = FilterScheduler(filters=[GpuShareFilter], weighers=[weigher], use_engine=use_engine)
            found = []
            for at in range(40):
                spec = asked(wishes[at % 5], vcpus=1 + at % 3)
                (one,) = scheduler.select_destinations(spec, hosts, [f"i{at}"])
                hosts = [one.host_state if each.host == one.host else each for each in hosts]
                found.append((one.host, one.weight, one.host_state.gpus_free))
            chosen.append(found)
        assert chosen[0] == chosen[1]


def test_file_of_tasks_is_read_from_the_option(tmp_path):
    path = tmp_path / "tasks.json"
    path.write_text('[{"cpus": 4, "gpus": 1, "thousandths": 500, "count": 3}, {"cpus": 8, "count": 1}]')
    weigher = FragmentationGpuWeigher()
    weigher.bind({"task_mix": str(path)})
    assert weigher.mix.tasks == {Task(4, 500, 1): 0.75, Task(8): 0.25}


def test_weigher_without_tasks_says_which_option_is_missing():
    with pytest.raises(ConfigurationError, match=r"\[gpu_sharing\] task_mix") as caught:
        FragmentationGpuWeigher()._weigh_object(host([1000]), asked(SHARE))
    assert caught.value.option == "task_mix"


def test_plugins_are_found_by_their_names(tmp_path):
    path = tmp_path / "site.conf"
    path.write_text(
        "[filter_scheduler]\navailable_filters = all_filters\nenabled_filters = GpuShareFilter\n"
        f"weight_classes = {', '.join(NAMES[:-1])}\n[gpu_sharing]\ngpus_of_largest_host = 4\n"
    )
    scheduler = FilterScheduler(make_conf(files=[path]))
    assert [type(one) for one in scheduler.filters] == [GpuShareFilter]
    assert [type(one).__name__ for one in scheduler.weighers] == NAMES[:-1]
    assert scheduler.weighers[1].option("gpus_of_largest_host") == 4
