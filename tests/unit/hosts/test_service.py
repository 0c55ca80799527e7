"""Whether a service is up."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from filtersched.errors import InvalidHost
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.service import Service, service_is_up

NOW = datetime(2026, 1, 31, 12)


@pytest.mark.parametrize(
    ("age_s", "up"), [(0, True), (59.9, True), (60, True), (60.1, False), (-60, True), (-60.1, False), (86400, False)]
)
def test_heartbeat_of_exactly_the_down_time_is_up_before_and_after_now(age_s, up):
    assert service_is_up({"updated_at": NOW - timedelta(seconds=age_s)}, NOW, 60) is up


@pytest.mark.parametrize("name", ["last_seen_up", "updated_at", "created_at"])
def test_heartbeat_may_stand_under_any_of_its_names(name):
    assert not service_is_up(Service.of({name: "2026-01-31T11:00:00"}), NOW, 60)
    assert service_is_up(Service.of({name: "2026-01-31T13:00:00+01:00"}), NOW, 60)


def test_time_of_creation_counts_only_without_a_heartbeat():
    assert service_is_up({"updated_at": NOW, "created_at": datetime(2020, 1, 1)}, NOW, 60)
    assert not service_is_up({"updated_at": None, "created_at": datetime(2020, 1, 1)}, NOW, 60)


@pytest.mark.parametrize("service", [{}, {"disabled": True}, SimpleNamespace(), SimpleNamespace(updated_at=None), None])
def test_service_that_tells_no_time_is_up(service):
    assert service_is_up(Service.of(service), NOW, 60)


def test_service_that_its_record_calls_down_is_down_whatever_its_heartbeat():
    assert not service_is_up({"state": "down", "updated_at": NOW}, NOW, 60)
    assert service_is_up({"state": "up"}, NOW, 60)


def test_service_that_is_forced_down_is_down_whatever_its_heartbeat():
    assert not service_is_up({"forced_down": True, "updated_at": NOW}, NOW, 60)
    assert not service_is_up(Service.of(SimpleNamespace(forced_down=True)), NOW, 60)
    assert service_is_up({"forced_down": False, "updated_at": NOW}, NOW, 60)


def test_down_time_of_zero_takes_only_a_heartbeat_of_now():
    assert service_is_up({"updated_at": NOW}, NOW, 0)
    assert not service_is_up({"updated_at": NOW - timedelta(microseconds=1)}, NOW, 0)


# -- the record -------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("_session", "disabled", "topic")
    binary = "nova-compute"

    def __init__(self):
        self._session, self.disabled, self.topic = object(), True, "r1"

    def save(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (None, {}),
        ({"disabled": True, "topic": ["r1"]}, {"disabled": True, "topic": ("r1",)}),
        (SimpleNamespace(disabled=True, client=object()), {"disabled": True}),
        (Slotted(), {"disabled": True, "topic": "r1", "binary": "nova-compute"}),
    ],
    ids=["none", "mapping", "object", "slots"],
)
def test_record_is_read_from_a_mapping_or_from_the_plain_attributes_of_an_object(given, facts):
    assert HostState("cmp1", service=given).service == facts


def test_service_object_that_cannot_be_read_is_refused_and_not_taken_for_enabled():
    class Broken:
        disabled = property(lambda self: 1 / 0)

    with pytest.raises(InvalidHost, match="'disabled' cannot be read") as caught:
        HostState("cmp1", service=Broken())
    assert caught.value.attribute == "service"


def test_facts_can_be_read_as_keys_and_as_attributes():
    service = HostState("cmp1", service={"disabled": True}).service
    assert (service["disabled"], service.disabled) == (True, True)
    with pytest.raises(AttributeError, match="topic"):
        service.topic  # noqa: B018


def test_service_object_that_changes_afterwards_changes_no_host():
    service = SimpleNamespace(disabled=False, updated_at=NOW)
    host = HostState("cmp1", service=service)
    service.disabled = True
    assert host.service.disabled is False


@pytest.mark.parametrize("name", ["last_seen_up", "updated_at", "created_at"])
def test_times_of_a_service_are_kept_in_utc(name):
    assert Service.of({name: "2026-01-31T13:00:00+01:00"})[name] == NOW
    assert Service.of(SimpleNamespace(**{name: NOW}))[name] == NOW


@pytest.mark.parametrize("name", ["disabled", "forced_down"])
@pytest.mark.parametrize("value", ["false", "True", [], 0.5])
def test_switch_that_is_neither_true_nor_false_is_refused_by_name(name, value):
    with pytest.raises(InvalidHost, match=f"{name} true or false") as caught:
        HostState("cmp1", service={name: value})
    assert (caught.value.host, caught.value.attribute) == ("cmp1", "service")


@pytest.mark.parametrize(
    ("key", "hint"), [("diasbled", "Did you mean 'disabled'"), ("heartbeat", "Known: availability_zone, binary")]
)
def test_key_that_no_service_record_has_is_refused(key, hint):
    with pytest.raises(InvalidHost) as caught:
        HostState("cmp1", service={key: True})
    assert str(caught.value).startswith(
        f"host 'cmp1': service must be a service record; {key!r} is no key of one. {hint}"
    )


def test_equal_records_with_times_of_their_own_change_nothing():
    seen = datetime(2026, 1, 31, 12)
    pool = HostPool([HostState("h1", service={"last_seen_up": seen})])
    before = pool.generation
    pool.update("h1", service={"last_seen_up": seen.replace()})
    assert pool.generation == before
    pool.update("h1", service={"last_seen_up": seen.replace(second=1)})
    assert pool.generation == before + 1
