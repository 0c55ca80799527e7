"""ExactRamFilter: neither less nor more."""

import pytest

from filtersched.filters.exact_ram_filter import ExactRamFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage

ASKED = RequestSpec({"memory_mb": 1024})


@pytest.mark.parametrize(("free", "passes"), [(1023, False), (1024, True), (1025, False), (0, False)])
def test_free_memory_must_be_exactly_what_is_asked(free, passes):
    assert ExactRamFilter().host_passes(HostState("cmp1", free_ram_mb=free), ASKED) is passes


def test_the_limit_is_all_the_host_has():
    host = HostState("cmp1", free_ram_mb=1024, total_usable_ram_mb=4096)
    assert ExactRamFilter().limits(host, ASKED) == {"memory_mb": 4096}


def test_a_refusal_tells_too_little_from_too_much():
    ram_filter = ExactRamFilter()
    too_little = ram_filter.rejection_reason(HostState("cmp1", free_ram_mb=512), ASKED)
    assert too_little == Shortage("RAM", need=1024, have=512, unit="MB")
    too_much = ram_filter.rejection_reason(HostState("cmp1", free_ram_mb=2048), ASKED)
    assert too_much == "has 2048 MB of RAM free, asked exactly 1024"
