"""PrefilterFilter, on both paths: isolated aggregates, aggregates of projects, and traits that requests need."""

from __future__ import annotations

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

LICENSED = Aggregate("windows", {"trait:CUSTOM_WINDOWS": "required"})
IN_AZ1 = Aggregate("az1", {"availability_zone": "az1"})
OF_P1 = Aggregate("p1", {"filter_tenant_id": "p1"})


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def use_engine(request):
    return request.param


def scheduler(use_engine, *switches, filters=()):
    conf = make_conf(enabled_filters=list(filters), weight_classes=[], **dict.fromkeys(switches, True))
    return FilterScheduler(conf, use_engine=use_engine)


def passing(scheduler, spec, *hosts):
    pool = HostPool(host.copy() for host in hosts)
    return [host.host for host in pool if not scheduler.explain(spec, host.host, pool).refused_by]


def hosts():
    return [HostState("open"), HostState("licensed", aggregates=[LICENSED]), HostState("p1", aggregates=[OF_P1])]


def test_without_an_option_there_is_no_such_filter(use_engine):
    assert scheduler(use_engine).filters == []


def test_an_option_in_a_nova_conf_is_enough(use_engine, tmp_path):
    path = tmp_path / "nova.conf"
    path.write_text("[scheduler]\nenable_isolated_aggregate_filtering = true\n[filter_scheduler]\nenabled_filters =\n")
    made = FilterScheduler(make_conf(files=[path]), use_engine=use_engine)
    assert [type(one).__name__ for one in made.filters] == ["PrefilterFilter"]
    assert passing(made, RequestSpec(), *hosts()) == ["open", "p1"]


def test_a_request_cannot_leave_the_filter_out(use_engine):
    made = scheduler(use_engine, "enable_isolated_aggregate_filtering")
    with pytest.raises(NoValidHost):
        made.select_destinations(RequestSpec(), [HostState("licensed", aggregates=[LICENSED])], filters=[])


def test_named_in_the_configuration_it_runs_once(use_engine):
    made = scheduler(use_engine, "compute_status_prefilter", filters=["RamFilter", "PrefilterFilter"])
    assert [type(one).__name__ for one in made.filters] == ["RamFilter", "PrefilterFilter"]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, ["open", "p1"]),
        ({"flavor": {"extra_specs": {"trait:CUSTOM_WINDOWS": "required"}}}, ["open", "licensed", "p1"]),
        ({"flavor": {"extra_specs": {"trait1:CUSTOM_WINDOWS": "required"}}}, ["open", "licensed", "p1"]),
        ({"flavor": {"extra_specs": {"trait:CUSTOM_WINDOWS": "forbidden"}}}, ["open", "p1"]),
        ({"image": {"id": "i", "properties": {"trait:CUSTOM_WINDOWS": "required"}}}, ["open", "licensed", "p1"]),
    ],
)
def test_isolated_aggregates_take_requests_that_require_their_trait(use_engine, asked, left):
    made = scheduler(use_engine, "enable_isolated_aggregate_filtering")
    assert passing(made, RequestSpec(**asked), *hosts()) == left


def test_every_trait_of_an_isolated_aggregate_must_be_required(use_engine):
    both = Aggregate("both", {"trait:A": "required", "trait:B": "required", "trait:C": "forbidden"})
    made = scheduler(use_engine, "enable_isolated_aggregate_filtering")
    for extra_specs, left in (({"trait:A": "required"}, []), ({"trait:A": "required", "trait:B": "required"}, ["h"])):
        spec = RequestSpec(Flavor(extra_specs=extra_specs))
        assert passing(made, spec, HostState("h", aggregates=[both])) == left


@pytest.mark.parametrize(("project", "left"), [("p1", ["p1"]), ("p2", ["open", "licensed", "p1"])])
def test_a_project_with_aggregates_of_its_own_stays_there(use_engine, project, left):
    made = scheduler(use_engine, "limit_tenants_to_placement_aggregate")
    assert passing(made, RequestSpec(project_id=project), *hosts()) == left


def test_a_project_without_an_aggregate_gets_none_if_it_must_have_one(use_engine):
    switches = ("limit_tenants_to_placement_aggregate", "placement_aggregate_required_for_tenants")
    made = scheduler(use_engine, *switches)
    assert passing(made, RequestSpec(project_id="p1"), *hosts()) == ["p1"]
    assert passing(made, RequestSpec(project_id="p2"), *hosts()) == []


