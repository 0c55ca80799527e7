"""filtersched inventory against a small cloud on the loopback interface."""

from __future__ import annotations

import json
import logging
import sys
from types import ModuleType

import pytest
import yaml

from filtersched.cli.main import main
from filtersched.inventory import read_hosts
from tests.unit.inventory.os_server import PASSWORD, TOKENS, UUIDS, Cloud, Running, hypervisor, inventory, server

pytest.importorskip("openstack", reason="the extra 'openstack' is not installed")

NOVA = "/compute/v2.1"


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def clouds_file(cloud, tmp_path, monkeypatch):
    """clouds.yaml with the cloud under the name "test"; the cloud answers."""
    for name in ("OS_CLOUD", "OS_CLIENT_SECURE_FILE"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    with Running(cloud) as running:
        auth = {
            "auth_url": running.auth_url,
            "username": "reader",
            "password": PASSWORD,
            "project_name": "admin",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        write(path, auth=auth)
        yield path


def write(path, name="test", **cloud):
    path.write_text(yaml.safe_dump({"clouds": {name: {"region_name": "r1", **cloud}}}))


def edited(path, *, auth=None, without=(), **facts):
    """Change the cloud of the file."""
    cloud = yaml.safe_load(path.read_text())["clouds"]["test"]
    kept = {key: value for key, value in cloud["auth"].items() if key not in without}
    write(path, **{**cloud, **facts, "auth": {**kept, **(auth or {})}})


@pytest.fixture
def read(run, tmp_path, clouds_file):
    """Run the command; the result, and the hosts by name."""

    def read(*flags, cloud="test"):
        path = tmp_path / "hosts.jsonl"
        result = run("inventory", "--os-cloud", cloud, "--output", path, *flags)
        return result, {host.host: host for host in read_hosts(path)} if path.exists() else None

    return read


def test_a_cloud_is_written_whole(read):
    result, hosts = read()
    assert (result.status, result.err) == (0, "")
    assert [*hosts] == ["a", "b"]
    assert "2 hosts with 2 instances" in result.out


def test_sizes_and_free_amounts_are_novas(read):
    host = read()[1]["a"]
    assert (host.uuid, host.nodename) == (UUIDS["a"], "a.example")
    assert (host.total_usable_ram_mb, host.free_ram_mb) == (65536, 56832)
    assert (host.vcpus_total, host.vcpus_used) == (16, 4)
    assert (host.total_usable_disk_gb, host.free_disk_mb, host.disk_mb_used) == (1000, 970 * 1024, 25 * 1024)


def test_ratios_and_traits_are_placements(read):
    host = read()[1]["a"]
    assert (host.cpu_allocation_ratio, host.ram_allocation_ratio, host.disk_allocation_ratio) == (4.0, 1.25, 1.0)
    assert host.traits == {"HW_CPU_X86_AVX2", "CUSTOM_GOLD"}


def test_services_tell_zone_and_state(read):
    service = read()[1]["b"].service
    assert (service.availability_zone, service.disabled, service.forced_down) == ("nova", True, True)
    assert (service.disabled_reason, service.state) == ("broken fan", "down")


def test_a_heartbeat_is_not_written_since_it_ages_with_the_file(read):
    assert "updated_at" not in read()[1]["a"].service


def test_aggregates_have_their_metadata(read):
    hosts = read()[1]
    assert [(one.name, dict(one.metadata), one.id) for one in hosts["a"].aggregates] == [
        ("fast", {"availability_zone": "az1", "ssd": "true"}, 7)
    ]
    assert not hosts["b"].aggregates


def test_servers_become_instances_with_their_groups(read):
    instance = read()[1]["a"].instances["i1"]
    assert (instance.project_id, instance.user_id, instance.image_ref) == ("p1", "u1", "img")
    assert (instance.flavor.memory_mb, instance.flavor.root_gb, instance.flavor.name) == (8192, 20, "m1.large")
    assert tuple(instance.groups) == ("g1",)
    assert dict(instance.image_properties) == {"os_distro": "debian"}
    assert (instance.availability_zone, str(instance.created_at)) == ("az1", "2026-01-31 12:00:00")


def test_a_server_that_is_being_built_counts_as_an_operation(read):
    host = read()[1]["a"]
    assert (host.num_io_ops, dict(host.instances["i2"].consumed)) == (1, {"num_io_ops": 1})


def test_an_anti_affinity_group_refuses_the_host_of_a_member(read, run, tmp_path):
    read()
    request = {
        "flavor": {"memory_mb": 512, "vcpus": 1},
        "instance_group": {"uuid": "g1", "policy": "anti-affinity", "members": ["i1"]},
        "request_id": "r",
    }
    (tmp_path / "requests.jsonl").write_text(json.dumps(request))
    result = run(
        "why", "a", "--inventory", tmp_path / "hosts.jsonl", "--requests", tmp_path / "requests.jsonl", "--request",
        "r", "--filters", "ServerGroupAntiAffinityFilter",
    )
    assert result.status == 1
    assert "holds 1 members of the group" in result.out


def test_the_newest_nova_tells_no_sizes_and_placement_does(read, cloud):
    cloud.nova_versions = ((2, 88), (2, 100))
    host = read()[1]["a"]
    assert (host.total_usable_ram_mb, host.free_ram_mb) == (65536, 65536 - 512 - 16384)
    assert (host.vcpus_total, host.vcpus_used) == (16, 8)
    assert (host.total_usable_disk_gb, host.free_disk_mb) == (1000, (1000 - 10 - 50) * 1024)
    assert host.num_instances == 2


def test_sizes_that_nobody_tells_are_an_error(read, cloud):
    cloud.nova_versions = ((2, 88), (2, 100))
    cloud.forbidden = {"/placement/resource_providers"}
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "its hypervisors have no sizes" in result.err


def test_the_oldest_nova_names_flavors_that_are_looked_up(read, cloud):
    cloud.nova_versions = ((2, 1), (2, 1))
    host = read()[1]["a"]
    assert (host.uuid, host.ram_allocation_ratio) == (UUIDS["a"], 1.25)
    assert host.instances["i1"].flavor.memory_mb == 8192


@pytest.mark.parametrize(("newest", "asked"), [((2, 60), "2.60"), ((2, 87), "2.87"), ((2, 100), "2.87")])
def test_hypervisors_are_asked_for_while_they_have_sizes(read, cloud, newest, asked):
    cloud.nova_versions = ((2, 1), newest)
    read()
    headers = next(headers for path, _query, headers in cloud.asked if path.endswith("os-hypervisors/detail"))
    assert headers["OpenStack-API-Version"] == f"compute {asked}"


def test_every_page_is_read(read, cloud):
    cloud.page = 2
    cloud.hypervisors.append(hypervisor("c"))
    cloud.servers = [server(f"i{number}", "c") for number in range(7)]
    cloud.groups = [{"id": f"g{number}", "members": ["i1"]} for number in range(5)]
    hosts = read()[1]
    assert len(hosts) == 3
    assert len(hosts["c"].instances) == 7
    assert tuple(hosts["c"].instances["i1"].groups) == ("g0", "g1", "g2", "g3", "g4")


def test_the_token_goes_to_no_address_that_a_page_names(read, cloud):
    cloud.page = 1
    assert read()[0].status == 0  # inside.invalid, which the links name, has no address


def test_pages_without_end_are_an_error(read, cloud):
    cloud.page = 1
    cloud._paged = lambda name, records, query: {
        name: records[:1],
        f"{name}_links": [{"rel": "next", "href": "http://inside.invalid/?marker=1"}],
    }
    result, hosts = read("--timeout", "60")
    assert (result.status, hosts) == (2, None)
    assert "a page that was read before" in result.err


def test_nested_providers_are_parts_of_their_host(read, cloud):
    cloud.add_nested("gpu-0", "a", {"VGPU": inventory(4)}, ["CUSTOM_A100"])
    cloud.add_nested("gpu-1", "a", {"VGPU": inventory(4, reserved=1, ratio=2.0)})
    cloud.usages["gpu-0"] = {"VGPU": 3}
    host = read()[1]["a"]
    assert dict(host.resources) == {"VGPU": (10, 3)}
    assert "CUSTOM_A100" in host.traits
    assert host.to_dict()["providers"] == {
        "a.example_gpu-0": {"resources": {"VGPU": [4, 3]}, "traits": ["CUSTOM_A100"]},
        "a.example_gpu-1": {"resources": {"VGPU": [6, 0]}, "traits": []},
    }


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (f"{NOVA}/os-services", "services"),
        (f"{NOVA}/os-aggregates", "aggregates"),
        (f"{NOVA}/servers/detail", "servers"),
        (f"{NOVA}/os-server-groups", "server groups"),
        ("/placement/resource_providers", "Placement's inventories and traits"),
        (f"/placement/resource_providers/{UUIDS['b']}/traits", "Placement's inventories and traits"),
    ],
)
def test_a_part_that_is_forbidden_is_named_and_the_rest_is_written(read, cloud, path, part):
    cloud.forbidden = {path}
    result, hosts = read()
    assert (result.status, [*hosts]) == (1, ["a", "b"])
    assert f"WARNING: not read: {part}: " in result.err
    assert "(403): Policy doesn't allow it" in result.err


