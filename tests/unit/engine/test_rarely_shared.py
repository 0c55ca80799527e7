"""Where nearly every host has its own value, a declared plug-in is asked about candidates only."""

import pytest

from filtersched import BaseHostFilter, FilterScheduler, Flavor, HostPool, HostState, RequestSpec


class CountingFilter(BaseHostFilter):
    host_reads = ("free_ram_mb",)
    spec_reads = ("flavor",)

    def __init__(self):
        self.asked = 0

    def host_passes(self, host_state, spec):
        self.asked += 1
        return host_state.free_ram_mb >= spec.flavor.memory_mb


class FewFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        return host_state.host in ("h1", "h2", "h3")


def pool(count, values):
    return HostPool(HostState(f"h{at}", free_ram_mb=1024 + at % values) for at in range(count))


@pytest.mark.parametrize(("values", "asked"), [(1000, 3), (7, 7)], ids=["own values", "shared values"])
def test_first_request_of_its_kind_asks_about_candidates_or_values(values, asked):
    counting = CountingFilter()
    scheduler = FilterScheduler(filters=[FewFilter(), counting], weighers=[])
    assert scheduler.select_destinations(RequestSpec(Flavor(memory_mb=512)), pool(1000, values))[0].host == "h1"
    assert counting.asked == asked


def test_request_that_comes_again_is_answered_from_the_cache():
    counting = CountingFilter()
    scheduler = FilterScheduler(filters=[counting], weighers=[])
    hosts = pool(1000, 1000)
    asked = []
    for _ in range(4):
        scheduler.select_destinations(RequestSpec(Flavor(memory_mb=512)), hosts)
        asked.append(counting.asked)
    assert asked == [1000, 2000, 2000, 2000]
