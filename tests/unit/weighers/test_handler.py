"""Normalising, multiplying and adding up: what HostWeightHandler makes of raw weights."""

import math

import pytest

from filtersched.errors import InvalidWeight
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.selection import WeighedHost
from filtersched.weighers import BaseWeigher, HostWeightHandler
from filtersched.weighers.ram_weigher import RAMWeigher

SPEC = RequestSpec()


class RawWeigher(BaseWeigher):
    """Weigh a host by its attribute `raw`."""

    def _weigh_object(self, host_state, weight_properties):
        return host_state.raw


class AskingWeigher(RawWeigher):
    """Remember whom it was asked about."""

    def __init__(self):
        self.asked = []

    def _weigh_object(self, host_state, weight_properties):
        self.asked.append(host_state.host)
        return host_state.raw


def hosts(*raws):
    made = []
    for place, raw in enumerate(raws):
        host = HostState(f"h{place}")
        host.raw = raw
        made.append(host)
    return made


def weights(raws, *weighers):
    """The final weights in the order in which the hosts were given."""
    found = HostWeightHandler().get_weighed_objects(weighers, hosts(*raws), SPEC)
    by_name = {one.obj.host: one.weight for one in found}
    return [by_name[f"h{place}"] for place in range(len(raws))]


def scaled(minval=None, maxval=None):
    weigher = RawWeigher()
    weigher.minval, weigher.maxval = minval, maxval
    return weigher


def multiplied(multiplier):
    weigher = RawWeigher()
    weigher.weight_multiplier = lambda host: multiplier
    return weigher


@pytest.mark.parametrize(
    ("raws", "minval", "maxval", "expected"),
    [
        ([20, 50], None, None, [0.0, 1.0]),
        ([20, 50], None, 100, [0.0, 0.375]),
        ([20, 50], 0, None, [0.4, 1.0]),
        ([20, 50], 0, 100, [0.2, 0.5]),
        ([1, 1], None, None, [0.0, 0.0]),
        ([0, 0], None, None, [0.0, 0.0]),
        ([512, 512, 512], 0, None, [1.0, 1.0, 1.0]),
        ([0, 0, 0], 0, None, [0.0, 0.0, 0.0]),
        ([-5, 10], 0, None, [0.0, 1.0]),
        ([-5, -10], 0, None, [0.0, 0.0]),
        ([50, 150, 100], None, 100, [0.0, 1.0, 1.0]),
        ([-1, 11], 0, 10, [0.0, 1.0]),
        ([3, 3], 3, 3, [0.0, 0.0]),
        ([-3, -1, -2], None, None, [0.0, 1.0, 0.5]),
    ],
)
def test_raw_weights_are_mapped_linearly_to_the_scale(raws, minval, maxval, expected):
    assert weights(raws, scaled(minval, maxval)) == expected


def test_no_hosts_give_no_weights():
    assert HostWeightHandler().get_weighed_objects([RawWeigher()], [], SPEC) == []


def test_a_single_host_weighs_nothing_and_no_weigher_is_asked():
    weigher = AskingWeigher()
    assert weights([7], weigher) == [0.0]
    assert weigher.asked == []


def test_two_hosts_are_both_asked_about():
    weigher = AskingWeigher()
    weights([7, 8], weigher)
    assert weigher.asked == ["h0", "h1"]


def test_without_weighers_every_host_weighs_nothing():
    assert weights([1, 2]) == [0.0, 0.0]


def test_weights_of_several_weighers_are_multiplied_and_added_up():
    # 2 * (0, 1/4, 1) - 1 * (0, 0.5, 2) / 2 with the scale of the second given by its ends.
    assert weights([0, 0.5, 2], multiplied(2.0), multiplied(-1.0)) == [0.0, 0.25, 1.0]


def test_one_weigher_given_twice_counts_twice():
    weigher = RawWeigher()
    assert weights([0, 1], weigher, weigher) == [0.0, 2.0]


def test_a_negative_multiplier_turns_the_order_around():
    found = HostWeightHandler().get_weighed_objects([multiplied(-1.0)], hosts(1, 3, 2), SPEC)
    assert [one.obj.host for one in found] == ["h0", "h2", "h1"]


def test_the_highest_weight_comes_first():
    found = HostWeightHandler().get_weighed_objects([RawWeigher()], hosts(1, 3, 2), SPEC)
    assert [one.obj.host for one in found] == ["h1", "h2", "h0"]


def test_hosts_of_equal_weight_keep_their_order():
    found = HostWeightHandler().get_weighed_objects([RawWeigher()], hosts(1, 2, 1, 2, 2), SPEC)
    assert [one.obj.host for one in found] == ["h1", "h3", "h4", "h0", "h2"]


def test_sums_are_made_weigher_by_weigher_so_that_the_last_bit_is_fixed():
    # (0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3).
    found = weights([0, 1], multiplied(0.1), multiplied(0.2), multiplied(0.3))
    assert found == [0.0, 0.6000000000000001]


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf, None, "12", [1]])
def test_a_weight_that_is_no_finite_number_is_an_error_that_names_weigher_and_host(raw):
    with pytest.raises(InvalidWeight) as caught:
        weights([1, raw], RawWeigher())
    assert (caught.value.weigher, caught.value.host) == ("RawWeigher", "h1")
    assert "finite" in str(caught.value)


