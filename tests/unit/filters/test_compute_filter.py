"""ComputeFilter: service, heartbeat, announcement; each alone refuses."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from filtersched.errors import InvalidRequest
from filtersched.filters.compute_filter import ComputeFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

NOW = datetime(2026, 1, 31, 12, 0, 0)


def host(service=None, capabilities=None, **more):
    return HostState("cmp1", service=service, capabilities=capabilities, **more)


def passes(host_state, extra_specs=None):
    return bool(ComputeFilter().host_passes(host_state, RequestSpec({"extra_specs": extra_specs}, now=NOW)))


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def test_a_host_of_which_nothing_is_known_passes():
    assert passes(host()) is True
    assert passes(host(service={"host": "cmp1"})) is True


@pytest.mark.parametrize(("disabled", "expected"), [(True, False), (1, False), (False, True), (None, True)])
def test_a_host_whose_service_is_disabled_is_refused(disabled, expected):
    assert passes(host({"disabled": disabled, "updated_at": NOW})) is expected


@pytest.mark.parametrize(("forced_down", "expected"), [(True, False), (1, False), (False, True), (None, True)])
def test_a_host_whose_service_is_forced_down_is_refused_whatever_its_heartbeat(forced_down, expected):
    assert passes(host({"forced_down": forced_down, "updated_at": NOW})) is expected


def test_a_refusal_says_that_the_service_is_forced_down():
    reason = ComputeFilter().rejection_reason(host({"forced_down": True, "updated_at": NOW}), RequestSpec(now=NOW))
    assert reason == "its service is forced down"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, True), (59.999, True), (60, True), (60.000001, False), (3600, False), (-60, True), (-60.000001, False)],
)
def test_a_heartbeat_may_be_sixty_seconds_away_and_no_more_in_either_direction(seconds, expected):
    assert passes(host({"updated_at": ago(seconds)})) is expected


def test_the_time_after_which_a_service_is_down_can_be_configured():
    compute_filter = ComputeFilter()
    compute_filter.bind({"service_down_time": 0})
    spec = RequestSpec(now=NOW)
    assert compute_filter.host_passes(host({"updated_at": NOW}), spec)
    assert not compute_filter.host_passes(host({"updated_at": ago(0.000001)}), spec)


def test_the_newest_kind_of_stamp_counts():
    assert passes(host({"last_seen_up": ago(10), "updated_at": ago(900), "created_at": ago(9000)})) is True
    assert passes(host({"last_seen_up": ago(900), "updated_at": ago(10)})) is False
    assert passes(host({"updated_at": None, "created_at": ago(10)})) is True
    assert passes(host({"updated_at": None, "created_at": ago(900)})) is False


def test_stamps_may_be_text_or_in_another_zone():
    assert passes(host({"updated_at": "2026-01-31T11:59:30"})) is True
    assert passes(host({"updated_at": "2026-01-31T12:59:30+01:00"})) is True
    assert passes(host({"updated_at": "2026-01-31T11:00:00"})) is False
    assert passes(host({"updated_at": NOW.replace(tzinfo=UTC)})) is True
    assert passes(host({"updated_at": NOW.replace(tzinfo=timezone(timedelta(hours=2)))})) is False


def test_a_stamp_that_is_no_time_is_an_error():
    with pytest.raises(ValueError, match="a time"):
        passes(host({"updated_at": "yesterday"}))


@pytest.mark.parametrize(("enabled", "expected"), [(True, True), (False, False), (0, False)])
def test_a_host_that_announces_not_to_be_enabled_is_refused(enabled, expected):
    assert passes(host(capabilities={"enabled": enabled})) is expected


def test_a_host_of_another_topic_passes_whatever_its_state():
    assert passes(host({"disabled": True}, {"enabled": False}, topic="volume")) is True


@pytest.mark.parametrize(
    ("announced", "asked", "expected"),
    [
        ("4", "4", True),
        ("4", "5", False),
        (4, "4", True),
        (4, "= 4", True),
        (4, ">= 5", False),
        (16, ">= 5", True),
        ("kvm", "<or> kvm <or> xen", True),
        (True, "True", True),
        ("fpga gpu", "<in> gpu", True),
    ],
)
def test_each_extra_spec_must_match_what_is_announced(announced, asked, expected):
    assert passes(host(capabilities={"thing": announced}), {"thing": asked}) is expected
    assert passes(host(capabilities={"thing": announced}), {"capabilities:thing": asked}) is expected


def test_one_extra_spec_that_does_not_match_is_enough_to_refuse():
    announcing = host(capabilities={"gpu": "1", "ssd": "yes"})
    assert passes(announcing, {"gpu": "1", "ssd": "yes"}) is True
    assert passes(announcing, {"gpu": "1", "ssd": "no"}) is False


def test_what_is_asked_and_not_announced_refuses():
    assert passes(host(capabilities={"gpu": "1"}), {"fpga": "1"}) is False
    assert passes(host(capabilities={"gpu": "1", "fpga": None}), {"fpga": "1"}) is False


@pytest.mark.parametrize("capabilities", [None, {}, {"enabled": True}, {"enabled": True, "timestamp": "12:00"}])
def test_a_host_that_announces_nothing_is_not_judged_by_extra_specs(capabilities):
    assert passes(host(capabilities=capabilities), {"fpga": "1"}) is True


@pytest.mark.parametrize("key", ["hw:cpu_policy", "resources:VCPU", "trait:HW_GPU", "aggregate_instance_extra_specs:x"])
def test_extra_specs_of_another_scope_are_not_for_capabilities(key):
    assert passes(host(capabilities={"gpu": "1"}), {key: "1"}) is True


def test_a_scoped_key_may_name_a_part_of_a_capability():
    announcing = host(capabilities={"cpu_info": {"topology": {"cores": 8}}, "gpu": "1"})
    assert passes(announcing, {"capabilities:cpu_info:topology:cores": ">= 8"}) is True
    assert passes(announcing, {"capabilities:cpu_info:topology:cores": ">= 9"}) is False
    assert passes(announcing, {"capabilities:gpu:cores": ">= 1"}) is False


@pytest.mark.parametrize(
    ("cpu_info", "expected"), [('{"cores": 8}', True), ('{"cores": 4}', False), ("8 cores", False), ("[8]", False)]
)
def test_a_part_may_be_in_json_text(cpu_info, expected):
    assert passes(host(capabilities={"cpu_info": cpu_info}), {"capabilities:cpu_info:cores": ">= 8"}) is expected


def test_a_list_is_compared_as_the_text_of_a_list():
    assert passes(host(capabilities={"cards": ["gpu", "fpga"]}), {"cards": "['gpu', 'fpga']"}) is True
    assert passes(host(capabilities={"cards": ["gpu", "fpga"]}), {"cards": "<in> fpga"}) is True


def test_text_where_a_number_is_asked_ends_the_request():
    with pytest.raises(InvalidRequest):
        passes(host(capabilities={"gpu": "plenty"}), {"gpu": ">= 1"})


@pytest.mark.parametrize(
    ("host_state", "extra_specs", "reason"),
    [
        (host({"disabled": True}), {}, "its service is disabled"),
        (host({"disabled": True, "disabled_reason": "broken fan"}), {}, "its service is disabled (broken fan)"),
        (
            host({"updated_at": ago(75)}),
            {},
            "its service was last heard of at 2026-01-31 11:58:45, more than 60 s away",
        ),
        (host(capabilities={"enabled": False}), {}, "it announces that it is not enabled"),
        (host(capabilities={"a": 1}), {"gpu": ">= 2"}, "'gpu' is not announced, asked '>= 2'"),
        (host(capabilities={"gpu": 1}), {"capabilities:gpu": ">= 2"}, "'gpu' is announced as 1, asked '>= 2'"),
        (host(capabilities={"gpu": 2}), {"gpu": ">= 2"}, None),
    ],
)
def test_a_refusal_says_what_did_not_hold(host_state, extra_specs, reason):
    spec = RequestSpec({"extra_specs": extra_specs}, now=NOW)
    assert ComputeFilter().rejection_reason(host_state, spec) == reason


def test_it_is_asked_once_a_request():
    assert ComputeFilter().run_filter_for_index(1) is False


def test_the_verdict_changes_when_the_heartbeat_runs_out():
    at = datetime(1970, 1, 2, tzinfo=None)
    day = 86_400_000_000
    assert ComputeFilter().changes_at(host({"last_seen_up": at})) == (day - 60_000_000, day + 60_000_000)
