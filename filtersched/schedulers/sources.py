"""The CPUs that instances move from, for the filter that compares CPUs."""

from __future__ import annotations

from collections.abc import Sequence

from filtersched.hosts.cpu_features import CpuFeatures, cpu_features
from filtersched.hosts.host_pool import HostPool
from filtersched.requests.request_spec import RequestSpec


def note_sources(spec: RequestSpec, hosts: HostPool, uuids: Sequence[str]) -> None:
    """Tell a request of instances that move what the CPUs of their hosts have."""
    found: dict[str, CpuFeatures] = {}
    for uuid in uuids:
        features = cpu_features(hosts.host_of(uuid).cpu_info) if _is_on_one(hosts, uuid) else None
        if features is not None:
            found[uuid] = features
    if found:
        spec.__dict__["_source_cpus"] = found


def _is_on_one(hosts: HostPool, uuid: str) -> bool:
    # What is on no host, or on several, is refused as a move a little later.
    return len(hosts.rows.rows_with(uuid)) == 1
