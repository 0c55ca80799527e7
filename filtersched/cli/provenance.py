"""What a run can be replayed from: its seed, and the inventory that it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from filtersched.hosts.host_state import HostState


def inventory_sha256(hosts: Iterable[HostState]) -> str:
    """A hash of everything that is known of the hosts, in their order; the same whatever file they came from."""
    digest = hashlib.sha256()
    for host in hosts:
        digest.update(json.dumps(host.to_dict(), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()

