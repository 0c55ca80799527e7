"""Hosts from files of every format."""

from __future__ import annotations

import json

import pytest

from filtersched import HostState, InventoryError
from filtersched.inventory import HostReader, read_hosts

HOST = '{"host": "a", "total_usable_ram_mb": 4096, "free_ram_mb": 1024}\n'


@pytest.fixture
def file(tmp_path):
    def write(content, name="hosts.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def failure(path, **options) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        list(read_hosts(path, **options))
    return caught.value


# JSON Lines


def test_one_host_a_line_in_their_order(file):
    hosts = list(read_hosts(file('{"host": "b"}\n\n{"host": "a", "free_ram_mb": 7}\n')))
    assert [(one.host, one.free_ram_mb) for one in hosts] == [("b", 0), ("a", 7)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"host": "a", "images": {"ubuntu": 500}}\n', "hosts.jsonl"),
        ('host,images\na,"{""ubuntu"": 500}"\n', "hosts.csv"),
    ],
)
def test_images_in_the_caches_of_hosts_are_read(file, content, name):
    (host,) = read_hosts(file(content, name))
    assert host.images == {"ubuntu": 500}


def test_reading_is_lazy_and_knows_its_line(file):
    reader = HostReader(file('{"host": "a"}\n\n{"host": "b"}\n{"nonsense\n'))
    hosts = iter(reader)
    assert (next(hosts).host, reader.line) == ("a", 1)
    assert (next(hosts).host, reader.line) == ("b", 3)


def test_what_to_dict_writes_is_read_back(file):
    host = HostState(
        "a",
        "a-node",
        free_ram_mb=-5,
        total_usable_ram_mb=4096,
        aggregates=[{"name": "ssd", "metadata": {"ssd": "true"}}],
        instances={"u1": {"project_id": "p"}},
        traits={"X"},
        resources={"VGPU": (4, 1)},
        capabilities={"gpus": 1, "nested": {"deep": [1, 2]}},
    )
    (read,) = read_hosts(file(json.dumps(host.to_dict()) + "\n"))
    assert read.to_dict() == host.to_dict()


def test_byte_order_mark_and_windows_line_ends_are_fine(file):
    assert [one.host for one in read_hosts(file(b'\xef\xbb\xbf{"host": "a"}\r\n{"host": "b"}'))] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "field", "word"),
    [
        ('{"host": "b", "free_ram": 1}', "free_ram", "free_ram_mb"),
        ('{"host": "b", "vcpus_total": -1}', "vcpus_total", "zero or more"),
        ('{"host": "b", "vcpus_total": "8"}', "vcpus_total", "'8'"),
        ('{"host": "b", "version": 2}', "version", "version 2"),
        ('{"vcpus_total": 8}', "host", "host"),
        ('{"host": 5}', "host", "5"),
        ('{"host": "b", "free_ram_mb": NaN}', None, "NaN"),
        ('{"host": "b", "free_ram_mb": -Infinity}', None, "-Infinity"),
        ('{"host": "b", "free_ram_mb": 1e999}', None, "1e999"),
        ('{"host": "b", "free_ram_mb": 1, "free_ram_mb": 2}', None, "'free_ram_mb' is given twice"),
        ('{"host": "b", "x": ' + "9" * 5000 + "}", None, "a whole number of 5000 digits is too large"),
        ('{"host": "b", "free_ram_mb": ' + "9" * 200 + "}", "free_ram_mb", "below 1e150"),
        ('{"host": "b", "capabilities": {"x": ' + "9" * 301 + "}}", None, "301 digits"),
        ('{"host": "b", "free_ram_mb": null}', "free_ram_mb", "not None"),
        ('{"host": "b", "updated": "0001-01-01T00:00:00+05:30"}', "updated", "years 1 to 9999"),
        ('{"host": "b", "aggregates": [{"name": "x", "metadata": {"ssd": true}}]}', "aggregates", "'ssd' is True"),
        ('{"host": "b", "metrics": {"load": "3"}}', "metrics", "'load' must be a finite number"),
        ('{"host": "b", "service": {"disabled": "no"}}', "service", "disabled true or false"),
        ('{"host": "b", "stats": {"num_proj_p": "x"}}', "stats", "'num_proj_p' is 'x'"),
        ('{"host": "b"', None, "not JSON"),
        ('{"host": "b"} {"host": "c"}', None, "not JSON"),
        ("host: b", None, "not JSON"),
        ('["b"]', None, "must be an object"),
        ('"b"', None, "must be an object"),
        ('{"host": "b", "capabilities": ' + '{"x":' * 100_000 + "1" + "}" * 100_001, None, "nested too deep"),
        ('{"host": "b", "capabilities": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}}", None, "nested too deep"),
        ('{"host": "b", "aggregates": [{"nam": "x"}]}', "aggregates", "name, metadata and id"),
        ('{"host": "b", "aggregates": [7]}', "aggregates", "name, metadata and id"),
        ('{"host": "b", "metrics": [["a", 1, 2]]}', "metrics", "metrics"),
        ('{"host": "b", "traits": [{}]}', "traits", "traits"),
        ('{"host": "b", "instances": {"u": {"uid": 1}}}', "instances", "uid"),
        ('{"host": "b", "updated": "yesterday"}', "updated", "a time"),
    ],
)
def test_bad_line_is_told_with_path_line_and_field(file, line, field, word):
    path = file(HOST + "\n" + line + "\n")
    error = failure(path)
    assert (error.path, error.line, error.field) == (path, 3, field)
    assert f"{path}, line 3: " in str(error)
    assert word in str(error)


