"""The cells and devices that extra specs and image properties ask for."""

import pytest

from filtersched import Flavor, Image, InvalidRequest, RequestSpec
from filtersched.requests.pci_aliases import read_aliases, requests_of


def topology(specs, properties=None, *, vcpus=4, memory_mb=1024):
    image = None if properties is None else Image(properties=properties)
    return RequestSpec(Flavor(memory_mb, vcpus, extra_specs=specs), image=image).numa_topology


def test_flavor_without_a_wish_asks_for_no_cells():
    assert topology({}) is None
    assert topology({"hw:cpu_policy": "shared", "hw:mem_page_size": ""}) is None
    assert topology({"resources:VCPU": "4"}) is None


def test_nodes_share_cpus_and_memory_equally():
    cells = topology({"hw:numa_nodes": "2"}).cells
    assert [(cell.id, cell.cpuset, cell.pcpuset, cell.memory) for cell in cells] == [
        (0, {0, 1}, frozenset(), 512),
        (1, {2, 3}, frozenset(), 512),
    ]


def test_cells_may_be_given_one_by_one():
    specs = {"hw:numa_nodes": 2, "hw:numa_cpus.0": "0-2", "hw:numa_mem.0": "768", "hw:numa_cpus.1": "3"}
    cells = topology({**specs, "hw:numa_mem.1": "256"}).cells
    assert [(cell.cpuset, cell.memory) for cell in cells] == [({0, 1, 2}, 768), ({3}, 256)]
    of_image = {key.replace("hw:", "hw_"): value for key, value in {**specs, "hw:numa_mem.1": "256"}.items()}
    assert topology({}, of_image) == topology({**specs, "hw:numa_mem.1": "256"})


