"""ExactDiskFilter: root, ephemeral and swap disks together, neither less nor more."""

import pytest

from filtersched.filters.exact_disk_filter import ExactDiskFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

ASKED = RequestSpec({"root_gb": 2, "ephemeral_gb": 1, "swap": 512})


@pytest.mark.parametrize(("free", "passes"), [(3583, False), (3584, True), (3585, False), (3072, False)])
def test_free_disk_must_be_exactly_root_ephemeral_and_swap(free, passes):
    assert ExactDiskFilter().host_passes(HostState("cmp1", free_disk_mb=free), ASKED) is passes


def test_the_limit_is_all_the_host_has():
    assert ExactDiskFilter().limits(HostState("cmp1", total_usable_disk_gb=20), ASKED) == {"disk_gb": 20}


def test_a_refusal_names_what_is_asked():
    reason = ExactDiskFilter().rejection_reason(HostState("cmp1", free_disk_mb=4000), ASKED)
    assert reason == "has 4000 MB of disk free, asked exactly 3584"
