"""The table of a host class's attributes, and classes that declare further ones."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import datetime
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    RequestSpec,
    Selection,
    host_attribute,
    make_conf,
)
from filtersched.inventory import read_hosts
from filtersched.testing import check_filter, make_host, make_spec, sample_hosts


class MetalHost(HostState):
    """A rack server."""

    rack: str = ""
    power_used_w: float = 0.0
    disks: int = 0
    is_leased: bool = False
    leased_until: datetime | None = None
    generation_name: Literal["g1", "g2"] = "g1"
    tags: list[str] = []
    labels: dict[str, float] = {}
    zones: set[str] = set()
    notes: Any = None
    share: Fraction = host_attribute(default=Fraction(1, 2), check=Fraction, plain=str, samples=["1/3", "1"])
    fans: ClassVar[int] = 4
    _seen: int = 0


class SlottedHost(MetalHost):
    """A rack server in a slot, which every one has."""

    slot: int
    rack = "r9"


FULL = {
    "rack": "007",
    "power_used_w": 250.5,
    "disks": 4,
    "is_leased": True,
    "leased_until": "2026-01-31T12:00:00",
    "generation_name": "g2",
    "tags": ["b", "a"],
    "labels": {"weight": 2.5},
    "zones": ["z1", "z2"],
    "notes": {"a": [1]},
    "share": "1/3",
}


def full_host(host_class=MetalHost, **more):
    return host_class("cmp1", total_usable_ram_mb=4096, free_ram_mb=4096, **FULL, **more)


def test_table_names_the_attributes_of_the_class_and_its_bases():
    assert list(MetalHost.attributes) == [*HostState.attributes, *FULL]
    assert set(MetalHost.attributes).isdisjoint(("fans", "_seen"))


def test_table_says_type_unit_and_default():
    found = HostState.attributes["free_disk_mb"]
    assert (found.kind.words, found.unit, found.default, found.is_optional) == ("number", "MiB", 0, False)


@pytest.mark.parametrize("name", [name for name in HostState.attributes if name not in ("host", "nodename")])
def test_table_says_which_attributes_may_be_none(name):
    try:
        host = HostState("cmp1", **{name: None})
    except InvalidHost:
        assert not HostState.attributes[name].is_optional
    else:
        assert (getattr(host, name) is None) == HostState.attributes[name].is_optional


def test_every_attribute_has_words_for_the_reference():
    assert [name for name, found in HostState.attributes.items() if not found.doc.endswith((".", "..."))] == []


def test_declared_attributes_are_keywords_with_defaults():
    host = MetalHost("cmp1", rack="r1")
    assert (host.rack, host.power_used_w, host.tags, host.share) == ("r1", 0.0, (), Fraction(1, 2))


def test_host_comes_back_from_json_as_it_was():
    host = full_host()
    again = MetalHost.from_dict(json.loads(json.dumps(host.to_dict())))
    assert type(again) is MetalHost
    assert vars(again) == vars(host)
    assert (again.share, again.leased_until) == (Fraction(1, 3), datetime(2026, 1, 31, 12))


def test_to_dict_has_plain_data_under_the_declared_names():
    data = full_host().to_dict()
    assert {name: data[name] for name in FULL} == FULL


@pytest.mark.parametrize(
    "through", [lambda host: host.copy(), copy.copy, lambda host: pickle.loads(pickle.dumps(host))]
)
def test_declared_attributes_are_copied(through):
    assert vars(through(full_host())) == vars(full_host())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("rack", 7, "rack must be text, not 7"),
        ("power_used_w", "x", "power_used_w must be a finite number, not 'x'"),
        ("power_used_w", float("nan"), "power_used_w must be a finite number, not nan"),
        ("disks", 2.5, "disks must be a whole number, not 2.5"),
        ("disks", None, "disks must be a finite number, not None"),
        ("is_leased", 1, "is_leased must be true or false, not 1"),
        ("leased_until", "soon", "leased_until must be a time such as 2026-01-31T12:00:00, not 'soon'"),
        ("generation_name", "g3", "generation_name must be 'g1' or 'g2', not 'g3'"),
        ("tags", "ab", "tags must be a list, not 'ab'"),
        ("tags", ["a", 1], "tags must be of text; an item must be text, not 1"),
        ("labels", {"a": "b"}, "labels must be of number; 'a' must be a finite number, not 'b'"),
        ("notes", object, "notes must be plain data, as JSON holds it; <class 'object'> is none"),
    ],
)
def test_value_that_an_attribute_cannot_have_is_refused_however_it_comes(name, value, problem):
    for give in (
        lambda: MetalHost("cmp1", **{name: value}),
        lambda: setattr(full_host(), name, value),
        lambda: MetalHost.from_dict({"host": "cmp1", name: value}),
        lambda: HostPool([full_host()]).update("cmp1", **{name: value}),
        lambda: HostPool.from_columns(["cmp1"], host_class=MetalHost, **{name: [value]}),
    ):
        with pytest.raises(InvalidHost) as caught:
            give()
        assert (str(caught.value), caught.value.attribute) == (f"host 'cmp1': {problem}", name)


class ShoutingHost(HostState):
    """A host whose topic and name are set by properties."""

    @property
    def topic(self) -> str:
        return self.__dict__["shouted"].upper()

    @topic.setter
    def topic(self, value: str) -> None:
        self.__dict__["shouted"] = f"{value} of {self.host}"

    @property
    def nodename(self) -> str:
        return self.__dict__["node"]

    @nodename.setter
    def nodename(self, value: str) -> None:
        self.__dict__["node"] = f"node {value}"


def test_setter_of_a_subclass_is_called_by_the_constructor():
    host = ShoutingHost("h", topic="storage", uuid="1")

    assert (host.topic, host.nodename, host.uuid) == ("STORAGE OF H", "node h", "1")


def test_unknown_keyword_names_the_subclass_and_the_nearest_public_name():
    with pytest.raises(InvalidHost) as caught:
        MetalHost("cmp1", rak="r1")
    assert str(caught.value) == "host 'cmp1': 'rak' is not an attribute of MetalHost. Did you mean 'rack'?"
    with pytest.raises(InvalidHost, match=r"'_sen' is not an attribute of MetalHost.$"):
        MetalHost("cmp1", _sen="r1")


def test_attribute_without_a_default_must_be_given():
    with pytest.raises(InvalidHost, match="host 'cmp1': a SlottedHost needs 'slot'"):
        SlottedHost("cmp1")
    with pytest.raises(InvalidHost, match="a SlottedHost needs 'slot'"):
        HostPool.from_columns(["cmp1"], host_class=SlottedHost)
    assert SlottedHost("cmp1", slot=3).slot == 3


def test_subclass_may_change_a_default_without_a_type():
    assert (SlottedHost("cmp1", slot=1).rack, SlottedHost.attributes["rack"].default) == ("r9", "r9")
    with pytest.raises(InvalidHost, match="rack must be text"):
        SlottedHost("cmp1", slot=1, rack=4)


def test_mapping_and_list_can_only_be_replaced():
    host = full_host()
    with pytest.raises(TypeError):
        host.labels["weight"] = 1.0
    assert (host.tags, host.zones) == (("b", "a"), frozenset(("z1", "z2")))


def test_numpy_values_become_pythons():
    host = MetalHost("cmp1", disks=np.int64(3), is_leased=np.bool_(True), power_used_w=np.float64(1.5))
    values = (host.disks, host.is_leased, host.power_used_w)
    assert (values, [*map(type, values)]) == ((3, True, 1.5), [int, bool, float])


def test_default_that_the_type_excludes_is_refused_where_the_class_is_made():
    with pytest.raises(InvalidHost, match=r"Wrong\.rack has a wrong default: it must be text, not 5"):

        class Wrong(HostState):
            rack: str = 5


def test_name_of_a_method_cannot_be_declared():
    with pytest.raises(InvalidHost, match=r"Wrong\.limits cannot be declared: HostState has a method or property"):

        class Wrong(HostState):
            limits: int = 5


def test_host_attribute_without_a_type_is_refused():
    with pytest.raises(InvalidHost, match=r"Wrong\.rack needs an annotation, such as rack: str"):

        class Wrong(HostState):
            rack = host_attribute(default="")


class Slot:
    """What JSON lacks."""


class PlainlyTyped(HostState):
    """Has an attribute of a type of its own, and says nothing of JSON."""

    slot: Slot | None = None


def test_value_that_json_lacks_is_kept_and_named_where_it_is_written():
    slot = Slot()
    host = PlainlyTyped("cmp1", slot=slot)
    assert host.copy().slot is slot
    with pytest.raises(InvalidHost, match=r"host 'cmp1': slot is .* give host_attribute a `plain`") as caught:
        host.to_dict()
    assert (caught.value.attribute, caught.value.value) == ("slot", slot)


def test_mutable_value_of_an_own_check_is_copied_one_level_deep():
    class Listed(HostState):
        slots: list[int] = host_attribute(default=(), check=list)

    host = Listed("cmp1", slots=[1])
    host.copy().slots.append(2)
    assert host.slots == [1]


# -- columns, files, samples, decisions ------------------------------------------------------


def test_pool_made_of_columns_makes_hosts_of_the_class():
    watts = np.array([1.0, 2.0])
    pool = HostPool.from_columns(["a", "b"], host_class=MetalHost, rack=["r1", "r2"], power_used_w=watts)
    assert pool.rows.column("power_used_w").values.tolist() == [1.0, 2.0]
    assert pool.rows.column("disks").values.tolist() == [0.0, 0.0]
    assert (type(pool["b"]), pool["b"].rack, pool["b"].power_used_w) == (MetalHost, "r2", 2.0)


def test_unknown_column_names_the_class():
    with pytest.raises(InvalidHost, match=r"'rak' is not an attribute of MetalHost\. Did you mean 'rack'"):
        HostPool.from_columns(["a"], host_class=MetalHost, rak=["r1"])


@pytest.mark.parametrize("names", [{"host": ["a", "b"], "free_ram_mb": [1, 2]}, {"a", "b"}, "ab", 7])
def test_what_has_no_order_of_hosts_is_no_column(names):
    with pytest.raises(InvalidHost, match="host must be a column, one value for each host"):
        HostPool.from_columns(names)


@pytest.mark.parametrize("given", [[0.0, 1.5], [0, 2]])
def test_ratio_of_zero_in_an_array_is_not_set(given):
    pool = HostPool.from_columns(["a", "b"], ram_allocation_ratio=np.array(given))
    assert [host.ram_allocation_ratio for host in pool] == [None, float(given[1])]


class CoolFilter(BaseHostFilter):
    """Refuse hosts that use 200 W or more, or are not in rack 007."""

    host_reads = ("rack", "power_used_w")

    def host_passes(self, host_state, spec):
        return host_state.power_used_w < 200 and host_state.rack == "007"


def test_filter_may_declare_that_it_reads_them():
    check_filter(CoolFilter, hosts=[*sample_hosts(host_class=MetalHost), make_host(MetalHost, rack="007")])


class TaggedHost(MetalHost):
    """Counts its power when it takes an instance."""

    def consume_from_request(self, spec):
        super().consume_from_request(spec)
        self.power_used_w += 150


def test_decisions_count_what_a_subclass_takes():
    paths = f"{__name__}.CoolFilter"
    conf = make_conf(scheduler_available_filters=[paths], scheduler_default_filters=["CoolFilter"])
    pool = HostPool([TaggedHost(name, rack="007") for name in "abc"])
    spec = RequestSpec(Flavor(memory_mb=1), num_instances=6)
    chosen = FilterScheduler(conf).select_destinations(spec, pool)
    assert sorted(one.host for one in chosen) == ["a", "a", "b", "b", "c", "c"]
    data = json.loads(json.dumps(chosen[-1].to_dict()))
    assert Selection.from_dict(data, host_class=TaggedHost).host_state.power_used_w == 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hosts.jsonl", '{"host": "a", "rack": "007", "labels": {"weight": 2}}\n'),
        ("hosts.csv", "host,rack,labels.weight\na,007,2\n"),
        ("hosts.json", '{"hosts": [{"host": "a", "rack": "007", "labels": {"weight": 2}}]}'),
    ],
)
def test_inventory_has_them(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (host,) = read_hosts(tmp_path / name, host_class=MetalHost)
    assert (type(host), host.rack, host.labels) == (MetalHost, "007", {"weight": 2})


def test_made_host_is_of_the_class():
    host = make_host(MetalHost, rack="r1")
    assert (type(host), host.host, host.rack, host.vcpus_total) == (MetalHost, "host-1", "r1", 8)
    assert make_host(MetalHost, "cmp1", "node1").nodename == "node1"
    assert make_host(MetalHost, host="cmp1").host == "cmp1"


def test_samples_have_none_wherever_it_may_be():
    hosts = sample_hosts(host_class=MetalHost)
    optional = [name for name, found in MetalHost.attributes.items() if found.is_optional]
    assert [name for name in optional if all(getattr(host, name) is not None for host in hosts)] == []


def test_samples_have_several_values_of_every_attribute():
    hosts = sample_hosts(host_class=MetalHost)
    values = {name: {repr(getattr(host, name)) for host in hosts} for name in MetalHost.attributes}
    assert [name for name, found in values.items() if len(found) < 2] == []


def test_filter_that_raises_on_none_breaks_the_rules():
    class Careless(BaseHostFilter):
        def host_passes(self, host_state, spec):
            return host_state.vcpus_total >= spec.vcpus

    with pytest.raises(AssertionError, match="raised TypeError"):
        check_filter(Careless, specs=[make_spec()])


# -- what an author may get wrong ------------------------------------------------------------


class Careful(HostState):
    """Has an attribute whose check and plain data are its author's."""

    share: Fraction = host_attribute(default=Fraction(1, 2), check=Fraction, plain=lambda share: share.as_integer())


