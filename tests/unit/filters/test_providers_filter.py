"""ProvidersFilter, on both paths, against all assignments of groups to providers; what placing takes and gives back."""

from __future__ import annotations

import itertools
import random

import pytest

from filtersched import (
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

TWO_GPUS = {
    "gpu0": {"resources": {"VGPU": (4, 0)}, "traits": ["CUSTOM_A100"]},
    "gpu1": {"resources": {"VGPU": (4, 2)}, "traits": []},
}


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine):
    return FilterScheduler(make_conf(enabled_filters="ProvidersFilter", weight_classes=[]), use_engine=use_engine)


def asking(**extra_specs):
    return RequestSpec(Flavor(extra_specs={name.replace("__", ":"): value for name, value in extra_specs.items()}))


@pytest.mark.parametrize(
    ("extra_specs", "passes"),
    [
        ({}, True),
        ({"resources__VGPU": "9"}, True),
        ({"resources1__VGPU": "4"}, True),
        ({"resources1__VGPU": "5"}, False),
        ({"resources1__VGPU": "2", "trait1__CUSTOM_A100": "forbidden"}, True),
        ({"resources1__VGPU": "3", "trait1__CUSTOM_A100": "forbidden"}, False),
        ({"resources1__VGPU": "4", "resources2__VGPU": "2"}, True),
        ({"resources1__VGPU": "3", "resources2__VGPU": "3"}, False),
        ({"resources1__VGPU": "2", "resources2__VGPU": "2", "resources3__VGPU": "2"}, True),
        ({"resources1__VGPU": "1", "resources2__VGPU": "1", "group_policy": "isolate"}, True),
        ({"resources1__VGPU": "1", "resources2__VGPU": "1", "resources3__VGPU": "1", "group_policy": "isolate"}, False),
        ({"trait_x__CUSTOM_A100": "required"}, True),
        ({"trait_x__CUSTOM_H100": "required"}, False),
        ({"required1": "CUSTOM_A100"}, True),
        ({"required1__": "CUSTOM_A100"}, True),
        ({"required1": "CUSTOM_H100"}, False),
        ({"resources1__VGPU": "2", "required1": "!CUSTOM_A100"}, True),
        ({"resources1__VGPU": "3", "required1": "!CUSTOM_A100"}, False),
        ({"resources1__VGPU": "3", "required1": "CUSTOM_A100, !CUSTOM_OLD"}, True),
        ({"required1__CUSTOM_H100": "required"}, False),
        ({"required_services": "none of ours"}, True),
        ({"resources1__FPGA": "1"}, False),
        ({"resources1__FPGA": "0"}, True),
    ],
)
def test_groups_fit_on_providers_or_not(use_engine, extra_specs, passes):
    found = scheduler(use_engine).explain(asking(**extra_specs), HostState("h", providers=TWO_GPUS))
    assert (not found.refused_by) is passes


def test_a_group_may_need_the_provider_that_the_first_one_would_take(use_engine):
    # "1" fits on both, and must leave gpu0 to "2".
    spec = asking(resources1__VGPU="2", resources2__VGPU="4")
    (selection,) = scheduler(use_engine).select_destinations(spec, [HostState("h", providers=TWO_GPUS)])
    assert selection.host_state.providers["gpu0"]["resources"]["VGPU"] == (4, 4)
    assert selection.host_state.providers["gpu1"]["resources"]["VGPU"] == (4, 4)


@pytest.mark.parametrize(
    ("providers", "extra_specs", "said"),
    [
        ({}, {"resources1__VGPU": "1"}, "has no providers, and the flavor asks for group '1' (1 VGPU) on one"),
        (TWO_GPUS, {"resources1__VGPU": "9"}, "no provider has room for group '1' (9 VGPU)"),
        (
            TWO_GPUS,
            {"resources1__VGPU": "1", "trait1__X": "required"},
            "no provider has the traits of group '1' (1 VGPU, X)",
        ),
        (TWO_GPUS, {"resources1__VGPU": "3", "resources2__VGPU": "3"}, "its 2 providers have no room for all 2 groups"),
        (
            {"a": TWO_GPUS["gpu0"]},
            {"resources1__VGPU": "1", "resources2__VGPU": "1", "group_policy": "isolate"},
            "its 1 providers have no room for all 2 groups, each on a provider of its own",
        ),
    ],
)
def test_a_refusal_names_the_group(use_engine, providers, extra_specs, said):
    found = scheduler(use_engine).explain(asking(**extra_specs), HostState("h", providers=providers))
    assert [str(one) for one in found.verdicts] == [f"ProvidersFilter: {said}"]


def test_instances_of_one_request_use_providers_up(use_engine):
    spec = asking(resources1__VGPU="2")
    spec.num_instances = 3
    hosts = [HostState("h", providers=TWO_GPUS)]
    assert len(scheduler(use_engine).select_destinations(spec, hosts)) == 3
    spec.num_instances = 4
    with pytest.raises(NoValidHost):
        scheduler(use_engine).select_destinations(spec, hosts)


