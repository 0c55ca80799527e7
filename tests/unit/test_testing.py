"""Every lie that a plug-in can tell is caught, and an honest one passes."""

import random
import warnings
from datetime import datetime, timedelta

import numpy as np
import pytest
from oslo_config import cfg

from filtersched import BaseHostFilter, BaseWeigher, ConfigurationError, HostState, RequestSpec, Shortage
from filtersched.columns.column import Column, HostColumns
from filtersched.columns.values import moment
from filtersched.filters.numa_topology_filter import NUMATopologyFilter
from filtersched.filters.pci_passthrough_filter import PciPassthroughFilter
from filtersched.filters.ram_filter import RamFilter
from filtersched.testing import (
    ConformanceError,
    SameAnswerWarning,
    check_filter,
    check_weigher,
    make_host,
    make_spec,
    sample_hosts,
    sample_specs,
)


class HonestFilter(BaseHostFilter):
    """Refuse hosts with less free memory than asked for."""

    host_reads = ("free_ram_mb",)
    spec_reads = ("memory_mb",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.free_ram_mb >= spec.memory_mb

    def rejection_reason(self, host_state, spec):
        return Shortage("RAM", spec.memory_mb, host_state.free_ram_mb, "MB")


class HonestWeigher(BaseWeigher):
    """Prefer hosts with free memory."""

    host_reads = ("free_ram_mb",)
    columnar = True
    minval = 0
    options = (cfg.FloatOpt("honest_multiplier", default=1.0),)
    multiplier_option = "honest_multiplier"

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb


def filter_with(**members):
    return type("LyingFilter", (BaseHostFilter,), members)


def weigher_with(**members):
    return type("LyingWeigher", (BaseWeigher,), members)


def declared(body, *, host_reads=("free_ram_mb",), spec_reads=("memory_mb",), columnar=False):
    return filter_with(host_passes=body, host_reads=host_reads, spec_reads=spec_reads, columnar=columnar)


def refused(plugin, **given):
    check = check_weigher if issubclass(plugin, BaseWeigher) else check_filter
    with pytest.raises(ConformanceError) as caught:
        check(plugin, **given)
    return caught.value


def test_honest_plugins_pass():
    check_filter(HonestFilter)
    check_filter(HonestFilter())
    check_weigher(HonestWeigher)


def test_filter_without_declarations_passes():
    check_filter(filter_with(host_passes=lambda self, host, spec: host.free_ram_mb > 0))


def test_filter_that_reads_filter_properties_as_of_old_passes():
    def host_passes(self, host_state, filter_properties):
        return host_state.free_ram_mb >= filter_properties["instance_type"]["memory_mb"]

    check_filter(filter_with(host_passes=host_passes))


def test_failure_is_an_assertion_that_names_plugin_and_rule():
    error = refused(filter_with(host_passes=lambda self, host, spec: None))
    assert isinstance(error, AssertionError)
    assert (error.plugin, error.rule) == ("LyingFilter", "answer")
    assert str(error).startswith("LyingFilter: returned None for host 'host-0', node 'node-0'")


# -- answers ---------------------------------------------------------------------------------


def test_filter_that_raises_for_some_host_is_caught():
    error = refused(filter_with(host_passes=lambda self, host, spec: host.capabilities["load"] < 8))
    assert error.rule == "exception"
    assert "host_passes(host 'host-" in str(error)
    assert "KeyError('load')" in str(error)
    assert isinstance(error.__cause__, KeyError)


def test_filter_without_a_rule_is_caught():
    error = refused(filter_with())
    assert error.rule == "exception"
    assert "defines no host_passes" in str(error)


def test_answer_by_chance_is_caught():
    dice = random.Random(1)
    assert refused(filter_with(host_passes=lambda self, host, spec: dice.random() < 0.5)).rule == "repeatable"


def test_memory_of_earlier_answers_is_caught():
    def host_passes(self, host_state, spec):
        self.asked = getattr(self, "asked", 0) + 1
        return self.asked < 20

    assert refused(filter_with(host_passes=host_passes)).rule == "repeatable"


# -- changes ---------------------------------------------------------------------------------


def test_assignment_to_a_host_is_caught():
    def host_passes(self, host_state, spec):
        host_state.free_ram_mb = 0
        return True

    error = refused(filter_with(host_passes=host_passes))
    assert "free_ram_mb may not be changed" in str(error)


def test_change_behind_the_back_of_a_host_is_caught():
    def host_passes(self, host_state, spec):
        host_state.__dict__["seen"] = True
        return True

    error = refused(filter_with(host_passes=host_passes))
    assert (error.rule, "changes seen of host 'host-0'" in str(error)) == ("unchanged", True)


def test_change_inside_an_attribute_of_a_host_is_caught():
    host = make_host()
    host.licences = Licences(3)

    def host_passes(self, host_state, spec):
        host_state.licences.left -= 1
        return True

    error = refused(filter_with(host_passes=host_passes), hosts=[host])
    assert (error.rule, "changes licences of host 'host-1'" in str(error)) == ("unchanged", True)


class Licences:
    def __init__(self, left):
        self.left = left

    def __eq__(self, other):
        return self.left == other.left


def test_assignment_to_the_request_is_caught():
    def host_passes(self, host_state, spec):
        spec.project_id = "another"
        return True

    error = refused(filter_with(host_passes=host_passes))
    assert "project_id of the request may not be changed" in str(error)


def test_change_behind_the_back_of_the_request_is_caught():
    def host_passes(self, host_state, spec):
        spec.__dict__["project_id"] = "another"
        return True

    error = refused(filter_with(host_passes=host_passes))
    assert (error.rule, "changes project_id" in str(error)) == ("unchanged", True)


def test_change_of_the_request_seen_as_filter_properties_is_caught():
    def host_passes(self, host_state, filter_properties):
        filter_properties["scheduler_hints"]["seen"] = True
        return True

    error = refused(filter_with(host_passes=host_passes))
    assert (error.rule, "changes ['scheduler_hints']" in str(error)) == ("unchanged", True)


def test_limits_may_be_written():
    def host_passes(self, host_state, spec):
        host_state.limits["memory_mb"] = 1
        return host_state.free_ram_mb >= spec.memory_mb

    host = make_host()
    check_filter(filter_with(host_passes=host_passes), hosts=[host])
    assert host.limits == {}


# -- declarations ----------------------------------------------------------------------------


def test_undeclared_read_of_a_host_is_caught():
    error = refused(declared(lambda self, host, spec: host.free_ram_mb >= spec.memory_mb and host.num_io_ops >= 0))
    assert error.rule == "undeclared read"
    assert "reads 'num_io_ops', which its host_reads do not name" in str(error)


def test_undeclared_read_of_the_request_is_caught():
    error = refused(declared(lambda self, host, spec: host.free_ram_mb >= spec.memory_mb + spec.swap))
    assert error.rule == "undeclared read"
    assert "reads 'swap', which its spec_reads do not name" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        lambda self, host, spec: getattr(host, "num_io_ops", 0) >= 0,
        lambda self, host, spec: hasattr(host, "num_io_ops"),
    ],
    ids=["getattr", "hasattr"],
)
def test_undeclared_read_with_a_default_is_caught(body):
    error = refused(declared(body))
    assert (error.rule, "'num_io_ops'" in str(error)) == ("undeclared read", True)


