import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.plain_instance_weigher import PlainInstanceWeigher
from tests.unit.weighers.ranked import bound, raw, weights

PLAIN = RequestSpec()


def asks(**extra_specs):
    return RequestSpec(flavor={"extra_specs": {name.replace("__", ":"): text for name, text in extra_specs.items()}})


def host(**attributes):
    return HostState("a", **attributes)


@pytest.mark.parametrize(
    ("host_state", "expected"),
    [
        (host(), 0),
        (host(capabilities={"gpus": 4}), -1),
        (host(capabilities={"gpus": 0}), 0),
        (host(capabilities={"gpus": 0, "gpu_model": ""}), 0),
        (host(capabilities={"gpus": None}), 0),
        (host(capabilities={"gpu": True}), -1),
        (host(capabilities={"gpu": False}), 0),
        (host(capabilities={"gpu": "false"}), 0),
        (host(capabilities={"gpu": " No "}), 0),
        (host(capabilities={"gpu": "0"}), 0),
        (host(capabilities={"gpu": "none"}), 0),
        (host(capabilities={"gpu": "A100"}), -1),
        (host(capabilities={"GPU_Model": "A100"}), -1),
        (host(capabilities={"gpus": 4, "gpu_model": "A100"}), -1),
        (host(capabilities={"gpus": 4, "fpga": 1}), -2),
        (host(capabilities={"cpu_cores": 4, "hypervisor_type": "qemu"}), 0),
        (host(resources={"VGPU": (8, 8)}), -1),
        (host(resources={"VGPU": (0, 0)}), 0),
        (host(resources={"CUSTOM_FPGA": (1, 0), "VGPU": (8, 0)}), -2),
        (host(traits=["HW_GPU_API_VULKAN"]), -1),
        (host(traits=["HW_CPU_X86_AVX"]), 0),
    ],
)
def test_each_kind_of_special_capability_counts_once_against_a_host(host_state, expected):
    assert raw(PlainInstanceWeigher(), host_state, PLAIN) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (asks(gpus=">= 1"), -1),
        (asks(capabilities__gpus="1"), -1),
        (asks(resources__VGPU="1"), -1),
        (asks(resources1__VGPU="1"), -1),
        (asks(trait__HW_GPU_API_VULKAN="required"), -1),
        (asks(trait__HW_GPU_API_VULKAN="forbidden"), -2),
        (asks(resources__CUSTOM_FPGA="1", gpus="1"), 0),
        (asks(hw__cpu_policy="dedicated"), -2),
        (asks(gpus__other="1"), -2),
    ],
)
def test_what_the_request_asks_for_does_not_count(spec, expected):
    assert raw(PlainInstanceWeigher(), host(capabilities={"gpus": 4, "fpga": 1}), spec) == expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [([], 0), (["gpus"], -1), (["gpu"], 0), (["SSD"], -1), (["*gpu*", "ssd"], -2), (["?pus"], -1)],
)
def test_what_is_special_is_configured(patterns, expected):
    weigher = bound(PlainInstanceWeigher, special_capabilities=patterns)
    assert raw(weigher, host(capabilities={"gpus": 4, "ssd": True}), PLAIN) == expected


def hosts():
    return [host(capabilities={"gpus": 4}), host(), host(capabilities={"gpus": 1, "fpga": 1})]


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(100.0, [50.0, 100.0, 0.0]), (0.0, [0.0] * 3), (-1.0, [-0.5, -1.0, 0.0])]
)
def test_a_plain_instance_is_cheap_on_a_plain_host_and_dear_on_a_special_one(multiplier, expected):
    weigher = bound(PlainInstanceWeigher, plain_instance_weight_multiplier=multiplier)
    assert weights(weigher, hosts(), PLAIN) == expected


def test_special_hosts_are_kept_for_last_by_default():
    assert weights(PlainInstanceWeigher(), hosts(), PLAIN) == [50.0, 100.0, 0.0]


def test_where_all_hosts_are_special_alike_it_has_no_say():
    special = [host(capabilities={"gpus": count}) for count in (1, 8)]
    assert weights(PlainInstanceWeigher(), special, PLAIN) == [0.0, 0.0]
