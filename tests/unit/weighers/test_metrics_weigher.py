import logging

import pytest

from filtersched.errors import InvalidHost
from filtersched.hosts.host_state import HostState, Metric
from filtersched.weighers.metrics_weigher import MetricsWeigher
from tests.unit.weighers.ranked import bound, raw, weights


def weigher(*settings, **options):
    return bound(MetricsWeigher, weight_setting=list(settings), **options)


def host(name="cmp1", **metrics):
    return HostState(name, metrics=metrics)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], 0.0),
        (["foo=1"], 512.0),
        (["foo=2"], 1024.0),
        (["foo=-1"], -512.0),
        (["foo=1", "bar=10"], 522.0),
        (["foo=0.1", "bar=-1.5"], 49.7),
        (["foo=0"], 0.0),
        (["foo=1", "foo=2"], 1536.0),
        (["=1", "foo", "foo=", "foo=x", "foo=nan", "bar=2"], 2.0),
    ],
)
def test_the_raw_weight_is_the_sum_of_value_times_ratio(settings, expected):
    assert raw(weigher(*settings), host(foo=512, bar=1)) == expected


def test_a_malformed_element_is_ignored_with_one_warning(caplog):
    caplog.set_level(logging.WARNING)
    malformed = weigher("bar", "foo=1")
    raw(malformed, host(foo=1))
    raw(malformed, host(foo=1))
    assert [record.getMessage() for record in caplog.records if "'bar'" in record.getMessage()] == [
        "[metrics] weight_setting: 'bar' is ignored; it must be a name, '=' and a number, such as os_distro=2."
    ]


def test_a_name_may_contain_what_comes_after_the_first_equals_sign_may_not():
    assert raw(weigher("a b=2"), host(**{"a b": 3})) == 6.0
    assert raw(weigher("a=b=2"), host(**{"a=b": 3, "a": 5})) == 0.0


def test_of_a_metric_that_a_host_has_twice_the_last_one_counts():
    assert raw(weigher("foo=1"), HostState("a", metrics=[Metric("foo", 1), Metric("foo", 2)])) == 2.0


@pytest.mark.parametrize("missing", [HostState("cmp1", "node1"), HostState("cmp1", "node1", metrics={"bar": 1})])
def test_a_missing_metric_is_an_error_that_names_host_node_and_metric_by_default(missing):
    with pytest.raises(InvalidHost) as caught:
        raw(weigher("foo=1"), missing)
    assert (caught.value.host, caught.value.attribute, caught.value.value) == ("cmp1", "metrics", "foo")
    assert "node1" in str(caught.value)
    assert "MetricsWeigher" in str(caught.value)


def test_a_missing_metric_is_an_error_even_where_its_ratio_is_zero():
    with pytest.raises(InvalidHost):
        raw(weigher("foo=0"), host())


@pytest.mark.parametrize(
    ("settings", "multiplier", "expected"),
    [
        (["bar=1"], 1.0, -10000.0),
        (["foo=1", "bar=1"], 1.0, -10000.0),
        (["foo=1", "bar=0"], 1.0, 512.0),
        (["bar=0", "foo=1"], 1.0, 512.0),
        (["foo=1", "bar=1"], 0.0, 512.0),
        (["foo=1", "bar=-1"], -2.0, -10000.0),
    ],
)
def test_one_missing_metric_that_counts_makes_the_whole_weight_that_of_unavailable(settings, multiplier, expected):
    optional = weigher(*settings, required=False, weight_multiplier=multiplier)
    assert raw(optional, host(foo=512)) == expected


def test_the_multiplier_of_the_hosts_own_aggregate_decides_whether_a_missing_metric_counts():
    silent = [{"name": "quiet", "metadata": {"metrics_weight_multiplier": "0"}}]
    optional = weigher("foo=1", required=False)
    assert raw(optional, HostState("a", aggregates=silent)) == 0.0
    assert raw(optional, HostState("a")) == -10000.0


def test_the_weight_of_unavailable_is_configured():
    assert raw(weigher("foo=1", required=False, weight_of_unavailable=7.0), host()) == 7.0


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(1.0, [0.0, 1.0, 0.5]), (-2.0, [0.0, -2.0, -1.0]), (0.0, [0.0] * 3)]
)
def test_the_multiplier_says_whether_a_high_sum_is_liked(multiplier, expected):
    hosts = [host(f"h{foo}", foo=foo) for foo in (10, 30, 20)]
    assert weights(weigher("foo=1", weight_multiplier=multiplier), hosts) == expected


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("metrics_weight_multiplier", "3", 3.0),
        ("metrics_weight_multiplier", "x", 1.0),
        ("weight_multiplier", "3", 1.0),
    ],
)
def test_an_aggregate_sets_the_multiplier_under_the_name_with_metrics_before_it(key, text, expected):
    fast = HostState("a", aggregates=[{"name": "fast", "metadata": {key: text}}])
    assert MetricsWeigher().weight_multiplier(fast) == expected


def test_without_settings_metrics_have_no_say():
    assert weights(MetricsWeigher(), [host(foo=1), host(foo=2)]) == [0.0, 0.0]


def test_new_options_are_heeded_when_the_weigher_is_bound_again():
    metrics = weigher("foo=1")
    assert raw(metrics, host(foo=1)) == 1.0
    values = {"weight_multiplier": 1.0, "required": True, "weight_of_unavailable": 0.0}
    metrics.bind({**values, "weight_setting": ["foo=5"]})
    assert raw(metrics, host(foo=1)) == 5.0
