"""MetalHost: a machine with a place in a rack, a power budget, and licenses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from filtersched import HostState, Instance, InvalidRequest, RequestSpec


class MetalHost(HostState):
    """A machine in a rack. Instances take power and licenses beside memory and CPUs."""

    rack: str = ""
    power_limit_w: int = 0
    power_used_w: int = 0
    #: Name to how many are free.
    licenses: Mapping[str, int] = {}

    def consume_from_request(self, spec: RequestSpec) -> dict[str, Any]:
        super().consume_from_request(spec)
        watts, names = watts_asked(spec.extra_specs), licenses_asked(spec.extra_specs)
        self.power_used_w += watts
        self._take_licenses(names, 1)
        # The pool keeps this with the instance, so that its release gives back the same.
        return {"watts": watts, "licenses": names}

    def release_instance(self, instance: Instance) -> None:
        super().release_instance(instance)
        self.power_used_w -= instance.consumed.get("watts", 0)
        self._take_licenses(instance.consumed.get("licenses", ()), -1)

    def _take_licenses(self, names: list[str], count: int) -> None:
        if names:
            self.licenses = {**self.licenses, **{name: self.licenses.get(name, 0) - count for name in names}}


def watts_asked(extra_specs: Mapping[str, Any]) -> int:
    """How much power an instance needs: the flavor's extra spec `metal:watts`."""
    text = str(extra_specs.get("metal:watts", "0"))
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise InvalidRequest(f"metal:watts must be a whole number of watts, not {text!r}", field="metal:watts")
    return int(text)


def licenses_asked(extra_specs: Mapping[str, Any]) -> list[str]:
    """Which licenses an instance needs, one of each: the flavor's extra spec `metal:licenses`, with commas."""
    return sorted(set(_names(str(extra_specs.get("metal:licenses", "")))))


def _names(text: str) -> Iterator[str]:
    return (name.strip() for name in text.split(",") if name.strip())
