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


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The argument's name for bytes, which may differ from run to run; pytest numbers those of one name.

    Test names must be the same in every process: with other names in another, xdist ends the run.
    """
    return argname if isinstance(val, bytes) else None
