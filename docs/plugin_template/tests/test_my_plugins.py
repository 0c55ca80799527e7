from typing import Any

import pytest
from my_plugins.filters import TemperatureFilter
from my_plugins.weighers import CoolHostWeigher

from filtersched import FilterScheduler, HostState, NoValidHost, RequestSpec, make_conf
from filtersched.testing import check_filter, check_weigher, make_host, sample_hosts

# Many hosts of every kind, and some that make a difference to these plug-ins.
HOSTS = [*sample_hosts(), *(make_host(stats={"temperature_c": degrees}) for degrees in (20, 80, 95.5))]


def host(name: str, **stats: Any) -> HostState:
    return HostState(name, stats=stats)


@pytest.mark.parametrize(
    ("temperature_c", "passes"),
    [
        pytest.param(79.5, True, id="cooler"),
        pytest.param(80.0, True, id="exactly as hot"),
        pytest.param(80.5, False, id="hotter"),
    ],
)
def test_hosts_hotter_than_the_limit_are_refused(temperature_c: float, passes: bool) -> None:
    assert TemperatureFilter().host_passes(host("h", temperature_c=temperature_c), RequestSpec()) is passes


def test_a_host_that_does_not_say_is_not_refused() -> None:
    assert TemperatureFilter().host_passes(host("h"), RequestSpec())


def test_the_refusal_says_how_hot() -> None:
    reason = TemperatureFilter().rejection_reason(host("h", temperature_c=91.0), RequestSpec())
    assert reason == "91.0 °C is above 80.0 °C"


def scheduler(**options: Any) -> FilterScheduler:
    """A scheduler that finds both plug-ins through their entry points."""
    return FilterScheduler(
        make_conf(
            available_filters="TemperatureFilter",
            enabled_filters="TemperatureFilter",
            weight_classes="CoolHostWeigher",
            **options,
        )
    )


def test_the_coolest_host_is_chosen() -> None:
    hosts = [host("warm", temperature_c=60.0), host("cool", temperature_c=30.0), host("hot", temperature_c=90.0)]
    (chosen,) = scheduler().select_destinations(RequestSpec(), hosts)
    assert chosen.host == "cool"


def test_the_limit_is_an_option() -> None:
    with pytest.raises(NoValidHost):
        scheduler(max_temperature_c=50).select_destinations(RequestSpec(), [host("warm", temperature_c=60.0)])


def test_a_weigher_only_compares() -> None:
    weigher = CoolHostWeigher()
    cool, warm = host("cool", temperature_c=30.0), host("warm", temperature_c=60.0)
    assert weigher._weigh_object(cool, RequestSpec()) > weigher._weigh_object(warm, RequestSpec())


def test_the_filter_keeps_the_rules() -> None:
    check_filter(TemperatureFilter, HOSTS)


def test_the_weigher_keeps_the_rules() -> None:
    check_weigher(CoolHostWeigher, HOSTS)
