"""IsolatedHostsFilter: every row of its truth table."""

import pytest

from filtersched.filters.isolated_hosts_filter import IsolatedHostsFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def isolating(images=("secret",), hosts=("vault",), *, restrict=True):
    isolated_filter = IsolatedHostsFilter()
    isolated_filter.bind(
        {
            "isolated_images": list(images),
            "isolated_hosts": list(hosts),
            "restrict_isolated_hosts_to_isolated_images": restrict,
        }
    )
    return isolated_filter


def asking(image):
    return RequestSpec(image=None if image is None else {"id": image})


@pytest.mark.parametrize(
    ("restrict", "image", "host", "passes"),
    [
        (True, "secret", "vault", True),
        (True, "secret", "hall", False),
        (True, "public", "vault", False),
        (True, "public", "hall", True),
        (False, "secret", "vault", True),
        (False, "secret", "hall", False),
        (False, "public", "vault", True),
        (False, "public", "hall", True),
    ],
)
def test_isolated_images_and_hosts_belong_together(restrict, image, host, passes):
    assert isolating(restrict=restrict).host_passes(HostState(host), asking(image)) is passes


@pytest.mark.parametrize("image", ["public", None])
def test_without_isolated_images_isolated_hosts_stay_empty_if_they_are_kept(image):
    assert isolating(images=()).host_passes(HostState("vault"), asking(image)) is False
    assert isolating(images=()).host_passes(HostState("hall"), asking(image)) is True
    assert isolating(images=(), restrict=False).host_passes(HostState("vault"), asking(image)) is True
    assert isolating(images=(), restrict=False).host_passes(HostState("hall"), asking(image)) is True


@pytest.mark.parametrize("restrict", [True, False])
def test_without_isolated_hosts_isolated_images_fit_nowhere_and_others_everywhere(restrict):
    isolated_filter = isolating(hosts=(), restrict=restrict)
    assert isolated_filter.host_passes(HostState("vault"), asking("secret")) is False
    assert isolated_filter.host_passes(HostState("vault"), asking("public")) is True


def test_a_request_without_image_is_not_isolated():
    assert isolating().host_passes(HostState("vault"), asking(None)) is False
    assert isolating().host_passes(HostState("hall"), asking(None)) is True


def test_every_host_passes_unless_configured():
    assert IsolatedHostsFilter().host_passes(HostState("vault"), asking("secret")) is True


def test_the_image_of_an_old_request_is_read_from_its_instance():
    old = RequestSpec.from_filter_properties({"request_spec": {"instance_properties": {"image_ref": "secret"}}})
    assert isolating().host_passes(HostState("vault"), old) is True
    assert isolating().host_passes(HostState("hall"), old) is False


def test_it_is_asked_on_a_rebuild_because_the_image_may_be_another():
    rebuild = RequestSpec(image={"id": "secret"}, scheduler_hints={"_nova_check_type": ["rebuild"]})
    vault, hall = HostState("vault"), HostState("hall")
    assert list(isolating().filter_all([vault, hall], rebuild)) == [vault]


def test_a_refusal_says_which_of_the_two_is_isolated():
    hall, vault = HostState("hall"), HostState("vault")
    assert isolating().rejection_reason(hall, asking("secret")) == "image secret may run on isolated hosts only"
    assert isolating().rejection_reason(vault, asking("public")) == "an isolated host takes isolated images only"


def test_it_is_asked_once_a_request():
    assert IsolatedHostsFilter().run_filter_for_index(1) is False
