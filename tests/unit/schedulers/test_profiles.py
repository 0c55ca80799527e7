"""Profiles: which of them decides a request, and with which settings."""

from __future__ import annotations

import pickle

import pytest

from filtersched import (
    ChanceScheduler,
    CommitConflict,
    ConfigurationError,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    Observer,
    PendingRequests,
    PluginNotFound,
    RequestSpec,
    Selection,
    make_conf,
)
from filtersched.filters.ram_filter import RamFilter
from filtersched.weighers.ram_weigher import RAMWeigher

KEY = "filtersched:profile"


def host(name, total, used):
    return HostState(
        name, total_usable_ram_mb=total, free_ram_mb=total - used, vcpus_total=8, vcpus_used=8 * used // total
    )


@pytest.fixture
def pool():
    """A small empty host, and a large one that is 71 % full and has more room."""
    return HostPool([host("small", 1000, 0), host("large", 10_000, 7100)])


def conf(profiles=None, **options):
    defaults = {"enabled_filters": "RamFilter", "ram_allocation_ratio": 1.0}
    return make_conf(profiles=profiles, **{**defaults, **options})


def scheduler(profiles=None, **options):
    return FilterScheduler(conf(profiles, **options))


BATCH = {"batch": {"ram_weight_multiplier": -1.0}}


def spec(profile=None, *, memory_mb=100, **fields):
    extra_specs = {} if profile is None else {KEY: profile}
    return RequestSpec(Flavor(memory_mb=memory_mb, extra_specs=extra_specs), **fields)


def placed(selections):
    (one,) = selections
    return one.host, one.profile


def test_a_large_host_is_before_a_small_empty_one_in_the_main_configuration(pool):
    assert placed(scheduler().select_destinations(spec(), pool)) == ("large", None)


def test_spread_takes_the_host_of_which_more_is_free(pool):
    assert placed(scheduler().select_destinations(spec(), pool, profile="spread")) == ("small", "spread")


def test_pack_takes_the_host_of_which_less_is_free(pool):
    assert placed(scheduler().select_destinations(spec(), pool, profile="pack")) == ("large", "pack")


def test_a_section_changes_multipliers(pool):
    assert placed(scheduler(BATCH).select_destinations(spec(), pool, profile="batch")) == ("small", "batch")


def test_a_section_changes_filters(pool):
    loose = scheduler({"loose": {"enabled_filters": ""}})
    assert placed(loose.place(spec(memory_mb=50_000), pool, profile="loose")) == ("large", "loose")
    with pytest.raises(NoValidHost):
        loose.place(spec(memory_mb=50_000), pool)


def test_a_section_changes_options_of_filters(pool):
    made = scheduler({"dense": {"ram_allocation_ratio": 2.0}})
    assert placed(made.place(spec(memory_mb=900), pool, profile="dense")) == ("large", "dense")
    assert made.filters[0].option("ram_allocation_ratio") == 1.0
    assert made.profiles["dense"].filters[0].option("ram_allocation_ratio") == 2.0


def test_the_flavor_chooses_a_profile_before_the_project_and_the_hint(pool):
    made = scheduler({"batch": {"projects": "p", **BATCH["batch"]}})
    asked = spec("spread", project_id="p", scheduler_hints={KEY: "pack"})
    assert placed(made.place(asked, pool))[1] == "spread"


def test_the_project_chooses_a_profile_before_the_hint(pool):
    made = scheduler({"batch": {"projects": "p", **BATCH["batch"]}})
    assert placed(made.place(spec(project_id="p", scheduler_hints={KEY: "pack"}), pool))[1] == "batch"
    assert placed(made.place(spec(project_id="other", scheduler_hints={KEY: "pack"}), pool))[1] == "pack"


def test_the_caller_chooses_before_all_of_them(pool):
    assert placed(scheduler(BATCH).place(spec("spread"), pool, profile="batch"))[1] == "batch"


def test_default_is_the_main_configuration(pool):
    made = scheduler({"batch": {"projects": "p", **BATCH["batch"]}})
    assert placed(made.place(spec("default", project_id="p"), pool))[1] is None
    assert placed(made.place(spec("spread"), pool, profile="default"))[1] is None


def test_names_of_profiles_have_no_case(pool):
    assert placed(scheduler({"Batch": BATCH["batch"]}).place(spec("BATCH"), pool))[1] == "batch"


