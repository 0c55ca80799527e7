"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A slow machine is no failure: how long an example takes is never tested.
settings.register_profile("filtersched", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("filtersched")