def test_undeclared_read_in_a_swallowed_exception_is_caught():
    def host_passes(self, host_state, spec):
        try:
            return host_state.num_io_ops >= 0
        except Exception:
            return True

    assert refused(declared(host_passes)).rule == "undeclared read"


def test_undeclared_read_of_the_request_by_host_reads_is_caught():
    plugin = filter_with(
        host_passes=lambda self, host, spec: True,
        host_reads=lambda self, spec: ("instances",) if spec.scheduler_hints else (),
        spec_reads=("memory_mb",),
    )
    assert "reads 'scheduler_hints', which its spec_reads do not name" in str(refused(plugin))


@pytest.mark.parametrize(
    ("attribute", "is_there"),
    [
        ("retry", lambda spec: spec.retry is not None and spec.retry.hosts),
        ("image", lambda spec: spec.image is not None and spec.image.id),
        ("scheduler_hints", lambda spec: spec.scheduler_hints.get("same_host", ("",))[0]),
        ("availability_zone", lambda spec: spec.availability_zone),
    ],
)
def test_host_reads_that_tells_nothing_for_an_empty_value_that_the_body_reads_on_is_caught(attribute, is_there):
    class HalfFilter(BaseHostFilter):
        spec_reads = (attribute,)

        def host_reads(self, spec):
            return ("host",) if is_there(spec) else ()

        def host_passes(self, host_state, spec):
            if attribute == "scheduler_hints":
                return "same_host" not in spec.scheduler_hints or host_state.host != ""
            return getattr(spec, attribute) is None or host_state.host != ""

    assert refused(HalfFilter).rule == "undeclared read"


