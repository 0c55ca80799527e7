"""The rules of Nova's scheduler once more, as one literal loop that shares no code with the library.

Written from the statement of the rules and not from the library, plainly and slowly. A case is
plain data (see `cases.py`); `decide` returns plain data:

    {"chosen": [{"host", "nodename", "weight", "limits", "alternates"}, ...], "steps": [...]}
    {"failed": index, "steps": [...]}

where steps are the filters that ran for each instance, as [name, hosts before, hosts after].
"""

import random
from datetime import datetime, timedelta


class Host:
    """A host of a case: an attribute for each key, private lists and dicts."""

    def __init__(self, facts):
        self.__dict__.update(facts)
        self.instances = list(facts["instances"])


def decide(case):
    """The hosts that the rules give for a case."""
    conf, request = case["conf"], case["request"]
    chance = random.Random(case["seed"])
    hosts = [Host(facts) for facts in case["hosts"]]
    uuids = request["uuids"] or [f"unnamed-{nr}" for nr in range(request["num_instances"])]
    group = None
    if request["group"] is not None:
        group = dict(request["group"])
        group["hosts"] = list(group["hosts"])
        group["members"] = list(group["members"]) + uuids
    chosen, weights, limits, steps = [], [], [], []
    for index in range(len(uuids)):
        asked = {**request, "uuid": uuids[index], "group": group}
        ran = []
        steps.append(ran)
        ranked = rank(hosts, asked, conf, index, chance, ran)
        if not ranked:
            return {"failed": index, "steps": steps}
        hosts = [host for host, _weight in ranked]
        best, weight = ranked[0]
        chosen.append(best)
        weights.append(weight)
        limits.append(limits_of(best, asked, conf))
        consume(best, asked)
    wanted = conf["max_attempts"] - 1 if conf["alternates"] else 0
    if wanted and len(uuids) > 1:
        hosts = [host for host, _weight in rank(hosts, asked, conf, len(uuids) - 1, chance, [])]
    result = []
    for host, weight, limit in zip(chosen, weights, limits, strict=True):
        others = [o for o in hosts if o.cell_uuid == host.cell_uuid and not any(o is one for one in chosen)]
        result.append(
            {
                "host": host.host,
                "nodename": host.nodename,
                "weight": weight,
                "limits": limit,
                "alternates": [[other.host, other.nodename] for other in others[:wanted]],
            }
        )
    return {"chosen": result, "steps": steps}


def rank(hosts, request, conf, index, chance, ran):
    """(host, weight) pairs, the chosen one first, the others by weight."""
    hosts, check = narrow(hosts, request)
    if check:
        for name in conf["filters"]:
            if not hosts:
                break
            if name in ONCE and index > 0:
                continue
            if request["hints"].get("_nova_check_type") == ["rebuild"] and name not in ON_REBUILD:
                left = hosts
            else:
                left = [host for host in hosts if FILTERS[name](host, request, conf)]
            ran.append([name, len(hosts), len(left)])
            hosts = left
    weighed = weigh(hosts, request, conf)
    weighed.sort(key=lambda pair: -pair[1])
    if conf["shuffle"] and weighed:
        tied = [pair for pair in weighed if pair[1] == weighed[0][1]]
        if len(tied) > 1:
            chance.shuffle(tied)
        weighed = tied + weighed[len(tied) :]
    subset = min(conf["host_subset_size"], len(weighed))
    if subset > 1:
        at = chance.randrange(subset)
        weighed.insert(0, weighed.pop(at))
    return weighed


def narrow(hosts, request):
    """The hosts that the request lets in, and whether filters are asked about them."""
    destination = request["destination"]
    if destination is not None:
        if destination["host"] is not None:
            hosts = [host for host in hosts if host.host == destination["host"]]
            if destination["node"]:
                hosts = [host for host in hosts if host.nodename == destination["node"]]
        if destination["cell"] is not None and not destination["allow_cross_cell_move"]:
            hosts = [host for host in hosts if host.cell_uuid == destination["cell"]]
    ignore, force, nodes = request["ignore_hosts"], request["force_hosts"], request["force_nodes"]
    if not ignore and not force and not nodes:
        return list(hosts), True
    keyed = {}
    for host in hosts:
        keyed[host.host, host.nodename] = host
    hosts = list(keyed.values())
    for name in ignore or []:
        hosts = [host for host in hosts if host.host.lower() != name.lower()]
    if not hosts:
        return [], False
    if force:
        hosts = [host for host in hosts if host.host.lower() in [name.lower() for name in force]]
    if nodes:
        hosts = [host for host in hosts if host.nodename in nodes]
    forced = bool(force or nodes)
    check = request["hints"].get("_nova_check_type")
    return hosts, not forced or bool(check)


