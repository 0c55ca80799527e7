"""Selections, explanations and shortages: what scheduling returns."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from types import SimpleNamespace

import pytest

from filtersched import (
    BaseHostFilter,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidHost,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    Selection,
    Shortage,
    make_conf,
)
from filtersched.results.verdict import HostVerdicts, Verdict

HERE = __name__


class EvenFilter(BaseHostFilter):
    """Refuse hosts whose number of instances is odd."""

    def host_passes(self, host_state, spec):
        return host_state.num_instances % 2 == 0

    def rejection_reason(self, host_state, spec):
        return f"runs {host_state.num_instances} instances"


class LimitingFilter(BaseHostFilter):
    """Lets everything pass and writes limits in the old way."""

    def host_passes(self, host_state, filter_properties):
        host_state.limits["memory_mb"] = host_state.total_usable_ram_mb
        return True


class NeverFilter(BaseHostFilter):
    """Refuse all hosts, and say why at length."""

    def host_passes(self, host_state, filter_properties):
        host_state.limits["asked"] = True
        return False


class TouchyFilter(BaseHostFilter):
    """Fails on hosts that it was never meant to see."""

    def host_passes(self, host_state, filter_properties):
        return host_state.capabilities["gpus"] > 0


class RecordLimitsFilter(BaseHostFilter):
    """Writes limits of every kind that can be plain data."""

    def host_passes(self, host_state, filter_properties):
        host_state.limits["until"] = datetime(2026, 1, 31)
        host_state.limits["cells"] = {1, 0}
        host_state.limits["topology"] = SimpleNamespace(ratio=1.5)
        return True


class ObjectLimitsFilter(BaseHostFilter):
    """Gives a limit that nobody can write down."""

    def host_passes(self, host_state, filter_properties):
        return True

    def limits(self, host_state, spec):
        return {"lock": object()}


def scheduler(*filters: str, **options) -> FilterScheduler:
    ours = [f"{HERE}.{name}" for name in globals() if name.endswith("Filter") and name != "BaseHostFilter"]
    options = {"weight_classes": "RAMWeigher", **options}
    return FilterScheduler(
        make_conf(available_filters=["standard_filters", *ours], enabled_filters=list(filters), **options)
    )


def hosts() -> list[HostState]:
    return [
        HostState("small", total_usable_ram_mb=1000, free_ram_mb=100, num_instances=1, ram_allocation_ratio=1.0),
        HostState("mid", total_usable_ram_mb=1000, free_ram_mb=450, num_instances=2, ram_allocation_ratio=1.0),
        HostState("big", total_usable_ram_mb=1000, free_ram_mb=800, num_instances=2, ram_allocation_ratio=1.0),
        HostState("odd", total_usable_ram_mb=1000, free_ram_mb=900, num_instances=1, ram_allocation_ratio=1.0),
    ]


ASKED = RequestSpec(Flavor(memory_mb=400))


def refusal(spec: RequestSpec, given=None, *filters: str) -> NoValidHost:
    with pytest.raises(NoValidHost) as caught:
        scheduler(*(filters or ("RamFilter", "EvenFilter"))).select_destinations(
            spec, hosts() if given is None else given
        )
    return caught.value


# -- the chosen host --------------------------------------------------------------------------


def test_selection_says_where_and_how_things_are_then():
    (chosen,) = scheduler("RamFilter", "EvenFilter").select_destinations(ASKED, hosts(), ["i1"])
    assert (chosen.host, chosen.nodename, chosen.instance_uuid, chosen.index) == ("big", "big", "i1", 0)
    assert (chosen.weight, chosen.limits, chosen.alternates) == (1.0, {"memory_mb": 1000.0}, ())
    assert (chosen.host_state.free_ram_mb, chosen.host_state.num_instances) == (400, 3)
    assert (chosen.spec.instance_uuid, chosen.spec.memory_mb) == ("i1", 400)


def test_selection_cannot_be_changed():
    (chosen,) = scheduler("RamFilter").select_destinations(ASKED, hosts())
    with pytest.raises(AttributeError):
        chosen.host = "other"


def test_limits_written_in_the_old_way_are_in_the_selection_and_not_on_the_host():
    given = hosts()
    (chosen,) = scheduler("LimitingFilter").select_destinations(ASKED, given)
    assert chosen.limits == {"memory_mb": 1000}
    assert [one.limits for one in given] == [{}] * 4


def test_limits_of_any_kind_are_kept_as_plain_data():
    (chosen,) = scheduler("RecordLimitsFilter").select_destinations(ASKED, hosts())
    assert chosen.limits == {"until": "2026-01-31T00:00:00", "cells": (0, 1), "topology": {"ratio": 1.5}}
    again = Selection.from_dict(json.loads(json.dumps(chosen.to_dict())))
    assert again.limits == chosen.limits


def test_limits_that_cannot_be_plain_data_are_an_error_that_names_the_host():
    with pytest.raises(InvalidHost, match=r"limits must be plain data.* under 'lock'") as caught:
        scheduler("ObjectLimitsFilter").select_destinations(ASKED, hosts())
    assert (caught.value.host, caught.value.attribute) == ("odd", "limits")


def test_selection_survives_as_plain_data_without_its_explanation():
    (chosen,) = scheduler("RamFilter").select_destinations(ASKED, hosts(), ["i1"], return_alternates=True)
    again = Selection.from_dict(json.loads(json.dumps(chosen.to_dict())))
    assert again.to_dict() == chosen.to_dict()
    assert str(again.explanation) == "The explanation was not recorded."
    assert (again.explanation.index, again.explanation.weight, again.explanation.steps) == (0, chosen.weight, ())
    assert (again.explanation.near_misses(), again.explanation.runner_up) == ([], None)
    with pytest.raises(InvalidRequest, match="host 'big' was not among"):
        again.explanation.why("big")
    assert [one.host for one in again.alternates] == ["big", "mid"]
    assert (again.host_state.free_ram_mb, again.spec.instance_uuid, again.seed) == (500, "i1", chosen.seed)


@pytest.mark.parametrize("missing", ["host", "host_state", "spec", "limits", "alternates"])
def test_data_that_lacks_something_is_no_selection(missing):
    (chosen,) = scheduler("RamFilter").select_destinations(ASKED, hosts())
    data = chosen.to_dict()
    del data[missing]
    with pytest.raises(InvalidRequest, match="not a selection"):
        Selection.from_dict(data)


@pytest.mark.parametrize("data", [None, 5, [], "x", {"version": 2}, {}])
def test_what_is_no_selection_is_not_read(data):
    with pytest.raises(InvalidRequest):
        Selection.from_dict(data)


def test_selection_survives_pickling_with_words_and_counts():
    (chosen,) = scheduler("RamFilter", "EvenFilter").select_destinations(ASKED, hosts(), ["i1"])
    again = pickle.loads(pickle.dumps(chosen))
    assert again.to_dict() == chosen.to_dict()
    assert again.explanation.refused == {"RamFilter": 1, "EvenFilter": 1}
    assert again.explanation.summary() == chosen.explanation.summary()
    assert again.explanation.shares == chosen.explanation.shares


# -- explanations -----------------------------------------------------------------------------


def test_each_filter_that_ran_is_a_step_with_counts_and_names():
    (chosen,) = scheduler("RamFilter", "EvenFilter").select_destinations(ASKED, hosts())
    steps = chosen.explanation.steps
    assert [(step.name, step.before, step.after, step.refused) for step in steps] == [
        ("RamFilter", 4, 3, ("small",)),
        ("EvenFilter", 3, 2, ("odd",)),
    ]
    assert repr(steps[0]) == "RamFilter: (start: 4, end: 3)"


def test_share_of_each_weigher_runner_up_and_margin():
    given = hosts()
    (chosen,) = scheduler(
        "RamFilter", weight_classes=["RAMWeigher", "NumInstancesWeigher"], num_instances_weight_multiplier=-0.5
    ).select_destinations(ASKED, given)
    # RAM: 900 of 900 and 0 of the instances beyond the least, 1.
    said = chosen.explanation.shares
    assert [(one.weigher, one.raw, one.normalized, one.multiplier, one.contribution) for one in said] == [
        ("RAMWeigher", 900.0, 1.0, 1.0, 1.0),
        ("NumInstancesWeigher", 1.0, 0.0, -0.5, 0.0),
    ]
    assert (chosen.host, chosen.weight, chosen.explanation.runner_up) == ("odd", 1.0, "big")
    # big: 800/900 - 0.5
    assert chosen.explanation.margin == 1.0 - (800 / 900 - 0.5)


def test_host_without_a_rival_has_no_shares_and_no_runner_up():
    (chosen,) = scheduler("RamFilter").select_destinations(RequestSpec(Flavor(memory_mb=850)), hosts())
    explanation = chosen.explanation
    assert (chosen.weight, explanation.shares, explanation.runner_up, explanation.margin) == (0.0, (), None, None)


def test_full_explanation_keeps_the_weights_of_every_host():
    plain, full = (
        scheduler("RamFilter").select_destinations(ASKED, hosts(), explain=detail)[0].explanation
        for detail in ("counts", "full")
    )
    (column,) = full.columns
    assert full.ranked == ("odd", "big", "mid")
    assert (column.name, column.raw.tolist()) == ("RAMWeigher", [900.0, 800.0, 450.0])
    assert column.normalized.tolist() == [1.0, 800 / 900, 0.5]
    assert column.multipliers.tolist() == [1.0, 1.0, 1.0]
    assert (plain.columns, plain.ranked) == ((), ())


def test_why_asks_every_filter_and_not_only_the_first_that_refused():
    error = refusal(RequestSpec(Flavor(memory_mb=850)), None, "EvenFilter", "RamFilter")
    verdicts = error.explanation.why("small")
    assert verdicts == HostVerdicts(
        "small",
        "small",
        (
            Verdict("EvenFilter", passed=False, reason="runs 1 instances"),
            Verdict("RamFilter", passed=False, reason=Shortage("RAM", 850, 100, "MB")),
        ),
    )
    assert [verdict.filter for verdict in error.explanation.why("odd").refused_by] == ["EvenFilter"]
    assert str(error.explanation.why("odd")) == "odd: EvenFilter: runs 1 instances"


def test_why_of_the_chosen_host_says_that_it_was_chosen():
    given = hosts()
    (chosen,) = scheduler("RamFilter", "EvenFilter").select_destinations(ASKED, given)
    assert str(chosen.explanation.why("big")) == "big: chosen"
    assert chosen.explanation.why(given[2]) == chosen.explanation.why("big")


def test_why_of_an_unknown_host_is_an_error():
    with pytest.raises(InvalidRequest, match="'cmp9' was not among"):
        refusal(RequestSpec(Flavor(memory_mb=5000))).explanation.why("cmp9")


def test_why_says_if_the_host_of_a_pool_has_changed_since():
    pool = HostPool(hosts())
    (chosen,) = scheduler("RamFilter").select_destinations(ASKED, pool)
    assert not chosen.explanation.why("small").changed
    pool["small"].free_ram_mb = 500
    assert chosen.explanation.why("small").changed
    assert "has changed since" in str(chosen.explanation.why("small"))
    assert chosen.explanation.why("small").refused_by == ()


def test_why_of_a_later_instance_sees_the_host_as_it_was_then():
    selections = scheduler("RamFilter").select_destinations(
        RequestSpec(Flavor(memory_mb=500), num_instances=2), hosts()
    )
    assert [one.host for one in selections] == ["odd", "big"]
    assert str(selections[0].explanation.why("odd")) == "odd: chosen"
    # 900 - 500 are left.
    assert selections[1].explanation.why("odd").refused_by[0].reason == Shortage("RAM", 500, 400, "MB")


def test_filter_that_fails_on_a_host_that_it_was_never_asked_about_is_quoted():
    error = refusal(ASKED, hosts()[:1], "RamFilter", "TouchyFilter")
    reasons = [str(verdict) for verdict in error.explanation.why("small").verdicts]
    assert reasons == [
        "RamFilter: lacks 300 MB of RAM (free 100, asked 400)",
        "TouchyFilter: raised KeyError: 'gpus'",
    ]


def test_nobody_is_told_about_a_host_by_explaining_it():
    given = hosts()
    error = refusal(ASKED, given, "NeverFilter")
    error.explanation.why("small")
    str(error)
    assert [one.limits for one in given] == [{}] * 4


def test_near_misses_are_sorted_by_refusing_filters_then_by_what_is_missing():
    # Even hosts lack memory; odd ones are refused twice, or once for being odd.
    error = refusal(RequestSpec(Flavor(memory_mb=900)))
    assert [(one.host, len(one.refused_by)) for one in error.explanation.near_misses(9)] == [
        ("big", 1),  # lacks 100 of 900
        ("mid", 1),  # lacks 450 of 900
        ("odd", 1),  # refused without a measure, which counts as all
        ("small", 2),
    ]
    assert [one.host for one in error.explanation.near_misses(1)] == ["big"]


def test_refusal_counts_the_hosts_that_earlier_instances_lost():
    error = refusal(RequestSpec(Flavor(memory_mb=400), num_instances=9), None, "RamFilter")
    # odd, big and mid take two, two and one instance.
    assert (error.index, error.num_instances) == (5, 9)
    assert error.explanation.refused == {"RamFilter": 4}
    assert str(error).startswith(
        "No valid host was found. Instance 6 of 9: 4 hosts, 4 refused by RamFilter. Nearest: small lacks 300 MB"
    )


def test_refusal_without_hosts_says_so():
    assert str(refusal(ASKED, HostPool())) == "No valid host was found. Instance 1 of 1: 0 hosts."


def test_refusal_of_hosts_that_the_request_leaves_out_says_so_and_names_no_filter():
    error = refusal(RequestSpec(Flavor(memory_mb=1), ignore_hosts=["small", "mid", "big", "odd"]))
    assert (error.explanation.refused, error.explanation.near_misses()) == ({"ignore_hosts": 4}, [])
    assert str(error) == "No valid host was found. Instance 1 of 1: 4 hosts, 4 ignored by the request."


def test_explanation_as_plain_data():
    (chosen,) = scheduler("RamFilter").select_destinations(ASKED, hosts())
    assert chosen.explanation.to_dict() == {
        "message": "4 hosts, 1 refused by RamFilter.",
        "index": 0,
        "num_instances": 1,
        "profile": None,
        "offered": 4,
        "refused": {"RamFilter": 1},
        "near_misses": [],
        "host": "odd",
        "nodename": "odd",
        "weight": 1.0,
        "steps": [{"filter": "RamFilter", "before": 4, "after": 3}],
        "shares": [
            {"weigher": "RAMWeigher", "raw": 900.0, "normalized": 1.0, "multiplier": 1.0, "contribution": 1.0}
        ],
        "runner_up": "big",
        "margin": 1.0 - 800 / 900,
        "left": 3,
        "drawn_from": None,
        "unread": [],
    }


# -- shortages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shortage", "said", "share"),
    [
        (Shortage("RAM", 4096, 3584, "MB"), "lacks 512 MB of RAM (free 3584, asked 4096)", 0.125),
        (Shortage("vCPUs", 2, 0), "lacks 2 vCPUs (free 0, asked 2)", 1.0),
        (Shortage("RAM", 1, -1, "MB"), "lacks 2 MB of RAM (free -1, asked 1)", 2.0),
        (Shortage("disk", 1.5, 1.25, "GB"), "lacks 0.25 GB of disk (free 1.25, asked 1.5)", 0.25 / 1.5),
        (Shortage("RAM", 0, -1, "MB"), "lacks 1 MB of RAM (free -1, asked 0)", float("inf")),
    ],
)
def test_shortage_in_words_and_as_a_share(shortage, said, share):
    assert str(shortage) == said
    assert shortage.share == share
