"""Laws: what holds whatever the hosts and the request are."""

# ruff: noqa: PT017 - a law may allow several ends; names are easier to read in a line

from __future__ import annotations

import copy
import json
import pickle
import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filtersched import (
    FilterScheduler,
    HostPool,
    HostState,
    InstanceGroup,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Selection,
    make_conf,
)
from filtersched.columns.frozen import thaw
from filtersched.columns.plain_data import plain_data
from filtersched.loading import describe_plugins
from filtersched.requests.request_values import RequestContext
from filtersched.weighers.handler import normalize

from . import strategies

FILTERS = [
    "AvailabilityZoneFilter",
    "RamFilter",
    "CoreFilter",
    "ComputeFilter",
    "DifferentHostFilter",
    "SameHostFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
]


@pytest.fixture(scope="module", params=[True, False], ids=["engine", "handlers"])
def schedulers(request) -> dict[str, FilterScheduler]:
    filters = {"strict": FILTERS, "ram": ["RamFilter"], "none": []}
    return {
        name: FilterScheduler(
            make_conf(enabled_filters=names, host_subset_size=2, shuffle_best_same_weighed_hosts=True),
            use_engine=request.param,
        )
        for name, names in filters.items()
    }


KINDS = st.sampled_from(["strict", "ram", "none"])


def everything(hosts) -> list[dict]:
    return [copy.copy(vars(one)) for one in hosts]


def attributes(hosts) -> list[dict]:
    """What is known of the hosts apart from the time of the last change, and apart from what was never said."""
    known = [{name: value for name, value in one.to_dict().items() if name != "updated"} for one in hosts]
    return [{name: value for name, value in one.items() if value not in (0, {}, [], None)} for one in known]


def decide(scheduler, *args, **options):
    """The selections, or None."""
    try:
        return scheduler.select_destinations(*args, **options)
    except NoValidHost:
        return None


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS, alternates=st.booleans())
def test_hosts_and_request_come_back_unchanged_whatever_is_decided_and_asked(schedulers, hosts, spec, kind, alternates):
    before, asked = everything(hosts), copy.copy(vars(spec))
    try:
        decide = schedulers[kind].select_destinations
        for selection in decide(spec, hosts, return_alternates=alternates, explain="full"):
            selection.explanation.summary()
            selection.explanation.near_misses()
            selection.to_dict()
    except NoValidHost as refusal:
        str(refusal)
        for host in hosts:
            refusal.explanation.why(host)
    assert everything(hosts) == before
    assert {name: value for name, value in vars(spec).items() if name[0] != "_"} == {
        name: value for name, value in asked.items() if name[0] != "_"
    }


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS)
def test_a_request_is_placed_whole_or_not_at_all(schedulers, hosts, spec, kind):
    pool = HostPool(hosts)
    before, generation = everything(pool), pool.generation
    known = {(one.host, one.nodename): set(one.instances) for one in pool}
    try:
        selections = schedulers[kind].place(spec, pool)
    except NoValidHost:
        assert everything(pool) == before
        assert pool.generation == generation
    else:
        assert [one.index for one in selections] == list(range(spec.num_instances))
        added = {(one.host, one.nodename): set(one.instances) - known[one.host, one.nodename] for one in pool}
        assert sorted(uuid for uuids in added.values() for uuid in uuids) == sorted(
            one.instance_uuid for one in selections
        )
        for selection in selections:
            assert selection.instance_uuid in added[selection.host, selection.nodename]


