"""Names that plug-ins of Nova's read of hosts and requests, with the values that Nova's objects have there."""

import textwrap
from types import SimpleNamespace

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostState,
    Image,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    RequestSpec,
    make_conf,
)

SPEC = RequestSpec(
    Flavor(memory_mb=1, is_public=False, projects=["p1"], extra_specs={"k": "v"}),
    image=Image("i", properties={"os_distro": "debian"}),
    instance_group=InstanceGroup("affinity", hosts=["h1"], members=["u1"], name="web"),
    scheduler_hints={"_nova_check_type": ["resize"], "same_host": ["u1", "u2"]},
    ignore_hosts=["h9"],
    project_id="p1",
    is_bfv=True,
    requested_networks=[{"network_id": "n1", "tag": None}],
    requested_resources=[SimpleNamespace(resources={"VGPU": 1}, required_traits={"T"})],
)
HOST = HostState(
    "h1",
    supported_instances=[["x86_64", "kvm", "hvm"]],
    stats={"racks": ["r1"]},
    metrics={"load": 2.5},
    aggregates=[Aggregate("az", {"availability_zone": "z1"}, uuid="a1", hosts=["h1", "h2"])],
)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda: SPEC.obj_attr_is_set("instance_group"), True),
        (lambda: SPEC.obj_attr_is_set("requested_destination"), False),
        (lambda: SPEC.obj_attr_is_set("request_level_params"), False),
        (lambda: SPEC.flavor.obj_attr_is_set("extra_specs"), True),
        (lambda: SPEC.flavor.obj_attr_is_set("description"), False),
        (lambda: SPEC._context.project_id, "p1"),
        (lambda: SPEC._context.elevated().is_admin, True),
        (lambda: (SPEC.is_bfv, RequestSpec().is_bfv), (True, False)),
        (lambda: SPEC.requested_networks[0].network_id, "n1"),
        (lambda: SPEC.requested_resources[0].resources["VGPU"], 1),
        (lambda: SPEC.to_legacy_filter_properties_dict()["instance_type"]["memory_mb"], 1),
        (lambda: type(SPEC.to_legacy_filter_properties_dict()), dict),
        (lambda: SPEC.instance_group.name, "web"),
        (lambda: (SPEC.flavor.is_public, SPEC.flavor.disabled, SPEC.flavor.projects), (False, False, ["p1"])),
        (lambda: (Flavor().is_public, Flavor().disabled, Flavor().projects), (True, False, [])),
        (lambda: SPEC.image.properties.os_distro, "debian"),
        (lambda: SPEC.image.properties.hw_architecture, None),
        (lambda: Image("i").properties.os_distro, None),
        (lambda: SPEC.image.properties.get("os_distro"), "debian"),
        (lambda: HOST.metrics.to_list(), [{"name": "load", "value": 2.5}]),
        (lambda: HostState("x").metrics.to_list(), []),
        (lambda: HOST.aggregates[0].hosts, ["h1", "h2"]),
        (lambda: (HOST.aggregates[0].availability_zone, Aggregate("a").availability_zone), ("z1", None)),
        (lambda: HOST.aggregates[0].uuid, "a1"),
        (lambda: SPEC.scheduler_hints.get("_nova_check_type") == ["resize"], True),
        (lambda: SPEC.scheduler_hints.get("same_host"), ("u1", "u2")),
        (lambda: (SPEC.ignore_hosts, SPEC.force_hosts), (["h9"], [])),
        (lambda: (SPEC.instance_group.members, SPEC.instance_group.hosts), (["u1"], ["h1"])),
        (lambda: SPEC.instance_group.policies, ["affinity"]),
        (lambda: ["x86_64", "kvm", "hvm"] in HOST.supported_instances, True),
        (lambda: HOST.stats["racks"], ["r1"]),
        (lambda: ("image" in SPEC, "image" in RequestSpec(), "instance_type" in SPEC), (True, False, True)),
    ],
)
def test_name_that_plugins_read_has_the_value_that_it_has_in_nova(read, value):
    assert read() == value


