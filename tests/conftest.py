"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import placement_server
from tests.postgresql_server import NotInstalled, PostgresqlServer, postgresql_server

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server, one for each process that runs tests. Skips where there is none."""
    try:
        with postgresql_server() as server:
            yield server
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: a SQLite file, and a database of PostgreSQL."""
    pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'pool.db'}"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture(scope="session")
def running_placement(tmp_path_factory: pytest.TempPathFactory) -> Iterator[placement_server.PlacementServer]:
    """OpenStack's Placement, one for each process that runs tests. Skips where there is none."""
    pytest.importorskip("keystoneauth1", reason="the extra `placement` is not installed")
    if not placement_server.is_installed():
        pytest.skip("FILTERSCHED_PLACEMENT_PYTHON names no Python with openstack-placement and waitress in it")
    with placement_server.placement_server(tmp_path_factory.mktemp("placement")) as server:
        yield server


@pytest.fixture
def placement(running_placement: placement_server.PlacementServer) -> placement_server.PlacementServer:
    """OpenStack's Placement without any provider."""
    running_placement.clear()
    return running_placement


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The argument's name for bytes, which may differ from run to run; pytest numbers those of one name.

    Test names must be the same in every process: with other names in another, xdist ends the run.
    """
    return argname if isinstance(val, bytes) else None
