"""Plug-ins that declare items decide as the handlers do, and are not asked again where others change."""

from __future__ import annotations

import random

import pytest

from filtersched import (
    BaseHostFilter,
    BaseWeigher,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    RequestSpec,
    UndeclaredRead,
)
from filtersched.plugins.columnar import has_key, item, of_each

asked: list[str] = []


class LoadFilter(BaseHostFilter):
    """Refuse hosts with a high load."""

    host_reads = ("capabilities.load",)

    def host_passes(self, host_state, spec):
        asked.append(host_state.host if "host" in type(self).host_reads else "")
        return host_state.capabilities.get("load", 0) <= 4


class ColumnarLoadFilter(BaseHostFilter):
    """Refuse hosts with a high load."""

    host_reads = ("capabilities.load", "vcpus_total")
    columnar = True

    def host_passes(self, host_state, spec):
        asked.append("")
        load = item(host_state, "capabilities", "load", number)
        return load <= 4


class EachLoadFilter(BaseHostFilter):
    """Refuse hosts with a high load."""

    host_reads = ("capabilities.load",)
    columnar = True

    def host_passes(self, host_state, spec):
        return of_each(host_state, "capabilities", low_load)


class RackFilter(BaseHostFilter):
    """Refuse hosts outside the rack that a hint names."""

    host_reads = ("capabilities.rack", "stats.*")
    spec_reads = ("scheduler_hints.rack", "extra_specs.acme:*")

    def host_passes(self, host_state, spec):
        asked.append("")
        wanted = spec.get_scheduler_hint("rack")
        speed = sum(int(value) for key, value in spec.extra_specs.items() if key.startswith("acme:"))
        spare = sum(value for key, value in host_state.stats.items() if ":" not in key)
        return wanted in (None, host_state.capabilities.get("rack")) and speed <= spare


class MbitWeigher(BaseWeigher):
    """Prefer hosts with a fast network."""

    host_reads = ("metrics.net",)
    spec_reads = ("extra_specs.acme:mbit_s",)

    def _weigh_object(self, host_state, weight_properties):
        asked.append("")
        wanted = float(weight_properties.extra_specs.get("acme:mbit_s", 0))
        return sum((metric.value for metric in host_state.metrics if metric.name == "net"), 0.0) - wanted


def number(value):
    return value


def low_load(capabilities):
    asked.append("")
    return capabilities.get("load", 0) <= 4


def capabilities(rng):
    given = {"load": rng.choice([0, 1, 1.0, True, 3, 5, 9]), "rack": rng.choice("ab"), "serial": rng.random()}
    return {key: given[key] for key in given if rng.random() < 0.8}


def stats(rng):
    return {key: rng.randrange(3) for key in ("a", "b", "x:y") if rng.random() < 0.8}


def request(rng):
    hints = {"rack": rng.choice("ab"), "other": str(rng.random())}
    specs = {"acme:mbit_s": "1", "acme:more": "2", "other": str(rng.random())}
    return {
        "flavor": Flavor(extra_specs={key: specs[key] for key in specs if rng.random() < 0.4}),
        "scheduler_hints": {key: hints[key] for key in hints if rng.random() < 0.4},
        "num_instances": rng.choice([1, 1, 3]),
        "instance_uuids": ["i1", "i2", "i3"],
    }