def test_body_may_refuse_an_empty_value_with_an_exception():
    class StrictFilter(BaseHostFilter):
        spec_reads = ("retry",)

        def host_reads(self, spec):
            return ("host",) if spec.retry is not None else ()

        def host_passes(self, host_state, spec):
            return spec.retry is None or spec.retry.hosts[0].host != host_state.host

    check_filter(StrictFilter)


def test_attributes_that_host_reads_tells_for_the_request_are_shown():
    def host_passes(self, host_state, spec):
        return not spec.availability_zone or host_state.free_ram_mb > 0

    def host_reads(self, spec):
        return ("free_ram_mb",) if spec.availability_zone else ()

    check_filter(filter_with(host_passes=host_passes, host_reads=host_reads, spec_reads=("availability_zone",)))


def test_attribute_that_hosts_do_not_have_may_be_declared():
    hosts = sample_hosts()
    hosts[0].rack = "r1"
    check_filter(declared(lambda self, host, spec: getattr(host, "rack", None) is None, host_reads=("rack",)), hosts)


@pytest.mark.parametrize("names", ["free_ram_mb", {"free_ram_mb": 1}, (1,)], ids=repr)
@pytest.mark.parametrize("which", ["host_reads", "spec_reads"])
def test_declaration_that_is_no_list_of_names_is_caught(which, names):
    assert refused(declared(lambda self, host, spec: True, **{which: names})).rule == which


def test_declaration_may_be_a_list_of_names():
    check_filter(declared(lambda self, host, spec: host.free_ram_mb >= 1, host_reads=["free_ram_mb"], spec_reads=[]))


def test_declared_attribute_that_no_request_has_is_caught():
    error = refused(declared(lambda self, host, spec: True, spec_reads=("memory",)))
    assert (error.rule, "'memory'" in str(error)) == ("spec_reads", True)


def test_subclass_that_defines_a_method_is_not_held_to_the_declaration_of_its_base():
    class Stricter(HonestFilter):
        """Refuse hosts with less free memory than asked for, or without a CPU."""

        def host_passes(self, host_state, spec):
            return super().host_passes(host_state, spec) and host_state.num_io_ops >= 0

        def rejection_reason(self, host_state, spec):
            return "too little memory, or no CPU"

    check_filter(Stricter)


# -- columns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        lambda self, host, spec: host.free_ram_mb > 0 and host.free_ram_mb >= spec.memory_mb,
        lambda self, host, spec: host.free_ram_mb < 0 or host.free_ram_mb >= spec.memory_mb,
        lambda self, host, spec: not host.free_ram_mb < spec.memory_mb,
        lambda self, host, spec: host.free_ram_mb not in (0, 1),
        lambda self, host, spec: int(host.free_ram_mb) >= spec.memory_mb,
        lambda self, host, spec: float(host.free_ram_mb) >= spec.memory_mb,
        lambda self, host, spec: min(host.free_ram_mb, 4096) >= spec.memory_mb,
        lambda self, host, spec: 1 if host.free_ram_mb >= spec.memory_mb else 0,
        lambda self, host, spec: 0 < host.free_ram_mb <= 4096,
        lambda self, host, spec: ~(host.free_ram_mb < spec.memory_mb) & 1,
    ],
    ids=["and", "or", "not", "in", "int", "float", "min", "if", "chain", "~"],
)
@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.filterwarnings("ignore:Bitwise inversion:DeprecationWarning")
def test_columnar_body_that_is_not_operators_only_is_caught(body, count):
    error = refused(declared(body, columnar=True), hosts=sample_hosts(count))
    assert error.rule == "columnar"
    assert "numpy.logical_not" in str(error)


