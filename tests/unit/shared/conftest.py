"""Databases for the tests of shared pools."""

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `shared` is not installed")
pytest.importorskip("alembic", reason="the extra `shared` is not installed")
