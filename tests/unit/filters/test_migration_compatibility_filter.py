"""MigrationCompatibilityFilter: a moving instance needs all that its present CPU has."""

from __future__ import annotations

import json

import pytest

from filtersched import FilterScheduler, HostPool, HostState, NoValidHost, RequestSpec, make_conf

SOURCE = {"arch": "x86_64", "vendor": "Intel", "features": ["avx", "sse4_2"]}
MORE = {"arch": "x86_64", "vendor": "Intel", "features": ["avx", "avx512f", "sse4_2"]}
LESS = {"arch": "x86_64", "features": ["sse4_2"]}
ARM = {"arch": "aarch64", "features": ["avx", "sse4_2"]}


@pytest.fixture(scope="module", params=[True, False], ids=["engine", "handlers"])
def scheduler(request):
    conf = make_conf(enabled_filters="MigrationCompatibilityFilter")
    return FilterScheduler(conf, use_engine=request.param)


def pool_of(source, target):
    there = [{"uuid": "i", "flavor": {"memory_mb": 1}}]
    return HostPool([HostState("a", cpu_info=source, instances=there), HostState("b", cpu_info=target)])


def asked():
    return RequestSpec(flavor={"memory_mb": 1}, instance_uuid="i", ignore_hosts=["a"])


def goes(scheduler, source, target):
    try:
        scheduler.place(asked(), pool_of(source, target), move=True)
    except NoValidHost:
        return False
    return True


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (SOURCE, SOURCE, True),
        (SOURCE, MORE, True),
        (SOURCE, LESS, False),
        (SOURCE, ARM, False),
        (SOURCE, None, False),
        (SOURCE, "no JSON", False),
        (SOURCE, {"features": "avx sse4_2"}, False),
        (SOURCE, {"features": ["avx", "sse4_2"]}, True),
        (json.dumps(SOURCE), json.dumps(MORE), True),
        (json.dumps(SOURCE), json.dumps(LESS), False),
        (None, LESS, True),
        ({"vendor": "Intel"}, LESS, True),
        ({"features": []}, LESS, True),
    ],
)
def test_instance_moves_only_where_its_features_are(scheduler, source, target, expected):
    assert goes(scheduler, source, target) is expected


def test_new_instance_may_go_anywhere(scheduler):
    pool = pool_of(SOURCE, LESS)
    spec = RequestSpec(flavor={"memory_mb": 1}, ignore_hosts=["a"])
    assert [one.host for one in scheduler.place(spec, pool)] == ["b"]


def test_instance_may_stay_where_it_is(scheduler):
    pool = pool_of(SOURCE, LESS)
    spec = RequestSpec(flavor={"memory_mb": 1}, instance_uuid="i")
    assert [one.host for one in scheduler.place(spec, pool, move=True)] == ["a"]


def test_each_instance_of_a_move_has_its_own_source(scheduler):
    pool = HostPool(
        [
            HostState("a", cpu_info=SOURCE, instances=[{"uuid": "i", "flavor": {"memory_mb": 1}}]),
            HostState("b", cpu_info=LESS, instances=[{"uuid": "j", "flavor": {"memory_mb": 1}}]),
            HostState("c", cpu_info=LESS),
        ]
    )
    spec = RequestSpec(flavor={"memory_mb": 1}, ignore_hosts=["a", "b"])
    assert [one.host for one in scheduler.place(spec, pool, ["j"], move=True)] == ["c"]
    with pytest.raises(NoValidHost):
        scheduler.place(spec, pool, ["j", "i"], move=True)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (LESS, "has a CPU without avx, which the instance's present CPU has"),
        ({"features": []}, "has a CPU without avx, sse4_2, which the instance's present CPU has"),
        (ARM, "has a CPU of aarch64, and the instance moves from x86_64"),
        (None, "does not tell the features of its CPU, which an instance that moves needs"),
    ],
)
def test_refusal_names_what_is_lacking(scheduler, target, reason):
    with pytest.raises(NoValidHost) as raised:
        scheduler.place(asked(), pool_of(SOURCE, target), move=True)
    (verdict,) = raised.value.explanation.why("b").refused_by
    assert verdict.reason == reason