def test_columnar_body_that_answers_otherwise_on_columns_is_caught():
    def host_passes(self, host_state, spec):
        more = 1 if isinstance(host_state, HostColumns) else 0
        return host_state.free_ram_mb >= spec.memory_mb + more

    error = refused(declared(host_passes, columnar=True), hosts=[make_host(free_ram_mb=512)], specs=[make_spec()])
    assert error.rule == "columnar"
    assert "answers True for host 'host-1', and False in columns of 1" in str(error)


def test_one_answer_for_all_rows_must_be_right_for_each():
    def host_passes(self, host_state, spec):
        return True if isinstance(host_state, HostColumns) else host_state.free_ram_mb >= spec.memory_mb

    check_filter(declared(lambda self, host, spec: spec.memory_mb < 4096, columnar=True))
    assert refused(declared(host_passes, columnar=True)).rule == "columnar"


def test_weight_that_differs_in_the_last_bit_on_columns_is_caught():
    def weigh(self, host_state, spec):
        third = host_state.free_ram_mb / 3
        return third + 1e-12 if isinstance(host_state, HostColumns) else third

    plugin = weigher_with(_weigh_object=weigh, host_reads=("free_ram_mb",), columnar=True)
    assert refused(plugin, hosts=[make_host(free_ram_mb=2)]).rule == "columnar"


def on_columns(answer):
    """A filter that is right on one host, and on columns answers `answer(column)`."""

    def host_passes(self, host_state, spec):
        if isinstance(host_state, HostColumns):
            return answer(host_state.free_ram_mb)
        return host_state.free_ram_mb >= 0

    return declared(host_passes, columnar=True)


def test_columnar_body_that_needs_a_row_is_caught():
    error = refused(on_columns(lambda column: column >= 0 * column.values.min()))
    assert (error.rule, "zero-size" in str(error)) == ("exception", True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda column: Column(column.values[:1] >= 0), "a column of shape (1,) for 30 hosts"),
        (lambda column: Column(column.values >= 0, np.zeros(len(column.values), dtype=bool)), "values are missing"),
    ],
)
def test_column_that_is_no_answer_for_every_host_is_caught(answer, said):
    error = refused(on_columns(answer))
    assert (error.rule, said in str(error)) == ("columnar", True)


def test_columnar_without_host_reads_is_caught():
    plugin = filter_with(host_passes=lambda self, host, spec: True, columnar=True)
    assert refused(plugin).rule == "columnar"


def test_columnar_body_over_text_is_asked_host_by_host():
    plugin = declared(lambda self, host, spec: host.host_ip != "10.0.0.1", host_reads=("host_ip",), columnar=True)
    check_filter(plugin)


# -- what else a filter has ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run_filter_once_per_request", "RUN_ON_REBUILD"])
@pytest.mark.parametrize("value", [None, "False", lambda self: False], ids=["None", "text", "a method"])
def test_flag_that_is_not_true_or_false_is_caught(name, value):
    assert refused(filter_with(host_passes=lambda self, host, spec: True, **{name: value})).rule == name


def test_run_filter_for_index_that_forgets_to_answer_is_caught():
    plugin = filter_with(host_passes=lambda self, host, spec: True, run_filter_for_index=lambda self, index: None)
    assert refused(plugin).rule == "index"


@pytest.mark.parametrize("limits", [None, [], {1: 2}], ids=repr)
def test_limits_that_are_no_mapping_from_names_are_caught(limits):
    plugin = filter_with(host_passes=lambda self, host, spec: True, limits=lambda self, host, spec: limits)
    assert refused(plugin).rule == "limits"


@pytest.mark.parametrize(
    "reason",
    [
        "",
        " ",
        42,
        True,
        Shortage("RAM", 512, 512),
        Shortage("RAM", 512, 1024),
        Shortage("RAM", float("nan"), 0),
        Shortage("RAM", None, 0),
    ],
    ids=repr,
)
def test_reason_that_says_nothing_is_caught(reason):
    plugin = filter_with(
        host_passes=lambda self, host, spec: False, rejection_reason=lambda self, host, spec: reason
    )
    assert refused(plugin).rule == "rejection_reason"


