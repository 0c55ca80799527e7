"""All mistakes of a file at once, in the words of whoever made them."""

from __future__ import annotations

import json

import pytest

from filtersched import InventoryError
from filtersched.inventory import read_hosts, read_requests


@pytest.fixture
def mistakes(tmp_path):
    def mistakes(content, read=read_hosts, name="input.jsonl"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else "\n".join(map(json.dumps, content)))
        with pytest.raises(InventoryError) as caught:
            list(read(path))
        error = caught.value
        assert str(error).count("\n") >= len(error.further)
        return [(one.line, one.field, str(one)) for one in (error, *error.further)]

    return mistakes


def places(found):
    return [(line, field) for line, field, _said in found]


def test_every_line_and_every_field_of_a_line_is_told(mistakes):
    found = mistakes(
        [
            {"host": "a"},
            {"host": "b", "ram": 1, "vcpus_total": -1, "free_ram": 5},
            {"vcpus_total": 1},
            {"host": "c", "service": {"disabld": True}},
            {"host": "a"},
        ]
    )
    assert sorted(places(found), key=str) == sorted(
        [(2, "ram"), (2, "vcpus_total"), (2, "free_ram"), (3, "host"), (4, "service"), (5, "host")], key=str
    )


def test_every_mistake_is_a_line_of_the_message(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "b", "memory": 1}\nnonsense\n')
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(path))
    said = [line.partition(": ")[0] for line in str(caught.value).splitlines()]
    assert said == [f"{path}, line 1", f"{path}, line 2"]


def test_first_twenty_mistakes_are_told(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": 5}\n' * 50)
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(path))
    assert len(caught.value.further) == 19
    assert str(caught.value).splitlines()[20] == f"{path}: the first 20 mistakes are named; there may be more"


def test_no_host_is_given_out_after_a_mistake(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "a"}\n{"host": 5}\n{"host": "c"}')
    given = []
    with pytest.raises(InventoryError):
        given.extend(host.host for host in read_hosts(path))
    hosts = read_hosts(path)
    assert next(hosts).host == "a"
    with pytest.raises(InventoryError):
        next(hosts)


def test_all_wrong_columns_and_rows_of_csv_are_told(mistakes):
    assert places(mistakes("host,ram,zone\na,1,2\n", name="h.csv")) == [(1, "ram"), (1, "zone")]
    assert places(mistakes("host,vcpus_total\na\nb,x\nc,1,2\n", name="h.csv")) == [
        (2, "vcpus_total"),
        (3, "vcpus_total"),
        (4, None),
    ]


def test_all_mistakes_of_requests_are_told(mistakes):
    found = mistakes(
        [
            {"flavor": {"ram": 4096, "vcpus": 2, "dsk": 1}, "count": 2, "zone": "az1"},
            {"num_instances": 1},
            {"flavor": {"memory_mb": -1}, "arrives_at": 5},
            {"flavor": {}, "arrives_at": 4},
            {"flavor": {}, "arrives_at": 3},
        ],
        read_requests,
    )
    expected = [(1, "count"), (1, "flavor.dsk"), (1, "flavor.ram"), (1, "zone"), (2, "flavor")]
    assert sorted(places(found), key=str)[:5] == expected
    assert (3, "flavor.memory_mb") in places(found)
    assert (5, "arrives_at") in places(found)


@pytest.mark.parametrize(
    ("record", "read", "word"),
    [
        ({"flavor": {"ram": 1}}, read_requests, "memory_mb"),
        ({"flavor": {"cpus": 1}}, read_requests, "vcpus"),
        ({"flavor": {"disk": 1}}, read_requests, "root_gb"),
        ({"flavor": {}, "count": 2}, read_requests, "num_instances"),
        ({"flavor": {}, "zone": "z"}, read_requests, "availability_zone"),
        ({"flavor": {}, "hint": {}}, read_requests, "scheduler_hints"),
        ({"flavor": {}, "os:scheduler_hints": {}}, read_requests, "scheduler_hints"),
        ({"flavor": {}, "group": {}}, read_requests, "instance_group"),
        ({"host": "a", "ram": 1}, read_hosts, "total_usable_ram_mb"),
        ({"host": "a", "memory_mb": 1}, read_hosts, "total_usable_ram_mb"),
        ({"host": "a", "vcpus": 1}, read_hosts, "vcpus_total"),
        ({"host": "a", "local_gb": 1}, read_hosts, "total_usable_disk_gb"),
    ],
)
def test_words_of_flags_and_of_nova_lead_to_those_of_files(mistakes, record, read, word):
    (found,) = mistakes([record], read)
    assert f"'{word}'" in found[2]