def test_a_partial_inventory_can_be_allowed(read, cloud):
    cloud.forbidden = {f"{NOVA}/os-services"}
    assert read("--allow-partial")[0].status == 0


def test_servers_without_the_attribute_of_their_host_are_counted(read, cloud):
    del cloud.servers[1]["OS-EXT-SRV-ATTR:host"]
    result, hosts = read()
    assert (result.status, [*hosts["a"].instances]) == (1, ["i1"])
    assert "does not tell where 1 of 3 are" in result.err


def test_a_cloud_without_placement_is_read_in_part(read, cloud):
    cloud.has_placement = False
    result, hosts = read()
    assert (result.status, hosts["a"].ram_allocation_ratio) == (1, None)
    assert "endpoint for placement service in r1 region not found" in result.err


def test_a_provider_that_goes_away_meanwhile_is_left_out(read, cloud):
    cloud.missing = {f"/placement/resource_providers/{UUIDS['a']}/usages"}
    result, hosts = read()
    assert (result.status, hosts["a"].traits, hosts["a"].free_ram_mb) == (0, frozenset(), 56832)


def test_no_permission_at_all_is_an_error(read, cloud):
    cloud.forbidden = {f"{NOVA}/os-hypervisors/detail"}
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "To list hosts, the user needs a role such as admin" in result.err