@pytest.mark.parametrize("reason", [None, "it is full", Shortage("RAM", 512, 511)], ids=repr)
def test_reason_may_be_a_sentence_a_shortage_or_none(reason):
    check_filter(
        filter_with(
            host_passes=lambda self, host, spec: host.free_ram_mb > 0,
            rejection_reason=lambda self, host, spec: reason,
        )
    )


def test_reason_is_asked_for_refused_hosts_and_limits_for_others():
    def limits(self, host_state, spec):
        assert host_state.free_ram_mb >= spec.memory_mb
        return {"memory_mb": host_state.free_ram_mb}

    def rejection_reason(self, host_state, spec):
        assert host_state.free_ram_mb < spec.memory_mb
        return "too little memory"

    check_filter(
        filter_with(host_passes=HonestFilter.host_passes, limits=limits, rejection_reason=rejection_reason)
    )


def test_reason_that_is_a_shortage_where_text_was_promised_is_caught():
    plugin = filter_with(
        host_passes=lambda self, host, spec: False,
        rejection_reason=lambda self, host, spec: Shortage("RAM", 512, 511),
        reason_is_text=True,
    )
    assert refused(plugin).rule == "reason_is_text"


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        (lambda host, spec: "too small", "reason_is_columnar"),
        (lambda host, spec: Shortage("RAM", 512, 1 if isinstance(host, HostState) else 0), "reason_is_columnar"),
        (lambda host, spec: Shortage("RAM", 512, 1 if host.free_ram_mb else 0), "columnar"),
    ],
)
def test_reason_that_is_another_in_columns_is_caught(reason, rule):
    plugin = filter_with(
        host_reads=("free_ram_mb",),
        host_passes=lambda self, host, spec: False,
        rejection_reason=lambda self, host, spec: reason(host, spec),
        reason_is_columnar=True,
    )
    assert refused(plugin).rule == rule


def test_reason_that_raises_is_caught():
    def rejection_reason(self, host_state, spec):
        return f"its load is {host_state.capabilities['weight']}"

    plugin = filter_with(host_passes=lambda self, host, spec: False, rejection_reason=rejection_reason)
    assert "rejection_reason(host 'host-0'" in str(refused(plugin))


def test_filter_of_whole_lists_is_checked_without_host_passes():
    check_filter(filter_with(filter_all=lambda self, hosts, spec: (host for host in hosts if host.num_io_ops)))
    check_filter(filter_with(filter_all=lambda self, hosts, spec: None))
    check_filter(filter_with(_filter_one=lambda self, host, spec: host.num_io_ops == 0))


def test_filter_of_whole_lists_that_makes_hosts_up_is_caught():
    assert refused(filter_with(filter_all=lambda self, hosts, spec: [make_host()])).rule == "filter_all"
    assert refused(filter_with(filter_all=lambda self, hosts, spec: 42)).rule == "filter_all"


def test_filter_of_whole_lists_that_raises_late_is_caught():
    def filter_all(self, hosts, spec):
        for host in hosts:
            yield host
            raise RuntimeError("too late")

    assert refused(filter_with(filter_all=filter_all)).rule == "exception"


@pytest.mark.parametrize("check", [check_filter, check_weigher])
@pytest.mark.parametrize("thing", [RequestSpec, object(), None])
def test_what_is_no_plugin_is_caught(check, thing):
    with pytest.raises(ConformanceError) as caught:
        check(thing)
    assert caught.value.rule == "base class"


def test_weigher_is_no_filter():
    with pytest.raises(ConformanceError, match="HonestWeigher is not derived from BaseHostFilter"):
        check_filter(HonestWeigher)


def test_constructor_with_arguments_is_caught():
    plugin = filter_with(__init__=lambda self, limit: None, host_passes=lambda self, host, spec: True)
    assert refused(plugin).rule == "constructor"


def test_option_that_is_none_of_oslo_config_is_caught():
    plugin = filter_with(host_passes=lambda self, host, spec: True, options=("max_load",))
    assert refused(plugin).rule == "options"


