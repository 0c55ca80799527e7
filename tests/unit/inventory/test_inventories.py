"""Several files as one inventory: pages, aggregates, hosts that stand in two."""

from __future__ import annotations

import json

import pytest

from filtersched import InventoryError
from filtersched.inventory import read_aggregates, read_hosts, read_inventory

NEXT = [{"rel": "next", "href": "http://nova.example/v2.1/os-hypervisors/detail?limit=1&marker=7"}]


@pytest.fixture
def file(tmp_path):
    def write(content, name="hosts.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def hypervisor(name, **more):
    return {
        **{"id": 1, "hypervisor_hostname": name, "state": "up", "status": "enabled", "service": {"host": name}},
        **{"memory_mb": 4096, "free_ram_mb": 4096, "vcpus": 4, "local_gb": 10, "free_disk_gb": 10},
        **more,
    }


def page(name, *, following=False):
    return {"hypervisors": [hypervisor(name)], **({"hypervisors_links": NEXT} if following else {})}


def failure(*paths) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        list(read_inventory(paths))
    return caught.value


def names(hosts):
    return [host.host for host in hosts]


def test_files_of_different_formats_are_one_inventory(file):
    paths = [file(page("a")), file("host,vcpus_total\nb,4\n", "b.csv"), file('{"host": "c"}\n', "c.jsonl")]
    assert names(read_inventory(paths)) == ["a", "b", "c"]


def test_host_that_stands_in_two_files_is_told_with_both_places(file):
    first, second = file('{"host": "z"}\n{"host": "a"}', "one.jsonl"), file('\n{"host": "a"}', "two.jsonl")
    error = failure(first, second)
    assert str(error) == f"{second}, line 2: host 'a' stands there twice, first in {first}, line 2"
    assert (error.path, error.line, error.field) == (str(second), 2, "host")


def test_mistakes_of_all_files_are_told_together(file):
    first, second = file('{"host": 5}', "one.jsonl"), file('{"host": "a", "vcpu_total": 1}', "two.jsonl")
    error = failure(first, second)
    assert [one.path for one in (error, *error.further)] == [str(first), str(second)]


def test_page_with_a_next_one_is_refused_with_its_address(file):
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(file(page("a", following=True))))
    assert NEXT[0]["href"] in str(caught.value)
    assert "give them together" in str(caught.value)
    assert caught.value.field == "hypervisors_links"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_pages_given_as_files_are_one_inventory(file, order):
    paths = [file(page("a", following=True), "a.json"), file(page("b"), "b.json")]
    assert sorted(names(read_inventory(paths[at] for at in order))) == ["a", "b"]


def test_pages_of_which_the_last_is_missing_are_refused(file):
    paths = [file(page(name, following=True), f"{name}.json") for name in "ab"]
    assert "the next one is at" in str(failure(*paths))


@pytest.mark.parametrize("indent", [None, 2])
def test_pages_one_after_another_in_a_file_are_one_inventory(file, indent):
    pages = (page("a", following=True), page("b", following=True), page("c"))
    text = "\n".join(json.dumps(one, indent=indent) for one in pages)
    assert names(read_hosts(file(text))) == ["a", "b", "c"]
    assert names(read_hosts(file(json.dumps(pages, indent=indent)))) == ["a", "b", "c"]


def test_hypervisors_one_a_line_are_hosts(file):
    lines = "\n".join(json.dumps(hypervisor(name)) for name in "ab")
    assert names(read_hosts(file(lines, "h.jsonl"))) == ["a", "b"]
    assert names(read_hosts(file(lines, "h"))) == ["a", "b"]


@pytest.mark.parametrize("indent", [None, 2])
def test_answer_about_one_hypervisor_is_a_host(file, indent):
    assert names(read_hosts(file(json.dumps({"hypervisor": hypervisor("a")}, indent=indent)))) == ["a"]


def test_hypervisor_that_is_listed_twice_in_pages_of_one_file_is_refused(file):
    with pytest.raises(InventoryError, match="stands there twice"):
        list(read_hosts(file([page("a"), page("a")])))


# Aggregates

