"""The engine decides about cells and devices as the plain handlers do."""

import os
import random

from filtersched.results.no_valid_host import NoValidHost
from tests.differential import cases, device_cases

EXAMPLES = int(os.environ.get("FILTERSCHED_EXAMPLES", "4000")) // 20


def decided(case, use_engine):
    scheduler = cases.scheduler_of(case["conf"], use_engine)
    try:
        selections = scheduler.select_destinations(
            device_cases.request_of(case), cases.hosts_of(case), case["request"]["uuids"], return_alternates=True
        )
    except NoValidHost as refusal:
        return refusal.index, str(refusal), refusal.explanation.summary()
    return [
        (one.host, one.weight, one.limits, one.alternates, one.host_state.numa_topology, one.host_state.pci_stats)
        for one in selections
    ]


def test_engine_gives_out_cells_and_devices_as_the_handlers_do():
    chance = random.Random(int(os.environ.get("FILTERSCHED_SEED", "19")))
    placed = 0
    for _ in range(EXAMPLES):
        case = device_cases.make_decision(chance)
        plainly = decided(case, use_engine=False)
        placed += isinstance(plainly, list)
        assert decided(case, use_engine=True) == plainly, case
    assert placed > EXAMPLES / 10
