"""ResourceFilter: anything countable, down to the last one."""

import pytest

from filtersched.errors import InvalidRequest
from filtersched.filters.resource_filter import ResourceFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


def passes(resources, **asked):
    spec = RequestSpec({"extra_specs": {key.replace("__", ":"): value for key, value in asked.items()}})
    return ResourceFilter().host_passes(HostState("cmp1", resources=resources), spec)


@pytest.mark.parametrize(
    ("used", "asked", "expected"), [(0, "4", True), (0, "5", False), (3, "1", True), (4, "1", False), (5, "0", True)]
)
def test_what_is_left_must_cover_what_is_asked(used, asked, expected):
    assert passes({"CUSTOM_FPGA": (4, used)}, resources__CUSTOM_FPGA=asked) is expected


def test_a_host_that_does_not_count_the_resource_is_refused():
    assert passes({}, resources__CUSTOM_FPGA="1") is False
    assert passes({"CUSTOM_FPGA": (4, 0)}, resources__CUSTOM_FPGA="1", resources__VGPU="1") is False


def test_none_asked_is_always_there():
    assert passes({}, resources__VCPU="0") is True
    assert passes({"VCPU": (2, 4)}, resources__VCPU="0") is True


def test_without_such_extra_specs_every_host_passes():
    assert passes({}, hw__cpu_policy="dedicated") is True


def test_amounts_of_numbered_groups_are_added_up():
    asked = {"resources1__VGPU": "1", "resources_B__VGPU": "2"}
    assert passes({"VGPU": (3, 0)}, **asked) is True
    assert passes({"VGPU": (3, 1)}, **asked) is False


@pytest.mark.parametrize("amount", ["many", "-1", "1.5", ""])
def test_an_amount_that_is_no_whole_number_is_an_invalid_request(amount):
    with pytest.raises(InvalidRequest, match="whole number"):
        passes({"VGPU": (3, 0)}, resources__VGPU=amount)


def test_a_depleted_host_is_refused_and_a_released_one_passes_again():
    host = HostState("cmp1", resources={"CUSTOM_FPGA": (2, 0)})
    spec = RequestSpec({"extra_specs": {"resources:CUSTOM_FPGA": "1"}})
    verdicts = []
    for change in (host.consume_from_request, host.consume_from_request, host.release_request):
        change(spec)
        verdicts.append(ResourceFilter().host_passes(host, spec))
    assert verdicts == [True, False, True]


def test_a_refusal_names_the_first_resource_that_is_short():
    spec = RequestSpec({"extra_specs": {"resources:VGPU": "1", "resources:CUSTOM_FPGA": "3"}})
    host = HostState("cmp1", resources={"VGPU": (1, 0), "CUSTOM_FPGA": (4, 2)})
    reason = ResourceFilter().rejection_reason(host, spec)
    assert reason == Shortage("CUSTOM_FPGA", need=3, have=2)
    assert str(reason) == "lacks 1 CUSTOM_FPGA (free 2, asked 3)"


def test_it_is_asked_for_every_instance():
    assert ResourceFilter().run_filter_for_index(1) is True