@given(hosts=strategies.hosts(least=1), spec=strategies.PLACEABLE)
def test_the_last_selection_of_a_host_shows_what_commit_makes_of_it(schedulers, hosts, spec):
    pool = HostPool(hosts)
    selections = schedulers["none"].select_destinations(spec, pool)
    pool.commit(selections)
    last = {(one.host, one.nodename): one.host_state for one in selections}
    sizes = ("free_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "num_io_ops", "resources", "updated")
    for key, expected in last.items():
        assert [getattr(pool[key], name) for name in sizes] == [getattr(expected, name) for name in sizes]


@given(hosts=strategies.hosts(least=1), spec=strategies.PLACEABLE, data=st.data())
def test_release_undoes_commit_in_any_order(schedulers, hosts, spec, data):
    for host in hosts:
        # A release never makes more free than there is.
        host.free_ram_mb = min(host.free_ram_mb, host.total_usable_ram_mb)
        host.free_disk_mb = min(host.free_disk_mb, host.total_usable_disk_gb * 1024)
    pool = HostPool(hosts)
    before = attributes(pool)
    selections = schedulers["none"].select_destinations(spec, pool)
    pool.commit(selections)
    for selection in data.draw(st.permutations(selections)):
        pool.release(selection)
    assert attributes(pool) == before


@given(hosts=strategies.hosts(least=1), spec=strategies.PLACEABLE)
def test_nothing_is_taken_twice(schedulers, hosts, spec):
    pool = HostPool(hosts)
    free = sum(one.free_ram_mb for one in pool)
    selections = schedulers["none"].select_destinations(spec, pool)
    pool.commit(selections)
    assert sum(one.free_ram_mb for one in pool) == free - len(selections) * spec.memory_mb


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS, seed=st.integers(0, 2**63))
def test_same_seed_same_answer(schedulers, hosts, spec, kind, seed):
    def answer():
        selections = decide(schedulers[kind], spec, hosts, seed=seed)
        return selections and [(one.host, one.nodename, one.weight, one.limits) for one in selections]

    assert answer() == answer()


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS)
def test_the_recorded_seed_replays_the_decision(schedulers, hosts, spec, kind):
    drawn = decide(schedulers[kind], spec, hosts)
    if drawn is None:
        return
    replayed = schedulers[kind].select_destinations(spec, hosts, seed=drawn[0].seed)
    assert [(one.host, one.nodename) for one in replayed] == [(one.host, one.nodename) for one in drawn]


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS, seed=st.integers(0, 99))
def test_a_pool_and_a_list_of_its_hosts_are_decided_alike(schedulers, hosts, spec, kind, seed):
    def answer(given):
        selections = decide(schedulers[kind], spec, given, seed=seed, return_alternates=True)
        return selections and [(one.host, one.nodename, one.weight, one.alternates) for one in selections]

    from_list = answer(hosts)
    assert answer(HostPool(hosts)) == from_list


@given(hosts=strategies.hosts(least=1), spec=strategies.REQUESTS, kind=KINDS)
def test_every_chosen_host_passes_every_filter_when_it_is_asked_about(schedulers, hosts, spec, kind):
    selections = decide(schedulers[kind], spec, hosts)
    for selection in selections or ():
        host = selection.host_state.host if _alone(selection, hosts) else _of(selection, hosts)
        assert selection.explanation.why(host).refused_by == ()


def _of(selection, hosts):
    return next(one for one in hosts if (one.host, one.nodename) == (selection.host, selection.nodename))


def _alone(selection, hosts):
    return [one.host for one in hosts].count(selection.host) == 1 and selection.host not in [
        one.nodename for one in hosts if one.host != selection.host
    ]


@given(hosts=strategies.hosts(), spec=strategies.REQUESTS, kind=KINDS)
def test_no_answer_but_these(schedulers, hosts, spec, kind):
    """Allowed hosts and requests end in selections or in one of the library's own errors."""
    try:
        selections = schedulers[kind].select_destinations(spec, hosts)
    except NoValidHost as refusal:
        assert 0 <= refusal.index < refusal.num_instances
        assert str(refusal).startswith("No valid host was found.")
        assert pickle.loads(pickle.dumps(refusal)).explanation.refused == refusal.explanation.refused
    except InvalidRequest:
        assert kind == "strict"
    else:
        for selection in selections:
            assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))).to_dict() == selection.to_dict()
            assert pickle.loads(pickle.dumps(selection)).to_dict() == selection.to_dict()


@given(host=strategies.FULL_HOSTS)
def test_a_host_written_down_and_read_is_the_same(host):
    again = HostState.from_dict(json.loads(json.dumps(host.to_dict())))
    assert vars(again) == vars(host)
    assert again.to_dict() == host.to_dict()


@given(spec=strategies.REQUESTS)
def test_a_request_written_down_and_read_is_the_same(spec):
    again = RequestSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert dict(again) == dict(spec)
    assert again.to_dict() == spec.to_dict()


@given(spec=strategies.REQUESTS)
def test_the_old_mapping_of_a_request_reads_back_as_the_same_mapping(spec):
    assert thaw(dict(RequestSpec.from_filter_properties(dict(spec)))) == thaw(dict(spec))


FILTER_NAMES = sorted(
    one.name for one in describe_plugins() if one.kind == "filter" and one.target.startswith("filtersched.")
)
# One filter at a time, since the ones behind a filter that refuses are not asked.
CHOICES = st.sampled_from([(), (), *((name,) for name in FILTER_NAMES), tuple(FILTER_NAMES)])


