"""GpuShareFilter refuses hosts without room, and says what is missing."""

from __future__ import annotations

import pytest
from gpu_sharing.gpu_host import GpuHost
from gpu_sharing.gpu_share_filter import GpuShareFilter

from filtersched import InvalidRequest, Shortage
from filtersched.testing import check_filter, make_host, make_spec, sample_hosts, sample_specs

WISHES = [
    {"gpu:thousandths": "500"},
    {"gpu:count": "1", "gpu:thousandths": "1000"},
    {"gpu:count": "2"},
    {"gpu:count": "2", "gpu:models": "T4 | P100"},
    {"gpu:thousandths": "1", "gpu:models": "P100"},
    {"gpu:count": "0"},
]
SPECS = [*sample_specs(), *(make_spec(extra_specs=wish) for wish in WISHES)]


def test_filter_keeps_the_rules():
    check_filter(GpuShareFilter, sample_hosts(60, host_class=GpuHost), SPECS)


@pytest.mark.parametrize(
    ("wish", "free", "passes"),
    [
        ({"gpu:thousandths": "500"}, [499, 499], False),
        ({"gpu:thousandths": "500"}, [0, 500], True),
        ({"gpu:thousandths": "500"}, [0, 501], True),
        ({"gpu:thousandths": "1000"}, [999], False),
        ({"gpu:count": "2"}, [1000, 999, 1000], True),
        ({"gpu:count": "2"}, [1000, 999, 999], False),
        ({"gpu:count": "1"}, [], False),
        ({"gpu:count": "0"}, [], True),
        ({}, [], True),
    ],
)
def test_host_needs_room_on_its_gpus(wish, free, passes):
    assert GpuShareFilter().host_passes(make_host(GpuHost, gpus_free=free), make_spec(extra_specs=wish)) == passes


def test_host_of_another_model_is_refused_by_name():
    spec = make_spec(extra_specs={"gpu:count": "1", "gpu:models": "T4|P100"})
    host = make_host(GpuHost, gpus_free=[1000], gpu_model="G2")
    assert not GpuShareFilter().host_passes(host, spec)
    assert GpuShareFilter().rejection_reason(host, spec) == "has GPUs of model 'G2', asked P100 or T4"


def test_reason_tells_the_largest_free_part_or_how_many_gpus_are_free():
    host = make_host(GpuHost, gpus_free=[300, 1000, 400])
    assert GpuShareFilter().rejection_reason(
        make_host(GpuHost, gpus_free=[300, 400]), make_spec(extra_specs={"gpu:thousandths": "500"})
    ) == Shortage("one GPU", 500, 400, "thousandths")
    assert GpuShareFilter().rejection_reason(host, make_spec(extra_specs={"gpu:count": "4"})) == Shortage(
        "whole GPUs", 4, 1
    )


def test_host_without_gpus_says_so():
    spec = make_spec(extra_specs={"gpu:count": "1", "gpu:models": "T4"})
    assert GpuShareFilter().rejection_reason(make_host(GpuHost), spec) == "has no GPUs"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"gpu:count": "many"}, "gpu:count"),
        ({"gpu:count": True}, "gpu:count"),
        ({"gpu:count": "-1"}, "gpu:count"),
        ({"gpu:count": "65"}, "gpu:count"),
        ({"gpu:count": "1", "gpu:thousandths": "0"}, "gpu:thousandths"),
        ({"gpu:thousandths": "1001"}, "gpu:thousandths"),
        ({"gpu:thousandths": "½"}, "gpu:thousandths"),
        ({"gpu:count": "2", "gpu:thousandths": "500"}, "gpu:thousandths"),
    ],
)
def test_wish_that_makes_no_sense_is_refused_by_name(wish, field):
    with pytest.raises(InvalidRequest, match=field) as caught:
        GpuShareFilter().host_passes(make_host(GpuHost), make_spec(extra_specs=wish))
    assert caught.value.field == field
