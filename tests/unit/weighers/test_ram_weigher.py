import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers import HostWeightHandler
from filtersched.weighers.ram_weigher import RAMWeigher


def ranking(multiplier, *free):
    """(name, weight) of hosts with that much free memory, best first."""
    weigher = RAMWeigher()
    weigher.bind({"ram_weight_multiplier": multiplier})
    hosts = [HostState(f"h{place}", free_ram_mb=mb) for place, mb in enumerate(free)]
    found = HostWeightHandler().get_weighed_objects([weigher], hosts, RequestSpec())
    return [(one.obj.host, one.weight) for one in found]


@pytest.mark.parametrize("free", [-512, 0, 1, 8192, 2**40, 0.5])
def test_the_raw_weight_is_the_free_memory(free):
    assert RAMWeigher()._weigh_object(HostState("a", free_ram_mb=free), RequestSpec()) == free


def test_the_multiplier_is_one_by_default():
    assert RAMWeigher().weight_multiplier(HostState("a")) == 1.0


@pytest.mark.parametrize(
    ("multiplier", "expected"),
    [
        (1.0, [("h3", 1.0), ("h2", 0.75), ("h1", 0.5), ("h0", 0.125)]),
        (-1.0, [("h0", -0.125), ("h1", -0.5), ("h2", -0.75), ("h3", -1.0)]),
        (2.0, [("h3", 2.0), ("h2", 1.5), ("h1", 1.0), ("h0", 0.25)]),
        (0.0, [("h0", 0.0), ("h1", 0.0), ("h2", 0.0), ("h3", 0.0)]),
    ],
)
def test_the_multiplier_says_whether_free_memory_is_liked(multiplier, expected):
    assert ranking(multiplier, 512, 2048, 3072, 4096) == expected


def test_hosts_with_equal_free_memory_get_the_full_weight_and_not_zero():
    assert ranking(1.0, 512, 512, 512) == [("h0", 1.0), ("h1", 1.0), ("h2", 1.0)]


def test_a_host_below_zero_counts_as_one_without_free_memory():
    assert ranking(1.0, -10240, 0, 10240) == [("h2", 1.0), ("h0", 0.0), ("h1", 0.0)]


def test_hosts_that_are_all_full_are_all_alike():
    assert ranking(1.0, -1, -2) == [("h0", 0.0), ("h1", 0.0)]
