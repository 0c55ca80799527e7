"""What stands in the database of a shared pool, read by plain SQL; and the rules that it must never break."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from filtersched.shared.engines import reading

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Store:
    """One consistent state of the database.

    hosts : by name and node, all their attributes as plain data.
    places : where each instance is; `unconfirmed` are those that expire.
    """

    hosts: dict[Key, dict[str, Any]]
    instances: dict[str, dict[str, Any]]
    places: dict[str, Key]
    unconfirmed: frozenset[str]


def read_store(engine: Engine) -> Store:
    """Everything that the tables say of hosts and instances."""
    with reading(engine) as connection:
        hosts = connection.execute(text("SELECT id, host, nodename, data, overlay FROM hosts ORDER BY id")).all()
        instances = connection.execute(text("SELECT uuid, host_id, expires_at, data FROM instances")).all()
    names: dict[int, Key] = {row.id: (row.host, row.nodename) for row in hosts}
    return Store(
        hosts={names[row.id]: {**json.loads(row.data), **json.loads(row.overlay)} for row in hosts},
        instances={row.uuid: json.loads(row.data) for row in instances},
        places={row.uuid: names.get(row.host_id, ("", f"host {row.host_id}")) for row in instances},
        unconfirmed=frozenset(row.uuid for row in instances if row.expires_at is not None),
    )


def broken_rules(store: Store, policies: dict[str, str]) -> list[str]:
    """Sentences about what is wrong; [] if nothing is.

    The hosts have no instances but those that were placed, and ratios of 1.
    policies : of the groups, by uuid.
    """
    return [*_sums(store), *_groups(store, policies)]


def _sums(store: Store) -> list[str]:
    wrong = []
    taken: dict[Key, Counter[str]] = {key: Counter() for key in store.hosts}
    for uuid, key in store.places.items():
        if key not in taken:
            wrong.append(f"instance {uuid} is on {key}, which is no host")
            continue
        flavor = store.instances[uuid]["flavor"]
        taken[key].update(ram=flavor["memory_mb"], vcpus=flavor["vcpus"], instances=1)
    for key, host in store.hosts.items():
        sums = taken[key]
        used = {
            "ram": host["total_usable_ram_mb"] - host["free_ram_mb"],
            "vcpus": host.get("vcpus_used", 0),
            "instances": host.get("num_instances", 0),
        }
        for what, amount in used.items():
            if amount != sums[what]:
                wrong.append(f"{key} has {amount} {what} in use; its instances take {sums[what]}")
        if sums["ram"] > host["total_usable_ram_mb"] or sums["vcpus"] > host["vcpus_total"]:
            wrong.append(f"{key} is over its capacity: {dict(sums)}")
    return wrong


def _groups(store: Store, policies: dict[str, str]) -> list[str]:
    wrong = []
    named: dict[str, dict[str, Key]] = defaultdict(dict)
    for uuid, record in store.instances.items():
        for group in record.get("groups", ()):
            named[group][uuid] = store.places[uuid]
    for group, members in named.items():
        hosts = Counter(host for host, _node in members.values())
        if policies.get(group) == "anti-affinity" and max(hosts.values()) > 1:
            wrong.append(f"anti-affinity of {group} is broken: {hosts}")
        if policies.get(group) == "affinity" and len(hosts) > 1:
            wrong.append(f"affinity of {group} is broken: {hosts}")
    return wrong
