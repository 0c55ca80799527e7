"""Hosts and requests of every shape that is allowed."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from filtersched import Destination, Flavor, HostState, Image, InstanceGroup, RequestSpec, Retry

NAMES = st.sampled_from(["a", "b", "C", "cmp-1", "\N{SNOWMAN}"])
UUIDS = st.sampled_from([f"i{n}" for n in range(6)])
WHOLE = st.integers(0, 5000)
SIZES = WHOLE | st.floats(0, 5000) | st.sampled_from([0, 2**53 + 1, 10**12])
TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1))
TEXTS = st.text(max_size=5)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(TEXTS, DATA, max_size=3)
ZONES = st.sampled_from(["az1", "az2"])
AGGREGATES = st.builds(
    lambda name, zone, more: {"name": name, "metadata": {**more, **({"availability_zone": zone} if zone else {})}},
    NAMES,
    ZONES | st.none(),
    st.dictionaries(st.sampled_from(["ram_allocation_ratio", "gpu"]), st.sampled_from(["1.5", "2", "x"])),
)
INSTANCES = st.dictionaries(
    UUIDS, st.fixed_dictionaries({}, optional={"project_id": TEXTS, "instance_type_id": st.integers(0, 3)}), max_size=3
)

HOST_ATTRIBUTES = st.fixed_dictionaries(
    {"total_usable_ram_mb": WHOLE, "free_ram_mb": st.integers(-500, 5000), "vcpus_total": st.integers(0, 32)},
    optional={
        "free_disk_mb": st.integers(-5000, 500_000),
        "total_usable_disk_gb": WHOLE,
        "vcpus_used": st.integers(0, 32),
        "num_instances": st.integers(0, 9),
        "num_io_ops": st.integers(0, 9),
        "ram_allocation_ratio": st.none() | st.sampled_from([1.0, 1.5, 3]),
        "instances": INSTANCES,
        "aggregates": st.lists(AGGREGATES, max_size=2),
        "service": st.fixed_dictionaries(
            {}, optional={"disabled": st.booleans(), "updated_at": st.just("2026-01-31T12:00:30")}
        ),
        "resources": st.dictionaries(st.sampled_from(["FPGA", "VGPU"]), st.tuples(WHOLE, st.just(0)), max_size=2),
        "cell_uuid": st.none() | st.sampled_from(["c1", "c2"]),
    },
)
# What no rule of the laws looks at.
MORE_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "metrics": st.dictionaries(TEXTS, st.floats(0, 1), max_size=2),
        "capabilities": MAPPINGS,
        "traits": st.lists(NAMES, max_size=2),
        "supported_instances": st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=2),
        "updated": TIMES,
        "cpu_info": DATA,
        "uuid": TEXTS,
        "vcpus_used": SIZES,
    },
)
FULL_HOSTS = st.builds(lambda some, more: HostState("cmp1", **{**some, **more}), HOST_ATTRIBUTES, MORE_ATTRIBUTES)


@st.composite
def hosts(draw: st.DrawFn, *, least: int = 0, most: int = 5) -> list[HostState]:
    names = draw(st.lists(st.tuples(NAMES, st.none() | NAMES), min_size=least, max_size=most, unique_by=_key))
    return [HostState(host, node, **draw(HOST_ATTRIBUTES)) for host, node in names]


def _key(names: tuple[str, str | None]) -> tuple[str, str]:
    host, node = names
    return host, host if node is None else node


FLAVORS = st.builds(
    Flavor,
    memory_mb=st.integers(0, 1500),
    vcpus=st.integers(0, 8),
    root_gb=st.integers(0, 20),
    ephemeral_gb=st.integers(0, 5),
    swap=st.integers(0, 512),
    name=st.none() | TEXTS,
    id=st.none() | st.integers(0, 3),
    extra_specs=st.dictionaries(st.sampled_from(["resources:FPGA", "resources1:VGPU"]), st.sampled_from(["0", "2"])),
)
GROUPS = st.builds(
    InstanceGroup,
    policy=st.sampled_from(["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]),
    rules=st.dictionaries(st.just("max_server_per_host"), st.sampled_from([1, "2"])),
    hosts=st.lists(NAMES, max_size=2),
    members=st.lists(UUIDS, max_size=2, unique=True),
)
RARELY = st.integers(0, 5).map(lambda n: n == 5)
# Requests that a scheduler without filters places on any hosts.
PLACEABLE = st.builds(
    RequestSpec,
    FLAVORS,
    num_instances=st.integers(1, 4),
    project_id=st.none() | TEXTS,
    instance_group=st.none() | GROUPS,
)
REQUESTS = st.builds(
    RequestSpec,
    FLAVORS,
    num_instances=st.integers(1, 4),
    image=st.none() | st.builds(Image, id=TEXTS, properties=st.dictionaries(TEXTS, TEXTS, max_size=2)),
    project_id=st.none() | TEXTS,
    availability_zone=st.sampled_from([None, None, "az1"]),
    scheduler_hints=st.dictionaries(
        st.sampled_from(["different_host", "same_host"]), st.lists(UUIDS, max_size=2), max_size=2
    ),
    ignore_hosts=RARELY.flatmap(lambda yes: st.lists(NAMES, max_size=int(yes))),
    force_hosts=RARELY.flatmap(lambda yes: st.lists(NAMES, max_size=int(yes))),
    requested_destination=RARELY.flatmap(
        lambda yes: st.builds(Destination, host=st.none() | NAMES, cell=st.none() | st.just("c1")) if yes else st.none()
    ),
    instance_group=st.none() | GROUPS,
    retry=st.none() | st.builds(Retry, num_attempts=st.integers(0, 2), hosts=st.lists(NAMES, max_size=2)),
    limits=st.dictionaries(TEXTS, st.integers(), max_size=2),
    now=st.just(datetime(2026, 1, 31, 12)) | TIMES,
    arrives_at=st.none() | WHOLE,
    departs_at=st.none() | WHOLE,
)