@pytest.mark.parametrize(
    ("asked", "given", "field"),
    [
        (spec(), {"profile": "bach"}, "profile"),
        (spec(), {"profile": 3}, "profile"),
        (spec("bach"), {}, f"flavor.extra_specs['{KEY}']"),
        (spec(scheduler_hints={KEY: ["bach"]}), {}, f"scheduler_hints['{KEY}']"),
        (spec(scheduler_hints={KEY: ["batch", "pack"]}), {}, f"scheduler_hints['{KEY}']"),
    ],
)
def test_a_profile_that_nobody_defines_is_an_error_that_names_the_field(pool, asked, given, field):
    with pytest.raises(InvalidRequest) as caught:
        scheduler(BATCH).place(asked, pool, **given)
    assert caught.value.field == field


def test_the_error_names_the_profiles_there_are(pool):
    with pytest.raises(InvalidRequest, match=r"'bach'\. Did you mean 'batch'\? .* batch, spread, pack, default"):
        scheduler(BATCH).place(spec(), pool, profile="bach")


def test_hints_may_be_limited_to_some_profiles(pool):
    made = scheduler(BATCH, profile_hints="pack")
    assert placed(made.place(spec(scheduler_hints={KEY: "pack"}), pool))[1] == "pack"
    assert placed(made.place(spec("batch"), pool))[1] == "batch"
    with pytest.raises(InvalidRequest, match="They can choose: pack"):
        made.place(spec(scheduler_hints={KEY: "batch"}), pool)


def test_an_unknown_plug_in_of_a_profile_is_found_when_the_scheduler_is_made():
    with pytest.raises(PluginNotFound) as caught:
        scheduler({"batch": {"enabled_filters": "RamFilter,KoreFilter"}})
    assert (caught.value.group, caught.value.option) == ("profile:batch", "enabled_filters")


def test_requests_of_one_step_each_have_their_own_profile(pool):
    first, second, third = scheduler(BATCH).place_all([spec(), spec("batch"), spec("spread")], pool)
    assert [placed(one) for one in (first, second, third)] == [("large", None), ("small", "batch"), ("small", "spread")]


def test_a_profile_decides_where_places_are_reserved(pool):
    scheduler(BATCH).reserve(spec(), pool, 1, name="r", owners={"project_id": "p"}, profile="batch")
    assert [one.host for one in pool if one.instances] == ["small"]


def test_explain_asks_the_filters_of_the_profile(pool):
    made = scheduler({"loose": {"enabled_filters": "NumInstancesFilter"}})
    verdicts = made.explain(spec(memory_mb=50_000), "small", pool, profile="loose")
    assert [(one.filter, one.passed) for one in verdicts.verdicts] == [("NumInstancesFilter", True)]


def test_a_request_that_waits_keeps_its_profile(pool):
    waiting = PendingRequests(scheduler(BATCH), pool)
    waiting.add(spec(), profile="batch")
    (done,) = waiting.run()
    assert placed(done.selections) == ("small", "batch")


def test_a_request_that_waits_for_an_unknown_profile_is_refused_at_once(pool):
    with pytest.raises(InvalidRequest, match="bach"):
        PendingRequests(scheduler(BATCH), pool).add(spec(), profile="bach")


def test_a_late_commit_asks_the_filters_of_the_profile_that_decided(pool):
    made = scheduler({"loose": {"enabled_filters": ""}})
    chosen = made.select_destinations(spec(memory_mb=50_000), pool, profile="loose")
    pool.update("large", num_io_ops=1)
    made.commit(chosen, pool)
    assert len(pool["large"].instances) == 1


def test_a_decision_of_a_profile_that_is_gone_must_be_made_again(pool):
    chosen = scheduler(BATCH).select_destinations(spec(), pool, profile="batch")
    pool.update("small", num_io_ops=1)
    with pytest.raises(CommitConflict, match="the profile 'batch'"):
        scheduler().commit(chosen, pool)


def test_a_refusal_says_which_profile_decided(pool):
    with pytest.raises(NoValidHost, match=r"Instance 1 of 1 \(profile 'batch'\): 2 hosts, 2 refused by RamFilter"):
        scheduler(BATCH).place(spec("batch", memory_mb=50_000), pool)


def test_explanations_and_selections_keep_the_profile_outside_of_the_process(pool):
    (selection,) = scheduler(BATCH).select_destinations(spec("batch"), pool)
    assert pickle.loads(pickle.dumps(selection.explanation)).profile == "batch"
    assert selection.explanation.to_dict()["profile"] == "batch"
    assert Selection.from_dict(selection.to_dict()).profile == "batch"


