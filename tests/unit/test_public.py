"""What `import filtersched` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import filtersched
import filtersched.public


def test_every_public_name_is_found_under_the_package():
    found = {name: getattr(filtersched, name) for name in filtersched.public.__all__}
    assert found == {name: getattr(filtersched.public, name) for name in filtersched.public.__all__}


def test_star_import_gives_the_public_names():
    names: dict[str, object] = {}
    exec("from filtersched import *", names)
    assert set(names) - {"__builtins__"} == set(filtersched.public.__all__)


def test_names_are_listed_for_completion():
    assert {"HostState", "FilterScheduler", "__version__"} <= set(dir(filtersched))


def test_packages_are_found_without_importing_them_first():
    code = "import filtersched; print(filtersched.weighers.BaseWeigher.__name__)"
    assert run(code) == "BaseWeigher\n"


@pytest.mark.parametrize("name", ["HostStat", "_private", "__wrapped__"])
def test_name_that_is_not_there_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(filtersched, name)


@pytest.mark.parametrize("code", ["import filtersched", "import filtersched.errors", "import filtersched.cli.main"])
def test_import_loads_no_numpy_before_it_is_needed(code):
    assert run(f"{code}\nimport sys; print('numpy' in sys.modules)") == "False\n"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=240).stdout
