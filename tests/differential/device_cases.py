"""Random hosts with NUMA cells and PCI devices, and random requests for them, as plain data."""

from __future__ import annotations

from filtersched.hosts.device_usage import taken_by
from filtersched.hosts.host_state import HostState
from filtersched.hosts.numa_fit import Ratios
from filtersched.requests.numa_topology import NUMALimits
from filtersched.requests.request_spec import RequestSpec
from tests.differential import cases
from tests.differential.cases import Draw

SMALL, LARGE, HUGE = 4, 2048, 1048576
PHYSNETS = ("net1", "net2", "net3")


def make_case(draw):
    """One host and one request; sizes are close to each other, so that about half of them fit."""
    n_cells = draw.one(1, 2, 2, 2, 3, 4)
    host = {"cells": host_cells(draw, n_cells)}
    pools = draw.one(None, [], *(device_pools(draw, n_cells) for _ in range(4)))
    wanted = [] if draw.rarely() else device_requests(draw)
    return {
        "host": host,
        "guest": guest(draw, draw.one(1, 1, 1, 1, 2, 2, 3)),
        "ratios": draw.one(None, (1.0, 1.0), (2.0, 1.5), (16.0, 1.0), (1.0, 2.5)),
        "pools": pools,
        "requests": draw.one(None, None, None, wanted),
        "networks": draw.one(None, None, None, networks(draw)),
        "pack": draw.one(False, True),
    }


