"""The stand-in for oslo_utils.units: how many bytes there are in larger units."""

from __future__ import annotations

Ki, Mi, Gi, Ti, Pi, Ei, Zi, Yi = (1024**power for power in range(1, 9))
k, M, G, T, P, E, Z, Y = (1000**power for power in range(1, 9))

__all__ = ["E", "Ei", "G", "Gi", "Ki", "M", "Mi", "P", "Pi", "T", "Ti", "Y", "Yi", "Z", "Zi", "k"]