def test_the_driver_reads_what_chooses_a_profile(pool):
    made = FilterScheduler(conf(BATCH), filters=[RamFilter()], weighers=[RAMWeigher()])
    assert made.unread(spec("batch", scheduler_hints={KEY: "pack"})) == ()


def test_filters_that_a_program_gives_count_in_profiles_too(pool):
    class SmallFilter(RamFilter):
        """Refuse hosts but the small one."""

        def host_passes(self, host_state, spec):
            return host_state.host == "small"

    made = FilterScheduler(conf(BATCH), filters=[SmallFilter()])
    assert placed(made.place(spec(), pool, profile="pack"))[0] == "small"
    replaced = FilterScheduler(conf({"all": {"enabled_filters": "RamFilter"}}), filters=[SmallFilter()])
    assert placed(replaced.place(spec(), pool, profile="all"))[0] == "large"


def test_a_profile_may_name_weighers_where_the_main_configuration_has_cost_functions(pool):
    by_ram = {"by_ram": {"weight_classes": "RAMWeigher"}}
    made = scheduler(by_ram, least_cost_functions="filtersched.weighers.least_cost.noop_cost_fn")
    assert [type(one).__name__ for one in made.profiles["by_ram"].weighers] == ["RAMWeigher"]
    assert placed(made.place(spec(), pool, profile="spread"))[0] == "small"


def test_a_driver_of_its_own_decides_in_every_profile(pool):
    class LastScheduler(FilterScheduler):
        """Take the last host."""

        def select(self, ranked, chance):
            return list(reversed(ranked))

    made = LastScheduler(conf(BATCH))
    assert type(made.profiles["batch"]) is LastScheduler
    assert placed(made.select_destinations(spec(), pool))[0] == "small"
    assert placed(made.select_destinations(spec(), pool, profile="batch"))[0] == "large"


def test_profiles_of_a_driver_have_its_further_arguments(pool):
    class Named(FilterScheduler):
        """Has a name."""

        def __init__(self, conf, name, *, number):
            super().__init__(conf)
            self.name = name, number

    assert Named(conf(BATCH), "n", number=3).profiles["batch"].name == ("n", 3)


def test_a_driver_without_filters_has_profiles(pool):
    made = ChanceScheduler(make_conf(profiles={"patient": {"service_down_time": 999}}))
    assert made.profiles["patient"].settings.service_down_time == 999
    assert placed(made.place(spec(), pool, profile="patient"))[1] == "patient"


def test_the_scheduler_of_a_profile_decides_alone(pool):
    batch = scheduler(BATCH).profiles["batch"]
    assert placed(batch.place(spec("spread"), pool)) == ("small", "batch")
    with pytest.raises(InvalidRequest):
        batch.place(spec(), pool, profile="spread")


def test_a_reload_reads_the_profiles_anew(pool, tmp_path):
    path = tmp_path / "profiles.conf"
    path.write_text("[filter_scheduler]\nenabled_filters = RamFilter\n[profile:batch]\nram_weight_multiplier = 1\n")
    before = FilterScheduler(make_conf(files=[path], profiles={"code": {"ram_weight_multiplier": -1.0}}))
    path.write_text("[filter_scheduler]\nenabled_filters = RamFilter\n[profile:other]\nram_weight_multiplier = 1\n")
    after = before.reloaded()
    assert list(before.profiles) == ["batch", "code", "spread", "pack"]
    assert list(after.profiles) == ["other", "code", "spread", "pack"]


def test_a_reload_with_a_mistake_in_a_profile_changes_nothing(pool, tmp_path):
    path = tmp_path / "profiles.conf"
    path.write_text("[profile:batch]\nram_weight_multiplier = 1\n")
    before = FilterScheduler(make_conf(files=[path]))
    path.write_text("[profile:batch]\nram_weight_multiplier = much\n")
    with pytest.raises(ConfigurationError, match=r"\[profile:batch\] ram_weight_multiplier is 'much'"):
        before.reloaded()
    assert list(before.profiles) == ["batch", "spread", "pack"]


def test_an_observer_is_told_once_of_a_decision_of_a_profile(pool):
    class Counting(Observer):
        """Counts decisions."""

        begun = 0

        def decision_begins(self, operation, spec):
            self.begun += 1

    made = scheduler(BATCH)
    made.observer = Counting()
    made.place(spec("batch"), pool)
    assert made.observer.begun == 1
