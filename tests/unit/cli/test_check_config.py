"""filtersched check-config."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def inventory(tmp_path):
    def write(*hosts):
        path = tmp_path / "hosts.jsonl"
        common = {"total_usable_ram_mb": 8192, "vcpus_total": 8, "total_usable_disk_gb": 100}
        lines = ({"host": f"h{number}", **common, **host} for number, host in enumerate(hosts))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return ("--inventory", path)

    return write


@pytest.fixture
def check(run):
    """The warnings of a configuration: check to messages."""

    def check(*argv):
        result = run("check-config", "--format", "json", *argv)
        assert (result.status, result.err) == (0, "")
        found = {}
        for warning in result.json["warnings"]:
            found.setdefault(warning["check"], []).append(warning["message"])
        return found

    return check


def filters(*names):
    return ("--enabled-filters", ",".join(names))


def test_the_defaults_have_no_risks(check, inventory):
    assert check() == {}
    assert check(*inventory({"free_ram_mb": 1024}, {"free_ram_mb": 2048}), "--reserved-host-memory-mb", 0) == {}


# Measured load


def load(*argv):
    return ("--weight-classes", "MeasuredLoadWeigher,MetricsWeigher", "--measured-load-weight-multiplier", 1, *argv)


def test_hosts_without_the_measured_metric_are_told(check, inventory):
    some = inventory({"metrics": {"cpu.percent": 5}}, {"metrics": {"cpu": 5}}, {})
    assert check(*load(), *some)["measured load"] == [
        "2 of 3 hosts of this inventory, h1 for one, lack the metric 'cpu.percent': their load is "
        "measured_load_unknown, 100."
    ]
    assert check(*load("--measured-load-metric", "cpu.percnt"), *inventory({"metrics": {"cpu.percent": 5}}))[
        "measured load"
    ] == [
        "No host of this inventory has the metric 'cpu.percnt': all have the same load. Did you mean 'cpu.percent'?"
    ]


def test_load_that_counts_twice_or_not_what_was_placed_is_told(check):
    found = check(*load("--metrics-weight-setting", "cpu.percent=-1", "--measured-load-per-vcpu", 0))["measured load"]
    assert [message.split(":")[0] for message in found] == [
        "measured_load_per_vcpu is 0",
        "MetricsWeigher weighs the metric 'cpu.percent' too",
    ]


def test_disabled_weigher_of_measured_load_has_no_risks(check):
    assert check("--weight-classes", "MeasuredLoadWeigher,RAMWeigher", "--measured-load-per-vcpu", 0) == {}


# The exit status


def test_warnings_are_status_0_and_1_with_strict(run):
    risky = ("check-config", "--periodic-interval", 3)
    assert run(*risky).status == 0
    assert run(*risky, "--strict").status == 1
    assert run("check-config", "--strict").status == 0


@pytest.mark.parametrize(
    "argv", [("--ram-allocation-ratio", "-1"), ("--enabled-filters", "Nobody"), ("--inventory", "/nowhere")]
)
def test_settings_and_inventories_that_cannot_be_used_are_status_2(run, argv):
    result = run("check-config", *argv)
    assert result.status == 2
    assert result.err.count("\n") == 1


# What is ignored


def test_elements_of_settings_lists_that_nova_ignores_are_told(check):
    found = check("--image-props-weight-setting", "a,b=1,=2,c=x,d=inf", "--image-props-weight-multiplier", 1)
    assert [message.split(": ")[1].split(" ")[0] for message in found["ignored"]] == ["'a'", "'=2'", "'c=x'", "'d=inf'"]


def test_settings_list_of_a_weigher_without_a_say_is_told(check):
    assert "ImagePropertiesWeigher" in check("--image-props-weight-setting", "b=1")["no effect"][0]


def test_cost_function_of_another_name_is_told(run):
    argv = ("--least-cost-functions", "my.costs.price_fn,nova.scheduler.least_cost.noop_cost_fn")
    (warning,) = run("check-config", "--format", "json", *argv).json["warnings"]
    assert warning["check"] == "ignored"
    assert "'my.costs.price_fn'" in warning["message"]


def test_option_without_effect_is_told_if_it_is_set(check):
    assert "periodic_interval is set and has no effect" in check("--periodic-interval", 60)["no effect"][0]


def test_option_that_nothing_in_use_reads_is_told(check):
    found = check("--isolated-hosts", "a")
    (message,) = found["not read"]
    assert message == "[DEFAULT] isolated_hosts is set and nothing in use reads it; IsolatedHostsFilter would."
    assert len(found) == 1
    assert "not read" not in check("--isolated-hosts", "a", *filters("IsolatedHostsFilter"))


def test_bad_value_of_an_option_that_nothing_reads_is_told(check, tmp_path):
    conf = tmp_path / "nova.conf"
    conf.write_text("[DEFAULT]\nmax_io_ops_per_host = many\n")
    assert "max_io_ops_per_host" in check("--config-file", conf)["not read"][0]


def test_slip_in_a_name_in_a_file_is_told(check, tmp_path):
    conf = tmp_path / "nova.conf"
    conf.write_text(
        "[DEFAULT]\nmy_ip = 192.0.2.1\nram_weight_multplier = 2\n"
        "[filter_scheduler]\nnonsense = 1\nram_weight_multiplier = 2\n[libvirt]\nvirt_type = kvm\n"
    )
    assert check("--config-file", conf)["unknown"] == [
        "[DEFAULT] ram_weight_multplier is in a file and is no option here; it is ignored. "
        "Is ram_weight_multiplier meant?",
        "[filter_scheduler] nonsense is in a file and is no option here; it is ignored.",
    ]


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("ram_weight_multiplier", "high", True),
        ("ram_weight_multiplier", "2.5", False),
        ("ram_weight_multiplier", "nan", True),
        ("ram_allocation_ratio", "1,5", True),
        ("max_io_ops_per_host", "6,7", True),
        ("max_io_ops_per_host", "6", False),
        ("max_io_ops_per_host", "6.5", True),
        ("ram_allocation_ratio", "inf", True),
        ("metrics_weight_multiplier", "x", True),
        ("other", "text", False),
    ],
)
def test_numbers_of_aggregates_that_nova_ignores_are_told(check, inventory, key, text, told):
    found = check(*inventory({"aggregates": [{"name": "fast", "metadata": {key: text}}]}, {}))
    assert [("fast" in message, repr(text) in message) for message in found.get("ignored", ())] == [(True, True)] * told


# Filters


def test_filters_that_fight_over_unscoped_extra_specs_are_told(check):
    found = check(*filters("AggregateInstanceExtraSpecsFilter", "ComputeCapabilitiesFilter"))
    (message,) = found["unscoped extra specs"]
    assert message.startswith("AggregateInstanceExtraSpecsFilter and ComputeCapabilitiesFilter")
    assert "unscoped extra specs" not in check(*filters("AggregateInstanceExtraSpecsFilter", "RamFilter"))


def test_compute_filter_fights_only_where_hosts_announce_capabilities(check, inventory):
    both = filters("ComputeFilter", "ComputeCapabilitiesFilter")
    assert "unscoped extra specs" in check(*both)
    assert "unscoped extra specs" in check(*both, *inventory({"capabilities": {"gpus": 1}}))
    assert "unscoped extra specs" not in check(*both, *inventory({"capabilities": {"enabled": True}}))


def test_same_rule_with_and_without_aggregates_is_told(check):
    (message,) = check(*filters("RamFilter", "AggregateRamFilter"))["two filters for one rule"]
    assert "RamFilter and AggregateRamFilter" in message


def test_repeated_filter_is_told(check):
    assert "RamFilter is named 2 times" in check(*filters("RamFilter", "RamFilter"))["repeated filter"][0]


def test_no_filters_are_told(check):
    assert "every host passes" in check("--enabled-filters=")["no filters"][0]


@pytest.mark.parametrize("name", ["AllHostsFilter", "IsolatedHostsFilter", "MetricsFilter"])
def test_filter_that_cannot_refuse_is_told(check, name):
    assert name in check(*filters("RamFilter", name))["never refuses"][0]


def test_filter_alone_that_lets_all_pass_is_a_choice(check):
    assert check(*filters("AllHostsFilter")) == {}


def test_filter_on_aggregates_that_no_host_is_in_is_told(check, inventory):
    use = filters("AggregateMultiTenancyIsolation")
    set_aside = {"aggregates": [{"name": "t", "metadata": {"filter_tenant_id2": "p"}}]}
    assert "AggregateMultiTenancyIsolation" in check(*use, *inventory({}))["never refuses"][0]
    assert "never refuses" not in check(*use, *inventory(set_aside, {}))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("RamFilter", "--ram-allocation-ratio"),
        ("CoreFilter", "--cpu-allocation-ratio"),
        ("DiskFilter", "--disk-allocation-ratio"),
        ("IoOpsFilter", "--max-io-ops-per-host"),
    ],
)
def test_value_that_no_host_can_meet_is_told_once(check, inventory, name, option):
    assert len(check(*filters(name), option, 0)["never passes"]) == 1
    assert len(check(*filters(name), option, 0, *inventory({}, {}))["never passes"]) == 1


def test_filter_that_refuses_every_host_is_told_with_a_reason(check, inventory):
    (message,) = check(*inventory({"free_ram_mb": 0, "ram_allocation_ratio": 1.0}))["never passes"]
    assert "RamFilter refuses all 1 hosts" in message
    assert "free 0, asked 1" in message


def test_zone_for_requests_without_one_that_no_host_is_in_is_told(check, inventory):
    (message,) = check("--default-schedule-zone", "az9", *inventory({}))["never passes"]
    assert "AvailabilityZoneFilter" in message
    assert "'az9'" in message


# Weighers


def test_multiplier_that_swamps_all_others_is_told(check):
    (message,) = check("--ram-weight-multiplier", 1000)["swamps"]
    assert "RAMWeigher has the multiplier 1000, all others together 8" in message
    assert "swamps" not in check("--ram-weight-multiplier", 70)


def test_multiplier_that_swamps_on_an_inventory_is_told(check, inventory):
    hosts = inventory({"free_ram_mb": 1024, "vcpus_used": 3}, {"free_ram_mb": 8192})
    assert "swamps" not in check(*hosts)
    assert "RAMWeigher makes 100.0 %" in check(*hosts, "--ram-weight-multiplier", 100)["swamps"][0]


def test_aggregate_that_makes_a_weigher_swamp_is_told(check, inventory):
    fast = {"aggregates": [{"name": "fast", "metadata": {"ram_weight_multiplier": "1000"}}]}
    hosts = inventory({"free_ram_mb": 1024, "vcpus_used": 3}, {"free_ram_mb": 8192, **fast})
    assert "RAMWeigher" in check(*hosts)["swamps"][0]


def test_weighers_that_cancel_out_on_an_inventory_are_told(check, inventory):
    hosts = inventory(*({"free_ram_mb": free, "free_disk_mb": 10 * free} for free in (100, 500, 900, 7000)))
    argv = ("--weight-classes", "RAMWeigher,DiskWeigher", *hosts)
    assert "cancel out" not in check(*argv)
    assert "RAMWeigher and DiskWeigher cancel out" in check(*argv, "--disk-weight-multiplier", -1)["cancel out"][0]


def test_weighers_that_read_the_same_with_opposite_multipliers_are_told(check, tmp_path, monkeypatch):
    (tmp_path / "thrifty.py").write_text(
        "from filtersched import BaseWeigher\n"
        "class ThriftyWeigher(BaseWeigher):\n"
        "    host_reads = ('free_ram_mb',)\n"
        "    def weight_multiplier(self, host_state): return -1.0\n"
        "    def _weigh_object(self, host_state, weight_properties): return host_state.free_ram_mb ** 0.5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    argv = ("--weight-classes", "RAMWeigher,thrifty.ThriftyWeigher")
    assert "RAMWeigher and ThriftyWeigher" in check(*argv)["cancel out"][0]
    assert "cancel out" not in check(*argv, "--ram-weight-multiplier", 2)


def test_weighers_without_any_say_are_told(check):
    assert "all hosts tie" in check("--weight-classes", "RAMWeigher", "--ram-weight-multiplier", 0)["no weighers"][0]
    assert "all hosts tie" in check("--weight-classes=")["no weighers"][0]


def test_weigher_that_cannot_weigh_the_inventory_is_told(check, inventory):
    found = check("--metrics-weight-setting", "load=1", *inventory({}, {}))
    assert "MetricsWeigher cannot weigh this inventory" in found["cannot weigh"][0]


def test_share_of_each_weigher_is_that_of_its_span(run, inventory):
    hosts = inventory(
        {"free_ram_mb": 2048, "free_disk_mb": 1000}, {"free_ram_mb": 4096, "free_disk_mb": 4000}, {"free_ram_mb": 8192}
    )
    argv = ("--weight-classes", "RAMWeigher,DiskWeigher", "--ram-weight-multiplier", 2, "--reserved-host-memory-mb", 0)
    result = run("check-config", *argv, *hosts, "--format", "json")
    # RAM adds 2 x (0.25, 0.5, 1), disk (1000, 4000, 102400) / 102400.
    ram, disk = 1.5, 1 - 1000 / 102400
    assert [(one["weigher"], one["span"], one["share"]) for one in result.json["weighers"]] == [
        ("RAMWeigher", pytest.approx(ram), pytest.approx(ram / (ram + disk))),
        ("DiskWeigher", pytest.approx(disk), pytest.approx(disk / (ram + disk))),
    ]
    shown = run("check-config", *argv, *hosts).out
    assert ["RAMWeigher", "2", "0.5", "2", "60.2", "%"] in [line.split() for line in shown.splitlines()]


def test_driver_without_filters_and_weighers_is_checked_too(run):
    result = run("check-config", "--scheduler-driver", "ChanceScheduler")
    assert result.status == 0
    assert "Filters   none" in result.out
    assert "No warnings." in result.out


STOCHASTIC = ("check-config", "--scheduler-driver", "StochasticScheduler")


def test_raw_weights_of_several_weighers_are_warned_about(run):
    result = run(*STOCHASTIC, "--weight-classes", "RAMWeigher,CPUWeigher")
    assert "warning: swamps: StochasticScheduler adds the raw weights of 2 weighers" in result.out
    assert "swamps" not in run(*STOCHASTIC, "--weight-classes", "RAMWeigher").out
    without_cpu = ("--weight-classes", "RAMWeigher,CPUWeigher", "--cpu-weight-multiplier", 0)
    assert "swamps" not in run(*STOCHASTIC, *without_cpu).out


def test_share_of_a_weigher_whose_weights_are_not_normalised_is_in_its_own_unit(run, inventory):
    hosts = inventory({"free_ram_mb": 2048}, {"free_ram_mb": 4096})
    result = run(*STOCHASTIC, "--weight-classes", "RAMWeigher", *hosts, "--format", "json")
    assert [(one["weigher"], one["span"]) for one in result.json["weighers"]] == [("RAMWeigher", 2048.0)]


def test_settings_that_the_stochastic_scheduler_ignores_are_named(run):
    result = run(*STOCHASTIC, "--scheduler-host-subset-size", 3, "--shuffle-best-same-weighed-hosts")
    for name in ("scheduler_host_subset_size", "shuffle_best_same_weighed_hosts"):
        assert f"no effect: [DEFAULT] {name} is set; StochasticScheduler draws among all hosts" in result.out


def test_all_multipliers_of_0_make_a_fair_draw(run):
    assert "all hosts tie and the draw is fair" in run(*STOCHASTIC, "--weight-classes", "").out


def test_overrides_of_a_filter_of_your_own_are_known(check, inventory, tmp_path, monkeypatch):
    (tmp_path / "my_limits.py").write_text(
        "from filtersched.filters.io_ops_filter import IoOpsFilter\n"
        "class TierFilter(IoOpsFilter):\n"
        "    aggregate_overrides = {'max_io_ops_per_host': 'tier_io_ops'}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hosts = inventory({"aggregates": [{"name": "fast", "metadata": {"tier_io_ops": "many"}}]})
    flags = ("--available-filters", "my_limits.TierFilter", "--available-filters", "standard_filters")
    found = check(*hosts, *flags, "--enabled-filters", "IoOpsFilter,TierFilter")
    assert ["tier_io_ops to 'many'" in message for message in found["ignored"]] == [True]
    assert "IoOpsFilter and TierFilter are the same rule twice" in found["two filters for one rule"][0]


def test_warnings_have_every_format(run):
    argv = ("check-config", "--scheduler-default-filters", "JsonFilter,JsonFilter", "--service-down-time", "1")
    warnings = run(*argv, "--format", "json").json["warnings"]
    lines = run(*argv, "--format", "csv").out.splitlines()
    assert lines[0] == "check,message"
    assert run(*argv, "--format", "name").out.splitlines() == [one["check"] for one in warnings]
    assert run(*argv, "--columns", "check").out.splitlines() == ["CHECK", *(one["check"] for one in warnings)]
    assert len(run(*argv, "--format", "jsonl").out.splitlines()) == len(warnings)


# Expressions


def test_expression_without_an_answer_on_hosts_is_named_with_what_they_lack(check, inventory):
    expression = ("--filter-expression", "metrics['load'] < 4 and free_ram_mb > 1")
    hosts = inventory({"metrics": {"load": 1}, "free_ram_mb": 99}, {"free_ram_mb": 99})
    (message,) = check(*filters("ExpressionFilter"), *expression, *hosts)["expressions"]
    assert message == (
        "\"metrics['load'] < 4 and free_ram_mb > 1\" of the configuration has no answer on 1 of 2 hosts, such as 'h1', "
        "which has no metrics['load']."
    )


def test_expression_of_an_aggregate_that_cannot_be_read_is_named(check, inventory):
    aggregates = [{"name": "x", "metadata": {"filtersched:filter": "free_ram > 1"}}]
    (message,) = check(*filters("ExpressionFilter"), *inventory({"aggregates": aggregates}))["expressions"]
    assert message.startswith("filtersched:filter of an aggregate of host 'h0'")
    assert "Did you mean 'free_ram_mb'?" in message


def test_expressions_of_aggregates_that_nothing_reads_are_named(check, inventory):
    aggregates = [{"name": "x", "metadata": {"filtersched:weight": "1"}}]
    (message,) = check(*inventory({"aggregates": aggregates}, {}))["expressions"]
    assert message == (
        "aggregates of 1 hosts, such as 'h0', bring filtersched:weight, and ExpressionWeigher, which reads it, is not "
        "in use."
    )


@pytest.mark.parametrize(
    ("word", "given", "told"),
    [
        ("strict", (), ["aggregate 'x' says filtersched:dedicated = strict, and DedicationFilter is not in use."]),
        ("strict", filters("DedicationFilter"), None),
        (
            "preferred",
            (),
            [
                "aggregate 'x' says filtersched:dedicated = preferred, and DedicationWeigher is not in use, or "
                "dedication_weight_multiplier is 0."
            ],
        ),
        ("preferred", ("--dedication-weight-multiplier", "1"), None),
        ("yes", (), ["aggregate 'x': filtersched:dedicated is 'yes'; write strict or preferred."]),
    ],
)
def test_dedicated_aggregates_that_nothing_reads_are_named(check, inventory, word, given, told):
    aggregates = [{"name": "x", "metadata": {"filtersched:dedicated": word}}]
    found = check(*given, *inventory({"aggregates": aggregates}, {}))
    assert found.get("dedicated hosts") == told


@pytest.mark.parametrize(
    ("option", "metadata", "told"),
    [
        ("enable_isolated_aggregate_filtering", {"trait:A": "required"}, ["TraitsFilter, which is not in use"]),
        ("enable_isolated_aggregate_filtering", {}, ["TraitsFilter", "no aggregate of this inventory has trait:NAME"]),
        ("limit_tenants_to_placement_aggregate", {"filter_tenant_id": "p1"}, []),
        ("limit_tenants_to_placement_aggregate", {}, ["no aggregate of this inventory has filter_tenant_id"]),
    ],
)
def test_request_filters_that_meet_nothing_are_named(check, inventory, tmp_path, option, metadata, told):
    path = tmp_path / "nova.conf"
    path.write_text(f"[scheduler]\n{option} = true\n")
    hosts = inventory({"aggregates": [{"name": "x", "metadata": metadata}]}, {})
    found = check("--config-file", path, *hosts).get("request filters", [])
    assert len(found) == len(told)
    assert all(word in message for word, message in zip(told, found, strict=True))