def test_bytes_that_are_not_utf8_are_told_with_their_line(file):
    error = failure(file(HOST.encode() + b'{"host": "caf\xe9"}\n'))
    assert error.line == 2
    assert "UTF-8" in str(error)
    assert "0xe9" in str(error)


def test_same_host_twice_names_both_lines(file):
    error = failure(file(HOST + '{"host": "b"}\n' + HOST))
    assert (error.line, error.field) == (3, "host")
    assert "first on line 1" in str(error)


def test_two_nodes_of_one_host_are_two_hosts(file):
    hosts = read_hosts(file('{"host": "a", "nodename": "n1"}\n{"host": "a", "nodename": "n2"}\n'))
    assert [one.nodename for one in hosts] == ["n1", "n2"]


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
@pytest.mark.parametrize("name", ["hosts.jsonl", "hosts.json", "hosts.csv", "hosts"])
def test_empty_file_holds_no_hosts(file, content, name):
    assert "holds no hosts" in str(failure(file(content, name)))


@pytest.mark.parametrize(
    ("content", "name"), [("[]", "a.json"), ('{"hosts": []}', "a.json"), ("host,vcpus_total\n", "a.csv")]
)
def test_file_without_a_host_in_it_holds_no_hosts(file, content, name):
    assert "holds no hosts" in str(failure(file(content, name)))


# Files that cannot be read


def test_missing_file_says_so(tmp_path):
    error = failure(tmp_path / "none.jsonl")
    assert error.path == str(tmp_path / "none.jsonl")
    assert "No such file" in str(error)


def test_directory_is_no_file(tmp_path):
    assert "directory" in str(failure(tmp_path))


def test_path_with_a_nul_is_no_path():
    assert "null" in str(failure("a\0b"))


# What is free where only the total is told


def test_total_without_free_is_free_but_for_the_reserve(file):
    path = file('{"host": "a", "total_usable_ram_mb": 4096, "total_usable_disk_gb": 10}\n')
    (host,) = read_hosts(path, reserved_ram_mb=512, reserved_disk_mb=1024)
    assert (host.free_ram_mb, host.free_disk_mb) == (3584, 9 * 1024)


def test_what_is_told_to_be_free_is_not_reduced(file):
    path = file(
        '{"host": "a", "total_usable_ram_mb": 4096, "free_ram_mb": 0, "total_usable_disk_gb": 1, "free_disk_mb": -5}\n'
    )
    (host,) = read_hosts(path, reserved_ram_mb=512, reserved_disk_mb=1024)
    assert (host.free_ram_mb, host.free_disk_mb) == (0, -5)


# JSON documents


@pytest.mark.parametrize(
    "content",
    [
        '[{"host": "a"}, {"host": "b"}]',
        '[\n {"host": "a"},\n {"host": "b"}\n]\n',
        '{"hosts": [{"host": "a"}, {"host": "b"}]}',
        '{\n "version": 1,\n "requests": [{}],\n "hosts": [\n{"host": "a"}, {"host": "b"}]\n}\n',
        '\n\n  {"hosts": [{"host": "a"}, {"host": "b"}]}',
        '{"host": "a"}\n{"host": "b"}\n',
    ],
)
@pytest.mark.parametrize("name", ["hosts.json", "hosts", "hosts.txt"])
def test_lists_objects_and_lines_are_told_apart_by_their_content(file, content, name):
    assert [one.host for one in read_hosts(file(content, name))] == ["a", "b"]


def test_bad_host_in_a_document_is_told_with_its_line(file):
    error = failure(file('\n{"hosts": [\n  {"host": "a"},\n  {"host":\n "b", "vcpus_total": -1}\n]}', "a.json"))
    assert (error.line, error.field) == (4, "vcpus_total")


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ('[{"host": "a"},\n{"host": "b"]', 2, "not JSON"),
        ('[{"host": "a"}\n{"host": "b"}]', 2, "expected , or ]"),
        ('[{"host": "a"},\n', 2, "not JSON"),
        ('[{"host": "a"},\n5]', 2, "must be an object"),
        ('[{"host": "a"}]\n[]', 2, "more text"),
        ('[{"host": "a",\n"free_ram_mb": NaN}]', 1, "NaN"),
        ('{"hosts": [],\n"hosts": []}', 2, "'hosts'"),
        ('{"hosts": []\n', 2, "expected , or }"),
        ("{\n", 2, "not JSON"),
        ("[" * 200_000, 1, "nested too deep"),
        ('{"version": 2, "hosts": [{"host": "a"}]}', None, "version 2"),
        ('{"hosts": {"host": "a"}}', None, "'hosts' must be a list"),
        ('{\n"servers": [{"host": "a"}]}', None, "'hosts' or 'hypervisors'"),
        ('{"hosts": [],\n"hypervisors": []}', None, "both"),
        ("{\n}", None, "nothing"),
    ],
)
def test_bad_document_is_told_with_its_line(file, content, line, word):
    error = failure(file(content, "a.json"))
    assert error.line == line
    assert word in str(error)


