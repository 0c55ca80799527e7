"""Hosts, requests and settings of comparisons."""

from __future__ import annotations

import pytest

from filtersched import Flavor, HostState, RequestSpec


@pytest.fixture
def hosts():
    return [
        HostState(
            f"cmp{number}",
            total_usable_ram_mb=4096,
            free_ram_mb=4096,
            vcpus_total=4,
            ram_allocation_ratio=1.0,
            cpu_allocation_ratio=1.0,
        )
        for number in range(4)
    ]


@pytest.fixture
def requests():
    return [
        RequestSpec(
            Flavor(memory_mb=512 + 512 * (number % 3), vcpus=1),
            request_id=f"r{number}",
            arrives_at=number,
            departs_at=number + 25,
        )
        for number in range(40)
    ]