class Eager:
    """Schedulers with all weighers, with the engine and without, and with any filters."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, ...], list[FilterScheduler]] = {}

    def __repr__(self) -> str:
        return "<schedulers>"

    def __getitem__(self, filters: tuple[str, ...]) -> list[FilterScheduler]:
        if filters not in self._made:
            conf = make_conf(
                enabled_filters=list(filters),
                weight_setting=["load=1"],
                required=False,
                capability_weight_setting=["x=1", "x:y=2"],
                image_props_weight_multiplier=1.0,
            )
            self._made[filters] = [FilterScheduler(conf, use_engine=engine) for engine in (True, False)]
        return self._made[filters]


@pytest.fixture(scope="module")
def eager() -> Eager:
    return Eager()


def attributes_of_classes(cls) -> str:
    return " ".join(name for name in cls.__annotations__ if not name.startswith("_"))


@given(named=strategies.named_values(attributes_of_classes(HostState).replace("host ", "", 1)), filters=CHOICES)
@example(named=("instances", [5]), filters=())
@example(named=("aggregates", [{"metadata": "availability_zone"}]), filters=())
@example(named=("service", {"updated_at": 5}), filters=())
@example(named=("metrics", [[1, 2, 3]]), filters=())
@example(named=("resources", {"": [1, None]}), filters=())
@example(named=("pci_stats", [None]), filters=())
@example(named=("numa_topology", {"cells": [None]}), filters=())
def test_any_value_makes_a_host_that_any_ordinary_request_can_be_placed_on_or_a_clear_error(eager, named, filters):
    name, value = named
    try:
        host = HostState("cmp1", **{name: value})
    except InvalidHost as problem:
        # Of a nested value the attribute says where in it, as `pci_stats[0].vendor_id`.
        assert (problem.host, re.split(r"[.[]", problem.attribute)[0]) == ("cmp1", name)
        assert len(str(problem)) < 2000
        return
    again = HostState.from_dict(json.loads(json.dumps(host.to_dict())))
    assert vars(again) == vars(host)
    assert again.to_dict() == host.to_dict()
    assert repr(host)
    for spec in ORDINARY:
        for scheduler in eager[filters]:
            outcome = decide_or_explain(scheduler, spec, [host, HostState("cmp2", total_usable_ram_mb=5)])
            assert all(json.dumps(one.to_dict()) for one in outcome)


@given(named=strategies.named_values(attributes_of_classes(RequestSpec)), filters=CHOICES)
@example(named=("retry", {"hosts": [[1, 2, 3]]}), filters=())
@example(named=("instance_uuids", ["", ""]), filters=())
@example(named=("pci_requests", {False, None}), filters=())
def test_any_value_makes_a_request_that_can_be_decided_or_a_clear_error(eager, named, filters):
    name, value = named
    hosts = [HostState("cmp1", instances=["i1"], resources={"FPGA": (4, 0)}, capabilities={"x": 1}), HostState("cmp2")]
    try:
        spec = RequestSpec(**{name: value})
    except InvalidRequest as problem:
        assert re.split(r"[.\[]", problem.field)[0] == name
        assert len(str(problem)) < 2000
        return
    again = RequestSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.to_dict() == spec.to_dict()
    if isinstance(spec.context, RequestContext | None):
        assert given_attributes(again) == given_attributes(spec)
        assert thaw(dict(again)) == thaw(dict(spec))
    assert repr(spec)
    for scheduler in eager[filters]:
        try:
            outcome = decide_or_explain(scheduler, spec, hosts)
        except InvalidRequest as problem:
            assert problem.field
            assert len(str(problem)) < 2000
        else:
            for selection in outcome:
                assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))).to_dict() == selection.to_dict()


ORDINARY = [
    RequestSpec(),
    RequestSpec(
        strategies.ORDINARY_FLAVOR,
        project_id="p1",
        image={"id": "img", "properties": {"hw_architecture": "x86_64", "os": "x"}},
        availability_zone="nova",
        scheduler_hints={
            "query": '["and", [">=", "$free_ram_mb", 0], ["=", "$service.updated_at", "x"]]',
            "build_near_host_ip": "10.0.0.1",
            "different_host": "i1",
        },
    ),
    RequestSpec(instance_group=InstanceGroup("anti-affinity", members=["i1"]), num_instances=2),
]


def decide_or_explain(scheduler, spec, hosts):
    """The selections, none where the refusal gives its reasons."""
    try:
        return scheduler.select_destinations(spec, hosts)
    except NoValidHost as refusal:
        assert str(refusal).startswith("No valid host was found.")
        assert [str(scheduler.explain(spec, host)) for host in hosts]
        return []


def given_attributes(spec) -> dict:
    return {name: value for name, value in vars(spec).items() if not name.startswith("_")}


@given(value=strategies.DATA)
def test_plain_data_keeps_what_json_holds_and_thawing_gives_it_back(value):
    plain = plain_data(value)
    assert thaw(plain) == value
    assert plain_data(plain) is plain


@given(
    raw=st.lists(st.integers(-50, 50).map(float), max_size=6),
    low=st.none() | st.sampled_from([0.0, -10.0]),
    high=st.none() | st.sampled_from([20.0]),
)
def test_normalising_is_the_linear_map_from_the_ends_of_the_scale_to_0_and_1(raw, low, high):
    ends = [low if low is not None else min(raw, default=0.0), high if high is not None else max(raw, default=0.0)]
    bottom, top = map(Fraction, ends)
    expected = [0.0 if top == bottom else float((Fraction(one) - bottom) / (top - bottom)) for one in raw]
    assert normalize(raw, low, high) == pytest.approx(expected)