def make_device_case(draw):
    """The same about devices only: what stands in pools, and is asked for."""
    n_cells = draw.one(1, 2, 4)
    case = make_case(draw)
    pages = draw.one((SMALL,), (SMALL, LARGE))
    case["host"] = {"cells": [_empty_cell(at, draw.one(at // 2, 0, None), pages) for at in range(n_cells)]}
    case["pools"] = device_pools(draw, n_cells)
    case["requests"] = device_requests(draw)
    case["networks"] = None
    case["guest"] = draw.one(None, small_guest(draw.one(1, 1, 2)))
    return case


def host_cells(draw, n_cells):
    style = draw.one("shared", "pinned", "both", "both", "legacy", "legacy")
    per_cell, threads = draw.one(4, 8, 8), draw.one(1, 2, 2, 4)
    pages = draw.one((), (SMALL,), (SMALL, LARGE), (SMALL, LARGE), (SMALL, LARGE, HUGE))
    has_networks = draw.rarely()
    cells = []
    for at in range(n_cells):
        first = at * 8
        cpus = list(range(first, first + per_cell))
        shared = cpus if style in ("shared", "legacy") else cpus[: per_cell // 2] if style == "both" else []
        pinned = cpus if style in ("pinned", "legacy") else cpus[per_cell // 2 :] if style == "both" else []
        cores = [cpus[start : start + threads] for start in range(0, per_cell, threads)]
        used = draw.some(pinned, 0, len(pinned) // 2) if draw.one(True, False) else []
        memory = draw.one(2048, 4096)
        cells.append(
            {
                "id": at,
                "cpuset": shared,
                "pcpuset": pinned,
                "memory": memory,
                "cpu_usage": draw.one(0, 0, 1, 4, 8),
                "memory_usage": draw.one(0, 0, 0, 512, 1024, memory, memory * 2),
                "pinned_cpus": sorted(used),
                "siblings": cores,
                "mempages": [_pages(draw, size, memory) for size in pages],
                "socket": draw.one(0, at, at // 2),
                "network_metadata": networks(draw) if has_networks and draw.one(True, False) else None,
            }
        )
    if draw.rarely():
        cells[0]["socket"] = None
    return cells


def _pages(draw, size, memory):
    total = memory * 1024 // size
    return {
        "size_kb": size,
        "total": total,
        "used": draw.one(0, 0, 0, total // 2, total),
        "reserved": draw.one(0, 0, total // 4),
    }


def _empty_cell(at, socket, pages):
    cpus = list(range(at * 8, at * 8 + 8))
    return {
        "id": at,
        "cpuset": cpus,
        "pcpuset": [],
        "memory": 8192,
        "cpu_usage": 0,
        "memory_usage": 0,
        "pinned_cpus": [],
        "siblings": [[cpu] for cpu in cpus],
        "mempages": [{"size_kb": size, "total": 8192 * 1024 // size, "used": 0, "reserved": 0} for size in pages],
        "socket": socket,
        "network_metadata": None,
    }


def networks(draw):
    return {"physnets": sorted(draw.some(PHYSNETS, 0, 2)), "tunneled": draw.rarely()}


def small_guest(n_cells):
    return {"cells": [_guest_cell(at, [at], [], 256) for at in range(n_cells)], "emulator_threads_policy": None}


def _guest_cell(at, shared, pinned, memory, **further):
    wishes = {"pagesize": None, "cpu_policy": None, "cpu_thread_policy": None}
    return {"id": at, "cpuset": shared, "pcpuset": pinned, "memory": memory, **wishes, **further}


def guest(draw, n_cells):
    policy = draw.one(None, "shared", "dedicated", "dedicated", "mixed")
    threads = None if policy in (None, "shared") else draw.one(None, None, "prefer", "isolate", "require")
    pagesize = draw.one(None, None, None, None, -1, -2, -3, SMALL, LARGE, HUGE)
    per_cell, memory = draw.one(1, 1, 2, 2, 3, 4), draw.one(256, 512, 1024, 1024, 1025, 4096)
    cells = []
    for at in range(n_cells):
        cpus = list(range(at * per_cell, (at + 1) * per_cell))
        cut = {"dedicated": 0, "mixed": draw.one(0, 1, per_cell // 2, per_cell)}.get(policy, per_cell)
        cells.append(
            _guest_cell(
                at,
                cpus[:cut],
                cpus[cut:],
                draw.one(memory, memory, memory // 2),
                pagesize=pagesize,
                cpu_policy=policy,
                cpu_thread_policy=threads,
            )
        )
    emulator = draw.one(None, "share", "isolate") if policy in ("dedicated", "mixed") else None
    return {"cells": cells, "emulator_threads_policy": emulator}


def device_pools(draw, n_cells):
    pools = []
    for number in range(draw.one(1, 2, 3, 4)):
        # An address, so that no two pools are alike.
        tags = {"address": str(number)} if draw.one(True, False) else {"address": str(number), "more": "yes"}
        tags["dev_type"] = draw.one("type-PCI", "type-VF", "type-VF", "type-PF", "vdpa")
        if draw.rarely():
            tags["physical_network"] = draw.one("net1", "NET1", "net2", None)
        if draw.rarely():
            tags["remote_managed"] = draw.one("true", "True", "false", "1")
        if draw.rarely():
            tags["live_migratable"] = draw.one("true", "false")
        if draw.rarely():
            tags["resource_class"] = "CUSTOM_GPU"
        pools.append(
            {
                "vendor_id": draw.one("8086", "10de"),
                "product_id": draw.one("154c", "1eb8"),
                "numa_node": draw.one(None, *range(n_cells)),
                "count": draw.one(1, 2, 4),
                "tags": tags,
            }
        )
    return pools


def device_requests(draw):
    return [_device_request(draw) for _ in range(draw.one(1, 1, 1, 1, 2, 3))]


def _device_request(draw):
    return {
        "count": draw.one(1, 1, 1, 2, 3),
        "spec": [_device_spec(draw) for _ in range(draw.one(1, 1, 1, 2))],
        "numa_policy": draw.one(None, "legacy", "preferred", "required", "socket"),
        "alias_name": "device",
    }


def _device_spec(draw):
    spec = {}
    if draw.rarely(3):
        spec["vendor_id"] = draw.one("8086", "10DE")
    if draw.rarely(3):
        spec["product_id"] = draw.one("154c", "1eb8")
    if draw.one(True, False):
        spec["dev_type"] = draw.one("type-PCI", "type-VF", "type-PF", "vdpa")
    special = {
        "physical_network": draw.one("net1", "net2"),
        "remote_managed": draw.one("true", "false"),
        "live_migratable": draw.one("true", "false"),
        "traits": "CUSTOM_FAST",
    }
    spec |= {name: special[name] for name in draw.some(sorted(special), 0, draw.one(0, 0, 0, 1, 2))}
    return spec


def host_of(case):
    ratios = Ratios(None, None) if case["ratios"] is None else Ratios(*case["ratios"])
    return HostState(
        "cmp1",
        numa_topology=case["host"],
        pci_stats=case["pools"],
        cpu_allocation_ratio=ratios.cpu,
        ram_allocation_ratio=ratios.ram,
    )


def spec_of(case):
    spec = RequestSpec(
        numa_topology=case["guest"], pci_requests=case["requests"], network_metadata=case["networks"]
    )
    spec.with_numa_limits(NUMALimits(is_limited=case["ratios"] is not None, pack=case["pack"]))
    return spec


def taken(case):
    """The host of a case, and what an instance takes of it."""
    host = host_of(case)
    return host, taken_by(host, spec_of(case))


FILTERS = ("NUMATopologyFilter", "NUMATopologyFilter", "ComputeFilter")
WEIGHERS = ("PCIWeigher", "RAMWeigher", "CPUWeigher", "NumInstancesWeigher")


def make_decision(chance):
    """A whole case of some hosts, many of them alike, and a request for several instances; see cases.make_case."""
    case = cases.make_case(chance, draws=False)
    draw = Draw(chance)
    kinds = [_kind(draw) for _ in range(draw.one(1, 2, 3))]
    # Without a name twice, which nobody looks up here.
    case["hosts"] = list({(host["host"], host["nodename"]): host for host in case["hosts"]}.values())
    for host in case["hosts"]:
        host |= draw.one(*kinds)
        host["service"] = {"disabled": False, "last_seen_up": cases.NOW}
        host["cpu_allocation_ratio"] = draw.one(1.0, 2.0, 16.0)
        host["ram_allocation_ratio"] = draw.one(1.0, 1.5)
        host["disk_allocation_ratio"] = 1.0
    case["conf"]["filters"] = ["PciPassthroughFilter", *draw.any(FILTERS, 1, 2)]
    case["conf"]["weighers"] = draw.any(WEIGHERS, 1, 3)
    case["conf"]["pci_weight_multiplier"] = draw.one(1.0, 1.0, 0.0, 2.5)
    case["conf"]["packing_host_numa_cells_allocation_strategy"] = draw.one(False, True)
    request = case["request"]
    request |= dict.fromkeys(("group", "destination", "ignore_hosts", "force_hosts", "force_nodes"))
    request |= {"hints": {}, "availability_zone": None, "image": {"id": "img1", "properties": {}}}
    request["uuids"] = [f"named-{nr}" for nr in range(request["num_instances"])]
    wanted = guest(draw, draw.one(1, 1, 2))
    if wanted["cells"][0]["cpu_thread_policy"] == "isolate":
        # Nova fails where a thread of the core that it takes for emulator threads is in use.
        wanted["emulator_threads_policy"] = None
    request["numa_topology"] = draw.one(wanted, wanted, wanted, None)
    if request["numa_topology"] is not None and any(host["numa_topology"] is None for host in case["hosts"]):
        # Nova takes the numbers of the request's cells for those of a host that has none.
        case["conf"]["filters"].append("NUMATopologyFilter")
    request["pci_requests"] = draw.one(None, None, device_requests(draw))
    request["network_metadata"] = draw.one(None, None, None, networks(draw))
    return case


def _kind(draw):
    n_cells = draw.one(1, 2, 2, 4)
    cells = host_cells(draw, n_cells)
    for cell in cells:
        # Nova cannot consume on a host that tells no page sizes.
        cell["mempages"] = cell["mempages"] or [_pages(draw, SMALL, cell["memory"])]
    return {
        "numa_topology": None if draw.rarely(6) else {"cells": cells},
        "pci_stats": draw.one(None, [], *(device_pools(draw, n_cells) for _ in range(4))),
    }


def request_of(case):
    """The library's request for that of a case, with its cells and devices."""
    spec = cases.spec_of(case["request"])
    for name in ("numa_topology", "pci_requests", "network_metadata"):
        setattr(spec, name, case["request"][name])
    return spec


def make_wishes(draw):
    """A flavor's extra specs and an image's properties about cells, some of which contradict each other."""
    vcpus, nodes = draw.one(1, 2, 4, 4, 6), draw.one(1, 2, 2, 3)
    choices = {
        "hw:numa_nodes": str(nodes),
        "hw:cpu_policy": draw.one("shared", "dedicated", "dedicated", "mixed"),
        "hw:cpu_thread_policy": draw.one("prefer", "isolate", "require"),
        "hw:mem_page_size": draw.one("small", "large", "any", "4", "2048", "2MB", "1GB", "1GiB", "huge"),
        "hw:emulator_threads_policy": draw.one("share", "isolate"),
        "hw:cpu_dedicated_mask": draw.one("0", "^0", "0-1", "^0-1", "0-9", "x"),
        "hw:cpu_realtime": draw.one("yes", "no"),
        "hw:cpu_realtime_mask": draw.one("0", "^0", "^0-1", "0-9"),
        "resources:PCPU": str(draw.one(vcpus, vcpus, vcpus + 1)),
        "resources:VCPU": str(vcpus),
        "trait:HW_CPU_HYPERTHREADING": draw.one("required", "forbidden"),
    }
    specs = {name: choices[name] for name in draw.some(sorted(choices), 0, 4)}
    if draw.rarely(3):
        cut = draw.one(1, vcpus // 2)
        cells = [f"0-{cut - 1}" if cut else "", f"{cut}-{vcpus - 1}"] if vcpus > cut else ["0", "1"]
        specs |= {f"hw:numa_cpus.{at}": cpus for at, cpus in enumerate(cells)}
        specs |= {f"hw:numa_mem.{at}": str(draw.one(512, 512, 256)) for at in range(draw.one(2, 2, 1))}
        specs["hw:numa_nodes"] = "2"
    of_image = {
        "hw_numa_nodes": draw.one("1", "2"),
        "hw_cpu_policy": draw.one("shared", "dedicated", "mixed"),
        "hw_cpu_thread_policy": draw.one("prefer", "isolate", "require"),
        "hw_mem_page_size": draw.one("small", "large", "2048"),
        "hw_cpu_realtime_mask": draw.one("0", "^0"),
        "trait:HW_CPU_HYPERTHREADING": "required",
    }
    properties = {name: of_image[name] for name in draw.some(sorted(of_image), 0, draw.one(0, 0, 1, 2))}
    return {"vcpus": vcpus, "memory_mb": 1024, "specs": specs, "properties": properties}
