import logging

import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.metrics_filter import MetricsFilter


def rule(*settings):
    made = MetricsFilter()
    made.bind({"weight_setting": list(settings)})
    return made


def measuring(*names):
    return HostState("cmp1", metrics=dict.fromkeys(names, 1))


@pytest.mark.parametrize(
    ("settings", "metrics", "expected"),
    [
        (["foo=1", "bar=2"], ["foo", "bar"], True),
        (["foo=1", "bar=2"], ["foo", "bar", "more"], True),
        (["foo=1", "bar=2"], ["foo"], False),
        (["foo=1", "bar=2"], ["bar", "zot"], False),
        (["foo=1"], [], False),
        (["foo=0"], [], False),
        (["foo=1", "foo=2"], ["foo"], True),
        (["foo=1"], ["Foo"], False),
    ],
)
def test_every_metric_of_the_settings_must_be_measured(settings, metrics, expected):
    assert rule(*settings).host_passes(measuring(*metrics), RequestSpec()) is expected


def test_without_settings_every_host_passes():
    assert rule().host_passes(measuring(), RequestSpec())
    assert MetricsFilter().host_passes(measuring(), RequestSpec())


def test_host_whose_metrics_are_none_has_no_metrics():
    assert not rule("foo=1").host_passes(HostState("cmp1", metrics=None), RequestSpec())
    assert rule().host_passes(HostState("cmp1", metrics=None), RequestSpec())


def test_metric_without_a_value_is_missing():
    assert not rule("foo=1").host_passes(HostState("cmp1", metrics={"foo": None}), RequestSpec())


@pytest.mark.parametrize("malformed", ["foo", "=1", "foo=", "foo=x"])
def test_malformed_element_is_left_out_with_a_warning(malformed, caplog):
    filter_ = rule(malformed, "bar=1")
    with caplog.at_level(logging.WARNING):
        assert filter_.host_passes(measuring("bar"), RequestSpec())
        assert not filter_.host_passes(measuring("foo"), RequestSpec())
    assert [repr(malformed) in record.getMessage() for record in caplog.records] == [True]


def test_settings_are_read_anew_when_options_are_bound_again():
    filter_ = rule("foo=1")
    assert not filter_.host_passes(measuring("bar"), RequestSpec())
    filter_.bind({"weight_setting": ["bar=1"]})
    assert filter_.host_passes(measuring("bar"), RequestSpec())


def test_reads_nothing_of_a_host_if_no_metric_is_needed():
    assert rule().host_reads(RequestSpec()) == ()
    assert rule("foo=1").host_reads(RequestSpec()) == ("metrics",)


def test_is_asked_for_every_instance():
    assert rule().run_filter_for_index(1)


def test_reason_names_the_missing_metrics_and_the_known_ones():
    filter_ = rule("foo=1", "bar=1", "zot=1")
    assert filter_.rejection_reason(measuring("bar", "other"), RequestSpec()) == (
        "lacks the metrics foo, zot of [metrics] weight_setting; it has bar, other"
    )
    assert filter_.rejection_reason(measuring("foo", "bar", "zot"), RequestSpec()) is None