def test_a_server_that_is_too_slow_is_an_error(read, cloud):
    cloud.slow = {f"{NOVA}/servers/detail": 60.0}
    result, hosts = read("--timeout", "0.2")
    assert (result.status, hosts) == (2, None)
    assert "no answer in 0.2 s" in result.err


@pytest.mark.parametrize("path", [f"{NOVA}/servers/detail", f"/placement/resource_providers/{UUIDS['a']}/usages"])
def test_a_server_that_dies_leaves_the_earlier_file(read, cloud, tmp_path, path):
    (tmp_path / "hosts.jsonl").write_text('{"host": "earlier"}\n')
    cloud.dying = {path}
    result, hosts = read()
    assert (result.status, [*hosts]) == (2, ["earlier"])
    assert "cannot be reached, or went away" in result.err


def test_a_cloud_that_does_not_answer_is_an_error(read, clouds_file):
    edited(clouds_file, auth={"auth_url": "http://127.0.0.1:9/v3"})
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "cannot be reached" in result.err


def test_a_token_that_expires_meanwhile_is_renewed(read, cloud):
    cloud.valid_tokens = {TOKENS[1]}
    assert read()[0].status == 0


def test_an_expired_token_that_cannot_be_renewed_is_an_error(read, clouds_file):
    of_user = ("username", "password", "user_domain_id")
    edited(clouds_file, without=of_user, auth={"token": "old-token"}, auth_type="v3token")
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "refused or expired (401)" in result.err
    assert "old-token" not in result.err


@pytest.mark.parametrize("data", [b"<html>", b"[]", b'{"hypervisors": 5}', b'{"hypervisors": [5]}', b"{}"])
def test_an_answer_of_another_kind_is_an_error(read, cloud, data):
    answers = cloud.answers
    cloud.answers = lambda path, *rest: data if path.endswith("os-hypervisors/detail") else answers(path, *rest)
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "not understood" in result.err


