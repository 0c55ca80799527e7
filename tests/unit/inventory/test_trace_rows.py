"""Traces as sites have them: rows of Nova's database, a packing trace, lists of servers and flavors."""

from __future__ import annotations

import json

import pytest

from filtersched import Flavor, HostState, InventoryError
from filtersched.inventory import put_servers, read_actions, read_flavors
from filtersched.inventory.request_reader import RequestReader

FLAVORS = [
    {"ID": "1", "Name": "m1.small", "RAM": 2048, "Disk": 20, "Ephemeral": 0, "VCPUs": 1, "Swap": "", "Is Public": True},
    {"ID": "b2", "Name": "m1.large", "RAM": 8192, "Disk": 80, "Ephemeral": 0, "VCPUs": 4, "Properties": {"hw:x": "y"}},
]
INSTANCES = """\
created_at,updated_at,deleted_at,uuid,project_id,memory_mb,vcpus,root_gb,ephemeral_gb,host,availability_zone,deleted
2026-01-01 00:01:00,NULL,NULL,late,p1,1024,2,10,0,cmp1,nova,0
2026-01-01 00:00:00.500000,,2026-01-01 01:00:00,early,p2,512,1,0,0,cmp2,nova,7
"""
ACTIONS = """\
instance_uuid,action,start_time,finish_time
early,create,2025-12-31 23:00:00,NULL
early,reboot,2025-12-31 23:30:00,NULL
early,delete,2026-01-01 00:30:00,NULL
early,delete,2026-01-01 00:45:00,NULL
"""
AZURE = """\
vmId,tenantId,vmTypeId,priority,starttime,endtime
2,t1,7,0,0.5,1.25
1,t2,8,1,-3.0,
"""
TYPES = "vmTypeId,vcpus,memory_mb\n7,2,4096\n8,4,8192\n"
# 2026-01-01 00:00 UTC.
NEW_YEAR = 1767225600


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def flavors(write):
    return read_flavors(write("flavors.json", FLAVORS))


def server(name, host="cmp1", flavor="m1.small", **more):
    return {"ID": f"uuid-{name}", "Name": name, "Status": "ACTIVE", "Host": host, "Flavor Name": flavor, **more}


def told(path, **how):
    return [
        (one.request_id, one.memory_mb, one.vcpus, one.arrives_at, one.departs_at) for one in RequestReader(path, **how)
    ]


def test_rows_of_novas_instances_are_requests_in_order_of_creation(write):
    assert told(write("instances.csv", INSTANCES)) == [
        ("early", 512, 1, NEW_YEAR + 0.5, NEW_YEAR + 3600),
        ("late", 1024, 2, NEW_YEAR + 60, None),
    ]


def test_zone_and_host_of_a_row_are_not_asked_for(write):
    (early, _late) = RequestReader(write("instances.csv", INSTANCES))
    assert (early.availability_zone, early.force_hosts, early.project_id) == (None, (), "p2")


def test_times_of_actions_win_over_those_of_the_row(write):
    times = read_actions(write("actions.csv", ACTIONS))
    found = told(write("instances.csv", INSTANCES), times=times)
    assert found[0][3:] == (NEW_YEAR - 3600, NEW_YEAR + 2700)


def test_instance_deleted_before_it_was_created_is_an_error_with_the_line(write):
    text = INSTANCES.replace("2026-01-01 01:00:00", "2025-01-01 01:00:00")
    with pytest.raises(InventoryError, match=r"line 3: departs_at is .* before arrives_at"):
        told(write("instances.csv", text))


def test_time_that_is_none_is_an_error_with_the_line_and_column(write):
    with pytest.raises(InventoryError, match=r"line 2: created_at must be a time such as .* not 'soon'") as error:
        told(write("instances.csv", INSTANCES.replace("2026-01-01 00:01:00", "soon")))
    assert (error.value.line, error.value.field) == (2, "created_at")


def test_packing_trace_counts_days_and_types_come_from_their_file(write):
    types = read_flavors(write("types.csv", TYPES))
    assert told(write("trace.csv", AZURE), flavors=types) == [
        ("1", 8192, 4, 0, None),
        ("2", 4096, 2, 43200, 108000),
    ]


def test_type_that_the_types_file_lacks_is_named(write):
    types = read_flavors(write("types.csv", TYPES))
    with pytest.raises(InventoryError, match=r"line 2: flavor '9': .*types.csv has no such flavor"):
        told(write("trace.csv", AZURE.replace(",7,", ",9,")), flavors=types)


