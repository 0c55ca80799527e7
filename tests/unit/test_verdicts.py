"""What is said of a host after a request: every filter has its word, asked for that instance or not."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, HostState, NoValidHost, RequestSpec, make_conf


def host(name, free_ram_mb, zone):
    return HostState(
        name, total_usable_ram_mb=8192, free_ram_mb=free_ram_mb, service={"availability_zone": zone}
    )


def refusal():
    scheduler = FilterScheduler(
        make_conf(scheduler_default_filters="AvailabilityZoneFilter,RamFilter", ram_allocation_ratio=1.0)
    )
    hosts = [host("here", 4096, "az1"), host("there", 4000, "az2"), host("small", 1024, "az1")]
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(
            RequestSpec({"memory_mb": 4096}, num_instances=2, availability_zone="az1"), hosts
        )
    return caught.value


def test_filter_that_ran_for_the_first_instance_only_still_refuses_a_host_for_the_second():
    verdicts = refusal().explanation.why("there")
    assert [(one.filter, one.passed) for one in verdicts.verdicts] == [
        ("AvailabilityZoneFilter", False),
        ("RamFilter", False),
    ]


def test_nearest_miss_of_a_later_instance_is_not_a_host_of_another_zone():
    assert refusal().explanation.near_misses(1)[0].host == "small"