def test_a_cloud_without_hosts_is_an_error(read, cloud):
    cloud.hypervisors = [hypervisor("a", service=None)]
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert "it has no hosts; hypervisor 'a.example': it has no service" in result.err


def test_an_unknown_cloud_is_told_with_the_known_ones_and_the_file(read, clouds_file):
    result, hosts = read(cloud="tset")
    assert (result.status, hosts) == (2, None)
    assert "Did you mean 'test'?" in result.err
    assert str(clouds_file) in result.err


def test_a_file_that_is_no_yaml_is_named_without_its_lines(read, clouds_file, caplog):
    clouds_file.write_text(f"clouds:\n  test:\n    password: {PASSWORD}: x\n")
    caplog.set_level(logging.DEBUG)
    result, hosts = read()
    assert (result.status, hosts) == (2, None)
    assert f"{clouds_file} is no YAML, see line 3" in result.err
    assert PASSWORD not in result.err + caplog.text


def test_without_the_extra_the_error_says_how_to_install_it(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "openstack", None)
    monkeypatch.setitem(sys.modules, "openstack.config", None)
    result, _hosts = read()
    assert result.status == 2
    assert "pip install 'filtersched[openstack]'" in result.err


def test_an_installation_that_is_broken_is_told(read, monkeypatch, tmp_path):
    broken = ModuleType("openstack")
    broken.__path__ = [str(tmp_path)]
    (tmp_path / "config.py").write_text("Extension = type('Extension', (), {})\nExtension[int]\n")
    monkeypatch.setitem(sys.modules, "openstack", broken)
    monkeypatch.delitem(sys.modules, "openstack.config", raising=False)
    result, _hosts = read()
    assert result.status == 2
    assert "openstacksdk cannot be imported: TypeError: type 'Extension' is not subscriptable" in result.err


def test_the_cloud_must_be_named(run):
    result = run("inventory")
    assert result.status == 2
    assert "--os-cloud NAME" in result.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_is_a_number_of_seconds(run, seconds):
    assert "--timeout: must be seconds" in run("inventory", "--os-cloud", "x", "--timeout", seconds).err


@pytest.mark.usefixtures("clouds_file")
def test_the_standard_output_is_the_ordinary_place(capfd):
    assert main(["inventory", "--os-cloud", "test"]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["host"] for line in out.splitlines()] == ["a", "b"]
    assert "2 hosts" in err


def _misbehave(cloud, clouds_file, how):
    """Let the cloud fail; its answers then repeat what they were sent."""
    cloud.said = f"{PASSWORD} {TOKENS[0]} http://reader:{PASSWORD}@127.0.0.1/"
    match how:
        case "partial":
            cloud.forbidden = {f"{NOVA}/os-services", f"{NOVA}/servers/detail"}
        case "forbidden":
            cloud.forbidden = {f"{NOVA}/os-hypervisors/detail"}
        case "dying":
            cloud.dying = {f"{NOVA}/servers/detail"}
        case "expired":
            cloud.valid_tokens = set()
        case "unknown plug-in":
            edited(clouds_file, auth_type="v3nothing")
        case "missing options":
            edited(clouds_file, without=("auth_url", "username"))
        case "wrong password":
            edited(clouds_file, auth={"password": f"{PASSWORD}-wrong"})


@pytest.mark.parametrize(
    "how",
    ["whole", "partial", "forbidden", "dying", "expired", "unknown plug-in", "missing options", "wrong password"],
)
def test_no_secret_gets_into_a_file_a_log_or_an_error(read, cloud, clouds_file, tmp_path, caplog, how):
    caplog.set_level(logging.DEBUG)
    _misbehave(cloud, clouds_file, how)
    result, _hosts = read("--debug")
    files = [path.read_text() for path in tmp_path.iterdir() if path != clouds_file]
    everything = "\n".join([result.out, result.err, caplog.text, *files])
    found = [secret for secret in (PASSWORD, *TOKENS, "metadata-secret", "user-data-secret") if secret in everything]
    assert found == []
