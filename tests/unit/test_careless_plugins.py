"""Plug-ins and hosts that misbehave: what they may do, and whom it costs; with and without the engine."""

from __future__ import annotations

import pytest

from filtersched import BaseHostFilter, BaseWeigher, FilterScheduler, HostState, NoValidHost, RequestSpec, make_conf

HERE = __name__


@pytest.fixture(params=[True, False], ids=["engine", "handlers"])
def make(request):
    """Makes a scheduler with filters and weighers of this module."""

    def path(name: str) -> str:
        return f"{HERE}.{name}" if name in globals() else name

    def made(filters: str = "", weighers: str = "", **options) -> FilterScheduler:
        names = [name for name in filters.split(",") if name]
        conf = make_conf(
            available_filters=["standard_filters", *(path(name) for name in names if name in globals())],
            enabled_filters=names,
            weight_classes=[path(name) for name in weighers.split(",") if name],
            **options,
        )
        return FilterScheduler(conf, use_engine=request.param)

    return made


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


def test_filter_may_drop_from_the_list_it_is_given(make):
    hosts = [HostState("busy", num_io_ops=1), HostState("idle")]
    (one,) = make("DroppingFilter").select_destinations(RequestSpec(), hosts)
    assert one.host == "idle"
    assert one.explanation.refused == {"DroppingFilter": 1}
    assert [step.refused for step in one.explanation.steps] == [("busy",)]


def test_hosts_that_a_filter_drops_from_its_list_are_counted_in_the_refusal(make):
    with pytest.raises(NoValidHost) as caught:
        make("DroppingFilter").select_destinations(RequestSpec(), [HostState("busy", num_io_ops=1)])
    assert caught.value.explanation.refused == {"DroppingFilter": 1}


def test_weigher_may_sort_the_list_it_is_given(make):
    hosts = [HostState("large", free_ram_mb=9), HostState("small", free_ram_mb=1)]
    (one,) = make("", "SortingWeigher").select_destinations(RequestSpec(), hosts)
    assert one.host == "large"
