"""What Prometheus reads of schedulers and pools."""

from __future__ import annotations

import gc
import re
import sys
import threading
import urllib.request

import pytest

pytest.importorskip("prometheus_client", reason="the extra observe is not installed")

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from filtersched import (
    ConfigurationError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    Metrics,
    NoValidHost,
    RequestSpec,
    make_conf,
    serve_metrics,
)
from filtersched.schedulers.metrics import FAMILIES


def spec(memory_mb=1024, vcpus=1, **given):
    return RequestSpec(Flavor(memory_mb=memory_mb, vcpus=vcpus), **given)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


@pytest.fixture
def pool():
    return HostPool(
        [
            HostState("one", total_usable_ram_mb=4096, free_ram_mb=4096, vcpus_total=8),
            HostState("two", total_usable_ram_mb=8192, free_ram_mb=8192, vcpus_total=1),
        ]
    )


@pytest.fixture
def scheduler(metrics):
    ratios = {"ram_allocation_ratio": 1.0, "cpu_allocation_ratio": 1.0}
    made = FilterScheduler(make_conf(enabled_filters=["RamFilter", "CoreFilter"], **ratios))
    made.observer = metrics
    return made


def value(registry, name, **labels):
    return registry.get_sample_value(name, labels)


def test_decisions_are_counted_by_operation_and_result(scheduler, pool, registry):
    scheduler.place(spec(), pool)
    scheduler.place(spec(), pool)
    scheduler.select_destinations(spec(), pool)
    with pytest.raises(NoValidHost):
        scheduler.place(spec(65536), pool)
    with pytest.raises(InvalidRequest):
        scheduler.place("no request", pool)
    name = "filtersched_decisions_total"
    assert value(registry, name, operation="place", result="success") == 2
    assert value(registry, name, operation="select_destinations", result="success") == 1
    assert value(registry, name, operation="place", result="no_valid_host") == 1
    assert value(registry, name, operation="place", result="invalid_request") == 1


def test_late_commit_that_conflicts_is_counted_as_such(scheduler, pool, registry):
    selections = scheduler.select_destinations(spec(4096, 1), pool, filters=["RamFilter"])
    pool.update(selections[0].host, free_ram_mb=0)
    with pytest.raises(Exception, match="cannot take"):
        scheduler.commit(selections, pool, filters=["RamFilter"])
    assert value(registry, "filtersched_decisions_total", operation="commit", result="conflict") == 1


def test_only_placed_instances_count_as_placed(scheduler, pool, registry):
    scheduler.place(spec(512, num_instances=3), pool)
    scheduler.place_all([spec(512), spec(256)], pool)
    scheduler.select_destinations(spec(512), pool)
    assert value(registry, "filtersched_placed_instances_total") == 5


def test_duration_is_counted_in_its_bucket(metrics, registry):
    metrics.decision_ends("place", metrics.decision_begins("place", None) - 0.3, (), None)
    name = "filtersched_decision_duration_seconds"
    labels = {"operation": "place", "result": "success"}
    assert [value(registry, f"{name}_bucket", le=le, **labels) for le in ("0.25", "0.5", "+Inf")] == [0, 1, 1]
    assert value(registry, f"{name}_count", **labels) == 1
    assert value(registry, f"{name}_sum", **labels) == pytest.approx(0.3, abs=0.15)


def test_duration_above_all_buckets_is_in_the_last(metrics, registry):
    metrics.decision_ends("place", metrics.decision_begins("place", None) - 3600, (), None)
    labels = {"operation": "place", "result": "success"}
    counts = [
        value(registry, "filtersched_decision_duration_seconds_bucket", le=le, **labels) for le in ("10.0", "+Inf")
    ]
    assert counts == [0, 1]


def test_refusals_are_counted_by_the_filter_that_left_none(scheduler, pool, registry):
    for memory_mb, vcpus in ((65536, 1), (6000, 4)):
        with pytest.raises(NoValidHost):
            scheduler.place(spec(memory_mb, vcpus), pool)
    assert value(registry, "filtersched_refusals_total", filter="RamFilter") == 1
    assert value(registry, "filtersched_refusals_total", filter="CoreFilter") == 1
    assert value(registry, "filtersched_refused_hosts_total", filter="RamFilter") == 3
    assert value(registry, "filtersched_refused_hosts_total", filter="CoreFilter") == 1


