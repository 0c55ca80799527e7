"""Records as most are take a short way; what comes of them is the same, and so is what is refused."""

import dataclasses
import json
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtersched import Instance, InvalidHost, InventoryError
from filtersched.hosts.host_state import HostState
from filtersched.inventory import read_hosts
from filtersched.inventory.json_records import DECODER, CountingDecoder


def strictly(text):
    try:
        return repr(DECODER.decode(text))
    except (ValueError, RecursionError):
        return "refused"


KEYS = st.sampled_from(["a", "b", '":', " :", "\\", "é", "a\t:"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
DATA = st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(KEYS, some, max_size=3))


@given(DATA, st.sampled_from([None, (",", ":"), (", ", " : "), (",", "\t:")]))
def test_what_the_quick_decoder_decodes_is_what_the_strict_one_does(data, separators):
    text = json.dumps(data, separators=separators)
    try:
        found = repr(CountingDecoder().decode(text))
    except (ValueError, RecursionError):
        return
    assert found == strictly(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a" : 1, "a": 2}',
        '{"a": {"b": 1, "b" : 2}}',
        '{"a":1,"a"\t:2}',
        '[{"a": 1e999}]',
        '{"a": ' + "9" * 301 + "}",
        '{"a": NaN}',
    ],
)
def test_what_the_strict_decoder_refuses_the_quick_one_leaves_to_it(text):
    assert strictly(text) == "refused"
    with pytest.raises(ValueError):
        CountingDecoder().decode(text)


def test_ordinary_record_is_decoded_quickly():
    assert CountingDecoder().decode('{"cpu_info": "{\\"cores\\": 4}"}') == {"cpu_info": '{"cores": 4}'}
    assert CountingDecoder().decode('{"a": [1, 2.5, "x"], "b": {"c": null}}') == {"a": [1, 2.5, "x"], "b": {"c": None}}


def a_record(chance, nr):
    """A host as a file has it, now and then with something unusual."""
    odd = chance.random() < 0.3
    return {
        "host": f"h{nr}",
        "instances": {
            f"i{nr}-{at}": {
                "project_id": chance.choice(["p", None]),
                "instance_type_id": chance.choice([1, "1", None, 2.5 if odd else 3]),
                **({"image_properties": {"a": [1]}} if odd else {}),
                **({"uuid": f"i{nr}-{at}"} if chance.random() < 0.3 else {}),
            }
            for at in range(chance.randrange(3))
        },
        "service": {
            "disabled": chance.choice([False, True, None, 0]),
            "last_seen_up": chance.choice(["2026-01-31T12:00:00", "2026-01-31T12:00:00+01:00", None]),
            **({"report_count": 3} if odd else {"topic": "compute"}),
        },
        "stats": {"a": chance.choice(["1", 2, 2.5, None, True, 2**70]), **({"b": {"c": [1]}} if odd else {})},
        "metrics": chance.choice([{"cpu": 0.5, "net": None}, [["cpu", 1]]]),
        "aggregates": [{"name": "a", "metadata": {"k": chance.choice(["v", "w"])}, "id": chance.choice([None, 1])}],
        "traits": chance.choice([[], ["A", "B"]]),
        "supported_instances": [["x86_64", "kvm", "hvm"]],
        "capabilities": {"n": chance.choice([1, 1.0, True, "1"])},
    }


def test_hosts_of_a_file_are_those_made_of_other_mappings(tmp_path):
    chance = random.Random(4)
    records = [a_record(chance, nr) for nr in range(200)]
    path = tmp_path / "hosts.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    for host, record in zip(read_hosts(path), records, strict=True):
        other = HostState(**{name: unusual(value) for name, value in record.items()})
        assert repr(host.to_dict()) == repr(other.to_dict())
        assert {type(one) for one in host.instances.values()} == {type(one) for one in other.instances.values()}
        assert repr(host.service) == repr(other.service)


class Unusual(dict):
    """A mapping that no short way is for."""


def unusual(value):
    if isinstance(value, dict):
        return Unusual({key: unusual(item) for key, item in value.items()})
    return [unusual(item) for item in value] if isinstance(value, list) else value


def test_hosts_with_the_same_parts_share_them(tmp_path):
    path = tmp_path / "hosts.jsonl"
    record = a_record(random.Random(1), 1)
    path.write_text("\n".join(json.dumps(record | {"host": name}) for name in "ab"))
    first, second = read_hosts(path)
    for attribute in ("service", "aggregates", "traits", "supported_instances", "capabilities"):
        assert getattr(first, attribute) is getattr(second, attribute)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"instances": {"i": {"project_id": 3}}}, "project_id"),
        ({"instances": {"i": {"colour": "red"}}}, "a mapping from a uuid to an instance"),
        ({"instances": {"i": {"uuid": "j"}}}, "leads to"),
        ({"instances": {"i": {"uuid": ""}}}, "leads to"),
        ({"service": {"heartbeat": "2026-01-31"}}, "heartbeat"),
        ({"service": {"last_seen_up": "yesterday"}}, "last_seen_up"),
        ({"service": {"disabled": "no"}}, "disabled"),
        ({"metrics": {"cpu": "fast"}}, "numbers by name"),
        ({"stats": {"num_proj_p": "many"}}, "num_proj_p"),
        ({"aggregates": [{"name": 3}]}, "aggregate"),
        ({"aggregates": [{"name": "a", "colour": "red"}]}, "aggregates"),
    ],
)
def test_unusual_part_is_refused_as_ever(tmp_path, part, said):
    path = tmp_path / "hosts.jsonl"
    path.write_text(json.dumps({"host": "a", **part}))
    with pytest.raises(InventoryError, match=said):
        list(read_hosts(path))


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        *(("groups", ()), ("consumed", {}), ("scheduler_hints", {}), ("image_properties", {})),
        *(("flavor", None), ("project_id", None), ("created_at", None)),
    ],
)
def test_a_field_of_an_instance_that_is_null_is_not_given(field, kept):
    host = HostState("h", instances={"i": {"user_id": "u", field: None}})
    assert getattr(host.instances["i"], field) == kept


@pytest.mark.parametrize("field", ["forced", "priority"])
def test_a_field_of_an_instance_that_cannot_be_null_is_refused(field):
    with pytest.raises(InvalidHost, match=field):
        HostState("h", instances={"i": {field: None}})


def test_an_instance_of_checked_values_is_like_any_other():
    fields = {"uuid": "i", "project_id": "p", "groups": ("g",), "priority": 3}
    usual = Instance(**fields)
    quick = Instance.of_checked(*(getattr(usual, one.name) for one in dataclasses.fields(Instance)))
    assert (type(quick), quick, hash(quick)) == (Instance, usual, hash(usual))
    assert pickle.loads(pickle.dumps(quick)) == usual
    with pytest.raises(AttributeError):
        quick.priority = 4


@pytest.mark.parametrize("value", [0, 5, 2**62, 2**63, -1, True, 10**151])
def test_a_number_of_a_host_is_the_same_on_the_short_way(value):
    def kept(make):
        try:
            return repr(make().free_ram_mb)
        except InvalidHost as problem:
            return str(problem)

    def assigned():
        host = HostState("h")
        host.free_ram_mb = value
        return host

    ways = [assigned, lambda: HostState("h", free_ram_mb=value)]
    ways.append(lambda: HostState.from_dict({"host": "h", "free_ram_mb": value}))
    assert len(set(map(kept, ways))) == 1