def test_check_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one host"):
        check_filter(HonestFilter, hosts=[])
    with pytest.raises(ValueError, match="one request"):
        check_filter(HonestFilter, specs=[])


# -- what else a weigher has -----------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, float("nan"), float("inf"), "7", [1.0]], ids=repr)
def test_weight_that_is_no_finite_number_is_caught(weight):
    error = refused(weigher_with(_weigh_object=lambda self, host, spec: weight))
    assert (error.rule, repr(weight) in str(error)) == ("answer", True)


def test_weigher_without_a_rule_is_caught():
    assert "defines no _weigh_object" in str(refused(weigher_with()))


@pytest.mark.parametrize(
    ("ends", "rule"),
    [
        ({"minval": "0"}, "minval"),
        ({"maxval": float("inf")}, "maxval"),
        ({"minval": 2, "maxval": 1}, "minval"),
        ({"normalized": None}, "normalized"),
    ],
)
def test_scale_that_is_none_is_caught(ends, rule):
    assert refused(weigher_with(_weigh_object=lambda self, host, spec: 1.0, **ends)).rule == rule


def test_multiplier_option_that_is_not_among_the_options_is_caught():
    plugin = weigher_with(_weigh_object=lambda self, host, spec: 1.0, multiplier_option="my_multiplier")
    assert "has no option 'my_multiplier'" in str(refused(plugin))


@pytest.mark.parametrize("value", [None, float("nan"), "1"], ids=repr)
def test_multiplier_that_is_no_finite_number_is_caught(value):
    plugin = weigher_with(
        _weigh_object=lambda self, host, spec: 1.0, weight_multiplier=lambda self, host_state: value
    )
    assert refused(plugin).rule == "multiplier"


@pytest.mark.parametrize("name", ["weight_multiplier", "_weight_multiplier"])
def test_multiplier_without_a_host_as_of_old_passes(name):
    check_weigher(weigher_with(_weigh_object=lambda self, host, spec: host.free_ram_mb, **{name: lambda self: 2.0}))


def test_weights_of_whole_lists_are_checked_without_weigh_object():
    check_weigher(weigher_with(weigh_objects=lambda self, weighed, spec: [one.obj.num_io_ops for one in weighed]))
    assert refused(weigher_with(weigh_objects=lambda self, weighed, spec: [1.0])).rule == "weigh_objects"
    nans = weigher_with(weigh_objects=lambda self, weighed, spec: [float("nan") for _ in weighed])
    assert refused(nans).rule == "answer"


def test_undeclared_read_of_a_weigher_is_caught():
    plugin = weigher_with(
        _weigh_object=lambda self, host, spec: host.free_ram_mb - host.num_io_ops, host_reads=("free_ram_mb",)
    )
    assert "'num_io_ops'" in str(refused(plugin))


# -- things to try plug-ins on ---------------------------------------------------------------


def test_made_host_is_free_and_passes_the_ram_filter():
    host = make_host("cmp1", total_usable_ram_mb=4096)
    assert (host.host, host.nodename, host.free_ram_mb, host.free_disk_mb) == ("cmp1", "cmp1", 4096, 102400)
    assert RamFilter().host_passes(host, make_spec())


def test_made_host_takes_what_it_is_given():
    host = make_host("cmp1", "node-1", free_ram_mb=5, capabilities={"load": 2.5})
    assert (host.nodename, host.free_ram_mb, host.capabilities["load"]) == ("node-1", 5, 2.5)


def test_made_request_sorts_attributes_into_flavor_and_request():
    spec = make_spec(memory_mb=4096, extra_specs={"gpu": "yes"}, project_id="mine")
    assert (spec.flavor.memory_mb, spec.vcpus, spec.project_id) == (4096, 1, "mine")
    assert spec.flavor.extra_specs == {"gpu": "yes"}


def test_made_request_takes_a_flavor_and_sizes_beside_it():
    spec = make_spec(flavor={"memory_mb": 1, "name": "tiny"}, vcpus=3)
    assert (spec.memory_mb, spec.flavor.name, spec.vcpus, spec.root_gb) == (1, "tiny", 3, 1)