def decided(scheduler, given, hosts):
    try:
        selections = scheduler.select_destinations(RequestSpec(**given), hosts, seed=1)
    except Exception as problem:
        return type(problem), str(problem)
    return [(one.host, one.weight) for one in selections]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "filters", [[LoadFilter], [ColumnarLoadFilter], [EachLoadFilter], [RackFilter], [LoadFilter, RackFilter]]
)
def test_engine_and_handlers_agree_while_declared_and_other_items_change(filters, seed):
    rng = random.Random(seed)
    fast = FilterScheduler(filters=filters, weighers=[MbitWeigher])
    plain = FilterScheduler(filters=filters, weighers=[MbitWeigher], use_engine=False)
    loaded = ColumnarLoadFilter not in filters
    pool = HostPool(
        HostState(
            f"h{at}",
            capabilities=capabilities(rng) if loaded else {**capabilities(rng), "load": rng.randrange(9)},
            stats=stats(rng),
            metrics={"net": rng.randrange(9), "cpu": rng.random()},
        )
        for at in range(12)
    )
    for _ in range(12):
        given = request(rng)
        assert decided(fast, given, pool) == decided(plain, given, pool)
        host = pool[f"h{rng.randrange(12)}"]
        change = rng.randrange(4)
        if change == 0:
            host.capabilities = {**capabilities(rng), "load": rng.choice([1, 1.0, 5])}
        elif change == 1:
            pool.update(host.host, stats=stats(rng), metrics={"net": rng.randrange(9), "cpu": rng.random()})
        elif change == 2:
            host.capabilities = {**host.capabilities, "serial": rng.random()}


def questions(scheduler, pool, **request):
    """How often plug-ins were asked, for a decision."""
    asked.clear()
    scheduler.select_destinations(RequestSpec(Flavor(extra_specs=request.pop("extra_specs", {})), **request), pool)
    return len(asked)


def kept_pool():
    return HostPool(
        HostState(f"h{at}", capabilities={"load": at % 3, "rack": "a"}, metrics={"net": at % 4}, stats={"a": 1})
        for at in range(100)
    )


@pytest.mark.parametrize("plugin", [LoadFilter, ColumnarLoadFilter, EachLoadFilter, RackFilter, MbitWeigher])
def test_other_hints_and_extra_specs_ask_nobody_again(plugin):
    pool = kept_pool()
    chosen = {"weighers": [plugin]} if plugin is MbitWeigher else {"filters": [plugin], "weighers": []}
    scheduler = FilterScheduler(**chosen)
    assert questions(scheduler, pool, extra_specs={"acme:mbit_s": "0"}, scheduler_hints={"rack": "a"})
    for at in range(3):
        others = {"extra_specs": {"acme:mbit_s": "0", "x:ssd": str(at)}, "scheduler_hints": {"rack": "a", "x": str(at)}}
        assert questions(scheduler, pool, **others) == 0


@pytest.mark.parametrize("plugin", [LoadFilter, ColumnarLoadFilter, EachLoadFilter, RackFilter, MbitWeigher])
def test_other_capabilities_and_metrics_of_a_host_ask_nobody_again(plugin):
    pool = kept_pool()
    chosen = {"weighers": [plugin]} if plugin is MbitWeigher else {"filters": [plugin], "weighers": []}
    scheduler = FilterScheduler(**chosen)
    assert questions(scheduler, pool)
    for at in range(3):
        pool["h7"].capabilities = {"load": 1, "rack": "a", "serial": at}
        pool.update("h8", capabilities={"load": 2, "rack": "a", "serial": at}, metrics={"net": 0, "cpu": at})
        assert questions(scheduler, pool) == 0


@pytest.mark.parametrize(
    ("plugin", "changes"),
    [
        (LoadFilter, {"capabilities": {"load": 40}}),
        (ColumnarLoadFilter, {"capabilities": {"load": 40}}),
        (EachLoadFilter, {"capabilities": {"load": 40}}),
        (RackFilter, {"stats": {"a": 7}}),
        (MbitWeigher, {"metrics": {"net": 40}}),
    ],
)
def test_declared_item_that_changes_is_asked_about_once(plugin, changes):
    pool = kept_pool()
    chosen = {"weighers": [plugin]} if plugin is MbitWeigher else {"filters": [plugin], "weighers": []}
    scheduler = FilterScheduler(**chosen)
    questions(scheduler, pool)
    pool.update("h7", **changes)
    assert questions(scheduler, pool) == 1


def body(read, **declared):
    """A filter with this body."""
    members = {"host_passes": lambda _self, host, spec: bool(read(host, spec)) or True, **declared}
    return type("BodyFilter", (BaseHostFilter,), members)


