"""filtersched check-config: what the instances of an inventory were asked with."""

from __future__ import annotations

import pytest

from tests.unit.cli.test_check_config import check, filters, inventory

__all__ = ["check", "inventory"]

PROVIDERS = filters("ProvidersFilter")
WISHES = ("--weight-classes", "WishWeigher,RAMWeigher", "--wish-weight-multiplier", 1)


def flavored(**extra_specs):
    specs = {name.replace("__", ":"): value for name, value in extra_specs.items()}
    return {"instances": [{"uuid": "i1", "flavor": {"name": "gpu", "extra_specs": specs}}]}


def hinting(**hints):
    return {"instances": [{"uuid": "i1", "scheduler_hints": hints}]}


def test_groups_of_a_flavor_that_no_filter_meets_are_told(check, inventory):
    (message,) = check(*inventory(flavored(resources1__VGPU="1")))["numbered groups"]
    assert message == (
        "The flavor 'gpu' has the group '1' (1 VGPU), which no filter in use meets: its instances go to hosts without "
        "it. Enable ProvidersFilter."
    )


def test_groups_that_no_provider_could_have_are_told(check, inventory):
    full = {"providers": {"g0": {"resources": {"VGPU": [4, 4]}, "traits": ["CUSTOM_A100"]}}}
    fitting = flavored(resources1__VGPU="4", required1="CUSTOM_A100")
    assert "numbered groups" not in check(*PROVIDERS, *inventory({**full, **fitting}))
    for too_much in (flavored(resources1__VGPU="5"), flavored(resources1__VGPU="1", required1="CUSTOM_H100")):
        (message,) = check(*PROVIDERS, *inventory({**full, **too_much}))["numbered groups"]
        assert message.startswith("No provider of a host of this inventory could have the group '1' (")


def test_flavor_that_says_no_group_is_told(check, inventory):
    (message,) = check(*PROVIDERS, *inventory(flavored(resources1__VGPU="some")))["numbered groups"]
    assert "resources1:VGPU must be a whole number" in message


def test_hints_that_nothing_reads_are_told(check, inventory):
    some = inventory(hinting(prefer_host="zone:az1"))
    assert "WishWeigher is not among" in check("--weight-classes", "RAMWeigher", *some)["wishes"][0]
    assert "wish_weight_multiplier is 0" in check("--weight-classes", "WishWeigher,RAMWeigher", *some)["wishes"][0]
    assert "wishes" not in check(*WISHES, *some)


@pytest.mark.parametrize(
    ("hints", "told"),
    [
        ({"prefer_host": "zone:az1*many"}, "has no positive number up to 1000000 behind the *"),
        ({"avoid_host": "zone:*2"}, "names nothing to look for"),
        ({"prefer_host": ["host.x:h0"]}, "has a key, and host has no items"),
        ({"prefer_host": "h00"}, "wishes for the host 'h00', which is not in this inventory. Did you mean 'h0'?"),
        ({"avoid_host": "hypervisortype:x"}, "is no attribute of any host of this inventory. Did you mean 'hyp"),
    ],
)
def test_wishes_that_no_host_can_fulfil_are_told(check, inventory, hints, told):
    (message,) = check(*WISHES, *inventory(hinting(**hints)))["wishes"]
    assert message.startswith("The instance 'i1' ")
    assert told in message
