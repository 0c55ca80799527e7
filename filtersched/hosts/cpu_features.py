"""The features of a host's CPU, of what Nova calls cpu_info."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class CpuFeatures(NamedTuple):
    """What instances that run on a CPU may rely on."""

    #: The architecture, such as "x86_64"; "" where it is unknown.
    arch: str
    #: The names of its features.
    features: frozenset[str]


def cpu_features(cpu_info: Any) -> CpuFeatures | None:
    """The features of a CPU; None where cpu_info, a mapping or JSON text of one, does not tell them."""
    if isinstance(cpu_info, str):
        try:
            cpu_info = json.loads(cpu_info)
        except ValueError:
            return None
    if not isinstance(cpu_info, Mapping):
        return None
    features = cpu_info.get("features")
    if isinstance(features, str | bytes | Mapping) or not isinstance(features, Iterable):
        return None
    arch = cpu_info.get("arch")
    return CpuFeatures(arch if isinstance(arch, str) else "", frozenset(map(str, features)))