def consume(host, request):
    flavor = request["flavor"]
    host.free_ram_mb -= flavor["memory_mb"]
    host.free_disk_mb -= (flavor["root_gb"] + flavor["ephemeral_gb"]) * 1024
    host.vcpus_used += flavor["vcpus"]
    host.num_instances += 1
    host.num_io_ops += 1
    if request["group"] is not None:
        request["group"]["hosts"].append(host.host)
        if request["uuid"] not in host.instances:
            host.instances.append(request["uuid"])


def committed(hosts, request, chosen, uuids):
    """The hosts of a case after the choice was made real: instances are there, with a group or without."""
    return _after(hosts, request, chosen, uuids, 1)


def released(hosts, request, chosen, uuids):
    """The hosts of a case after the instances have gone again."""
    return _after(hosts, request, chosen, uuids, -1)


def _after(hosts, request, chosen, uuids, sign):
    flavor = request["flavor"]
    after = {(host["host"], host["nodename"]): dict(host) for host in hosts}
    for choice, uuid in zip(chosen, uuids, strict=True):
        host = after[choice["host"], choice["nodename"]]
        disk = (flavor["root_gb"] + flavor["ephemeral_gb"]) * 1024
        total_disk = host.get("total_usable_disk_gb", 0) * 1024
        host["free_ram_mb"] = _free_after(host["free_ram_mb"], sign * flavor["memory_mb"], host["total_usable_ram_mb"])
        host["free_disk_mb"] = _free_after(host["free_disk_mb"], sign * disk, total_disk)
        # What counts up stops at zero on its way down.
        host["vcpus_used"] = max(0, host["vcpus_used"] + sign * flavor["vcpus"])
        host["num_instances"] = max(0, host["num_instances"] + sign)
        host["num_io_ops"] = max(0, host["num_io_ops"] + sign)
        others = [other for other in host["instances"] if other != uuid]
        host["instances"] = [*others, uuid] if sign > 0 else others
    return list(after.values())


def _free_after(free, taken, total):
    # What is given back makes no more free than there is, where that is known.
    after = free - taken
    return total if total and free <= total < after else after


# Filters

DEFAULT_RATIOS = {"ram_allocation_ratio": 1.5, "cpu_allocation_ratio": 16.0, "disk_allocation_ratio": 1.0}


def ratio(host, name, conf):
    # 0.0 says as little as None: the next in line counts.
    return getattr(host, name) or conf[name] or DEFAULT_RATIOS[name]


def ram_filter(host, request, conf):
    total, need = host.total_usable_ram_mb, request["flavor"]["memory_mb"]
    if total < need:
        return False
    used = total - host.free_ram_mb
    return total * ratio(host, "ram_allocation_ratio", conf) - used >= need


def core_filter(host, request, conf):
    need, total = request["flavor"]["vcpus"], host.vcpus_total
    if not total:
        return True
    most = total * ratio(host, "cpu_allocation_ratio", conf)
    if most > 0 and need > total:
        return False
    return most - host.vcpus_used >= need


def disk_filter(host, request, conf):
    flavor = request["flavor"]
    need = 1024 * (flavor["root_gb"] + flavor["ephemeral_gb"]) + flavor["swap"]
    total = host.total_usable_disk_gb * 1024
    if total < need:
        return False
    return total * ratio(host, "disk_allocation_ratio", conf) - (total - host.free_disk_mb) >= need


def compute_filter(host, request, conf):
    if host.service.get("disabled") or host.service.get("forced_down") or host.service.get("state") == "down":
        return False
    seen = host.service.get("last_seen_up")
    if seen is not None:
        age = datetime.fromisoformat(request["now"]) - datetime.fromisoformat(seen)
        if abs(age) > timedelta(seconds=conf["service_down_time"]):
            return False
    return True


def zone_filter(host, request, conf):
    if not request["availability_zone"]:
        return True
    zones = []
    for aggregate in host.aggregates:
        if "availability_zone" in aggregate["metadata"]:
            zones += [zone.strip() for zone in aggregate["metadata"]["availability_zone"].split(",")]
    if not zones:
        zones = [host.service.get("availability_zone") or "nova"]
    return request["availability_zone"] in zones


def affinity_filter(host, request, conf):
    group = request["group"]
    if group is None or group["policy"] != "affinity" or not group["hosts"]:
        return True
    return host.host in group["hosts"]


def anti_affinity_filter(host, request, conf):
    group = request["group"]
    if group is None or group["policy"] != "anti-affinity" or request["uuid"] in host.instances:
        return True
    most = int((group["rules"] or {}).get("max_server_per_host", 1))
    return members_on(host, group) < most


def members_on(host, group):
    return len(set(group["members"]) & set(host.instances))


def different_host_filter(host, request, conf):
    return not any(uuid in host.instances for uuid in request["hints"].get("different_host", []))