def test_samples_are_the_same_for_the_same_seed():
    assert [host.to_dict() for host in sample_hosts(5)] == [host.to_dict() for host in sample_hosts(5)]
    assert [spec.to_dict() for spec in sample_specs(5)] == [spec.to_dict() for spec in sample_specs(5)]
    assert [host.to_dict() for host in sample_hosts(5, seed=1)] != [host.to_dict() for host in sample_hosts(5)]


@pytest.mark.parametrize("filter_class", [NUMATopologyFilter, PciPassthroughFilter])
def test_samples_ask_for_cells_and_devices_that_some_hosts_have(filter_class):
    with warnings.catch_warnings():
        # SameAnswerWarning tells that the samples make no difference.
        warnings.simplefilter("error")
        check_filter(filter_class)
    passed = {sum(filter_class().host_passes(host, spec) for host in sample_hosts()) for spec in sample_specs()}
    assert len(passed) > 2


def test_filter_that_forgets_to_declare_cells_of_the_request_is_found():
    class NoCellsFilter(BaseHostFilter):
        host_reads = ("numa_topology",)

        def host_passes(self, host_state, spec):
            return spec.numa_topology is None or host_state.numa_topology is not None

    with pytest.raises(ConformanceError, match="reads 'numa_topology', which its spec_reads do not name"):
        check_filter(NoCellsFilter)


def test_samples_are_as_many_as_asked_for():
    assert [len(sample_hosts(count)) for count in (0, 1, 7)] == [0, 1, 7]
    assert [len(sample_specs(count)) for count in (0, 1, 7)] == [0, 1, 7]


def test_samples_of_hosts_can_be_kept_in_one_pool():
    hosts = sample_hosts(100)
    assert all(isinstance(host, HostState) for host in hosts)
    assert len({(host.host, host.nodename) for host in hosts}) == 100


# -- aggregates ------------------------------------------------------------------------------


class LoadedFilter(BaseHostFilter):
    """Refuse hosts with `max_load` operations or more, the number set by aggregates."""

    options = (cfg.IntOpt("max_load", default=5, min=0),)
    aggregate_overrides = {"max_load": "most_load"}

    def host_passes(self, host_state, spec):
        return host_state.num_io_ops < self.aggregate_number(host_state, "max_load", self.option("max_load"))


def test_filter_that_reads_aggregates_as_it_declares_keeps_the_rules():
    check_filter(LoadedFilter)
    aggregates = [{"metadata": {"most_load": "3"}}, {"metadata": {"most_load": "2"}}]
    verdicts = [LoadedFilter().host_passes(make_host(num_io_ops=n, aggregates=aggregates), make_spec()) for n in (1, 2)]
    assert verdicts == [True, False]


def test_whole_number_option_is_overridden_by_whole_numbers_only():
    host = make_host(num_io_ops=4, aggregates=[{"metadata": {"most_load": "2.5"}}])
    assert LoadedFilter().host_passes(host, make_spec())


def test_text_that_is_no_number_must_count_as_none():
    class Careless(LoadedFilter):
        def host_passes(self, host_state, spec):
            return not any("most_load" in one.metadata for one in host_state.aggregates)

    error = refused(Careless)
    assert (error.rule, "whose most_load is 'many'" in str(error)) == ("aggregate override", True)


def test_override_of_an_option_that_is_not_there_is_caught():
    class Misspelt(LoadedFilter):
        aggregate_overrides = {"max_laod": "most_load"}

    error = refused(Misspelt)
    assert (error.rule, "no option 'max_laod'" in str(error), "'max_load'" in str(error)) == (
        "aggregate override",
        True,
        True,
    )


@pytest.mark.parametrize("given", [["max_load"], {"max_load": 3}])
def test_overrides_that_are_no_mapping_of_texts_are_caught(given):
    class Listed(LoadedFilter):
        aggregate_overrides = given

    error = refused(Listed)
    assert (error.rule, "must be a mapping from an option to a key" in str(error)) == ("aggregate override", True)


