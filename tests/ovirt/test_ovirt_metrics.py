"""What Prometheus reads of the daemon, on its own port."""

from __future__ import annotations

import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("prometheus_client", reason="the extra observe is not installed")

from prometheus_client.parser import text_string_to_metric_families

from filtersched.errors import ConfigurationError
from filtersched.ovirt.daemon_metrics import FAMILIES, DaemonMetrics
from filtersched.ovirt.documents import Facts, parse

DOCUMENTS = Path(__file__).parent / "documents"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ovirt_operation.md"
UNITS = '''
class First:
    """Pass the first host."""
    def do_filter(self, hosts, vm, args):
        print(hosts[:1])

class Nobody:
    """Pass no host."""
    def do_filter(self, hosts, vm, args):
        print([])

class Broken:
    """Fail."""
    def do_filter(self, hosts, vm, args):
        raise ValueError("out of order")
'''


def metrics(daemon):
    """The samples of the daemon's page by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/metrics", timeout=240) as answer:
        text = answer.read().decode()
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(one.name, *sorted(one.labels.values())): one.value for one in found}


@pytest.fixture(scope="module")
def daemon(start_for_module):
    return start_for_module({"units.py": UNITS}, {"metrics": "true"})


@pytest.fixture(scope="module")
def counted(daemon, hosts, vm):
    """What is counted after a few calls."""
    proxy = daemon.proxy
    proxy.discover()
    proxy.runFilters(["First"], hosts, vm, {})
    proxy.runFilters(["First", "Broken"], hosts, vm, {})
    proxy.runFilters(["First", "Nobody"], hosts, vm, {})
    proxy.runFilters(["NoSuchUnit"], hosts, vm, {})
    with pytest.raises(Exception, match="parameters"):
        proxy.runFilters(["First"])
    with pytest.raises(Exception, match="no method"):
        proxy.shutdown()
    return metrics(daemon)


def test_calls_are_counted_by_method_and_result(counted):
    calls = {key[1:]: value for key, value in counted.items() if key[0] == "filtersched_decisions_total"}
    assert calls == {
        ("discover", "success"): 1,
        ("runFilters", "success"): 3,
        ("no_valid_host", "runFilters"): 1,
        ("invalid_request", "runFilters"): 1,
        ("invalid_request", "unknown"): 1,
    }


def test_time_of_calls_is_counted(counted):
    assert counted["filtersched_decision_duration_seconds_count", "runFilters", "success"] == 3
    assert counted["filtersched_decision_duration_seconds_sum", "runFilters", "success"] > 0


def test_refusals_name_the_filter_that_left_no_host(counted):
    assert counted["filtersched_refusals_total", "Nobody"] == 1
    assert counted["filtersched_refused_hosts_total", "Nobody"] == 6
    assert counted["filtersched_refused_hosts_total", "First"] == 5


def test_failures_are_counted_by_known_units_only(counted):
    failures = {key[1:]: value for key, value in counted.items() if key[0] == "filtersched_unit_failures_total"}
    assert list(failures.values()) == [1]
    assert "Broken" in next(iter(failures))


def test_post_to_metrics_is_no_call(daemon):
    request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}/metrics", b"<x/>", {"Content-Type": "text/xml"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=240)
    assert refusal.value.code == 404
    refusal.value.close()


def test_reload_is_counted_and_forgets_no_count(daemon, counted, hosts, vm, until):
    name = "filtersched_reloads_total"
    daemon.configure({"metrics": "true", "plugin_timeout": "soon"})
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: metrics(daemon).get((name, "error")) == 1, seconds=60)
    daemon.configure({"metrics": "true"})
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: metrics(daemon).get((name, "success")) == 1, seconds=60)
    daemon.proxy.runFilters(["First"], hosts, vm, {})
    assert metrics(daemon)["filtersched_decisions_total", "runFilters", "success"] == 4


def test_without_the_setting_there_are_no_metrics(start):
    daemon = start({"units.py": UNITS})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/metrics", timeout=240)
    assert refusal.value.code == 404
    refusal.value.close()


def test_use_of_the_engines_hosts_is_served():
    elements = [parse((DOCUMENTS / name).read_text(encoding="utf-8")) for name in ("host_3.xml", "host_4.xml")]
    reading = Facts({f"host{at}": one for at, one in enumerate(elements)}, read_at=time.monotonic() - 5)
    text = DaemonMetrics().text(SimpleNamespace(reading=reading)).decode()
    found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    assert found["filtersched_pool_hosts"].value == 2
    assert found["filtersched_pool_hosts"].labels == {"pool": "engine"}
    assert found["filtersched_pool_memory_capacity_bytes"].value > 2**30
    assert 5 <= found["filtersched_facts_age_seconds"].value < 600


def test_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match="observe"):
        DaemonMetrics()


def test_page_names_every_metric_of_the_daemon():
    text = PAGE.read_text(encoding="utf-8")
    names = [f"{name}_total" if kind == "counter" else name for kind, name, _help, _labels in FAMILIES]
    assert [name for name in names if f"`{name}`" not in text] == []
