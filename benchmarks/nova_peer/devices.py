"""Nova's own answers about NUMA cells and PCI devices; part of peer.py, run by the Python that has Nova.

Nova changes a request while it fits it: its pages, its pinning, the numbers of its cells, by which it
remembers what fits. Here each try is made on the request as it was given.
"""

import itertools

import forms
from nova import objects
from nova.pci import stats
from nova.virt import hardware

_FIT, _FIT_CELL = hardware.numa_fit_instance_to_host, hardware._numa_fit_instance_cell
_NUMBERS = itertools.count(1000)


class FreshCell:
    """A cell of an instance that is never the same twice to Nova's memory of what fits."""

    def __init__(self, cell):
        self.cell = cell
        self.cpu_policy = cell.cpu_policy

    @property
    def id(self):
        return next(_NUMBERS)


class FreshTopology:
    """The cells of an instance, each of them fresh."""

    def __init__(self, topology):
        self.cells = [FreshCell(cell) for cell in topology.cells]
        self.emulator_threads_policy = topology.emulator_threads_policy
        self.emulator_threads_isolated = topology.emulator_threads_isolated

    def __len__(self):
        return len(self.cells)

    def __contains__(self, name):
        return hasattr(self, name)


def fit(host_topology, instance_topology, *args, **kwargs):
    if not (host_topology and instance_topology):
        return None
    return _FIT(host_topology, FreshTopology(instance_topology), *args, **kwargs)


def fit_cell(host_cell, instance_cell, *args, **kwargs):
    return _FIT_CELL(host_cell, instance_cell.cell.obj_clone(), *args, **kwargs)


def start():
    hardware.numa_fit_instance_to_host = fit
    hardware._numa_fit_instance_cell = fit_cell


def topology(facts):
    return None if facts is None else objects.NUMATopology(cells=[_cell(cell) for cell in facts["cells"]])


def _cell(facts):
    made = objects.NUMACell(
        id=facts["id"],
        cpuset=set(facts["cpuset"]),
        pcpuset=set(facts["pcpuset"]),
        memory=facts["memory"],
        cpu_usage=facts["cpu_usage"],
        memory_usage=facts["memory_usage"],
        pinned_cpus=set(facts["pinned_cpus"]),
        siblings=[set(core) for core in facts["siblings"]],
        mempages=[objects.NUMAPagesTopology(**pages) for pages in facts["mempages"]],
        socket=facts["socket"],
    )
    if facts["network_metadata"] is not None:
        made.network_metadata = networks(facts["network_metadata"])
    return made


def networks(facts):
    if facts is None:
        return None
    return objects.NetworkMetadata(physnets=set(facts["physnets"]), tunneled=facts["tunneled"])


def guest(facts):
    if facts is None:
        return None
    cells = [
        objects.InstanceNUMACell(**{**cell, "cpuset": set(cell["cpuset"]), "pcpuset": set(cell["pcpuset"])})
        for cell in facts["cells"]
    ]
    return objects.InstanceNUMATopology(cells=cells, emulator_threads_policy=facts["emulator_threads_policy"])


def pools(facts, host_topology):
    if facts is None:
        return None
    made = objects.PciDevicePoolList(objects=[objects.PciDevicePool(**pool) for pool in facts])
    return stats.PciDeviceStats(host_topology, made)


def requests(facts):
    if facts is None:
        return None
    return objects.InstancePCIRequests(requests=[objects.InstancePCIRequest(**request) for request in facts])


def wished_cells(case):
    """The cells that flavor and image ask for."""
    flavor = objects.Flavor(name="f", vcpus=case["vcpus"], memory_mb=case["memory_mb"], extra_specs=case["specs"])
    image = objects.ImageMeta(name="i", properties=objects.ImageMetaProps.from_dict(case["properties"]))
    return forms.cells_asked(hardware.numa_get_constraints(flavor, image))


def answer(case):
    """Which cells and devices an instance gets, and what the host has left then."""
    if "specs" in case:
        return wished_cells(case)
    hardware.CONF.set_override("packing_host_numa_cells_allocation_strategy", case["pack"], "compute")
    host = topology(case["host"])
    limits = None
    if case["ratios"] is not None:
        cpu, ram = case["ratios"]
        limits = objects.NUMATopologyLimits(cpu_allocation_ratio=cpu, ram_allocation_ratio=ram)
        if case["networks"] is not None:
            limits.network_metadata = networks(case["networks"])
    devices, wanted = pools(case["pools"], host), requests(case["requests"])
    wanted = None if wanted is None else wanted.requests
    wished = guest(case["guest"])
    found = {}
    fitted = None
    if wished is not None:
        fitted = hardware.numa_fit_instance_to_host(
            host, wished, limits=limits, pci_requests=wanted, pci_stats=devices, provider_mapping=None
        )
        found["fits"] = fitted is not None
        if fitted is not None:
            found["cells"] = [cell.id for cell in fitted.cells]
            found["host"] = forms.cells_used(hardware.numa_usage_from_instance_numa(host, fitted).cells)
    if devices is not None and wanted:
        found["supported"] = devices.support_requests(wanted, None)
        if wished is None or fitted is not None:
            if fitted is None and not found["supported"]:
                return found
            devices.apply_requests(wanted, None, None if fitted is None else fitted.cells)
            found["left"] = [dict(pool) for pool in devices.pools]
    return found
