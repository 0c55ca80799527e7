"""Hosts and requests of every shape that is allowed."""

from __future__ import annotations

import datetime as dt
import uuid
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from filtersched import Destination, Flavor, HostState, Image, InstanceGroup, RequestSpec, Retry

NAMES = st.sampled_from(["a", "b", "C", "cmp-1", "\N{SNOWMAN}"])
UUIDS = st.sampled_from([f"i{n}" for n in range(6)])
WHOLE = st.integers(0, 5000)
SIZES = WHOLE | st.floats(0, 5000) | st.sampled_from([0, 2**53 + 1, 10**12])
TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1))
TEXTS = st.text(max_size=5)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
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

# Whatever a program may have at hand. Whole numbers of thousands of digits are left out: no failure could be printed.
ODD = st.sampled_from(
    [
        *(float("nan"), float("inf"), -0.0, 1e308, 5e-324, 10**149, 10**150, 10**299, 10**400, -(10**400), 2**53 + 1),
        *(b"x", bytearray(b"x"), 1j, Decimal("1.5"), Fraction(1, 3), uuid.UUID(int=7), object(), len, dict, dt),
        *(dt.datetime(1, 1, 1), dt.datetime.max, dt.date(2026, 1, 31), dt.time(1), dt.timedelta(1)),
        *(dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))), "0001-01-01T00:00:00+05:30"),
        *(np.int64(3), np.float32(0.1), np.float64("nan"), np.bool_(True), np.str_("x"), np.arange(3), np.array(5)),
        *("", "1", "nan", "inf", "9" * 400, "9" * 5000, "a,b", "2026-01-31T12:00:00", "\ud800", "\0", "[1]", "{"),
    ]
)
HASHABLE = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.datetimes() | st.uuids() | st.binary()
ANYTHING = st.recursive(
    DATA | ODD | HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXTS | HASHABLE, inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.sets(TEXTS, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3).map(dict.values)
        | st.builds(SimpleNamespace, name=inner, value=inner, metadata=inner, uuid=inner, host=inner, disabled=inner)
    ),
    max_leaves=6,
)
_RECORDS = {
    "aggregates": st.lists(
        st.fixed_dictionaries({"name": TEXTS, "metadata": st.dictionaries(TEXTS, ANYTHING, max_size=2)}), max_size=2
    ),
    "metrics": st.dictionaries(TEXTS, ANYTHING, max_size=2) | st.lists(st.tuples(TEXTS, ANYTHING), max_size=3),
    "stats": st.dictionaries(st.sampled_from(["num_proj_p1", "num_vm_active", "x"]), ANYTHING, max_size=2),
    "service": st.dictionaries(
        st.sampled_from(["disabled", "forced_down", "updated_at", "created_at", "availability_zone", "x"]),
        ANYTHING,
        max_size=3,
    ),
    "resources": st.dictionaries(st.sampled_from(["FPGA", "VGPU"]), st.tuples(ANYTHING, ANYTHING), max_size=2),
    "instances": st.dictionaries(
        UUIDS,
        st.dictionaries(
            st.sampled_from(["project_id", "instance_type_id", "image_properties", "image_ref"]), ANYTHING, max_size=2
        ),
        max_size=2,
    ),
    "capabilities": st.dictionaries(st.sampled_from(["host_ip", "enabled", "x"]), ANYTHING, max_size=2),
    "flavor": st.dictionaries(
        st.sampled_from(["memory_mb", "vcpus", "root_gb", "swap", "name", "id", "rxtx_factor"]), ANYTHING, max_size=2
    )
    | st.builds(
        lambda specs: {"extra_specs": specs},
        st.dictionaries(
            st.sampled_from(["resources:FPGA", "trait:X", "capabilities:x", "capabilities:stats:x", "x"]),
            ANYTHING | st.sampled_from(["required", "= 1", "s== x", "<or> a <or> b", "<in> a"]),
            max_size=2,
        ),
    ),
    "image": st.dictionaries(st.sampled_from(["id", "name", "properties"]), ANYTHING, max_size=2),
    "instance_group": st.dictionaries(
        st.sampled_from(["policy", "rules", "hosts", "members", "uuid", "further"]),
        ANYTHING | st.just("anti-affinity"),
        max_size=3,
    ),
    "retry": st.dictionaries(st.sampled_from(["num_attempts", "hosts", "further"]), ANYTHING, max_size=2),
    "requested_destination": st.dictionaries(st.sampled_from(["host", "node", "cell"]), ANYTHING, max_size=2),
    "scheduler_hints": st.dictionaries(
        st.sampled_from(["different_host", "same_host", "query", "build_near_host_ip", "cidr", "_nova_check_type"]),
        ANYTHING,
        max_size=2,
    ),
    "context": st.dictionaries(st.sampled_from(["user_id", "project_id", "is_admin", "roles"]), ANYTHING, max_size=2),
}


def named_values(names: str) -> st.SearchStrategy[tuple[str, object]]:
    """A name of the list with any value, more often than not one of the right shape."""
    return st.sampled_from(names.split()).flatmap(
        lambda name: st.tuples(st.just(name), _RECORDS[name] | ANYTHING if name in _RECORDS else ANYTHING | SIZES)
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
ORDINARY_FLAVOR = Flavor(512, 1, 1, name="small", id=1, extra_specs={"resources:FPGA": "1", "trait:X": "required"})
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