def test_exception_of_an_own_check_says_what_is_wrong_with_the_value():
    with pytest.raises(InvalidHost, match=r"host 'cmp1': share cannot be '1/0': Fraction\(1, 0\)") as caught:
        Careful("cmp1", share="1/0")
    assert (caught.value.attribute, caught.value.value) == ("share", "1/0")


def test_exception_of_own_plain_data_names_host_and_attribute():
    with pytest.raises(InvalidHost, match=r"host 'cmp1': share is Fraction.*cannot be made plain data: 'Fraction'"):
        Careful("cmp1", share="1/3").to_dict()


def test_own_plain_data_must_be_plain():
    class Odd(HostState):
        share: Fraction = host_attribute(default=Fraction(1, 2), check=Fraction, plain=lambda share: share)

    with pytest.raises(InvalidHost, match="must be plain data"):
        Odd("cmp1", share="1/3").to_dict()


def test_property_takes_the_place_of_an_attribute():
    class Derived(MetalHost):
        @property
        def disks(self):
            return 7

    assert Derived("cmp1").disks == 7
    with pytest.raises(InvalidHost, match="'disks' is not an attribute of Derived"):
        Derived("cmp1", disks=3)


@pytest.mark.parametrize(
    "give",
    [
        lambda cls: HostPool.from_columns(["a"], host_class=cls),
        lambda cls: list(read_hosts("hosts.jsonl", host_class=cls)),
        lambda cls: sample_hosts(host_class=cls),
        lambda cls: make_host(cls),
    ],
)
def test_class_that_is_no_class_of_hosts_is_refused(give, tmp_path, monkeypatch):
    (tmp_path / "hosts.jsonl").write_text('{"host": "a"}\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidHost, match="host_class must be a class derived from HostState, not <class 'dict'>"):
        give(dict)


@pytest.mark.parametrize("arguments", [("m1",), ("m1", "r1"), ()])
def test_dataclass_is_an_error_that_says_what_to_write(arguments):
    @dataclasses.dataclass
    class MetalHost(HostState):
        rack: str = ""

    class NewerHost(MetalHost):
        pass

    for kind in (MetalHost, NewerHost):
        with pytest.raises(InvalidHost, match=f"{kind.__name__} is a dataclass, .* remove @dataclass"):
            kind(*arguments, rack="r1")


def test_constructor_that_forgets_the_one_of_its_base_is_told():
    class MetalHost(HostState):
        def __init__(self, host: str) -> None:
            self.rack = "r1"

    with pytest.raises(InvalidHost, match=r"MetalHost must call super\(\).__init__\(host, …\) before it sets rack"):
        MetalHost("m1")