@pytest.mark.parametrize(
    ("read", "attribute"),
    [
        (lambda host, _spec: host.capabilities.get("rack"), "capabilities.rack"),
        (lambda host, _spec: host.capabilities["rack"], "capabilities.rack"),
        (lambda host, _spec: "rack" in host.capabilities, "capabilities.rack"),
        (lambda host, _spec: list(host.capabilities), "capabilities"),
        (lambda host, _spec: host.capabilities.items() and dict(host.capabilities), "capabilities"),
        (lambda host, _spec: {**host.capabilities}, "capabilities"),
        (lambda host, _spec: not host.capabilities, "capabilities"),
        (lambda host, _spec: len(host.capabilities), "capabilities"),
        (lambda host, _spec: host.capabilities == {}, "capabilities"),
        (lambda host, _spec: hash(host.capabilities), "capabilities"),
        (lambda host, _spec: item(host, "capabilities", "rack"), "capabilities.rack"),
        (lambda host, _spec: has_key(host, "capabilities", "rack"), "capabilities.rack"),
        (lambda _host, spec: spec.scheduler_hints.get("query"), "scheduler_hints.query"),
        (lambda _host, spec: spec.get_scheduler_hint("query"), "scheduler_hints.query"),
        (lambda _host, spec: spec.extra_specs.get("trait:X"), "extra_specs.trait:X"),
        (lambda _host, spec: len(spec.extra_specs), "extra_specs"),
    ],
)
@pytest.mark.parametrize("columnar", [False, True])
def test_read_of_an_item_that_is_not_declared_is_refused_by_name(read, attribute, columnar):
    reads = {"host_reads": ("capabilities.load",), "spec_reads": ("scheduler_hints.rack", "extra_specs.acme:*")}
    scheduler = FilterScheduler(filters=[body(read, columnar=columnar, **reads)])
    with pytest.raises(UndeclaredRead, match="BodyFilter reads ") as caught:
        scheduler.select_destinations(RequestSpec(), kept_pool())
    assert (caught.value.plugin, caught.value.attribute) == ("BodyFilter", attribute)


def test_attribute_that_is_declared_too_is_shown_whole():
    reads = {"host_reads": ("capabilities.load", "capabilities"), "spec_reads": ("extra_specs", "extra_specs.x")}
    seen = []
    whole = body(lambda host, spec: seen.append((dict(host.capabilities), dict(spec.extra_specs))), **reads)
    hosts = [HostState("a", capabilities={"load": 1, "rack": "r"}), HostState("b")]
    FilterScheduler(filters=[whole]).select_destinations(RequestSpec(Flavor(extra_specs={"y": "1"})), hosts)
    assert ({"load": 1, "rack": "r"}, {"y": "1"}) in seen


def test_items_declared_by_a_pattern_are_all_that_iteration_shows():
    seen = []
    reads = {"host_reads": (), "spec_reads": ("extra_specs.acme:*",)}
    some = body(lambda _host, spec: seen.append(dict(spec.extra_specs)), **reads)
    specs = {"acme:a": "1", "other": "2", "acme:b:c": "3"}
    FilterScheduler(filters=[some]).select_destinations(RequestSpec(Flavor(extra_specs=specs)), kept_pool())
    assert seen == [{"acme:a": "1", "acme:b:c": "3"}]


def test_items_of_many_requests_leave_the_pool_small():
    reads = {"host_reads": lambda _self, spec: (f"capabilities.{spec.get_scheduler_hint('key')}",)}
    keyed = body(lambda host, spec: host.capabilities.get(spec.get_scheduler_hint("key")), **reads)
    keyed.spec_reads = ("scheduler_hints.key",)
    pool, scheduler = kept_pool(), FilterScheduler(filters=[keyed])
    for at in range(200):
        scheduler.select_destinations(RequestSpec(scheduler_hints={"key": f"k{at}"}), pool)
    assert len(pool.rows._caches) <= 80
    assert sum(map(len, pool.rows._watched_keys.values())) <= 64
