"""Hosts and VMs as oVirt's units get them: ids with facts, to try a unit without an engine.

    from filtersched.testing.ovirt import make_host, make_hosts, make_vm

    def test_hosts_with_too_little_memory_are_left_out():
        hosts = make_hosts(make_host("a", memory=8 << 30), make_host("b", memory=64 << 30))
        assert Roomy().do_filter(hosts, make_vm("v", memory=16 << 30), {}) == ["b"]
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any

from filtersched.errors import shown
from filtersched.ovirt.entities import Entity, Hosts, entity

__all__ = ["make_host", "make_hosts", "make_vm"]


def make_host(id: str = "host1", *, vms: Iterable[Entity] | None = None, **facts: Any) -> Entity:
    """The id of a host with these facts, read as from a document of the engine.

    vms : what `do_balance` gets as `host.vms`; None is what the other methods get.
    facts : text, numbers, truth values, a dict of facts, or a list of several elements of that name:
        `summary={"active": 3}` is read as `host.summary.active`. None is left out.

    Without facts nothing is known of the host but its id, as without `engine_url`. Raises ValueError for
    a fact that no document can tell.
    """
    made = _made("host", id, facts)
    if vms is not None:
        made.vms = list(vms)
    return made


def make_vm(id: str = "vm1", **facts: Any) -> Entity:
    """The id of a VM with these facts; see `make_host`."""
    return _made("vm", id, facts)


def make_hosts(*hosts: str) -> Hosts:
    """The hosts of a call: a list of ids; plain text becomes ids without facts."""
    return Hosts(host if isinstance(host, Entity) else Entity(host) for host in hosts)


def _made(tag: str, id: str, facts: Mapping[str, Any]) -> Entity:
    if not facts:
        return entity(id, None)
    element = ET.Element(tag)
    _write(element, facts, f"{tag} {id!r}")
    # Read back, so that a text is what a document keeps of it.
    text = ET.tostring(element, encoding="unicode")
    try:
        element = ET.fromstring(text)
    except ET.ParseError:
        raise ValueError(f"{tag} {id!r}: a name or a text of {shown(facts)} cannot stand in a document") from None
    return entity(id, lambda: element)


def _write(element: ET.Element, facts: Mapping[str, Any], of: str) -> None:
    for name, value in facts.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"{of}: {name!r} is no name of a fact")
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is None:
                continue
            child = ET.SubElement(element, name)
            if isinstance(one, Mapping):
                _write(child, one, f"{of}, {name}")
            elif isinstance(one, bool):
                child.text = "true" if one else "false"
            elif isinstance(one, str | int | float):
                child.text = str(one)
            else:
                wanted = "text, a number, true or false, a dict or a list"
                raise ValueError(f"{of}: {name} must be {wanted}, not {shown(one)}")
