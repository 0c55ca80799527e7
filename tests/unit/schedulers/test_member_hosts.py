"""`spec.member_hosts`: a rule of somebody else's about where the group is, on both paths."""

from __future__ import annotations

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidHost,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from filtersched.plugins.columnar import of_each
from filtersched.testing import check_filter, make_host, make_spec, prepared


class RackHost(HostState):
    """A host in a rack."""

    rack: str = ""


class TwoPerRackFilter(BaseHostFilter):
    """Refuse hosts in racks with two members of the group."""

    host_reads = ("rack",)
    spec_reads = ("member_hosts",)

    def host_passes(self, host_state, spec):
        return [host.rack for host in spec.member_hosts].count(host_state.rack) < 2


class TwoPerRackColumnFilter(BaseHostFilter):
    """The same on columns."""

    host_reads = ("rack",)
    spec_reads = ("member_hosts",)
    columnar = True

    def host_passes(self, host_state, spec):
        racks = tuple(sorted(host.rack for host in spec.member_hosts))
        return of_each(host_state, "rack", has_room, racks)


class TwoPerRackPlainFilter(TwoPerRackFilter):
    """The same, undeclared."""

    host_reads = None


class MeddlingFilter(BaseHostFilter):
    """A filter that writes to a member's host."""

    def host_passes(self, host_state, spec):
        for host in spec.member_hosts:
            host.free_ram_mb = 0
        return True


def has_room(rack, racks):
    return racks.count(rack) < 2


def hosts(**instances):
    racks = {"a": "r1", "b": "r1", "c": "r2"}
    return [
        RackHost(name, rack=rack, total_usable_ram_mb=1000, free_ram_mb=1000, instances=instances.get(name, {}))
        for name, rack in racks.items()
    ]


def members(*uuids):
    return {uuid: {"groups": ["web"]} for uuid in uuids}


RULES = [TwoPerRackFilter, TwoPerRackColumnFilter, TwoPerRackPlainFilter]
SPEC = {"flavor": Flavor(memory_mb=1), "instance_group": InstanceGroup(uuid="web")}


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("offered", [list, HostPool])
def test_rack_filter_of_somebody_else_counts_members_from_before_and_of_the_request(use_engine, rule, offered):
    scheduler = FilterScheduler(make_conf(weight_classes="RAMWeigher"), filters=[rule], use_engine=use_engine)
    there = offered(hosts(a=members("m1")))
    placed = scheduler.select_destinations(RequestSpec(**SPEC, num_instances=3), there)
    assert sorted(one.host_state.rack for one in placed) == ["r1", "r2", "r2"]
    with pytest.raises(NoValidHost) as caught:
        scheduler.select_destinations(RequestSpec(**SPEC, num_instances=4), there)
    assert caught.value.index == 3


def test_each_member_has_an_entry_and_the_instance_that_moves_has_none(use_engine):
    seen = []

    class Watching(BaseHostFilter):
        """A filter that notes what it sees."""

        def host_passes(self, host_state, spec):
            seen.append((spec.instance_uuid, tuple(host.host for host in spec.member_hosts)))
            return True

    pool = HostPool(hosts(a=members("m1", "m2"), c=members("m3")))
    scheduler = FilterScheduler(make_conf(weight_classes="RAMWeigher"), filters=[Watching], use_engine=use_engine)
    scheduler.place(RequestSpec(**SPEC), pool, ["m2"], move=True)
    assert set(seen) == {("m2", ("a", "c"))}
    seen.clear()
    scheduler.place(RequestSpec(flavor=Flavor(memory_mb=1)), pool, ["x"])
    assert set(seen) == {("x", ())}


def test_hosts_of_members_are_read_only(use_engine):
    scheduler = FilterScheduler(make_conf(), filters=[MeddlingFilter], use_engine=use_engine)
    with pytest.raises(InvalidHost, match="free_ram_mb"):
        scheduler.select_destinations(RequestSpec(**SPEC), HostPool(hosts(a=members("m1"))))


@pytest.mark.parametrize("rule", RULES)
def test_conformance_suite_knows_it(rule):
    tried = [make_host(RackHost, name, rack=rack) for name, rack in (("a", "r1"), ("b", "r2"))]
    tried[0].instances = members("m1", "m2")
    spec = make_spec(instance_group=InstanceGroup(uuid="web"))
    assert [rule().host_passes(host, prepared(spec, tried)) for host in tried] == [False, True]
    check_filter(rule, tried, [spec])
