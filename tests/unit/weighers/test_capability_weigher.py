import pytest

from filtersched.errors import ConfigurationError
from filtersched.hosts.host_state import HostState
from filtersched.weighers.capability_weigher import CapabilityWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def weigher(*settings, **options):
    return bound(CapabilityWeigher, capability_weight_setting=list(settings), **options)


def host(name="cmp1", *, stats=None, traits=(), **capabilities):
    return HostState(name, capabilities=capabilities, stats=stats or {}, traits=traits)


@pytest.mark.parametrize(
    ("settings", "host_state", "expected"),
    [
        ([], host(mbps=1000), 0),
        (["mbps=0.5"], host(mbps=1000), 500.0),
        (["mbps=-1"], host(mbps=10), -10.0),
        (["mbps=1"], host(mbps="1000"), 1000.0),
        (["mbps=1"], host(mbps=0), 0.0),
        (["mbps=1"], host(), 0.0),
        (["mbps=1"], host(stats={"mbps": 7}), 7.0),
        (["mbps=1"], host(mbps=1, stats={"mbps": 7}), 1.0),
        (["ssd=3"], host(ssd=True), 3.0),
        (["ssd=3"], host(ssd=False), 0.0),
        (["HW_NIC_SRIOV=2"], host(traits=["HW_NIC_SRIOV"]), 2.0),
        (["HW_NIC_SRIOV=2"], host(traits=["OTHER"]), 0.0),
        (["region:eu-west=2"], host(region="eu-west"), 2.0),
        (["region:eu-west=2"], host(region="us-east"), 0.0),
        (["region:eu-west=2"], host(), 0.0),
        (["region:eu-west=2"], host(stats={"region": "eu-west"}), 2.0),
        (["region:eu-west=2", "region:us-east=-1"], host(region="us-east"), -1.0),
        (["level:3=2"], host(level=3), 2.0),
        (["a:b:c=2"], host(a="b:c"), 2.0),
        (["a:x=y=2"], host(a="x=y"), 2.0),
        (["mbps=0.5", "region:eu=2", "mbps=0.5"], host(mbps=10, region="eu"), 12.0),
    ],
)
def test_the_raw_weight_is_the_sum_of_the_preferences(settings, host_state, expected):
    assert raw(weigher(*settings), host_state) == expected


def test_a_host_that_announces_nothing_gains_what_is_configured_for_it():
    choosy = weigher("latency_ms=-1", "region:eu=1", capability_weight_of_missing=-1000.0)
    assert raw(choosy, host()) == -1000.0
    assert raw(choosy, host(latency_ms=5, region="eu")) == -4.0


@pytest.mark.parametrize("malformed", ["mbps", "=1", "mbps=", "mbps=x", "mbps=nan", "region:=1", ":eu=1", ""])
def test_a_malformed_element_is_an_error_at_once_that_names_it(malformed):
    with pytest.raises(ConfigurationError) as caught:
        weigher("mbps=1", malformed)
    assert (caught.value.group, caught.value.option) == ("filter_scheduler", "capability_weight_setting")
    assert caught.value.value == malformed
    assert "region:eu-west=2" in str(caught.value)


@pytest.mark.parametrize("announced", ["eu", "nan", "inf", "9" * 400, [1]])
def test_what_is_no_number_counts_as_not_announced(announced):
    choosy = weigher("region=2", capability_weight_of_missing=-5.0)
    assert raw(choosy, host(region=announced)) == -5.0


def test_what_is_no_number_is_logged_once_with_what_to_write(caplog):
    choosy = weigher("region=2")
    weights(choosy, [host(region="eu"), host("cmp2", region="us"), host("cmp3", region=1)])
    (message,) = caplog.messages
    assert "region as 'eu'" in message
    assert "region:eu=2" in message


def test_unbound_it_has_no_say():
    assert weights(CapabilityWeigher(), [host(mbps=1), host(mbps=2)]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(1.0, [0.0, 1.0, 0.5]), (-1.0, [0.0, -1.0, -0.5]), (0.0, [0.0] * 3)]
)
def test_the_multiplier_says_how_far_preferences_count(multiplier, expected):
    hosts = [host(mbps=mbps) for mbps in (0, 1000, 500)]
    assert weights(weigher("mbps=0.001", capability_weight_multiplier=multiplier), hosts) == expected


def test_fast_ethernet_is_preferred_to_slow_within_one_region():
    hosts = [
        host("slow", region="eu", mbps=10),
        host("fast", region="eu", mbps=100),
        host("far", region="us", mbps=1000),
    ]
    found = weights(weigher("region:eu=1000", "mbps=0.1"), hosts)
    assert found[1] > found[0] > found[2]