@pytest.mark.parametrize(
    ("specs", "properties", "shared", "pinned", "threads"),
    [
        ({"hw:cpu_policy": "dedicated"}, {}, set(), {0, 1, 2, 3}, None),
        ({}, {"hw_cpu_policy": "dedicated", "hw_cpu_thread_policy": "isolate"}, set(), {0, 1, 2, 3}, "isolate"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0-1"}, {}, {0, 1}, {2, 3}, None),
        ({"hw:cpu_policy": "mixed", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "3"}, {}, {0, 1, 2}, {3}, None),
        ({"resources:PCPU": "4", "trait:HW_CPU_HYPERTHREADING": "forbidden"}, {}, set(), {0, 1, 2, 3}, "isolate"),
        ({"hw:cpu_policy": "dedicated"}, {"trait:HW_CPU_HYPERTHREADING": "required"}, set(), {0, 1, 2, 3}, "require"),
    ],
)
def test_policies_say_which_cpus_are_pinned(specs, properties, shared, pinned, threads):
    (cell,) = topology(specs, properties).cells
    assert (cell.cpuset, cell.pcpuset, cell.cpu_thread_policy) == (shared, pinned, threads)


@pytest.mark.parametrize(
    ("text", "size"),
    [("small", -1), ("large", -2), ("any", -3), ("2048", 2048), ("2MB", 2048), ("1GiB", 1048576), ("8192bit", 1)],
)
def test_page_sizes_are_words_or_sizes(text, size):
    assert topology({"hw:mem_page_size": text}).cells[0].pagesize == size


def test_image_chooses_the_page_size_that_the_flavor_leaves_open():
    assert topology({"hw:mem_page_size": "large"}, {"hw_mem_page_size": "1GB"}).cells[0].pagesize == 1048576


@pytest.mark.parametrize(
    ("specs", "properties", "names"),
    [
        ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, ["hw:cpu_policy", "hw_cpu_policy"]),
        ({"hw:numa_nodes": "2"}, {"hw_numa_nodes": "2"}, ["hw:numa_nodes", "hw_numa_nodes"]),
        (
            {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "isolate"},
            {"hw_cpu_thread_policy": "require"},
            ["hw:cpu_thread_policy", "hw_cpu_thread_policy"],
        ),
        ({}, {"hw_mem_page_size": "large"}, ["hw_mem_page_size", "hw:mem_page_size"]),
        ({"hw:mem_page_size": "small"}, {"hw_mem_page_size": "4"}, ["hw_mem_page_size", "hw:mem_page_size"]),
        ({"hw:cpu_policy": "dedicated", "resources:PCPU": "4"}, {}, ["hw:cpu_policy", "resources:PCPU"]),
        ({"resources:VCPU": "4", "resources:PCPU": "4"}, {}, ["resources:PCPU", "resources:VCPU"]),
        ({"resources:PCPU": "3"}, {}, ["resources:PCPU"]),
        ({"hw:cpu_thread_policy": "require"}, {}, ["hw:cpu_thread_policy", "hw:cpu_policy"]),
        ({"hw:emulator_threads_policy": "isolate"}, {}, ["hw:emulator_threads_policy"]),
        ({"hw:cpu_policy": "mixed"}, {}, ["hw:cpu_dedicated_mask", "hw:cpu_realtime_mask"]),
        ({"hw:cpu_policy": "dedicated", "hw:cpu_dedicated_mask": "1"}, {}, ["hw:cpu_dedicated_mask"]),
        ({"hw:cpu_dedicated_mask": "0-3", "hw:cpu_policy": "mixed"}, {}, ["hw:cpu_dedicated_mask"]),
        ({"hw:cpu_dedicated_mask": "x", "hw:cpu_policy": "mixed"}, {}, ["hw:cpu_dedicated_mask"]),
        ({"hw:cpu_realtime": "yes", "hw:cpu_policy": "dedicated"}, {}, ["hw:cpu_realtime_mask"]),
        ({"hw:numa_nodes": "3"}, {}, ["hw:numa_nodes"]),
        ({"hw:numa_nodes": "0"}, {}, ["hw:numa_nodes"]),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3"}, {}, ["hw:numa_mem.N"]),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-4", "hw:numa_mem.0": "1024"}, {}, ["hw:numa_cpus.0"]),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-2", "hw:numa_mem.0": "1024"}, {}, ["hw:numa_cpus.N", "[3]"]),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3", "hw:numa_mem.0": "1"}, {}, ["hw:numa_mem.N", "1024"]),
        ({"hw:cpu_policy": "own"}, {}, ["hw:cpu_policy", "'shared' or 'dedicated' or 'mixed'"]),
        ({"hw:mem_page_size": "huge"}, {}, ["hw:mem_page_size", "large"]),
        ({"hw:mem_page_size": "9" * 5000}, {}, ["hw:mem_page_size", "large"]),
        ({"hw:mem_page_size": "9" * 5000 + "GB"}, {}, ["hw:mem_page_size", "large"]),
        ({"hw:numa_nodes": "9" * 5000}, {}, ["hw:numa_nodes"]),
        ({"hw:numa_nodes": 1, "hw:numa_cpus.0": "0-3", "hw:numa_mem.0": "9" * 5000}, {}, ["hw:numa_mem.0"]),
        ({"hw:numa_nodes": 1, "hw:numa_cpus.0": "9" * 5000, "hw:numa_mem.0": "9"}, {}, ["hw:numa_cpus.0"]),
        (
            {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "prefer", "trait:HW_CPU_HYPERTHREADING": "required"},
            {},
            ["hw:cpu_thread_policy", "trait:HW_CPU_HYPERTHREADING"],
        ),
    ],
)
def test_wishes_that_contradict_each_other_are_refused_by_name(specs, properties, names):
    with pytest.raises(InvalidRequest) as caught:
        _ = topology(specs, properties)
    assert [name for name in names if name not in str(caught.value)] == []


@pytest.mark.parametrize("vcpus", [1.5, 10**9])
def test_number_of_cpus_that_no_cells_have_is_refused(vcpus):
    with pytest.raises(InvalidRequest) as caught:
        _ = topology({"hw:cpu_policy": "dedicated"}, vcpus=vcpus)
    assert caught.value.field == "flavor.vcpus"