def same_host_filter(host, request, conf):
    wanted = request["hints"].get("same_host", [])
    return not wanted or any(uuid in host.instances for uuid in wanted)


FILTERS = {
    "AllHostsFilter": lambda host, request, conf: True,
    "AvailabilityZoneFilter": zone_filter,
    "ComputeFilter": compute_filter,
    "CoreFilter": core_filter,
    "DifferentHostFilter": different_host_filter,
    "DiskFilter": disk_filter,
    "IoOpsFilter": lambda host, request, conf: host.num_io_ops < conf["max_io_ops_per_host"],
    "NumInstancesFilter": lambda host, request, conf: host.num_instances < conf["max_instances_per_host"],
    "RamFilter": ram_filter,
    "SameHostFilter": same_host_filter,
    "ServerGroupAffinityFilter": affinity_filter,
    "ServerGroupAntiAffinityFilter": anti_affinity_filter,
}
ONCE = {"AllHostsFilter", "AvailabilityZoneFilter", "ComputeFilter", "DifferentHostFilter", "SameHostFilter"}
ON_REBUILD = set()


def limits_of(host, request, conf):
    """What the compute side is to enforce, by the filters that were asked."""
    if not narrow([host], request)[1]:
        return {}
    found = {}
    for name in conf["filters"]:
        if name == "RamFilter":
            found["memory_mb"] = host.total_usable_ram_mb * ratio(host, "ram_allocation_ratio", conf)
        if name == "CoreFilter" and host.vcpus_total:
            most = host.vcpus_total * ratio(host, "cpu_allocation_ratio", conf)
            if most > 0:
                found["vcpu"] = most
        if name == "DiskFilter":
            found["disk_gb"] = host.total_usable_disk_gb * ratio(host, "disk_allocation_ratio", conf)
    return found


# Weighers: name -> (raw weight, minval, option of the multiplier, its default)


def soft_affinity(host, request, conf):
    group = request["group"]
    return 0 if group is None or group["policy"] != "soft-affinity" else members_on(host, group)


def soft_anti_affinity(host, request, conf):
    group = request["group"]
    return 0 if group is None or group["policy"] != "soft-anti-affinity" else -members_on(host, group)


def cross_cell(host, request, conf):
    destination = request["destination"]
    if destination is None or destination["cell"] is None or not destination["allow_cross_cell_move"]:
        return 0
    return 1 if host.cell_uuid == destination["cell"] else -1


def free_cpus(host, request, conf):
    return host.vcpus_total * ratio(host, "cpu_allocation_ratio", conf) - host.vcpus_used


WEIGHERS = {
    "ServerGroupSoftAffinityWeigher": (soft_affinity, None, "soft_affinity_weight_multiplier"),
    "ServerGroupSoftAntiAffinityWeigher": (soft_anti_affinity, None, "soft_anti_affinity_weight_multiplier"),
    "BuildFailureWeigher": (
        lambda host, request, conf: host.failed_builds,
        None,
        "build_failure_weight_multiplier",
    ),
    "CPUWeigher": (free_cpus, 0, "cpu_weight_multiplier"),
    "CrossCellWeigher": (cross_cell, None, "cross_cell_move_weight_multiplier"),
    "DiskWeigher": (lambda host, request, conf: host.free_disk_mb, 0, "disk_weight_multiplier"),
    "HypervisorVersionWeigher": (
        lambda host, request, conf: host.hypervisor_version or 0,
        None,
        "hypervisor_version_weight_multiplier",
    ),
    "IoOpsWeigher": (lambda host, request, conf: host.num_io_ops, 0, "io_ops_weight_multiplier"),
    "NumInstancesWeigher": (
        lambda host, request, conf: host.num_instances,
        None,
        "num_instances_weight_multiplier",
    ),
    "RAMWeigher": (lambda host, request, conf: host.free_ram_mb, 0, "ram_weight_multiplier"),
}


def weigh(hosts, request, conf):
    if len(hosts) < 2:
        return [(host, 0.0) for host in hosts]
    weights = [0.0 for _host in hosts]
    for name in conf["weighers"]:
        rule, minval, option = WEIGHERS[name]
        values = [rule(host, request, conf) for host in hosts]
        if minval is not None:
            values = [minval if value < minval else value for value in values]
        low = float(min(values)) if minval is None else float(minval)
        high = float(max(values))
        for place, host in enumerate(hosts):
            normal = 0 if low == high else (values[place] - low) / (high - low)
            multiplier = multiplier_of(host, option, conf)
            if name == "BuildFailureWeigher":
                multiplier = -multiplier
            weights[place] += multiplier * normal
    return list(zip(hosts, weights, strict=True))


def multiplier_of(host, option, conf):
    texts = [one["metadata"][option] for one in host.aggregates if option in one["metadata"]]
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return conf[option]
    return min(numbers) if numbers else conf[option]
