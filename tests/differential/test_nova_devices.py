"""NUMA cells and PCI devices are given out as Nova itself does; see test_nova_peer."""

import os
import random

import pytest

from benchmarks.nova_peer import forms
from benchmarks.nova_peer.client import VARIABLE, NovaPeer, nova_python
from filtersched.errors import InvalidRequest
from filtersched.hosts.device_usage import changes, device_search
from filtersched.hosts.numa_fit import Ratios, fit_topology
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from tests.differential import cases, device_cases
from tests.differential.cases import Draw

PYTHON = nova_python()

pytestmark = pytest.mark.skipif(PYTHON is None, reason=f"{VARIABLE} names no Python with Nova in it")

EXAMPLES = int(os.environ.get("FILTERSCHED_EXAMPLES", "4000")) // 4
BATCH = 250


@pytest.fixture(scope="module")
def nova():
    with NovaPeer(PYTHON) as peer:
        yield peer


def ours(case):
    """What the library answers, in the form of benchmarks/nova_peer/devices.py."""
    host, spec = device_cases.host_of(case), device_cases.spec_of(case)
    search, guest = device_search(host, spec), spec.numa_topology
    found = {}
    if guest is not None:
        ratios = None if case["ratios"] is None else Ratios(*case["ratios"])
        networks = spec.network_metadata if ratios is not None else None
        fits = fit_topology(
            host.numa_topology, guest, ratios=ratios, pack=case["pack"], devices=search, networks=networks
        )
        found["fits"] = fits is not None
        if fits is not None:
            found["cells"] = [fit.host.id for fit in fits]
    taken = device_cases.taken(case)[1]
    after = changes(host, taken, 1)
    if "cells" in found:
        found["host"] = forms.cells_used(after["numa_topology"].cells)
    if search is not None and search.requests:
        found["supported"] = search.take() is not None
        if guest is None or "cells" in found:
            if guest is None and not found["supported"]:
                return found
            found["left"] = [dict(pool) for pool in after["pci_stats"].pools if pool["count"]]
    return found


def fails_in_nova(case, theirs):
    """Whether Nova raises for one of the reasons that docs/compatibility names, where the library gives an answer."""
    raised = theirs.get("raised", "").partition(":")[0]
    if raised == "IndexError":
        # It looks for the smallest page size of a host that tells none.
        return any(not cell["mempages"] for cell in case["host"]["cells"])
    # It takes a whole core for emulator threads, of which a thread is in use.
    isolated = {cell["cpu_thread_policy"] for cell in case["guest"]["cells"]} == {"isolate"}
    return raised == "CPUPinningInvalid" and isolated and case["guest"]["emulator_threads_policy"] == "isolate"


@pytest.mark.parametrize("make", [device_cases.make_case, device_cases.make_device_case])
def test_cells_and_devices_are_those_that_nova_gives(nova, make):
    chance = random.Random(int(os.environ.get("FILTERSCHED_SEED", "19")))
    draw = Draw(chance)
    fitting = 0
    for start in range(0, EXAMPLES, BATCH):
        batch = [make(draw) for _ in range(min(BATCH, EXAMPLES - start))]
        for case, theirs in zip(batch, nova.devices(batch), strict=True):
            answer = ours(case)
            fitting += bool(answer.get("fits") or answer.get("supported"))
            assert answer == theirs or fails_in_nova(case, theirs), case
    assert EXAMPLES / 10 < fitting < EXAMPLES * 9 / 10


def wished(case):
    """What the library makes of a flavor and an image, in the form of benchmarks/nova_peer/devices.py."""
    flavor = {"vcpus": case["vcpus"], "memory_mb": case["memory_mb"], "extra_specs": case["specs"]}
    try:
        found = RequestSpec(flavor, image={"properties": case["properties"]}).numa_topology
    except InvalidRequest:
        return "refused"
    return forms.cells_asked(found)


def test_flavors_and_images_ask_for_the_cells_that_nova_reads_in_them(nova):
    draw = Draw(random.Random(int(os.environ.get("FILTERSCHED_SEED", "19"))))
    refused = 0
    for start in range(0, EXAMPLES, BATCH):
        batch = [device_cases.make_wishes(draw) for _ in range(min(BATCH, EXAMPLES - start))]
        for case, theirs in zip(batch, nova.devices(batch), strict=True):
            ours = wished(case)
            refused += ours == "refused"
            assert ours == ("refused" if "raised" in theirs else theirs), f"{case} {theirs}"
    assert EXAMPLES / 5 < refused < EXAMPLES * 9 / 10


def decided(case):
    """What the library decides, in Nova's words; see test_nova_peer."""
    scheduler = cases.scheduler_of(case["conf"])
    try:
        selections = scheduler.select_destinations(
            device_cases.request_of(case),
            cases.hosts_of(case),
            case["request"]["uuids"],
            return_alternates=case["conf"]["alternates"],
        )
    except NoValidHost:
        return {"failed": True}
    return {
        "chosen": [
            {
                "host": one.host,
                "nodename": one.nodename,
                "weight": one.weight,
                "alternates": [[other.host, other.nodename] for other in one.alternates],
            }
            for one in selections
        ]
    }


def test_requests_for_several_instances_are_decided_as_by_nova(nova):
    chance = random.Random(int(os.environ.get("FILTERSCHED_SEED", "19")))
    placed = 0
    for _ in range(EXAMPLES // 5):
        case = device_cases.make_decision(chance)
        ours = decided(case)
        placed += "chosen" in ours
        assert ours == nova.decide(case), case
    assert EXAMPLES / 50 < placed < EXAMPLES / 5 * 9 / 10