def test_what_was_read_survives_being_written_as_data():
    again = RequestSpec.from_dict(SPEC.to_dict())
    assert (again.flavor, again.image, again.instance_group) == (SPEC.flavor, SPEC.image, SPEC.instance_group)
    assert (again.is_bfv, again.requested_networks) == (True, SPEC.requested_networks)
    assert HostState.from_dict(HOST.to_dict()).aggregates == HOST.aggregates


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """The class path of a plug-in of others with this code."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def plug(code: str, name: str = "Own") -> str:
        module = f"reads_{abs(hash(code))}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        return f"{module}.{name}"

    return plug


def scheduler(path: str, **options):
    return FilterScheduler(make_conf(available_filters=[path], enabled_filters=["Own"], **options))


RATIOS = """
    from filtersched import BaseHostFilter

    class Own(BaseHostFilter):
        def host_passes(self, host_state, spec_obj):
            ratios = host_state.ram_allocation_ratio, host_state.cpu_allocation_ratio, host_state.disk_allocation_ratio
            raise ValueError(ratios)
"""


@pytest.mark.parametrize("use_engine", [True, False])
def test_ratio_of_a_host_without_its_own_is_the_configured_number_for_a_plugin(plugged, use_engine):
    conf = make_conf(
        available_filters=[plugged(RATIOS)],
        enabled_filters=["Own"],
        cpu_allocation_ratio=4.0,
        initial_disk_allocation_ratio=3.0,
    )
    host = HostState("h", ram_allocation_ratio=2.0, cpu_allocation_ratio=0.0)
    with pytest.raises(ValueError) as raised:
        FilterScheduler(conf, use_engine=use_engine).select_destinations(RequestSpec(), [host])
    assert raised.value.args[0] == (2.0, 4.0, 3.0)
    assert (host.cpu_allocation_ratio, host.disk_allocation_ratio) == (None, None)


def test_limits_and_reasons_of_a_plugin_read_the_configured_ratio_too(plugged):
    code = """
        from filtersched import BaseHostFilter

        class Own(BaseHostFilter):
            def host_passes(self, host_state, spec_obj):
                return host_state.host == "a"

            def limits(self, host_state, spec_obj):
                return {"vcpu": host_state.vcpus_total * host_state.cpu_allocation_ratio}

            def rejection_reason(self, host_state, spec_obj):
                return f"has {host_state.vcpus_total * host_state.cpu_allocation_ratio} CPUs to give"
    """
    made = scheduler(plugged(code), cpu_allocation_ratio=4.0)
    hosts = [HostState(name, vcpus_total=2) for name in ("a", "b")]
    assert made.select_destinations(RequestSpec(), hosts)[0].limits == {"vcpu": 8.0}
    assert [one.reason for one in made.explain(RequestSpec(), hosts[1]).refused_by] == ["has 8.0 CPUs to give"]


def test_host_without_a_ratio_has_none_outside_of_a_plugin_and_in_its_columns(plugged):
    path = plugged(RATIOS.replace("raise ValueError(ratios)", "return None not in ratios"))
    host = HostState("h", vcpus_total=4)
    assert scheduler(path).select_destinations(RequestSpec(), [host])[0].host_state.cpu_allocation_ratio is None
    assert "cpu_allocation_ratio" not in host.to_dict()


@pytest.mark.parametrize(
    ("line", "error", "telling"),
    [
        ("spec_obj.scheduler_hints['same_host'].append('x')", TypeError, "this list is read-only"),
        ("spec_obj.ignore_hosts += ['x']", InvalidRequest, "may not be changed while hosts are being chosen"),
        ("spec_obj.image.properties['a'] = 1", TypeError, "this mapping is read-only"),
        ("spec_obj.is_bfv = False", InvalidRequest, "may not be changed while hosts are being chosen"),
        ("host_state.ram_allocation_ratio = 9.0", InvalidHost, "may not be changed while hosts are being chosen"),
        ("host_state.aggregates[0].hosts.remove('h1')", TypeError, "this list is read-only"),
    ],
)
def test_plugin_that_writes_is_told_so(plugged, line, error, telling):
    path = plugged(
        f"""
        from filtersched import BaseHostFilter

        class Own(BaseHostFilter):
            def host_passes(self, host_state, spec_obj):
                {line}
        """
    )
    with pytest.raises(error, match=telling):
        scheduler(path).select_destinations(SPEC, [HOST])
