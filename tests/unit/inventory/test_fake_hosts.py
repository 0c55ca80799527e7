"""The made-up inventory."""

from __future__ import annotations

from collections import Counter

from filtersched.inventory import fake_hosts


def zone_of(host):
    return host.aggregates[0].metadata["availability_zone"]


def test_it_is_the_same_every_time():
    assert [host.to_dict() for host in fake_hosts()] == [host.to_dict() for host in fake_hosts()]


def test_it_has_twelve_hosts_in_each_of_three_zones():
    assert Counter(map(zone_of, fake_hosts())) == {"az1": 12, "az2": 12, "az3": 12}


def test_its_hardware_is_mixed_and_partly_used():
    hosts = list(fake_hosts())
    assert {host.vcpus_total for host in hosts} == {32, 48, 64, 80}
    assert {host.total_usable_ram_mb // 1024 for host in hosts} == {128, 256, 512, 768}
    assert all(host.total_usable_ram_mb / 4 <= host.free_ram_mb <= host.total_usable_ram_mb for host in hosts)
    assert len({host.free_ram_mb / host.total_usable_ram_mb for host in hosts}) == 7


def test_one_host_is_disabled():
    assert [host.host for host in fake_hosts() if host.service["disabled"]] == ["az3-ssd2"]