@pytest.mark.parametrize("use_engine", [True, False])
def test_refusal_of_a_later_instance_counts_all_refused_hosts(registry, metrics, pool, use_engine):
    scheduler = FilterScheduler(
        make_conf(enabled_filters=["RamFilter"], ram_allocation_ratio=1.0), use_engine=use_engine
    )
    scheduler.observer = metrics
    with pytest.raises(NoValidHost):
        scheduler.place(spec(4096, num_instances=4), pool)
    assert value(registry, "filtersched_refusals_total", filter="RamFilter") == 1
    assert value(registry, "filtersched_refused_hosts_total", filter="RamFilter") == 2


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.parametrize("ignored", [[], ["one"]])
def test_counts_of_a_refusal_are_those_of_its_steps(pool, use_engine, ignored):
    filters = ["AvailabilityZoneFilter", "RamFilter", "CoreFilter"]
    conf = make_conf(enabled_filters=filters, ram_allocation_ratio=1.0, cpu_allocation_ratio=1.0)
    with pytest.raises(NoValidHost) as refusal:
        FilterScheduler(conf, use_engine=use_engine).place(spec(6000, 4, ignore_hosts=ignored), pool)
    explanation = refusal.value.explanation
    excluded = [("ignore_hosts", 2, 1)] if ignored else []
    left = 2 - len(ignored)
    expected = [*excluded, ("AvailabilityZoneFilter", left, left), ("RamFilter", left, 1), ("CoreFilter", 1, 0)]
    assert list(explanation.step_counts()) == expected
    assert [(step.name, step.before, step.after) for step in explanation.steps] == expected


def test_hosts_that_the_request_excludes_count_under_its_field(scheduler, pool, registry):
    with pytest.raises(NoValidHost):
        scheduler.place(spec(6000, ignore_hosts=["two"]), pool)
    assert value(registry, "filtersched_refused_hosts_total", filter="ignore_hosts") == 1
    assert value(registry, "filtersched_refusals_total", filter="RamFilter") == 1


def test_refusal_without_any_host_has_no_filter(scheduler, registry):
    with pytest.raises(NoValidHost):
        scheduler.select_destinations(spec(), [])
    assert value(registry, "filtersched_refusals_total", filter="none") == 1


def test_refusal_of_a_driver_without_reasons_is_counted(metrics, registry):
    metrics.decision_ends("place", metrics.decision_begins("place", None), (), NoValidHost("full"))
    assert value(registry, "filtersched_refusals_total", filter="none") == 1


def test_claims_conflicts_and_lag_of_a_shared_pool_are_counted(metrics, registry):
    metrics.claim_ends("held", conflicts=0, seconds=0.001)
    metrics.claim_ends("alternate", conflicts=2, seconds=0.002)
    metrics.replica_read(7, lag_s=0.5, seconds=0.001)
    metrics.replica_read(1, lag_s=0.25, seconds=0.001)
    assert value(registry, "filtersched_claims_total", result="held") == 1
    assert value(registry, "filtersched_claims_total", result="alternate") == 1
    assert value(registry, "filtersched_claim_conflicts_total") == 2
    assert value(registry, "filtersched_claim_duration_seconds_sum") == pytest.approx(0.003)
    assert value(registry, "filtersched_replica_changes_total") == 8
    assert value(registry, "filtersched_replica_lag_seconds") == 0.25


def test_reloads_are_counted_and_the_last_good_one_has_a_time(metrics, registry):
    metrics.reload_ends(ConfigurationError("bad"))
    assert value(registry, "filtersched_last_reload_success_timestamp_seconds") is None
    metrics.reload_ends(None)
    assert value(registry, "filtersched_reloads_total", result="error") == 1
    assert value(registry, "filtersched_reloads_total", result="success") == 1
    assert value(registry, "filtersched_last_reload_success_timestamp_seconds") > 1_600_000_000


def test_use_of_a_watched_pool_is_read_in_base_units(metrics, registry):
    pool = HostPool(
        [
            HostState(
                "one",
                total_usable_ram_mb=4096,
                free_ram_mb=1024,
                vcpus_total=8,
                vcpus_used=2,
                total_usable_disk_gb=10,
                free_disk_mb=1024,
                num_instances=3,
                resources={"VGPU": (4, 1)},
            ),
            HostState("two", total_usable_ram_mb=1024, free_ram_mb=1024, resources={"VGPU": (2, 2)}),
        ]
    )
    metrics.watch(pool, "main")
    found = {
        name.removeprefix("filtersched_pool_"): value(registry, name, pool="main")
        for _kind, name, _help, labels in FAMILIES
        if labels == ("pool",)
    }
    assert found == {
        "hosts": 2,
        "instances": 3,
        "memory_capacity_bytes": 5120 * 2**20,
        "memory_used_bytes": 3072 * 2**20,
        "disk_capacity_bytes": 10 * 2**30,
        "disk_used_bytes": 9 * 2**30,
        "vcpus_capacity": 8,
        "vcpus_used": 2,
    }
    assert value(registry, "filtersched_pool_resource_capacity", pool="main", resource="VGPU") == 6
    assert value(registry, "filtersched_pool_resource_used", pool="main", resource="VGPU") == 3


