"""The plug-ins keep the rules of plug-ins, and say what they should."""

from __future__ import annotations

import pytest
from placement_service.metal_host import MetalHost
from placement_service.rules import LicenseFilter, PowerFilter, SparePowerWeigher

from filtersched import HostPool, InvalidRequest
from filtersched.testing import (
    check_filter,
    check_host,
    check_weigher,
    make_host,
    make_spec,
    sample_hosts,
    sample_specs,
)

HOSTS = [
    *sample_hosts(host_class=MetalHost),
    *(make_host(MetalHost, f"m{watts}", power_limit_w=500, power_used_w=watts) for watts in (0, 349, 350, 351, 500)),
    make_host(MetalHost, "licensed", licenses={"oracle": 1, "used up": 0}),
]
SPECS = [
    *sample_specs(),
    make_spec(extra_specs={"metal:watts": "150"}),
    *(make_spec(extra_specs={"metal:licenses": names}) for names in ("oracle", "used up", "oracle, other")),
]


@pytest.mark.parametrize("rule", [PowerFilter, LicenseFilter])
def test_filter_keeps_the_rules(rule):
    check_filter(rule, HOSTS, SPECS)


def test_host_gives_back_what_it_takes():
    check_host(MetalHost, [make_host(MetalHost, licenses={"oracle": 4, "used up": 2, "other": 2})], SPECS)


def test_weigher_keeps_the_rules():
    check_weigher(SparePowerWeigher, HOSTS, SPECS)


@pytest.mark.parametrize(("used", "passes"), [(349, True), (350, True), (351, False)])
def test_power_up_to_the_limit_passes(used, passes):
    host = make_host(MetalHost, power_limit_w=500, power_used_w=used)
    assert PowerFilter().host_passes(host, make_spec(extra_specs={"metal:watts": "150"})) is passes


def test_refusal_names_the_missing_license():
    spec = make_spec(extra_specs={"metal:licenses": "oracle"})
    host = make_host(MetalHost, licenses={"oracle": 0})
    assert LicenseFilter().host_passes(host, spec) is False
    assert str(LicenseFilter().rejection_reason(host, spec)) == "lacks 1 oracle licenses (free 0, asked 1)"


def test_release_gives_back_power_and_licenses():
    pool = HostPool([MetalHost("m", power_used_w=100, licenses={"oracle": 3})])
    host = pool["m"].copy()
    taken = host.consume_from_request(make_spec(extra_specs={"metal:watts": "50", "metal:licenses": "oracle"}))
    assert (host.power_used_w, host.licenses) == (150, {"oracle": 2})
    assert taken == {"watts": 50, "licenses": ["oracle"]}
    pool.adopt("m", [{"uuid": "a", "consumed": taken}])
    pool.release("a")
    assert (pool["m"].power_used_w, pool["m"].licenses) == (50, {"oracle": 4})


def test_watts_that_are_no_number_are_an_error_that_names_them():
    with pytest.raises(InvalidRequest, match="metal:watts must be a whole number of watts, not 'much'"):
        PowerFilter().host_passes(MetalHost("m"), make_spec(extra_specs={"metal:watts": "much"}))
