"""Weights and multipliers that no float holds: the message names what made them, on both paths."""

from __future__ import annotations

import pytest
from oslo_config import cfg

from filtersched import BaseWeigher, FilterScheduler, InvalidAnswer, InvalidWeight, RequestSpec, make_conf
from filtersched.testing import make_host

both_paths = pytest.mark.parametrize("use_engine", [True, False], ids=["engine", "handlers"])


class FarWeigher(BaseWeigher):
    """Prefer hosts by a capability."""

    options = (cfg.FloatOpt("far_multiplier", default=1.0),)
    option_group = "far"
    multiplier_option = "far_multiplier"

    def _weigh_object(self, host_state, weight_properties):
        return host_state.capabilities["far"]


class DeclaredWeigher(FarWeigher):
    host_reads = ("capabilities",)

    def _weigh_object(self, host_state, weight_properties):
        return host_state.capabilities["far"]


class RawWeigher(FarWeigher):
    normalized = False


def decide(weigher, use_engine, *, metadata=None, values=(1e308, -1e308)):
    aggregates = [{"name": "fast", "metadata": metadata}] if metadata else ()
    hosts = [make_host(f"h{row}", capabilities={"far": far}, aggregates=aggregates) for row, far in enumerate(values)]
    conf = make_conf(enabled_filters="AllHostsFilter")
    scheduler = FilterScheduler(conf, weighers=[weigher], use_engine=use_engine)
    return scheduler.select_destinations(RequestSpec(), hosts)[0]


def bound(weigher_class, value):
    weigher = weigher_class()
    weigher.bind({"far_multiplier": value})
    return weigher


@both_paths
@pytest.mark.parametrize("weigher", [FarWeigher, DeclaredWeigher])
def test_weights_too_far_apart_are_an_error_that_names_the_spread(weigher, use_engine):
    said = rf"the weights of {weigher.__name__} spread from -1e\+308 to 1e\+308, which is more than a float holds"
    with pytest.raises(InvalidWeight, match=said) as caught:
        decide(weigher, use_engine)
    assert caught.value.weigher == weigher.__name__


@both_paths
@pytest.mark.parametrize("weigher", [FarWeigher, DeclaredWeigher])
@pytest.mark.parametrize("value", ["2", float("inf"), float("nan"), None])
def test_multiplier_that_is_no_number_is_an_error_that_names_the_option(weigher, value, use_engine):
    said = rf"the option far_multiplier of {weigher.__name__} is {value!r}. A multiplier must be a finite number"
    with pytest.raises(InvalidWeight, match=said):
        decide(bound(weigher, value), use_engine, values=(1.0, 2.0))


@both_paths
def test_multiplier_of_an_own_method_names_the_method(use_engine):
    class Own(FarWeigher):
        def weight_multiplier(self, host_state):
            return "2"

    with pytest.raises(InvalidWeight, match=r"Own\.weight_multiplier returned '2' for host 'h0'\. A"):
        decide(Own, use_engine, values=(1.0, 2.0))


@both_paths
def test_weight_made_too_large_by_its_multiplier_names_the_multiplier(use_engine):
    with pytest.raises(InvalidWeight, match=r"the weight of host 'h0' is too large with RawWeigher, .* 1e\+300"):
        decide(bound(RawWeigher, 1e300), use_engine, values=(1e300, 1.0))


@both_paths
@pytest.mark.parametrize("weigher", [FarWeigher, DeclaredWeigher])
@pytest.mark.parametrize("text", ["inf", "nan", "much"])
def test_multiplier_of_an_aggregate_that_is_no_number_counts_as_none(weigher, text, use_engine):
    assert decide(weigher, use_engine, metadata={"far_multiplier": text}, values=(1.0, 2.0)).host == "h1"


async def _later(*_given):
    return [1.0, 2.0]


@both_paths
@pytest.mark.parametrize("made", [_later, lambda *_given: None, lambda *_given: 3], ids=["coroutine", "None", "3"])
def test_weigh_objects_that_returns_no_weights_is_an_error_by_name(made, use_engine):
    class Own(BaseWeigher):
        def weigh_objects(self, weighed_obj_list, weight_properties):
            return made()

    with pytest.raises(InvalidAnswer, match=r"Own\.weigh_objects returned .*; return one weight for each host"):
        decide(Own, use_engine)