API = {
    "aggregates": [
        {
            **{"id": 1, "uuid": "u", "name": "rack1", "availability_zone": "az1", "hosts": ["a", "b"]},
            **{"metadata": {"availability_zone": "az1", "ssd": "true"}, "created_at": "x", "updated_at": None},
            **{"deleted": False, "deleted_at": None},
        },
        {"id": 2, "name": "gpu", "availability_zone": None, "hosts": ["b"], "metadata": {"gpu": "true"}},
    ]
}
LISTED = [
    {"ID": 1, "Name": "rack1", "Availability Zone": "az1", "Properties": {"ssd": "true"}, "Hosts": ["a", "b"]},
    {"ID": 2, "Name": "gpu", "Availability Zone": None, "Properties": {"gpu": "true"}, "Hosts": ["b"]},
]
SHOWN = [
    {
        **{"id": 1, "name": "rack1", "availability_zone": "az1", "hosts": ["a", "b"], "properties": {"ssd": "true"}},
        **{"created_at": "x", "deleted_at": None, "is_deleted": False, "updated_at": None, "uuid": "u"},
    },
    {"id": 2, "name": "gpu", "availability_zone": None, "hosts": ["b"], "properties": {"gpu": "true"}},
]
BY_HOST = {
    "a": [("rack1", {"availability_zone": "az1", "ssd": "true"}, 1)],
    "b": [("rack1", {"availability_zone": "az1", "ssd": "true"}, 1), ("gpu", {"gpu": "true"}, 2)],
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(API),
        json.dumps(LISTED, indent=2),
        "\n".join(json.dumps(one, indent=2) for one in SHOWN),
        "\n".join(json.dumps({"aggregate": one}) for one in API["aggregates"]),
    ],
    ids=["api", "openstack aggregate list --long", "openstack aggregate show", "api, one by one"],
)
def test_aggregates_are_read_with_zones_metadata_and_hosts(file, text, caplog):
    found = read_aggregates(file(text, "aggregates.json"))
    said = {host: [(one.name, dict(one.metadata), one.id) for one in ones] for host, ones in found.items()}
    assert said == BY_HOST
    assert caplog.messages == []


def test_hosts_get_the_aggregates_that_name_them_beside_their_own(file):
    own = {"host": "b", "aggregates": [{"name": "own"}, {"name": "gpu", "metadata": {"gpu": "old"}}]}
    inventory = file("\n".join(map(json.dumps, ({"host": "a"}, own, {"host": "c"}))), "hosts.jsonl")
    aggregates = read_aggregates(file(API, "aggregates.json"))
    hosts = list(read_inventory([inventory], aggregates=aggregates))
    assert [[one.name for one in host.aggregates] for host in hosts] == [["rack1"], ["own", "rack1", "gpu"], []]
    assert hosts[1].aggregates[2].metadata == {"gpu": "true"}


def test_hosts_of_aggregates_that_are_not_in_the_inventory_are_named(file, caplog):
    list(read_inventory([file('{"host": "a"}')], aggregates=read_aggregates(file(API, "aggregates.json"))))
    assert caplog.messages == ["Hosts of aggregates that are not in the inventory: 'b'"]


@pytest.mark.parametrize(
    ("aggregate", "field", "word"),
    [
        ({"name": "x"}, "hosts", "needs 'hosts'"),
        ({"hosts": ["a"]}, "name", "needs a 'name'"),
        ({"name": "x", "hosts": "a"}, "hosts", "a list of names"),
        ({"name": "x", "hosts": [], "metadata": "ssd='true'"}, "metadata", "must be an object"),
        ({"name": "x", "hosts": [], "metadata": {"a": 1}}, None, "text for keys and values"),
    ],
)
def test_aggregate_that_is_none_is_told_with_its_field(file, aggregate, field, word):
    with pytest.raises(InventoryError) as caught:
        read_aggregates(file({"aggregates": [aggregate]}))
    assert caught.value.field == field
    assert word in str(caught.value)


def test_aggregates_without_hosts_are_refused_with_what_to_ask_for(file):
    with pytest.raises(InventoryError, match="aggregate list --long"):
        read_aggregates(file([{"ID": 1, "Name": "rack1", "Availability Zone": "az1"}]))


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"host": "a", "aggregates": [{"name": "x"}]}, "a host"),
        (hypervisor("a"), "one of Nova's hypervisors"),
        ({"hypervisors": [hypervisor("a")]}, "Nova's list of hypervisors"),
        ({"flavor": {}}, "a request"),
    ],
)
def test_other_document_is_no_list_of_aggregates_and_told_once(file, record, what, caplog):
    with pytest.raises(InventoryError, match=f"this is {what}") as caught:
        read_aggregates(file("\n".join([json.dumps(record)] * 3), "h.jsonl"))
    assert caught.value.further == ()
    assert caplog.messages == []


def test_aggregate_that_stands_there_twice_is_refused(file):
    with pytest.raises(InventoryError, match="'gpu' stands there twice"):
        read_aggregates(file({"aggregates": [API["aggregates"][1]] * 2}))
