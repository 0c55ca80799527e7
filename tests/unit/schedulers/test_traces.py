"""A span for each decision."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from filtersched import (
    BaseHostFilter,
    ConfigurationError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    NoValidHost,
    RequestSpec,
    Traces,
    make_conf,
)


class BrokenFilter(BaseHostFilter):
    """Raise."""

    def host_passes(self, host_state, spec):
        raise RuntimeError("the disk is on fire")


class SpanningFilter(BaseHostFilter):
    """Begin a span of its own."""

    tracer = None

    def host_passes(self, host_state, spec):
        with self.tracer.start_as_current_span("asked"):
            return True


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.tracer = provider.get_tracer("tests")
    return exporter


@pytest.fixture
def pool():
    return HostPool([HostState("one", total_usable_ram_mb=4096, free_ram_mb=4096)])


def scheduler(spans, *filters):
    made = FilterScheduler(make_conf(ram_allocation_ratio=1.0), filters=list(filters) or ["RamFilter"])
    made.observer = Traces(spans.tracer)
    return made


def spec(memory_mb=1024, **given):
    return RequestSpec(Flavor(memory_mb=memory_mb), **given)


def test_decision_is_a_span_with_what_came_of_it(spans, pool):
    scheduler(spans).place(spec(request_id="req-7", num_instances=2), pool)
    (span,) = spans.get_finished_spans()
    assert span.name == "filtersched.place"
    assert dict(span.attributes) == {
        "filtersched.request.id": "req-7",
        "filtersched.request.num_instances": 2,
        "filtersched.result": "success",
        "filtersched.hosts": ("one", "one"),
    }
    assert span.status.status_code is trace.StatusCode.UNSET


def test_refusal_is_an_answer_with_its_filter_and_no_error(spans, pool):
    with pytest.raises(NoValidHost):
        scheduler(spans).place(spec(8192), pool)
    (span,) = spans.get_finished_spans()
    assert span.attributes["filtersched.result"] == "no_valid_host"
    assert span.attributes["filtersched.refused_by"] == "RamFilter"
    assert span.status.status_code is trace.StatusCode.UNSET


def test_failure_of_a_plugin_is_an_error_with_its_type(spans, pool):
    with pytest.raises(RuntimeError):
        scheduler(spans, BrokenFilter()).place(spec(), pool)
    (span,) = spans.get_finished_spans()
    assert span.attributes["error.type"] == "RuntimeError"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_span_inside_a_decision_is_its_child(spans, pool):
    own = SpanningFilter()
    own.tracer = spans.tracer
    scheduler(spans, own).place(spec(), pool)
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name) == ("asked", "filtersched.place")
    assert inner.parent.span_id == outer.context.span_id


def test_span_of_the_caller_is_the_parent_and_current_again(spans, pool):
    with spans.tracer.start_as_current_span("request") as request:
        scheduler(spans).place(spec(), pool)
        assert trace.get_current_span() is request
    inner, _request = spans.get_finished_spans()
    assert inner.parent.span_id == request.get_span_context().span_id


def test_large_request_names_its_first_hosts_only(spans, pool):
    scheduler(spans).place(spec(16, num_instances=30), pool)
    (span,) = spans.get_finished_spans()
    assert len(span.attributes["filtersched.hosts"]) == 20


def test_tracer_that_records_nothing_is_no_hindrance(pool):
    made = FilterScheduler(make_conf(enabled_filters=["RamFilter"], ram_allocation_ratio=1.0))
    made.observer = Traces(trace.NoOpTracer())
    assert [one.host for one in made.place(spec(), pool)] == ["one"]


def test_missing_api_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"filtersched\[observe\]"):
        Traces(trace.NoOpTracer())