def test_cells_that_the_request_brings_count_more_than_those_of_its_flavor():
    spec = RequestSpec(Flavor(vcpus=2, extra_specs={"hw:numa_nodes": "2"}), numa_topology={"cells": [{"id": 7}]})
    assert [cell.id for cell in spec.numa_topology.cells] == [7]
    spec.numa_topology = None
    assert [cell.id for cell in spec.numa_topology.cells] == [0, 1]


def test_another_flavor_asks_for_other_cells():
    spec = RequestSpec(Flavor(vcpus=2, extra_specs={"hw:numa_nodes": "2"}))
    assert len(spec.numa_topology) == 2
    spec.flavor = Flavor(vcpus=2)
    assert spec.numa_topology is None


_ALIAS = '{"name": "gpu", "vendor_id": "10de", "product_id": "%s", "device_type": "type-PF", "numa_policy": "required"}'
ALIAS, OTHER = _ALIAS % "1eb8", _ALIAS % "20b0"


def devices(value, policy=None, properties=None):
    specs = {"pci_passthrough:alias": value, **({} if policy is None else {"hw:pci_numa_affinity_policy": policy})}
    image = Image(properties=properties or {})
    return requests_of(Flavor(extra_specs=specs), image, read_aliases([ALIAS, OTHER]))


def test_alias_stands_for_devices_that_one_of_its_records_describes():
    (request,) = devices("gpu:2")
    assert (request.count, request.alias_name, request.numa_policy) == (2, "gpu", "required")
    assert request.spec == (
        {"vendor_id": "10de", "product_id": "1eb8", "dev_type": "type-PF"},
        {"vendor_id": "10de", "product_id": "20b0", "dev_type": "type-PF"},
    )


def test_flavor_or_image_may_want_another_policy():
    assert devices("gpu:1", "preferred").requests[0].numa_policy == "preferred"
    assert devices("gpu:1", None, {"hw_pci_numa_affinity_policy": "socket"}).requests[0].numa_policy == "socket"
    with pytest.raises(InvalidRequest, match=r"hw:pci_numa_affinity_policy=legacy and hw_pci_numa"):
        devices("gpu:1", "legacy", {"hw_pci_numa_affinity_policy": "socket"})


@pytest.mark.parametrize("value", ["gpu", "gpu:0", "gpu:x", "gpu:1,", ":1", "gpu:" + "9" * 5000])
def test_alias_without_a_good_number_is_refused(value):
    with pytest.raises(InvalidRequest) as caught:
        devices(value)
    assert caught.value.field == "pci_passthrough:alias"


def test_alias_that_nobody_defined_is_refused_with_the_nearest():
    with pytest.raises(InvalidRequest, match=r"'gpus', which \[pci\] alias does not define\. Did you mean 'gpu'"):
        devices("gpus:1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSON object"),
        ("[]", "JSON object"),
        ("{}", "needs a name"),
        ('{"name": "a", "vendor_id": "10de"}', "needs a product_id"),
        ('{"name": "a", "vendor_id": "nvidia", "product_id": "1eb8"}', "hexadecimal"),
        ('{"name": "a", "vendor_id": "10de", "product_id": "1eb8", "device_type": "vdpa"}', "type-PF"),
        ('{"name": "a", "vendor_id": "10de", "product_id": "1eb8", "numa_policy": "near"}', "legacy"),
        ('{"name": "a", "vendor_id": "10de", "product_id": "1eb8", "vendor": "x"}', "Did you mean 'vendor_id'"),
    ],
)
def test_alias_that_is_none_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        read_aliases([text])


def test_aliases_of_one_name_agree_on_policy_and_type():
    with pytest.raises(ValueError, match="two values of numa_policy"):
        read_aliases([ALIAS, OTHER.replace("required", "legacy")])
