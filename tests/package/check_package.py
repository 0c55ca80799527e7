"""What a user installs is complete: built, installed alone in a new environment, and run there.

Run from the root of the checkout by `tox -e package`, in an environment with build and twine.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_WHEEL = {"tests", "benchmarks", "docs", "examples", "etc"}
IN_SDIST = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Containerfile",
    "SECURITY.md",
    ".pre-commit-config.yaml",
    "LICENSE",
    "setup.cfg",
    "pyproject.toml",
    "tox.ini",
    "filtersched/py.typed",
    "docs/tutorial.md",
    "docs/howto/index.md",
    "docs/images/pipeline.svg",
    "docs/inventories/python.txt",
    "etc/filtersched/filtersched.conf.sample",
    "examples/hosts.jsonl",
    "tests/package/check_package.py",
)


def main() -> None:
    """Raises AssertionError or CalledProcessError for a package that is not as it should be."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        run(sys.executable, "-m", "build", "--outdir", str(work / "dist"), str(ROOT))
        archives = sorted((work / "dist").iterdir())
        run(sys.executable, "-m", "twine", "check", "--strict", *map(str, archives))
        sdist, wheel = (next(path for path in archives if path.name.endswith(end)) for end in (".tar.gz", ".whl"))
        check_wheel(wheel)
        check_sdist(sdist)
        check_installed(wheel, work)


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout)
        raise subprocess.CalledProcessError(done.returncode, command)
    return done.stdout


def check_wheel(wheel: Path) -> None:
    """The package with every module of the checkout, its type marker, the licence, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    top = {name.parts[0] for name in names}
    assert not top & NOT_IN_WHEEL, f"the wheel holds {sorted(top & NOT_IN_WHEEL)}"
    packed = {str(name) for name in names}
    package = ROOT / "filtersched"
    files = [*package.rglob("*.py"), *(path for path in (package / "data").rglob("*") if path.is_file())]
    sources = {str(path.relative_to(ROOT)) for path in files}
    assert sources <= packed, f"not in the wheel: {sorted(sources - packed)}"
    assert "filtersched/py.typed" in packed, "the wheel has no filtersched/py.typed"
    assert any(name.name == "LICENSE" for name in names), "the wheel has no LICENSE"


def check_sdist(sdist: Path) -> None:
    """The source archive can be built from and read."""
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    missing = [name for name in IN_SDIST if name not in packed]
    assert not missing, f"not in the source archive: {missing}"


def check_installed(wheel: Path, work: Path) -> None:
    """In an environment with nothing else, every plug-in loads and the example is scheduled."""
    venv.create(work / "env", with_pip=True)
    python = str(work / "env" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", str(wheel))
    run(python, "-c", "import filtersched; filtersched.FilterScheduler()", cwd=work)
    # Every name that the package promises leads somewhere, with its extras installed.
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli,ovirt]")
    metadata = configparser.ConfigParser()
    metadata.optionxform = str  # type: ignore[assignment,method-assign]
    metadata.read(ROOT / "setup.cfg")
    for group in ("console_scripts", "filtersched.filters", "filtersched.weighers", "filtersched.drivers"):
        promised = len(metadata["options.entry_points"][group].split("\n")) - 1
        code = (
            "from importlib.metadata import entry_points\n"
            f"ours = [one.load() for one in entry_points(group={group!r}) if one.dist.name == 'filtersched']\n"
            f"assert len(ours) == {promised}, (len(ours), {promised})\n"
        )
        run(python, "-c", code, cwd=work)
    command = str(work / "env" / "bin" / "filtersched")
    version = run(command, "--version", cwd=work)
    inventory, requests = (str(ROOT / "examples" / name) for name in ("hosts.jsonl", "requests.jsonl"))
    said = run(command, "schedule", "--inventory", inventory, "--requests", requests, cwd=work)
    assert said.strip(), "filtersched schedule printed nothing"
    assert run(command, "man", cwd=work).startswith(".TH FILTERSCHED"), "the man page is not installed"
    print(f"{wheel.name} installs alone and runs: {version.strip()}")


if __name__ == "__main__":
    main()
