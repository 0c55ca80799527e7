"""The cost functions of the first filter scheduler: lowest sum wins, nothing normalised."""

from __future__ import annotations

import pytest

from filtersched import FilterScheduler, HostState, RequestSpec, make_conf
from filtersched.errors import ConfigurationError, PluginNotFound


def compute_io_cost_fn(host_state, weighing_properties):
    """As an author wrote it then: host and filter_properties in, a number out."""
    return host_state.num_io_ops * weighing_properties["instance_type"]["vcpus"]


def io_cost_fn(_host_state, _weighing_properties):
    raise AssertionError("a function of this name is never called")


class OldScheduler(FilterScheduler):
    def compute_by_name_cost_fn(self, host_state, _weighing_properties):
        return ord(host_state.host[0])


def scheduler(functions, kind=FilterScheduler, **options):
    return kind(make_conf(enabled_filters="", least_cost_functions=functions, **options))


def ranking(chosen_by: FilterScheduler, hosts, **spec) -> list[str]:
    chosen = chosen_by.select_destinations(RequestSpec(**spec), hosts, return_alternates=True)[0]
    return [chosen.host, *(alternate.host for alternate in chosen.alternates)]


HOSTS = [HostState("a", free_ram_mb=100), HostState("b", free_ram_mb=300), HostState("c", free_ram_mb=200)]


def test_fill_first_spreads_by_its_default_weight_of_minus_one():
    assert ranking(scheduler("nova.scheduler.least_cost.compute_fill_first_cost_fn"), HOSTS) == ["b", "c", "a"]


def test_fill_first_fills_first_with_a_positive_weight():
    chosen_by = scheduler("compute_fill_first_cost_fn", compute_fill_first_cost_fn_weight=1.0)
    assert ranking(chosen_by, HOSTS) == ["a", "c", "b"]


def test_noop_leaves_the_order_of_the_list():
    assert ranking(scheduler("nova.scheduler.least_cost.noop_cost_fn"), HOSTS) == ["a", "b", "c"]


def test_no_functions_leave_the_order_of_the_list():
    assert ranking(scheduler([]), HOSTS) == ["a", "b", "c"]


def conf_with_weight(tmp_path, weight: str) -> str:
    path = tmp_path / "nova.conf"
    path.write_text(f"--least_cost_functions={__name__}.compute_io_cost_fn,noop_cost_fn\n{weight}\n")
    return str(path)


def test_a_function_of_ones_own_is_used_as_configured_and_summed_unnormalised(tmp_path):
    conf = make_conf(files=conf_with_weight(tmp_path, "--compute_io_cost_fn_weight=0.5"), enabled_filters="")
    hosts = [HostState("busy", num_io_ops=9), HostState("idle", num_io_ops=1), HostState("half", num_io_ops=4)]
    spec = RequestSpec(flavor={"vcpus": 2})
    (chosen,) = FilterScheduler(conf).select_destinations(spec, hosts)
    # 0.5 * (1 operation * 2 CPUs) + 1.0 * 1, and the weight is minus the cost.
    assert (chosen.host, chosen.weight) == ("idle", -2.0)


def test_its_weight_may_come_from_the_command_line_or_from_code():
    named = f"{__name__}.compute_io_cost_fn"
    by_flag = make_conf(["--compute_io_cost_fn_weight", "-2"], least_cost_functions=named, enabled_filters="")
    in_code = make_conf(compute_io_cost_fn_weight=-2, least_cost_functions=named, enabled_filters="")
    for conf in (by_flag, in_code):
        (weigher,) = FilterScheduler(conf).weighers
        assert weigher.option("compute_io_cost_fn_weight") == -2.0


def test_a_weight_of_a_function_that_is_not_used_is_an_unknown_option():
    with pytest.raises(ConfigurationError, match="'compute_fill_first_cost_fn_weight'"):
        make_conf(compute_fill_frist_cost_fn_weight=1.0)


def test_a_function_without_its_weight_is_an_error(tmp_path):
    conf = make_conf(files=conf_with_weight(tmp_path, ""), enabled_filters="")
    with pytest.raises(ConfigurationError) as caught:
        FilterScheduler(conf)
    assert caught.value.option == "compute_io_cost_fn_weight"


def test_a_function_of_another_name_is_ignored_with_a_warning(caplog):
    assert ranking(scheduler(f"{__name__}.io_cost_fn"), HOSTS) == ["a", "b", "c"]
    assert "io_cost_fn" in caplog.text


def test_a_bare_name_is_a_method_of_the_scheduler(tmp_path):
    path = tmp_path / "nova.conf"
    path.write_text("--least_cost_functions=compute_by_name_cost_fn\n--compute_by_name_cost_fn_weight=-1\n")
    chosen_by = OldScheduler(make_conf(files=path, enabled_filters=""))
    assert ranking(chosen_by, HOSTS) == ["c", "b", "a"]


@pytest.mark.parametrize("name", ["compute_nothing", "nova.scheduler.least_cost.compute_nothing", "no.such.compute_fn"])
def test_a_missing_function_is_an_error(name):
    with pytest.raises(PluginNotFound) as caught:
        scheduler(name)
    assert caught.value.option == "least_cost_functions"


def test_an_aggregate_has_no_say_in_the_weight_of_a_cost():
    aggregate = {"name": "x", "metadata": {"compute_fill_first_cost_fn_weight": "5"}}
    hosts = [HostState("a", free_ram_mb=1, aggregates=[aggregate]), HostState("b", free_ram_mb=3)]
    assert ranking(scheduler("compute_fill_first_cost_fn"), hosts) == ["b", "a"]


def test_the_share_of_each_function_is_told_by_its_name():
    (chosen,) = scheduler("compute_fill_first_cost_fn,noop_cost_fn").select_destinations(RequestSpec(), HOSTS)
    shares = {share.weigher: share.contribution for share in chosen.explanation.shares}
    assert shares == {"compute_fill_first_cost_fn": 300.0, "noop_cost_fn": -1.0}