@pytest.mark.parametrize("days", ["nan", "inf", "soon"])
def test_days_that_are_no_number_are_an_error_with_the_line(write, days):
    types = read_flavors(write("types.csv", TYPES))
    with pytest.raises(InventoryError, match=f"line 2: start must be a number of days, not '{days}'"):
        told(write("trace.csv", AZURE.replace("0.5", days)), flavors=types)


def test_trace_without_its_types_says_which_flag_gives_them(write):
    with pytest.raises(InventoryError, match="--flavors FILE"):
        told(write("trace.csv", AZURE))


def test_types_in_parts_of_a_machine_say_what_to_do(write):
    with pytest.raises(InventoryError, match="multiply them by the machine's size"):
        read_flavors(write("types.csv", "id,vmTypeId,machineId,core,memory,hdd,ssd,nic\n0,7,1,0.1,0.2,,0.1,0.1\n"))


def test_flavors_of_the_openstack_command_are_known_by_name_and_id(flavors):
    large = flavors.get("b2")
    assert large is flavors.get("m1.large")
    assert (large.memory_mb, large.vcpus, large.root_gb, large.extra_specs) == (8192, 4, 80, {"hw:x": "y"})
    assert len(flavors) == 2


def test_flavor_name_given_twice_is_an_error(write):
    with pytest.raises(InventoryError, match=r"a second flavor is called 'm1.small'"):
        read_flavors(write("flavors.json", [FLAVORS[0], {**FLAVORS[0], "ID": "other"}]))


def test_listed_servers_are_requests(write, flavors):
    listed = [
        server("b", **{"Created At": "2026-01-01T00:00:10Z"}),
        server("a", flavor="m1.large", **{"Created At": "2026-01-01T00:00:00Z"}),
    ]
    found = told(write("servers.json", listed), flavors=flavors)
    assert found == [("a", 8192, 4, NEW_YEAR, None), ("b", 2048, 1, NEW_YEAR + 10, None)]


def host(name, **more):
    values = {"total_usable_ram_mb": 16384, "free_ram_mb": 16384, "vcpus_total": 8, **more}
    return HostState(name, **values)


def test_servers_become_instances_and_take_of_an_empty_inventory(write, flavors):
    listed = [server("a"), server("b", flavor="m1.large", **{"Project ID": "p1", "Image ID": "i1"})]
    (found,) = put_servers([host("cmp1")], write("servers.json", listed), flavors)
    assert (found.free_ram_mb, found.vcpus_used, found.num_instances, found.num_io_ops) == (6144, 5, 2, 0)
    one = found.instances["uuid-b"]
    assert (one.project_id, one.image_ref, one.flavor.vcpus) == ("p1", "i1", 4)


def test_servers_are_in_the_figures_of_hosts_that_are_in_use(write, flavors):
    used = host("cmp1", free_ram_mb=6144, vcpus_used=5, num_instances=2)
    (found,) = put_servers([used], write("servers.json", [server("a")]), flavors)
    assert (found.free_ram_mb, found.vcpus_used, found.num_instances) == (6144, 5, 2)
    assert found.instances["uuid-a"].flavor == Flavor(
        name="m1.small", flavorid="1", memory_mb=2048, vcpus=1, root_gb=20, swap=0
    )


def test_hosts_are_found_by_the_names_of_their_nodes(write, flavors):
    path = write("servers.json", [server("a", "cmp1.example")])
    (found,) = put_servers([host("cmp1", nodename="cmp1.example")], path, flavors)
    assert list(found.instances) == ["uuid-a"]


def test_server_on_a_host_that_the_inventory_lacks_is_an_error_with_the_line(write, flavors):
    path = write("servers.jsonl", "".join(json.dumps(one) + "\n" for one in (server("a"), server("b", "cmp9"))))
    said = "line 2: server uuid-b is on host 'cmp9', which the inventory lacks"
    with pytest.raises(InventoryError, match=said) as error:
        put_servers([host("cmp1")], path, flavors)
    assert (error.value.line, error.value.field) == (2, "Host")


def test_servers_of_unknown_flavors_stay_and_are_counted(write, flavors, caplog):
    listed = [server("a", flavor="gone"), server("b", flavor="gone"), server("c", host=None)]
    (found,) = put_servers([host("cmp1")], write("servers.json", listed), flavors)
    assert (found.free_ram_mb, found.num_instances, found.instances["uuid-a"].flavor) == (16384, 2, None)
    assert "2 servers have flavors that --flavors does not have: 'gone' of 2" in caplog.text
    assert "1 servers are on no host" in caplog.text


def test_list_without_hosts_says_how_to_make_one(write, flavors):
    listed = [{key: value for key, value in server("a").items() if key != "Host"}]
    with pytest.raises(InventoryError, match="openstack server list --all-projects --long"):
        put_servers([host("cmp1")], write("servers.json", listed), flavors)
