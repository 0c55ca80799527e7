import pytest

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.weighers.server_group_soft_affinity_weigher import ServerGroupSoftAffinityWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def group(policy="soft-affinity", members=("i1", "i2", "i3", "i4")):
    return RequestSpec(instance_group={"policy": policy, "members": members})


@pytest.mark.parametrize(
    ("spec", "instances", "expected"),
    [
        (group(), [], 0),
        (group(), ["i1"], 1),
        (group(), ["i1", "i3", "x1", "x2"], 2),
        (group(), ["x1", "x2"], 0),
        (group(members=()), ["i1"], 0),
        (group(members=("i1", "i1")), ["i1"], 1),
        (group("soft-anti-affinity"), ["i1"], 0),
        (group("affinity"), ["i1"], 0),
        (group(None), ["i1"], 0),
        (RequestSpec(), ["i1"], 0),
    ],
)
def test_the_raw_weight_is_the_members_of_the_soft_affinity_group_on_the_host(spec, instances, expected):
    assert raw(ServerGroupSoftAffinityWeigher(), HostState("a", instances=instances), spec) == expected


HOSTS = [["i1"], ["x1"], ["i2", "i3"], []]


@pytest.mark.parametrize(("multiplier", "expected"), [(1.0, [0.5, 0.0, 1.0, 0.0]), (2.0, [1.0, 0.0, 2.0, 0.0])])
def test_hosts_with_more_members_win(multiplier, expected):
    hosts = [HostState(f"h{place}", instances=instances) for place, instances in enumerate(HOSTS)]
    weigher = bound(ServerGroupSoftAffinityWeigher, soft_affinity_weight_multiplier=multiplier)
    assert weights(weigher, hosts, group()) == expected


def test_a_request_without_a_group_is_indifferent():
    hosts = [HostState(f"h{place}", instances=instances) for place, instances in enumerate(HOSTS)]
    assert weights(ServerGroupSoftAffinityWeigher(), hosts) == [0.0] * 4


def test_the_multiplier_is_one_by_default_and_never_negative():
    option = ServerGroupSoftAffinityWeigher.options[0]
    assert (option.default, option.type.min) == (1.0, 0)
