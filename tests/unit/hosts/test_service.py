"""Whether a service is up."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from filtersched.hosts.service import service_fact, service_is_up

NOW = datetime(2026, 1, 31, 12)


@pytest.mark.parametrize(
    ("age_s", "up"), [(0, True), (59.9, True), (60, True), (60.1, False), (-60, True), (-60.1, False), (86400, False)]
)
def test_heartbeat_of_exactly_the_down_time_is_up_before_and_after_now(age_s, up):
    assert service_is_up({"updated_at": NOW - timedelta(seconds=age_s)}, NOW, 60) is up


@pytest.mark.parametrize("name", ["last_seen_up", "updated_at", "created_at"])
def test_heartbeat_may_stand_under_any_of_its_names(name):
    assert not service_is_up({name: "2026-01-31T11:00:00"}, NOW, 60)
    assert service_is_up({name: "2026-01-31T13:00:00+01:00"}, NOW, 60)


def test_time_of_creation_counts_only_without_a_heartbeat():
    assert service_is_up({"updated_at": NOW, "created_at": datetime(2020, 1, 1)}, NOW, 60)
    assert not service_is_up({"updated_at": None, "created_at": datetime(2020, 1, 1)}, NOW, 60)


@pytest.mark.parametrize("service", [{}, {"disabled": True}, SimpleNamespace(), None])
def test_service_that_tells_no_time_is_up(service):
    assert service_is_up(service, NOW, 60)


def test_service_that_is_forced_down_is_down_whatever_its_heartbeat():
    assert not service_is_up({"forced_down": True, "updated_at": NOW}, NOW, 60)
    assert not service_is_up(SimpleNamespace(forced_down=True), NOW, 60)
    assert service_is_up({"forced_down": False, "updated_at": NOW}, NOW, 60)


def test_down_time_of_zero_takes_only_a_heartbeat_of_now():
    assert service_is_up({"updated_at": NOW}, NOW, 0)
    assert not service_is_up({"updated_at": NOW - timedelta(microseconds=1)}, NOW, 0)


def test_fact_is_read_from_a_mapping_or_an_object():
    assert service_fact({"disabled": True}, "disabled") is True
    assert service_fact(SimpleNamespace(disabled=True), "disabled") is True
    assert service_fact({}, "disabled") is None
