"""simulate: a trace on a pool, its events and its series."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pytest

from filtersched import FilterScheduler, Flavor, HostPool, HostState, InvalidRequest, RequestSpec, make_conf
from filtersched.planning import Trial, simulate

RULES = {"enabled_filters": "RamFilter,CoreFilter", "weight_classes": "RAMWeigher"}


def host(name, ram=1000, vcpus=4, **more):
    return HostState(
        name,
        total_usable_ram_mb=ram,
        free_ram_mb=ram,
        vcpus_total=vcpus,
        ram_allocation_ratio=1.0,
        cpu_allocation_ratio=1.0,
        **more,
    )


def asked(ram, vcpus=1, *, arrives=None, departs=None, count=1, name=None):
    return RequestSpec(
        Flavor(memory_mb=ram, vcpus=vcpus),
        num_instances=count,
        arrives_at=arrives,
        departs_at=departs,
        request_id=name,
    )


TRACE = [
    {"ram": 500, "arrives": 0, "departs": 10, "name": "a"},
    {"ram": 250, "arrives": 2, "count": 2, "name": "b"},
    {"ram": 900, "arrives": 4, "name": "c"},
    {"ram": 900, "arrives": 12, "name": "d"},
]


@pytest.fixture
def scheduler():
    return FilterScheduler(make_conf(**RULES))


@pytest.fixture
def pool():
    return HostPool([host("cmp1"), host("cmp2", service={"availability_zone": "az2"})])


@pytest.fixture
def found(scheduler, pool):
    return simulate(scheduler, pool, [asked(**one) for one in TRACE], seed=1)


def test_events_are_arrivals_refusals_and_departures_in_order(found):
    assert [(one["time"], one["kind"], one["request"], one["hosts"]) for one in found.to_dict()["events"]] == [
        (0, "placed", "a", ["cmp1"]),
        (2, "placed", "b", ["cmp2", "cmp2"]),
        (4, "refused", "c", []),
        (10, "left", "a", ["cmp1"]),
        (12, "placed", "d", ["cmp1"]),
    ]


def test_series_begin_before_the_first_event(found):
    assert {name: values.shape for name, values in found.series.items()} == dict.fromkeys(found.series, (6,))
    assert found.series["ram_mb"].tolist() == [0, 0.25, 0.5, 0.5, 0.25, 0.7]
    assert found.series["instances"].tolist() == [0, 1, 3, 3, 2, 3]
    assert found.series["hosts_in_use"].tolist() == [0, 1, 2, 2, 1, 2]


def test_imbalance_is_the_deviation_of_hosts_over_their_mean(found):
    # Shares of RAM on the two hosts: (0.5, 0), (0.5, 0.5), the same, (0, 0.5), (0.9, 0.5).
    assert found.series["imbalance_ram_mb"] == pytest.approx([0, 1, 0, 0, 1, 0.2 / 0.7])
    assert found.imbalance_after(-1)["ram_mb"] == pytest.approx(0.2 / 0.7)


def test_use_of_each_host_is_known_after_any_event(found):
    assert [found.used_after(count)["vcpus"].tolist() for count in range(6)] == [
        [0, 0],
        [1, 0],
        [1, 2],
        [1, 2],
        [0, 2],
        [1, 2],
    ]


def test_mean_over_time_weighs_each_state_by_how_long_it_held(found):
    assert found.mean_over_time("ram_mb") == pytest.approx((0.25 * 2 + 0.5 * 2 + 0.5 * 6 + 0.25 * 2) / 12)


def test_mean_of_a_trace_without_times_counts_events(scheduler, pool):
    found = simulate(scheduler, pool, [asked(500), asked(500)])
    assert found.mean_over_time("ram_mb") == pytest.approx((0 + 0.25 + 0.5) / 3)
    assert np.isnan(found.events["time"]).all()
    json.dumps(found.to_dict(), allow_nan=False)


def test_refusals_name_the_filter_that_left_no_host(found):
    assert found.refused_by == {"RamFilter": 1}
    assert found.to_dict()["refused"] == {"c": "RamFilter"}


def test_placements_are_known_by_request_and_index(found):
    assert found.placements() == {("a", 0): "cmp1", ("b", 0): "cmp2", ("b", 1): "cmp2", ("d", 0): "cmp1"}


def test_pool_stays_as_it_was(scheduler, pool):
    before = [one.to_dict() for one in pool]
    simulate(scheduler, pool, [asked(100)])
    assert [one.to_dict() for one in pool] == before


def test_same_seed_draws_the_same(pool):
    drawing = FilterScheduler(make_conf(**RULES, host_subset_size=2))
    runs = [simulate(drawing, pool, [asked(10) for _ in range(30)], seed=7).placements() for _ in range(2)]
    assert runs[0] == runs[1]
    assert set(runs[0].values()) == {"cmp1", "cmp2"}


def test_use_begins_with_what_hosts_have_in_use(scheduler):
    used = HostPool([host("cmp1", num_instances=3)])
    used["cmp1"].free_ram_mb = 400
    found = simulate(scheduler, used, [asked(100)])
    assert found.series["ram_mb"].tolist() == pytest.approx([0.6, 0.7])
    assert found.series["hosts_in_use"].tolist() == [1, 1]


def test_stranded_is_what_is_free_where_another_resource_is_out(scheduler):
    pool = HostPool([host("cmp1", vcpus=2), host("cmp2", vcpus=4)])
    found = simulate(scheduler, pool, [asked(300, vcpus=2), asked(200, vcpus=2)])
    assert found.placements() == {("#1", 0): "cmp1", ("#2", 0): "cmp2"}
    assert found.stranded_after(-1) == {"ram_mb": 700, "vcpus": 0, "disk_mb": 0}


def test_hosts_without_a_resource_make_no_share_of_it(scheduler):
    found = simulate(scheduler, HostPool([host("cmp1")]), [asked(100)])
    assert found.series["disk_mb"].tolist() == [0, 0]
    assert found.series["imbalance_disk_mb"].tolist() == [0, 0]


def test_empty_trace_gives_one_state(scheduler, pool):
    found = simulate(scheduler, pool, [])
    assert found.series["ram_mb"].tolist() == [0]
    assert found.placements() == {}
    assert found.stranded_after(-1) == {"ram_mb": 0, "vcpus": 0, "disk_mb": 0}
    assert found._repr_html_().startswith("<table>")


def test_request_out_of_order_is_named(scheduler, pool):
    with pytest.raises(InvalidRequest, match="request b: it arrives at 1, before the request above it at 5") as error:
        simulate(scheduler, pool, [asked(1, arrives=5, name="a"), asked(1, arrives=1, name="b")])
    assert error.value.field == "arrives_at"


def test_request_that_departs_before_it_arrives_is_named(scheduler, pool):
    with pytest.raises(InvalidRequest, match="request #1: it departs at 3, before it arrives at 5") as error:
        simulate(scheduler, pool, [asked(1, arrives=5, departs=3)])
    assert error.value.field == "departs_at"


def test_trial_that_keeps_no_events_has_no_simulation(scheduler, pool):
    with pytest.raises(InvalidRequest, match="records=True"):
        Trial(scheduler, pool).simulation()


def test_notebook_shows_counts_and_a_drawing(found):
    html = found._repr_html_()
    assert "<td>3 of 4</td>" in html
    assert html.count("<polyline") == 3
    assert "<script" not in html


def test_zone_of_a_host_is_that_of_its_service(found):
    assert [(one.name, one.zone) for one in found.hosts] == [("cmp1", None), ("cmp2", "az2")]


def test_seed_gives_uuids_of_version_4(scheduler, pool):
    placed = Trial(scheduler, pool, seed=1).place(asked(100, count=4)).selections
    made = [uuid.UUID(one.instance_uuid) for one in placed]
    assert [str(one) for one in made] == [one.instance_uuid for one in placed]
    assert {(one.version, one.variant) for one in made} == {(4, uuid.RFC_4122)}
    assert placed[0].instance_uuid == "46349aa3-6b50-48ba-b6c1-a73cf213da50"
