"""PrefilterFilter: what it asks of hosts is what Nova's request filters add to a request; and what it does with it."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from filtersched import (
    Aggregate,
    FilterScheduler,
    HostPool,
    HostState,
    InvalidRequest,
    NoValidHost,
    RequestSpec,
    make_conf,
)

NOVA_PYTHON = os.environ.get("FILTERSCHED_NOVA_PYTHON", "")
QUESTIONS = Path(__file__).with_name("ask_prefilters.py")
SWITCHES = (
    *("query_placement_for_image_type_support", "image_metadata_prefilter", "compute_status_prefilter"),
    *("packed_virtqueue_prefilter", "ephemeral_encryption_prefilter", "virtio_sound_prefilter"),
    *("enable_isolated_aggregate_filtering", "limit_tenants_to_placement_aggregate"),
    *("placement_aggregate_required_for_tenants", "availability_zone_prefilter"),
)
FLAVORS = (
    *({}, {}, {"trait:CUSTOM_A": "required"}, {"trait1:CUSTOM_B": "required", "trait:CUSTOM_A": "forbidden"}),
    *({"hw:virtio_packed_ring": "yes"}, {"hw:virtio_packed_ring": "false"}, {"hw:ephemeral_encryption": "true"}),
    {"hw:ephemeral_encryption": "1", "hw:ephemeral_encryption_format": "luks"},
    {"hw:ephemeral_encryption": "1", "hw:ephemeral_encryption_format": "rot13"},
    *({"hw:sound_model": "virtio"}, {"hw:sound_model": "ac97"}),
)
IMAGES = (
    *({}, {"disk_format": "raw"}, {"hw_disk_bus": "virtio", "hw_cdrom_bus": "sata"}, {"hw_video_model": "qxl"}),
    *({"hw_vif_model": "rtl8139"}, {"hw_vif_model": "spapr-vlan", "hw_architecture": "x86_64"}),
    *({"hw_virtio_packed_ring": "true"}, {"hw_ephemeral_encryption": "true"}, {"hw_sound_model": "virtio"}),
    *({"hw_viommu_model": "intel", "hw_emulation_architecture": "aarch64"}, {"trait:CUSTOM_B": "required"}),
    {"hw_ephemeral_encryption": "true", "hw_ephemeral_encryption_format": "luks"},
)
AGGREGATES = (
    *({}, {"ssd": "true"}, {"trait:CUSTOM_A": "required"}, {"trait:CUSTOM_B": "required"}),
    *({"trait:CUSTOM_A": "forbidden"}, {"trait:CUSTOM_A": "required", "trait:CUSTOM_B": "required"}),
    *({"filter_tenant_id": "p1"}, {"filter_tenant_id3": "p2", "ssd": "p1"}, {"filter_tenant_id": "p1,p2"}),
    *({"availability_zone": "z1"}, {"availability_zone": "z2", "filter_tenant_id": "p1"}),
    {"availability_zone": "z1,z2"},
)


def cases(count):
    chance = random.Random(20260131)
    return [
        {
            "options": chance.sample(SWITCHES, chance.randint(1, len(SWITCHES))),
            "aggregates": chance.choices(AGGREGATES, k=chance.randint(0, 4)),
            "flavor": chance.choice(FLAVORS),
            "image": chance.choice(IMAGES),
            "zone": chance.choice((None, None, "z1", "z2", "z3")),
            "project": chance.choice(("p1", "p2", "p3")),
            "is_bfv": chance.random() < 0.2,
        }
        for _ in range(count)
    ]


def made(case, use_engine):
    """The scheduler with these options, and the request."""
    conf = make_conf(enabled_filters=[], weight_classes=[], **dict.fromkeys(case["options"], True))
    spec = RequestSpec(
        {"extra_specs": case["flavor"]},
        image={"id": "i", "properties": {"disk_format": "qcow2", **case["image"]}},
        project_id=case["project"],
        availability_zone=case["zone"],
        is_bfv=case["is_bfv"],
    )
    return FilterScheduler(conf, use_engine=use_engine), spec


def hosts_for(case, said):
    """Hosts in one aggregate each and in none; with the traits that Nova asks for, one of them less, and one more."""
    asked = frozenset(said["required"]) if isinstance(said, dict) else frozenset()
    kinds = [asked, asked | {"COMPUTE_STATUS_DISABLED"}, asked - {min(asked, default="")}]
    aggregates = [[Aggregate(f"a{number}", metadata)] for number, metadata in enumerate(case["aggregates"])]
    return [
        HostState(f"h{number}-{kind}", traits=traits, aggregates=which)
        for kind, traits in enumerate(kinds)
        for number, which in enumerate([*aggregates, []])
    ]


def is_offered(host, said):
    """Whether Placement would offer the host for Nova's changed request."""
    number = int(host.host[1:].partition("-")[0])
    if not set(said["required"]) <= host.traits or host.traits & set(said["forbidden"]):
        return False
    return number not in said["isolated"] and all(number in few for few in said["aggregates"])


@pytest.mark.parametrize("use_engine", [True, False])
@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(NOVA_PYTHON), reason="FILTERSCHED_NOVA_PYTHON names no Python with Nova in it")
def test_hosts_that_pass_are_those_that_novas_changed_request_allows(use_engine):
    asked = cases(400)
    done = subprocess.run(
        [NOVA_PYTHON, QUESTIONS], input=json.dumps({"cases": asked}), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for case, said in zip(asked, json.loads(done.stdout), strict=True):
        scheduler, spec = made(case, use_engine)
        pool = HostPool(hosts_for(case, said))
        if said in ("FlavorImageConflict", "Invalid"):
            with pytest.raises(InvalidRequest):
                scheduler.select_destinations(spec, pool)
            continue
        expected = [] if said == "RequestFilterFailed" else [host.host for host in pool if is_offered(host, said)]
        passed = [host.host for host in pool if not scheduler.explain(spec, host.host, pool).refused_by]
        assert passed == expected, (case, said)
        try:
            left = scheduler.select_destinations(spec, pool)[0].explanation.left
        except NoValidHost:
            left = 0
        assert left == len(expected), (case, said)
