"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A slow machine is no failure: how long an example takes is never tested.
# In continuous integration the examples are the same every time.
settings.register_profile(
    "filtersched",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("filtersched")
