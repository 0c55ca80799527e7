import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.server_group_soft_anti_affinity_weigher import ServerGroupSoftAntiAffinityWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def group(policy="soft-anti-affinity", members=("i1", "i2", "i3", "i4")):
    return RequestSpec(instance_group={"policy": policy, "members": members})


@pytest.mark.parametrize(
    ("spec", "instances", "expected"),
    [
        (group(), [], 0),
        (group(), ["i1"], -1),
        (group(), ["i1", "i3", "x1"], -2),
        (group(), ["x1"], 0),
        (group(members=()), ["i1"], 0),
        (group("soft-affinity"), ["i1"], 0),
        (group("anti-affinity"), ["i1"], 0),
        (RequestSpec(), ["i1"], 0),
    ],
)
def test_the_raw_weight_is_minus_the_members_of_the_group_on_the_host(spec, instances, expected):
    assert raw(ServerGroupSoftAntiAffinityWeigher(), HostState("a", instances=instances), spec) == expected


@pytest.mark.parametrize(("multiplier", "expected"), [(1.0, [0.5, 1.0, 0.0, 1.0]), (2.0, [1.0, 2.0, 0.0, 2.0])])
def test_hosts_with_fewer_members_win(multiplier, expected):
    on_hosts = [["i1"], ["x1"], ["i2", "i3"], []]
    hosts = [HostState(f"h{place}", instances=instances) for place, instances in enumerate(on_hosts)]
    weigher = bound(ServerGroupSoftAntiAffinityWeigher, soft_anti_affinity_weight_multiplier=multiplier)
    assert weights(weigher, hosts, group()) == expected


def test_the_multiplier_is_one_by_default_and_never_negative():
    option = ServerGroupSoftAntiAffinityWeigher.options[0]
    assert (option.default, option.type.min) == (1.0, 0)
