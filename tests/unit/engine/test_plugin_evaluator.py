"""Which way a declared plug-in is asked: on columns, by value, host by host, or as it stands."""

import pytest

from filtersched.columns.column import NotVectorizable, filled, of_each
from filtersched.engine.filtering import Verdicts
from filtersched.engine.plugin_evaluator import RAISED, evaluator
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.views import ColumnView
from filtersched.errors import UndeclaredRead
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.server_group_affinity_filter import ServerGroupAffinityFilter
from filtersched.filters.server_group_anti_affinity_filter import ServerGroupAntiAffinityFilter
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import Flavor, RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.schedulers.groups import add_placements

DEFAULTS = ("filter_all",)
NO_HOSTS = HostRows([])


class Columnar(BaseHostFilter):
    host_reads = ("vcpus_total", "num_io_ops")
    spec_reads = ("memory_mb",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.vcpus_total / host_state.num_io_ops >= spec.memory_mb


class ByValue(BaseHostFilter):
    host_reads = ("hypervisor_type",)

    def host_passes(self, host_state, spec):
        return {"kvm": True, "xen": False}[host_state.hypervisor_type]


class Overridden(ByValue):
    host_reads = ("hypervisor_type",)

    def filter_all(self, hosts, spec):
        return hosts


class Undeclared(ByValue):
    def host_passes(self, host_state, spec):
        return True


def asked(kind):
    return evaluator(kind(), "host_passes", BaseHostFilter, DEFAULTS, Verdicts())


def rows(**columns):
    hosts = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return HostRows(HostState(f"h{nr}", **host) for nr, host in enumerate(hosts))


def request(**attributes):
    return RequestKeys(RequestSpec(Flavor(memory_mb=2), **attributes), NO_HOSTS)


@pytest.mark.parametrize("kind", [Overridden, Undeclared])
def test_what_is_overridden_or_undeclared_is_called_as_it_stands(kind):
    assert asked(kind) is None


def test_a_columnar_body_answers_for_all_rows_at_once():
    given = rows(vcpus_total=[4, 3, 2], num_io_ops=[2, 2, 1])
    assert asked(Columnar).evaluate_columns(given, request()).answer.tolist() == [True, False, True]


@pytest.mark.parametrize("kind", [ServerGroupAffinityFilter, ServerGroupAntiAffinityFilter])
def test_a_filter_of_one_policy_reads_no_group_of_another(kind):
    of_group = request(instance_group={"policy": "soft-affinity", "members": ["a"], "hosts": ["h0"]})
    assert asked(kind).evaluate_columns(rows(vcpus_total=[4]), of_group).spec_reads == ("group_policy",)


@pytest.mark.parametrize(
    "columns",
    [
        {"vcpus_total": [4, 3], "num_io_ops": [2, 0]},
        {"vcpus_total": [4, None], "num_io_ops": [2, 2]},
        {"vcpus_total": [4, 2**53], "num_io_ops": [2, 2]},
    ],
)
def test_where_columns_would_differ_from_numbers_hosts_are_asked_one_by_one(columns):
    with pytest.raises(NotVectorizable):
        asked(Columnar).evaluate_columns(rows(**columns), request())


class AsksForNone(Columnar):
    host_reads = ("vcpus_total",)
    spec_reads = ()

    def host_passes(self, host_state, spec):
        return host_state.vcpus_total is not None


class FillsGaps(Columnar):
    host_reads = ("vcpus_total",)
    spec_reads = ()

    def host_passes(self, host_state, spec):
        return filled(host_state.vcpus_total, 0) > 3


def test_a_body_that_leaves_gaps_unfilled_is_not_answered_on_columns():
    # No column is None, so that the body would pass the host without a number.
    with pytest.raises(NotVectorizable):
        asked(AsksForNone).evaluate_columns(rows(vcpus_total=[4, None]), request())


class FillsAndForgets(BaseHostFilter):
    """Fills a column, and answers with the unfilled one."""

    host_reads = ("vcpus_total",)
    columnar = True

    def host_passes(self, host_state, spec):
        total = host_state.vcpus_total
        filled(total, 0)
        return total


def test_an_answer_with_gaps_is_no_answer_on_columns():
    with pytest.raises(NotVectorizable):
        asked(FillsAndForgets).evaluate_columns(rows(vcpus_total=[4, None]), request())


def test_a_column_of_gaps_alone_says_nothing_of_what_the_body_reads_of_other_hosts():
    view = ColumnView("F", ("vcpus_total",), rows(vcpus_total=[None, None]))
    assert (filled(view.vcpus_total, 5), view.reads_may_differ) == (5, True)


def test_a_column_with_some_gaps_leaves_the_body_no_choice():
    view = ColumnView("F", ("vcpus_total",), rows(vcpus_total=[4, None]))
    assert (filled(view.vcpus_total, 5).values.tolist(), view.reads_may_differ) == ([4.0, 5.0], False)


def test_a_body_that_asks_for_none_is_answered_on_columns_without_gaps():
    assert asked(AsksForNone).evaluate_columns(rows(vcpus_total=[4, 3]), request()).answer is True


def test_a_body_that_fills_its_gaps_is_answered_on_columns():
    answer = asked(FillsGaps).evaluate_columns(rows(vcpus_total=[4, None, 3]), request()).answer
    assert answer.tolist() == [True, False, False]


def test_a_distinct_value_is_asked_about_once_and_what_raises_is_marked():
    codes = rows(hypervisor_type=["kvm", "odd", "xen", "kvm"]).codes(("hypervisor_type",))
    found = asked(ByValue).evaluate_distinct_values(codes, request())
    assert list(found) == [(0, True), (1, RAISED), (2, False)]
    assert codes.codes.tolist() == [0, 1, 2, 0]


def test_one_host_is_asked_about_with_what_is_declared_only():
    host = HostState("h", hypervisor_type="kvm")
    assert asked(ByValue).host_evaluator(request())(host) is True

    class Quiet(BaseHostFilter):
        host_reads = ("topic",)

        def host_passes(self, host_state, spec):
            return getattr(host_state, "hypervisor_type", None) == "kvm"

    with pytest.raises(UndeclaredRead, match="hypervisor_type"):
        asked(Quiet).host_evaluator(request())(host)


def test_the_key_of_a_request_tells_apart_what_a_plug_in_can_tell_apart():
    columnar = asked(Columnar)
    sizes = [2, 2.0, 3]
    keys = [columnar.key(RequestKeys(RequestSpec(Flavor(memory_mb=size)), NO_HOSTS)) for size in sizes]
    assert len(set(keys)) == 3
    assert columnar.key(request(project_id="p")) == columnar.key(request(project_id="q"))


class OfLargeOnes(BaseHostFilter):
    """Reads the uuid, and I/O operations, of large requests only."""

    host_reads = ("vcpus_total", "num_io_ops")
    spec_reads = ("memory_mb", "instance_uuid")
    columnar = True

    def host_passes(self, host_state, spec):
        if spec.memory_mb < 10:
            return host_state.vcpus_total > 1
        return host_state.num_io_ops < len(spec.instance_uuid)


def test_a_body_of_operators_depends_on_what_it_was_seen_to_read():
    body, hosts = asked(OfLargeOnes), rows(vcpus_total=[4, 1], num_io_ops=[2, 2])
    small = RequestKeys(RequestSpec(Flavor(memory_mb=2), instance_uuid="a"), NO_HOSTS)
    large = RequestKeys(RequestSpec(Flavor(memory_mb=20), instance_uuid="a"), NO_HOSTS)
    assert body.evaluate_columns(hosts, small)[1:] == (("memory_mb",), ("vcpus_total",))
    assert body.evaluate_columns(hosts, large)[1:] == (("memory_mb", "instance_uuid"), ("num_io_ops",))
    assert (body.changes_between_instances(hosts, small), body.changes_between_instances(hosts, large)) == (False, True)


class OfSpreads(BaseHostFilter):
    host_reads = ("vcpus_total",)
    spec_reads = ("topology",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.vcpus_total > (1 if spec.topology is None else 2)


def test_the_spread_of_a_group_without_spread_rules_is_the_same_for_all_its_instances():
    body, hosts = asked(OfSpreads), rows(vcpus_total=[4, 1])
    found = []
    for rules in ({}, {"spread": "zone"}):
        spec = RequestSpec(Flavor(), instance_group=InstanceGroup(policy="soft-affinity", rules=rules))
        add_placements(spec, [], ["a", "b"], {}, 2)
        found.append(body.changes_between_instances(hosts, RequestKeys(spec, hosts)))
    assert found == [False, True]


def test_answers_of_which_the_uuid_is_no_part_are_kept_for_other_instances():
    body = asked(OfLargeOnes)
    small, other = (RequestKeys(RequestSpec(Flavor(memory_mb=2), instance_uuid=uuid), NO_HOSTS) for uuid in "ab")
    large = RequestKeys(RequestSpec(Flavor(memory_mb=20), instance_uuid="a"), NO_HOSTS)
    assert body.note_reads(("memory_mb",), small) is True
    assert body.note_reads(("memory_mb", "instance_uuid"), large) is False
    assert body.key(small) == body.key(other) != body.key(large)


class Closed(BaseHostFilter):
    """Looks at the request from within a function of values."""

    host_reads = ("num_io_ops",)
    spec_reads = ("memory_mb",)
    columnar = True

    def host_passes(self, host_state, spec):
        return of_each(host_state, "num_io_ops", lambda count: count < 2 or spec.memory_mb < 10)


def test_a_function_that_looks_at_more_than_its_argument_may_read_all_that_is_declared():
    found = asked(Closed).evaluate_columns(rows(num_io_ops=[0, 1]), request())
    assert found == (True, ("memory_mb",), ("num_io_ops",))