def test_aggregates_are_looked_up_anew_for_each_request(use_engine):
    made = scheduler(use_engine, "limit_tenants_to_placement_aggregate")
    pool = HostPool([HostState("a"), HostState("b")])
    spec = RequestSpec(project_id="p1")
    assert made.select_destinations(spec, pool)[0].host == "a"
    pool.update("b", aggregates=[OF_P1])
    assert made.select_destinations(spec, pool)[0].host == "b"


@pytest.mark.parametrize(
    ("switch", "asked", "trait"),
    [
        (
            "query_placement_for_image_type_support",
            {"image": {"properties": {"disk_format": "qcow2"}}},
            "COMPUTE_IMAGE_TYPE_QCOW2",
        ),
        (
            "image_metadata_prefilter",
            {"image": {"properties": {"hw_vif_model": "spapr-vlan"}}},
            "COMPUTE_NET_VIF_MODEL_SPAPR_VLAN",
        ),
        (
            "packed_virtqueue_prefilter",
            {"flavor": {"extra_specs": {"hw:virtio_packed_ring": "true"}}},
            "COMPUTE_NET_VIRTIO_PACKED",
        ),
        (
            "ephemeral_encryption_prefilter",
            {"image": {"properties": {"hw_ephemeral_encryption": "true"}}},
            "COMPUTE_EPHEMERAL_ENCRYPTION",
        ),
        (
            "virtio_sound_prefilter",
            {"image": {"properties": {"hw_sound_model": "virtio"}}},
            "COMPUTE_SOUND_MODEL_VIRTIO",
        ),
    ],
)
def test_a_host_needs_the_trait_of_what_flavor_or_image_ask(use_engine, switch, asked, trait):
    made = scheduler(use_engine, switch)
    having, lacking = HostState("having", traits=[trait]), HostState("lacking")
    assert passing(made, RequestSpec(**asked), having, lacking) == ["having"]
    assert passing(made, RequestSpec(), having, lacking) == ["having", "lacking"]
    assert str(made.explain(RequestSpec(**asked), lacking).verdicts[0]) == (
        f"PrefilterFilter: lacks the trait {trait}, which the request needs"
    )


def test_hosts_that_are_disabled_by_a_trait_are_refused(use_engine):
    made = scheduler(use_engine, "compute_status_prefilter")
    assert passing(made, RequestSpec(), HostState("a", traits=["COMPUTE_STATUS_DISABLED"]), HostState("b")) == ["b"]


def test_flavor_and_image_that_contradict_each_other_are_an_error(use_engine):
    spec = RequestSpec(
        Flavor(extra_specs={"hw:virtio_packed_ring": "no"}), image={"properties": {"hw_virtio_packed_ring": "yes"}}
    )
    with pytest.raises(InvalidRequest, match="hw:virtio_packed_ring is 'no', and hw_virtio_packed_ring of the image"):
        scheduler(use_engine, "packed_virtqueue_prefilter").select_destinations(spec, [HostState("a"), HostState("b")])


@pytest.mark.parametrize(
    ("switches", "host", "said"),
    [
        (["enable_isolated_aggregate_filtering"], "licensed", "is in an aggregate for requests with the trait "),
        (["limit_tenants_to_placement_aggregate"], "open", "is in no aggregate of project 'p1', which has some"),
        (["availability_zone_prefilter"], "open", "is in no aggregate of zone 'az1', which has some"),
        (["compute_status_prefilter"], "off", "has the trait COMPUTE_STATUS_DISABLED"),
    ],
)
def test_a_refusal_says_which_aggregate_or_trait(use_engine, switches, host, said):
    zoned = HostState("zoned", aggregates=[IN_AZ1])
    pool = HostPool([*hosts(), zoned, HostState("off", traits=["COMPUTE_STATUS_DISABLED"])])
    spec = RequestSpec(project_id="p1", availability_zone="az1")
    explained = scheduler(use_engine, *switches).explain(spec, host, pool)
    assert said in str(explained.verdicts[0])


@pytest.mark.parametrize(("zone", "left"), [("az1", ["zoned"]), ("az9", ["open", "zoned"]), (None, ["open", "zoned"])])
def test_a_request_for_a_zone_stays_in_aggregates_of_that_zone_if_there_are_any(use_engine, zone, left):
    made = scheduler(use_engine, "availability_zone_prefilter")
    some = [HostState("open"), HostState("zoned", aggregates=[IN_AZ1])]
    assert passing(made, RequestSpec(availability_zone=zone), *some) == left