def test_read_of_an_undeclared_override_is_an_error_that_names_it():
    class Undeclared(LoadedFilter):
        aggregate_overrides = {}

    with pytest.raises(ConfigurationError, match="Undeclared does not name 'max_load' in aggregate_overrides"):
        Undeclared().host_passes(make_host(), make_spec())


def half_open(host, spec):
    return moment(spec.now) < host.num_io_ops * 1_000_000


def closes(host):
    return host.num_io_ops * 1_000_000


@pytest.mark.parametrize(
    ("changes_at", "rule"),
    [
        (lambda self, host: [closes(host)], None),
        (lambda self, host: (closes(host), closes(host) + 7), None),
        (lambda self, host: [], "changes_at"),
        (lambda self, host: [closes(host) + 2], "changes_at"),
        (lambda self, host: [None], "changes_at"),
        (lambda self, host: closes(host), "changes_at"),
        (lambda self, host: [closes(host) + host.topic], "exception"),
    ],
)
def test_moments_at_which_answers_change_are_all_named(changes_at, rule):
    hosts = [HostState(f"h{nr}", num_io_ops=nr) for nr in range(3)]
    specs = [RequestSpec(now=datetime(1970, 1, 1) + timedelta(seconds=seconds)) for seconds in (0, 1, 1.5)]
    filter_ = filter_with(
        host_reads=("num_io_ops",),
        spec_reads=("now",),
        columnar=True,
        host_passes=lambda self, host, spec: half_open(host, spec),
        changes_at=changes_at,
    )
    if rule is None:
        check_filter(filter_, hosts, specs)
        return
    with pytest.raises(ConformanceError) as caught:
        check_filter(filter_, hosts, specs)
    assert caught.value.rule == ("undeclared read" if rule == "exception" else rule)


def test_moments_of_a_filter_that_does_not_read_the_time_are_refused():
    with pytest.raises(ConformanceError) as caught:
        check_filter(
            filter_with(
                host_reads=("num_io_ops",),
                columnar=True,
                host_passes=lambda self, host, spec: host.num_io_ops > 0,
                changes_at=lambda self, host: [],
            )
        )
    assert caught.value.rule == "changes_at"


# -- checks that see little --------------------------------------------------------------------


class RackFilter(BaseHostFilter):
    """Refuse hosts of other racks. It reads more than it declares, behind an early return."""

    host_reads = ("capabilities",)
    spec_reads = ("scheduler_hints",)

    def host_passes(self, host_state, spec):
        if "rack" not in spec.scheduler_hints:
            return True
        return host_state.capabilities.get("rack") in (spec.scheduler_hints["rack"], host_state.host_ip)


def test_filter_that_passed_everything_warns_and_says_how_to_see_more():
    with pytest.warns(SameAnswerWarning) as caught:
        check_filter(RackFilter)
    assert str(caught[0].message) == (
        "RackFilter gave 30 hosts the same answer, True, for each of 30 requests, so the check saw little of it. Give "
        "hosts and requests that make a difference: check_filter(RackFilter, [*sample_hosts(), make_host(…)], "
        "[*sample_specs(), make_spec(…)]); or bind options with which it does something."
    )
    assert caught[0].filename == __file__


def test_what_the_warning_advises_finds_the_undeclared_read():
    with pytest.raises(ConformanceError, match="reads 'host_ip', which its host_reads do not name"):
        check_filter(RackFilter, None, [*sample_specs(), make_spec(scheduler_hints={"rack": "r1"})])


def test_weigher_whose_weights_are_all_equal_warns():
    with pytest.warns(SameAnswerWarning, match=r"LyingWeigher gave .* 1\.0, .*check_weigher\(LyingWeigher"):
        check_weigher(weigher_with(_weigh_object=lambda self, host, spec: 1.0))


@pytest.mark.parametrize("fraction", [0, 1])
def test_filter_of_whole_lists_that_passes_all_or_none_warns(fraction):
    def filter_all(self, hosts, spec):
        return list(hosts)[: len(hosts) * fraction]

    with pytest.warns(SameAnswerWarning, match=repr(fraction == 1)):
        check_filter(filter_with(filter_all=filter_all))
    check_filter(filter_with(filter_all=lambda self, hosts, spec: list(hosts)[:1]))
