"""Requests from files."""

from __future__ import annotations

import pytest

from filtersched import InventoryError
from filtersched.inventory import RequestReader, read_requests

SMALL = '"flavor": {"memory_mb": 512}'


@pytest.fixture
def file(tmp_path):
    def write(content, name="requests.jsonl"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    return write


def failure(path) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        list(read_requests(path))
    return caught.value


def test_request_is_read_with_all_its_parts(file):
    (spec,) = read_requests(
        file(
            '{"version": 1, "request_id": "r", "num_instances": 3, "availability_zone": "az1", "flavor": '
            '{"memory_mb": 4096, "vcpus": 2, "extra_specs": {"a:b": "c"}}, "scheduler_hints": {"same_host": ["u"]}, '
            '"instance_group": {"policy": "affinity", "members": ["m"]}, "arrives_at": 3, "departs_at": 4}\n'
        )
    )
    assert (spec.request_id, spec.num_instances, spec.availability_zone) == ("r", 3, "az1")
    assert (spec.memory_mb, spec.vcpus, spec.extra_specs) == (4096, 2, {"a:b": "c"})
    assert spec.get_scheduler_hint("same_host") == "u"
    assert (spec.instance_group.policy, spec.instance_group.members) == ("affinity", ("m",))
    assert (spec.arrives_at, spec.departs_at) == (3, 4)


def test_requests_may_arrive_together_and_some_without_a_time(file):
    lines = [f'{{{SMALL}, "arrives_at": 5}}', f"{{{SMALL}}}", f'{{{SMALL}, "arrives_at": 5}}']
    assert [spec.arrives_at for spec in read_requests(file("\n".join(lines)))] == [5, None, 5]


def test_request_that_arrives_before_the_one_above_is_refused(file):
    lines = [f'{{{SMALL}, "arrives_at": 5}}', f"{{{SMALL}}}", f'{{{SMALL}, "arrives_at": 4.5}}']
    error = failure(file("\n".join(lines)))
    assert (error.line, error.field) == (3, "arrives_at")
    assert "4.5" in str(error)
    assert "line 1" in str(error)


def test_request_may_leave_as_it_comes_and_not_before(file):
    assert len(list(read_requests(file(f'{{{SMALL}, "arrives_at": 5, "departs_at": 5}}')))) == 1
    error = failure(file(f'{{{SMALL}, "arrives_at": 5, "departs_at": 4}}'))
    assert (error.line, error.field) == (1, "departs_at")


@pytest.mark.parametrize(
    ("line", "field", "word"),
    [
        ('{"num_instances": 1}', "flavor", "needs a 'flavor'"),
        ('{"flavor": null}', "flavor", "needs a 'flavor'"),
        ('{"flavor": 7}', "flavor", "mapping"),
        ('{"flavor": {"memory": 1}}', "flavor.memory", "memory_mb"),
        ('{"flavor": {"memory_mb": -1}}', "flavor.memory_mb", "zero or more"),
        ('{"flavor": {"memory_mb": "4G"}}', "flavor.memory_mb", "'4G'"),
        ('{"flavor": {}, "num_instances": 0}', "num_instances", "1 to 1000000"),
        ('{"flavor": {}, "num_instances": 1000000000}', "num_instances", "1 to 1000000"),
        ('{"flavor": {}, "zone": "az1"}', "zone", "zone"),
        ('{"flavor": {}, "version": 7}', "version", "version 7"),
        ('{"flavor": {}, "retry": {"hosts": [5]}}', "retry.hosts", "retry.hosts"),
        ('{"flavor": {}, "arrives_at": -1}', "arrives_at", "zero or more"),
        ('{"flavor": {}, "arrives_at": "noon"}', "arrives_at", "'noon'"),
    ],
)
def test_bad_request_is_told_with_line_and_field(file, line, field, word):
    error = failure(file(line))
    assert (error.line, error.field) == (1, field)
    assert word in str(error)


def test_empty_file_holds_no_requests(file):
    assert "holds no requests" in str(failure(file("")))


@pytest.mark.parametrize("content", [f"[{{{SMALL}}}]", f'{{"hosts": [], "requests": [{{{SMALL}}}]}}'])
def test_document_holds_requests(file, content):
    assert [spec.memory_mb for spec in read_requests(file(content, "requests.json"))] == [512]


def test_csv_takes_the_flavor_apart(file):
    path = file(
        "request_id,num_instances,flavor.memory_mb,flavor.vcpus,flavor.extra_specs.hw:cpu_policy,image.properties.arch,"
        "scheduler_hints.query,scheduler_hints.different_host,arrives_at\n"
        '1,2,4096,2,007,x,"[""="", ""$host"", ""a""]","[""u1"", ""u2""]",60\n',
        "requests.csv",
    )
    (spec,) = read_requests(path)
    assert (spec.request_id, spec.num_instances, spec.memory_mb, spec.vcpus) == ("1", 2, 4096, 2)
    assert spec.extra_specs == {"hw:cpu_policy": "007"}
    assert spec.image.properties == {"arch": "x"}
    assert spec.get_scheduler_hint("query") == '["=", "$host", "a"]'
    assert list(spec.get_scheduler_hint("different_host")) == ["u1", "u2"]
    assert spec.arrives_at == 60


def test_reader_is_a_stream_that_knows_how_far_it_is(file):
    reader = RequestReader(file(f"{{{SMALL}}}\n" * 10))
    shares = [reader.share_read for _spec in reader]
    assert shares[0] == 0.1
    assert shares[-1] == 1.0
