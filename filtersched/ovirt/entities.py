"""Ids that also tell what is known of the host or VM: what plug-ins are given.

Imported inside the plug-in workers too, so nothing but the standard library may be needed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_NUMBERS = frozenset(
    [
        *("memory", "max_scheduling_memory", "guaranteed", "max", "cores", "sockets", "threads", "active"),
        *("migrating", "total", "port", "speed", "priority", "major", "minor", "build", "revision"),
    ]
)
_TEXTS = frozenset(("name", "description", "comment"))


class Entity(str):
    """The id of a host or VM, a plain str, with the facts of its document as attributes.

    `host.memory`, `host.summary.active`, `host.status.state`, `host.cpu.topology.cores` read alike
    whether the document is of REST version 3 (XML attributes) or 4 (child elements). An element
    that the document does not have is None. Without a document every attribute is an
    AttributeError that says why. In `do_balance`, `host.vms` is a list of its VMs.

    _why : why an id has no document, for messages; the same for all ids of a call.
    """

    _why = "set engine_url"
    # On the class, so that an id without a document is made as fast as a str.
    _load: Callable[[], Any] | None = None
    vms: list[Entity]
    _element: Any = None

    @property
    def id(self) -> str:
        """The id as plain text."""
        return str.__str__(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._element is None:
            if self._load is None:
                raise AttributeError(f"nothing is known of {self.id!r} but its id, so it has no {name!r}: {self._why}")
            self._element = self._load()
        if name == "vms":
            raise AttributeError(f"which VMs run on {self.id!r} is known to do_balance only, and only with engine_url")
        return fact(self._element, name)


class Hosts(list[Entity]):
    """The hosts of a call, also as `.host`, which is where the old SDK's entities had them."""

    @property
    def host(self) -> Hosts:
        """The hosts themselves."""
        return self


class Node(str):
    """The text of an element, with its XML attributes and children as attributes."""

    _element: Any

    def __new__(cls, element: Any) -> Node:
        text = (element.text or "").strip()
        if not text and element.tag == "status":
            text = (element.findtext("state") or "").strip()
        new = super().__new__(cls, text)
        new._element = element
        return new

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return fact(self._element, name)


def fact(element: Any, name: str) -> Any:
    """What `element` says under `name`: number, bool, text, node, list of nodes, or None.

    A list where the name repeats, and always inside an element named after its plural.
    """
    children = element.findall(name)
    if len(children) > 1 or (children and _is_plural(element.tag, name)):
        return [_value(child) for child in children]
    if children:
        return _value(children[0])
    text = element.get(name)
    if text is not None:
        return _leaf(name, text)
    if name == "state" and element.tag == "status":
        return (element.text or "").strip() or None
    return None


def _is_plural(tag: str, name: str) -> bool:
    return tag in (f"{name}s", f"{name[:-1]}ies")


def _value(element: Any) -> Any:
    if len(element) or element.attrib:
        return Node(element)
    value = _leaf(element.tag, (element.text or "").strip())
    return Node(element) if type(value) is str else value


def _leaf(name: str, text: str) -> Any:
    if name in _NUMBERS:
        try:
            return int(text)
        except ValueError:
            pass
        try:
            number = float(text)
        except ValueError:
            return text
        # Thousands of digits are infinite as a float, and stay the text that they are.
        return number if math.isfinite(number) else text
    if name not in _TEXTS and text in ("true", "false"):
        return text == "true"
    return text


def entity(id: str, load: Callable[[], Any] | None) -> Entity:
    """An id and how to read its document, which is done when a fact is asked for."""
    new = Entity(id)
    if load is not None:
        new._load = load
    return new