def test_document_that_is_not_utf8_is_told_with_its_line(file):
    assert failure(file(b'\n[{"host": "a"},\n{"host": "\xff"}]', "a.json")).line == 3


# CSV


def test_csv_header_names_attributes_and_dots_lead_into_mappings(file):
    path = file(
        "host,vcpus_total,free_ram_mb,capabilities.gpus,capabilities.model,service.availability_zone,traits\n"
        'a,8,1024.5,4,T4,az1,"[""X"", ""Y""]"\n'
        "\n"
        "007,16,,,,,\n",
        "hosts.csv",
    )
    first, second = read_hosts(path)
    assert (first.host, first.vcpus_total, first.free_ram_mb) == ("a", 8, 1024.5)
    assert first.capabilities == {"gpus": 4, "model": "T4"}
    assert first.service == {"availability_zone": "az1"}
    assert first.traits == {"X", "Y"}
    assert (second.host, second.free_ram_mb, second.capabilities) == ("007", 0, {})


@pytest.mark.parametrize(
    ("content", "line", "field", "word"),
    [
        ("vcpus_total\n8\n", 1, "host", "'host' is missing"),
        ("host,vcpu_total\na,8\n", 1, "vcpu_total", "vcpus_total"),
        ("host,host\na,a\n", 1, "host", "twice"),
        ("host,stats,stats.x\na,1,2\n", 1, "stats.x", "set the same"),
        ("host,stats.x,stats\na,1,2\n", 1, "stats.x", "set the same"),
        ("host,vcpus_total\na,8\nb\n", 3, "vcpus_total", "1 cells under a header of 2"),
        ("host,vcpus_total\na,8\nb,8,9\n", 3, None, "3 cells under a header of 2"),
        ("host,vcpus_total\na,eight\n", 2, "vcpus_total", "'eight'"),
        ("host,vcpus_total\na,NaN\n", 2, "vcpus_total", "'NaN'"),
        ("host,vcpus_total\n,8\n", 2, "host", "host"),
        ('host,vcpus_total\na,8\n"b,8\n', 3, None, "not CSV"),
        ('host\n"' + "x" * 200_000 + '"\n', 2, None, "not CSV"),
        ("host;vcpus_total\na;8\n", 1, "host;vcpus_total", "host;vcpus_total"),
    ],
)
def test_bad_csv_is_told_with_line_and_column(file, content, line, field, word):
    error = failure(file(content, "hosts.csv"))
    assert (error.line, error.field) == (line, field)
    assert word in str(error)


def test_csv_line_counts_those_inside_quotes(file):
    error = failure(file('host,cpu_info\na,"one\ntwo"\nb,x\nb,x\n', "hosts.csv"))
    assert error.line == 5
    assert "first on line 4" in str(error)


# A line without end


@pytest.mark.parametrize("name", ["hosts.jsonl", "hosts.csv", "hosts"])
def test_line_of_a_gigabyte_is_refused_without_reading_it(tmp_path, name):
    path = tmp_path / name
    with open(path, "wb") as stream:
        stream.write(b'{"host": "')
        stream.truncate(2**30)  # a hole: takes no disk, reads as a gigabyte of zeros
    reader = HostReader(path)
    with pytest.raises(InventoryError) as caught:
        list(reader)
    assert caught.value.line == 1
    assert "longer than 16 MiB" in str(caught.value)
    assert reader.share_read is not None
    assert reader.share_read < 0.02


@pytest.mark.slow
def test_json_document_of_a_gigabyte_is_refused(tmp_path):
    path = tmp_path / "hosts.json"
    with open(path, "wb") as stream:
        stream.write(b"[\n")
        stream.truncate(2**30)
    assert "more than 256 MiB" in str(failure(path))


def test_keys_of_a_document_that_nothing_reads_are_reported(file, caplog):
    document = {"generated": "2026", "hosts": [{"host": "a"}], "requests": [], "version": 1, "more": [1]}
    with caplog.at_level("WARNING"):
        assert [one.host for one in read_hosts(file(json.dumps(document), "h.json"))] == ["a"]
    (message,) = caplog.messages
    assert message.endswith("not read: 'generated', 'more'")
