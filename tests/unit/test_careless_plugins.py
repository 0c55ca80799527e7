"""Plug-ins and hosts that misbehave: what they may do, and whom it costs; with and without the engine."""

from __future__ import annotations

import pytest

from filtersched import (
    BaseHostFilter,
    BaseWeigher,
    FilterScheduler,
    HostPool,
    HostState,
    InvalidWeight,
    NoValidHost,
    RequestSpec,
    make_conf,
)
from tests.unit.made_schedulers import scheduler_maker

HERE = __name__


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def make(request):
    """Makes a scheduler with filters and weighers, most of them from this module."""
    return scheduler_maker(request.module, use_engine=request.param)


# -- lists that are given away -----------------------------------------------------------------


class DroppingFilter(BaseHostFilter):
    """Drops busy hosts from the list it is given, and returns that list."""

    def filter_all(self, hosts, spec):
        hosts[:] = [one for one in hosts if one.num_io_ops == 0]
        return hosts


class SortingWeigher(BaseWeigher):
    """Sorts the list it is given, and weighs by free memory."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        raw = [one.obj.free_ram_mb for one in weighed_obj_list]
        weighed_obj_list.sort(key=lambda one: one.obj.free_ram_mb)
        return raw


class NanWeigher(BaseWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return float("nan")


def test_filter_may_drop_from_the_list_it_is_given(make):
    hosts = [HostState("busy", num_io_ops=1), HostState("idle")]
    (selection,) = make("DroppingFilter").select_destinations(RequestSpec(), hosts)
    assert selection.host == "idle"
    assert selection.explanation.refused == {"DroppingFilter": 1}
    assert [step.refused for step in selection.explanation.steps] == [("busy",)]


def test_hosts_that_a_filter_drops_from_its_list_are_counted_in_the_refusal(make):
    with pytest.raises(NoValidHost) as caught:
        make("DroppingFilter").select_destinations(RequestSpec(), [HostState("busy", num_io_ops=1)])
    assert caught.value.explanation.refused == {"DroppingFilter": 1}


def test_weight_that_is_none_names_the_node(make):
    hosts = [HostState("svc", "node-1"), HostState("svc", "node-2")]
    with pytest.raises(InvalidWeight, match="nan for host 'svc', node 'node-1'"):
        make("", "NanWeigher").select_destinations(RequestSpec(), hosts)


def test_weigher_may_sort_the_list_it_is_given(make):
    hosts = [HostState("large", free_ram_mb=9), HostState("small", free_ram_mb=1)]
    (selection,) = make("", "SortingWeigher").select_destinations(RequestSpec(), hosts)
    assert selection.host == "large"


# -- hosts that cannot be read ---------------------------------------------------------------------


class SensorHost(HostState):
    """A host with a sensor that may not answer."""

    @property
    def temperature(self):
        if self.hypervisor_type == "broken":
            raise OSError(f"the sensor of {self.host} does not answer")
        return 20.5


class ColdFilter(BaseHostFilter):
    host_reads = ("temperature",)
    columnar = True

    def host_passes(self, host_state, spec):
        return host_state.temperature < 30


class SameSensorFilter(BaseHostFilter):
    """Is asked once for each distinct temperature."""

    host_reads = ("temperature",)

    def host_passes(self, host_state, spec):
        return host_state.temperature != 40


class ColdWeigher(BaseWeigher):
    host_reads = ("temperature",)

    def _weigh_object(self, host_state, weight_properties):
        return -host_state.temperature


@pytest.mark.parametrize("as_hosts", [list, HostPool])
def test_host_that_cannot_be_read_and_is_no_candidate_does_not_fail_the_request(make, as_hosts):
    hosts = as_hosts([SensorHost("broken", hypervisor_type="broken"), SensorHost("a"), SensorHost("b")])
    scheduler = make("ColdFilter,SameSensorFilter", "ColdWeigher")
    spec = RequestSpec(ignore_hosts=["broken"], num_instances=3)
    assert [one.host for one in scheduler.select_destinations(spec, hosts)] == ["a", "a", "a"]


@pytest.mark.parametrize("filters", ["ColdFilter", "SameSensorFilter"])
def test_host_that_cannot_be_read_and_is_a_candidate_fails_the_request_by_name(make, filters):
    hosts = [SensorHost("a"), SensorHost("broken", hypervisor_type="broken")]
    assert str(raised(make(filters), hosts, OSError)) == "the sensor of broken does not answer"


# -- exceptions -----------------------------------------------------------------------------------

SAME_ERROR = LookupError("the same object every time")


class SameErrorFilter(BaseHostFilter):
    """Raises one object for every host."""

    def host_passes(self, host_state, spec):
        raise SAME_ERROR


class NoNotesError(Exception):
    """Takes no notes."""

    def add_note(self, note):
        raise RuntimeError("no notes, please")


class NoNotesFilter(BaseHostFilter):
    def host_passes(self, host_state, spec):
        raise NoNotesError("odd")


class ReadsNothingFilter(BaseHostFilter):
    """Raises without having read anything of a host."""

    host_reads = ()

    def host_passes(self, host_state, spec):
        raise LookupError("no rack")


class NoTruthFilter(BaseHostFilter):
    """Answers with what is neither true nor false."""

    class Undecided:
        def __bool__(self):
            raise LookupError("undecided")

    def host_passes(self, host_state, spec):
        return self.Undecided()


class RaisingReadsFilter(BaseHostFilter):
    spec_reads = ("scheduler_hints",)

    def host_reads(self, spec):
        raise LookupError("no reads")

    def host_passes(self, host_state, spec):
        return True


class HostWithoutWords(HostState):
    def __repr__(self):
        raise RuntimeError("no words")


def raised(scheduler, hosts, expected=LookupError, **request):
    with pytest.raises(expected) as caught:
        scheduler.select_destinations(RequestSpec(**request), hosts, ["u1"])
    return caught.value


def notes(scheduler, *hosts, **request):
    return [note.partition(" ram=")[0] for note in raised(scheduler, hosts, **request).__notes__]


def test_one_exception_that_is_raised_again_names_the_last_host_only(make):
    for _ in range(3):
        raised(make("SameErrorFilter"), [HostState("a")])
    assert notes(make("SameErrorFilter"), HostState("b")) == ["SameErrorFilter was asked about <HostState b"]


@pytest.mark.parametrize("filters", ["ReadsNothingFilter", "NoTruthFilter"])
def test_note_names_the_first_candidate_that_the_filter_was_asked_about(make, filters):
    noted = notes(make(filters), HostState("a"), HostState("b"), ignore_hosts=["a"])
    assert noted == [f"{filters} was asked about <HostState b"]


def test_exception_that_takes_no_notes_goes_on(make):
    assert raised(make("NoNotesFilter"), [HostState("a")], NoNotesError).args == ("odd",)


def test_host_that_has_no_words_for_itself_is_named_all_the_same(make):
    noted = notes(make("SameErrorFilter"), HostWithoutWords("a"))
    assert noted == ["SameErrorFilter was asked about <HostWithoutWords a>, instance u1"]


class FullHost(HostState):
    """A host that takes no instance."""

    def consume_from_request(self, spec):
        raise LookupError("no room after all")


def test_host_that_fails_to_take_an_instance_is_noted_by_name(make):
    assert notes(make(), FullHost("a")) == ["FullHost was asked to take an instance on <FullHost a"]


def test_host_reads_that_raises_is_noted_with_the_filter_and_the_instance():
    scheduler = FilterScheduler(
        make_conf(available_filters=[f"{HERE}.RaisingReadsFilter"], enabled_filters=["RaisingReadsFilter"])
    )
    assert notes(scheduler, HostState("a")) == ["RaisingReadsFilter was asked for its host_reads, instance u1"]