def test_what_was_taken_is_given_back_exactly(use_engine, tmp_path):
    pool = HostPool([HostState("h", providers=TWO_GPUS)])
    placing = scheduler(use_engine)
    before = pool["h"].providers
    (first,) = placing.place(asking(resources1__VGPU="4"), pool)
    (second,) = placing.place(asking(resources1__VGPU="1", resources2__VGPU="1"), pool)
    pool.save(tmp_path / "pool")
    pool = HostPool.load(tmp_path / "pool")
    assert {name: one["resources"]["VGPU"] for name, one in pool["h"].providers.items()} == {
        "gpu0": (4, 4),
        "gpu1": (4, 4),
    }
    pool.release(first.instance_uuid)
    assert pool["h"].providers["gpu0"]["resources"]["VGPU"] == (4, 0)
    pool.release(second.instance_uuid)
    assert pool["h"].providers == before


@pytest.mark.parametrize(
    ("extra_specs", "field"),
    [
        ({"resources1__VGPU": "some"}, "resources1:VGPU"),
        ({"trait1__X": "maybe"}, "trait1:X"),
        ({"resources1__VGPU": "1", "group_policy": "apart"}, "group_policy"),
    ],
)
def test_a_wrong_word_in_a_flavor_is_an_error_that_names_the_key(use_engine, extra_specs, field):
    with pytest.raises(InvalidRequest) as caught:
        scheduler(use_engine).select_destinations(asking(**extra_specs), [HostState("h", providers=TWO_GPUS)])
    assert caught.value.field == field


@pytest.mark.parametrize(
    "providers",
    [
        5, ["gpu0"], {"gpu0": 5}, {"gpu0": {"resource": {}}}, {"gpu0": {"resources": {"VGPU": 4}}},
        {"gpu0": {"resources": {"VGPU": (4, -1)}}}, {"gpu0": {"traits": "X"}}, {5: {}},
    ],
)
def test_providers_that_are_none_are_refused(providers):
    with pytest.raises(InvalidHost) as caught:
        HostState("h", providers=providers)
    assert caught.value.attribute == "providers"


def test_a_host_with_providers_survives_being_written_as_data():
    host = HostState("h", providers=TWO_GPUS)
    assert HostState.from_dict(host.to_dict()).providers == host.providers
    assert host.to_dict()["providers"]["gpu0"] == {"resources": {"VGPU": [4, 0]}, "traits": ["CUSTOM_A100"]}


def literally(providers, groups, isolate):
    """Whether any of all assignments of groups to providers fits."""
    for names in itertools.product(providers, repeat=len(groups)):
        if isolate and len(set(names)) < len(names):
            continue
        free = {name: {each: total - used for each, (total, used) in one["resources"].items()}
                for name, one in providers.items()}
        fits = True
        for name, (resources, traits) in zip(names, groups, strict=True):
            fits &= all((trait in providers[name]["traits"]) == wanted for trait, wanted in traits.items())
            for each, amount in resources.items():
                free[name][each] = free[name].get(each, 0) - amount
        if fits and all(left >= 0 for one in free.values() for left in one.values()):
            return True
    return False


def test_random_groups_fit_where_any_assignment_does(use_engine):
    chance = random.Random(20260131)
    placing = scheduler(use_engine)
    verdicts = []
    for _round in range(300):
        providers = {
            f"p{nr}": {
                "resources": {
                    each: (chance.randint(1, 4), chance.randint(0, 1)) for each in chance.sample(["VGPU", "FPGA"], 1)
                },
                "traits": chance.sample(["X", "Y"], chance.randint(0, 2)),
            }
            for nr in range(chance.randint(1, 4))
        }
        groups = [
            (
                {each: chance.randint(1, 3) for each in chance.sample(["VGPU", "FPGA"], 1)},
                {trait: chance.random() < 0.7 for trait in chance.sample(["X", "Y"], chance.choice((0, 0, 1)))},
            )
            for _group in range(chance.randint(1, 4))
        ]
        isolate = chance.random() < 0.3
        extra_specs = {"group_policy": "isolate"} if isolate else {}
        for nr, (resources, traits) in enumerate(groups):
            extra_specs |= {f"resources{nr}:{each}": str(amount) for each, amount in resources.items()}
            said = {True: "required", False: "forbidden"}
            extra_specs |= {f"trait{nr}:{trait}": said[wanted] for trait, wanted in traits.items()}
        spec = RequestSpec(Flavor(extra_specs=extra_specs))
        passed = not placing.explain(spec, HostState("h", providers=providers)).refused_by
        assert passed == literally(providers, groups, isolate)
        verdicts.append(passed)
    assert 60 < sum(verdicts) < 240