def test_a_weight_of_true_is_one():
    assert weights([False, True, 0.5], RawWeigher()) == [0.0, 1.0, 0.5]


def test_an_exception_in_a_weigher_keeps_its_type_and_names_weigher_and_host():
    class Broken(BaseWeigher):
        """Fail."""

        def _weigh_object(self, host_state, weight_properties):
            return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        weights([1, 2], Broken())
    assert "Broken" in caught.value.__notes__[0]
    assert "h0" in caught.value.__notes__[0]


def test_weigh_objects_of_the_weigher_itself_is_not_moved_to_the_ends_of_the_scale():
    class Whole(BaseWeigher):
        """Weigh all hosts at once."""

        minval = 0

        def weigh_objects(self, weighed_obj_list, weight_properties):
            return [weighed.obj.raw for weighed in weighed_obj_list]

    assert weights([-5, 10], Whole()) == [-0.5, 1.0]


def test_too_few_weights_are_an_error():
    class Short(BaseWeigher):
        """Forget a host."""

        def weigh_objects(self, weighed_obj_list, weight_properties):
            return [1.0]

    with pytest.raises(InvalidWeight, match="returned 1 weights for 2 hosts"):
        weights([1, 2], Short())


def test_a_weigher_that_is_not_normalized_adds_its_raw_weight():
    class Raw(RawWeigher):
        """Weigh by `raw`, as it is."""

        normalized = False

    assert weights([20, 50], Raw()) == [20.0, 50.0]


def test_a_weigher_that_is_not_normalized_is_asked_about_a_single_host_too():
    class Raw(RawWeigher):
        """Weigh by `raw`, as it is."""

        normalized = False

    assert weights([20], Raw()) == [20.0]


class WithoutHost(RawWeigher):
    """A multiplier in the signature of 2014."""

    def weight_multiplier(self):
        return 3.0


class WithUnderscore(RawWeigher):
    """A multiplier in the signature of Grizzly."""

    def _weight_multiplier(self):
        return 3.0


@pytest.mark.parametrize("weigher", [WithoutHost(), WithUnderscore()])
def test_multipliers_in_older_signatures_are_asked(weigher):
    assert weights([0, 1], weigher) == [0.0, 3.0]


# Multipliers that aggregates set


def ram_hosts(*metadata):
    """Hosts with 1000 MiB free each, so that the weight is the multiplier; one dict per aggregate."""
    return [
        HostState(
            f"h{place}",
            free_ram_mb=1000,
            aggregates=[{"name": f"{place}-{nr}", "metadata": one} for nr, one in enumerate(sets)],
        )
        for place, sets in enumerate(metadata)
    ]


KEY = "ram_weight_multiplier"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ([], 1.0),
        ([{}], 1.0),
        ([{"other": "7"}], 1.0),
        ([{KEY: "2"}], 2.0),
        ([{KEY: "2.5"}, {KEY: "1.5"}], 1.5),
        ([{KEY: "-1"}, {KEY: "1"}], -1.0),
        ([{KEY: "10"}, {KEY: "9"}], 9.0),
        ([{KEY: "2,1"}], 1.0),
        ([{KEY: "2"}, {KEY: "much"}], 1.0),
        ([{KEY: ""}], 1.0),
        ([{KEY: "0"}], 0.0),
    ],
)
def test_the_multiplier_is_the_least_number_of_the_aggregates_or_the_option(metadata, expected):
    first, _second = ram_hosts(metadata, [])
    weigher = RAMWeigher()
    assert weigher.weight_multiplier(first) == expected
    found = HostWeightHandler().get_weighed_objects([weigher], ram_hosts(metadata, []), SPEC)
    assert {host.obj.host: host.weight for host in found} == {"h0": expected, "h1": 1.0}


def test_each_host_has_the_multiplier_of_its_own_aggregates():
    found = HostWeightHandler().get_weighed_objects(
        [RAMWeigher()], ram_hosts([{KEY: "2"}], [], [{KEY: "3"}]), SPEC
    )
    assert [(one.obj.host, one.weight) for one in found] == [("h2", 3.0), ("h0", 2.0), ("h1", 1.0)]


def test_shares_say_what_each_weigher_added():
    found = HostWeightHandler().get_weighed_objects([multiplied(2.0)], hosts(20, 50), SPEC)
    share = found[0].shares[0]
    assert (share.weigher, share.raw, share.normalized, share.multiplier) == ("RawWeigher", 50.0, 1.0, 2.0)
    assert share.contribution == 2.0


def test_a_host_alone_has_no_shares():
    assert HostWeightHandler().get_weighed_objects([RAMWeigher()], hosts(1), SPEC)[0].shares == ()


def test_weighers_see_the_host_as_obj():
    seen = []

    class Seeing(BaseWeigher):
        """Look at what it is given."""

        def weigh_objects(self, weighed_obj_list, weight_properties):
            seen.extend(weighed_obj_list)
            return [0.0] * len(seen)

    offered = hosts(1, 2)
    HostWeightHandler().get_weighed_objects([Seeing()], offered, SPEC)
    assert [type(one) for one in seen] == [WeighedHost, WeighedHost]
    assert [one.obj for one in seen] == offered
