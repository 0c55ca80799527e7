import pytest

from filtersched import HostState, RequestSpec
from filtersched.filters.aggregate_image_properties_isolation import AggregateImagePropertiesIsolation


def passes(metadata, properties, **options):
    rule = AggregateImagePropertiesIsolation()
    rule.bind(
        {
            "aggregate_image_properties_isolation_namespace": options.get("namespace"),
            "aggregate_image_properties_isolation_separator": options.get("separator", "."),
        }
    )
    host = HostState("cmp1", aggregates=[{"metadata": one} for one in metadata])
    return rule.host_passes(host, RequestSpec(image=None if properties is None else {"properties": properties}))


@pytest.mark.parametrize(
    ("metadata", "properties", "expected"),
    [
        ([{"foo": "bar"}], {"foo": "bar"}, True),
        ([{"foo": "bar"}], {"foo": "no-bar"}, False),
        ([{"foo": "bar", "foo2": "bar2"}], {"foo": "bar", "foo2": "bar2"}, True),
        ([{"foo": "bar", "foo2": "bar2"}], {"foo": "bar", "foo2": "other"}, False),
        ([{"foo": "bar,baz"}], {"foo": "baz"}, True),
        ([{"foo": " bar , baz "}], {"foo": "bar"}, True),
        ([{"foo": "bar"}, {"foo": "baz"}], {"foo": "baz"}, True),
        ([], {"foo": "bar"}, True),
        ([{}], {"foo": "bar"}, True),
    ],
)
def test_property_must_be_among_the_values_of_the_aggregates(metadata, properties, expected):
    assert passes(metadata, properties) is expected


@pytest.mark.parametrize("value", [None, "", 0, False])
def test_property_that_is_absent_or_falsy_is_fine(value):
    assert passes([{"foo": "bar"}], {"foo": value})
    assert passes([{"foo": "bar"}], {})


def test_property_that_no_aggregate_names_is_fine():
    assert passes([{"foo": "bar"}], {"other": "x"})


def test_without_an_image_every_host_passes():
    assert passes([{"foo": "bar"}], None)


@pytest.mark.parametrize(("value", "expected"), [(2, True), ("2", True), (2.0, False), (True, False)])
def test_property_is_compared_as_text(value, expected):
    assert passes([{"foo": "1,2"}], {"foo": value}) is expected


def test_value_of_the_image_is_not_split():
    assert not passes([{"os": "windows"}], {"os": "windows,"})
    assert not passes([{"os": "windows,linux"}], {"os": "windows,linux"})


def test_namespace_leaves_out_keys_that_do_not_begin_with_it_and_the_separator():
    metadata = [{"np.foo": "bar", "other": "x", "npfoo": "x"}]
    assert passes(metadata, {"np.foo": "bar", "other": "y", "npfoo": "y"}, namespace="np")
    assert not passes(metadata, {"np.foo": "no-bar"}, namespace="np")
    assert not passes(metadata, {"other": "y"})


def test_separator_is_an_option():
    assert not passes([{"np|foo": "bar"}], {"np|foo": "no-bar"}, namespace="np", separator="|")
    assert passes([{"np.foo": "bar"}], {"np.foo": "no-bar"}, namespace="np", separator="|")


def test_separator_alone_leaves_out_nothing():
    assert not passes([{"foo": "bar"}], {"foo": "no-bar"}, namespace="", separator="|")


def test_old_name_of_a_property_is_compared_with_the_key_of_today():
    assert not passes([{"hw_architecture": "x86_64"}], {"architecture": "aarch64"})
    assert passes([{"hw_architecture": "x86_64"}], {"architecture": "x86_64"})


def test_reads_nothing_of_a_host_if_the_image_has_no_properties():
    rule = AggregateImagePropertiesIsolation()
    assert rule.host_reads(RequestSpec()) == ()
    assert rule.host_reads(RequestSpec(image={"properties": {"os": "linux"}})) == ("aggregates",)


def test_is_asked_for_the_first_instance_only_but_on_a_rebuild_too():
    rule = AggregateImagePropertiesIsolation()
    assert [rule.run_filter_for_index(index) for index in (0, 1)] == [True, False]
    assert rule.asked_about(RequestSpec(scheduler_hints={"_nova_check_type": ["rebuild"]}))


def test_reason_says_what_the_aggregates_want_and_what_the_image_has():
    host = HostState("cmp1", aggregates=[{"metadata": {"os": "windows,bsd"}}])
    rule = AggregateImagePropertiesIsolation()
    assert rule.rejection_reason(host, RequestSpec(image={"properties": {"os": "linux"}})) == (
        "its aggregates want images with os bsd or windows, this one has 'linux'"
    )
    assert rule.rejection_reason(host, RequestSpec(image={"properties": {"os": "bsd"}})) is None
