"""What type checkers find in a user's program. Each comment names an error; one that is not found is an error too."""

from __future__ import annotations

import filtersched
from filtersched import (
    Aggregate,
    FilterScheduler,
    Flavor,
    HostPool,
    HostState,
    NoValidHost,
    RequestSpec,
    Selection,
    scheduler_from,
)
from filtersched.columns.frozen import FrozenDict

print(filtersched.HostStat)  # type: ignore[attr-defined]  # pyright: ignore
host = HostState("cmp1", free_ram=1024)  # type: ignore[call-arg]  # pyright: ignore
host.capabilities["load"] = "much"  # type: ignore[index]  # pyright: ignore
host.capabilities = ["load"]  # type: ignore[assignment]  # pyright: ignore
host.free_ram_mb = "4096"  # type: ignore[assignment]  # pyright: ignore
host.instances = 3  # type: ignore[assignment]  # pyright: ignore
Aggregate("a", metadata=["ssd"])  # type: ignore[arg-type]  # pyright: ignore
sizes: FrozenDict[str, int] = FrozenDict({"memory_mb": "512"})  # type: ignore[dict-item]  # pyright: ignore
Flavor(ram=1024)  # type: ignore[arg-type]  # pyright: ignore
spec = RequestSpec(Flavor(), ignore_host=["cmp1"])  # type: ignore[call-arg]  # pyright: ignore
spec.ignore_hosts = 3  # type: ignore[assignment]  # pyright: ignore
spec.ignore_hosts.append("cmp2")  # type: ignore[attr-defined]  # pyright: ignore
pool = HostPool([host])


class MetalHost(HostState):
    """Declares attributes of its own."""

    rack: str
    power_used_w: float = 0.0


MetalHost("cmp1")  # type: ignore[call-arg]  # pyright: ignore
MetalHost("cmp1", rack=7)  # type: ignore[arg-type]  # pyright: ignore
MetalHost("cmp1", rack="r1", power_used="3")  # type: ignore[call-arg]  # pyright: ignore
FilterScheduler().place(spec, pool, filterz=["RamFilter"])  # type: ignore[call-arg]  # pyright: ignore
FilterScheduler().place(spec, pool, explain="all")  # type: ignore[arg-type]  # pyright: ignore
scheduler_from().plaice(spec, pool)  # type: ignore[attr-defined]  # pyright: ignore


def nearest(refusal: NoValidHost, selection: Selection) -> str:
    refusal.explanation.whi("cmp1")  # type: ignore[attr-defined]  # pyright: ignore
    return selection.index  # type: ignore[return-value]  # pyright: ignore