def test_use_follows_the_pool(scheduler, metrics, pool, registry):
    metrics.watch(pool)
    name = "filtersched_pool_memory_used_bytes"
    before = value(registry, name, pool="default")
    scheduler.place(spec(1024), pool)
    assert (before, value(registry, name, pool="default")) == (0, 1024 * 2**20)


def test_pool_that_is_gone_is_forgotten(metrics, registry):
    metrics.watch(HostPool([HostState("one")]), "short")
    gc.collect()
    assert value(registry, "filtersched_pool_hosts", pool="short") is None


def test_empty_pool_has_no_hosts_and_no_use(metrics, registry):
    metrics.watch(pool := HostPool([]))
    assert value(registry, "filtersched_pool_hosts", pool="default") == len(pool) == 0
    assert value(registry, "filtersched_pool_memory_capacity_bytes", pool="default") == 0


def test_every_name_and_unit_follows_prometheus(scheduler, pool, metrics, registry):
    assert all(re.fullmatch(r"filtersched_[a-z]+(_[a-z]+)*", name) for _kind, name, _help, _labels in FAMILIES)
    assert not any(name.endswith("_total") for _kind, name, _help, _labels in FAMILIES)
    units = [name for _kind, name, _help, _labels in FAMILIES if re.search("second|byte|milli|_mb|_ms|_gb", name)]
    assert all(name.endswith(("_seconds", "_bytes")) for name in units)
    assert len({name for _kind, name, _help, _labels in FAMILIES}) == len(FAMILIES)
    metrics.watch(pool)
    scheduler.place(spec(), pool)
    read = {one.name for one in text_string_to_metric_families(generate_latest(registry).decode())}
    assert {"filtersched_decisions", "filtersched_pool_hosts"} <= read


def test_what_has_not_happened_is_not_served(registry, metrics):
    served = generate_latest(registry).decode()
    assert "filtersched_claims" not in served
    assert "filtersched_replica" not in served


def test_registry_holds_one_set_of_metrics(registry, metrics):
    with pytest.raises(ConfigurationError, match="already"):
        Metrics(registry)


def test_registry_with_others_metrics_serves_both(registry):
    Counter("shop_orders", "Orders.", registry=registry).inc()
    Metrics(registry).reload_ends(None)
    assert value(registry, "shop_orders_total") == 1
    assert value(registry, "filtersched_reloads_total", result="success") == 1


def test_half_a_surrogate_pair_ends_no_scrape(registry, metrics):
    metrics.watch(pool := HostPool([HostState("one", resources={"\ud800": (1, 0)})]), "\udfff")
    assert r'filtersched_pool_resource_capacity{pool="\\udfff",resource="\\ud800"} 1.0' in generate_latest(
        registry
    ).decode()
    assert len(pool) == 1


@pytest.mark.parametrize("buckets", [(), (1.0, 0.5), (0.0, 1.0), (1.0, 1.0), (float("nan"),)])
def test_buckets_that_do_not_ascend_are_refused(registry, buckets):
    with pytest.raises(ConfigurationError, match="ascending"):
        Metrics(registry, buckets=buckets)


def test_threads_lose_no_count(scheduler, registry):
    pool = HostPool([HostState("one", total_usable_ram_mb=1 << 30, free_ram_mb=1 << 30, vcpus_total=1000)])
    threads = [
        threading.Thread(target=lambda: [scheduler.select_destinations(spec(1), pool) for _ in range(100)])
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    name = "filtersched_decisions_total"
    assert value(registry, name, operation="select_destinations", result="success") == 400


def test_missing_prometheus_client_is_named_with_its_extra(registry, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"filtersched\[observe\]"):
        Metrics(registry)
    with pytest.raises(ConfigurationError, match=r"filtersched\[observe\]"):
        serve_metrics(registry)


def test_port_serves_the_metrics_until_it_is_closed(registry, metrics):
    metrics.reload_ends(None)
    with serve_metrics(registry, port=0) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=240) as answer:
            text = answer.read().decode()
        port = server.port
    assert 'filtersched_reloads_total{result="success"} 1.0' in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=240)


def test_port_that_is_taken_is_named(registry):
    with serve_metrics(registry, port=0) as server, pytest.raises(ConfigurationError, match=str(server.port)):
        serve_metrics(CollectorRegistry(), port=server.port)
