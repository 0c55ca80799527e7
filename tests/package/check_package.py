"""What a user installs is complete: built, installed alone in a new environment, and run there.

Run from the root of the checkout by `tox -e package`, in an environment with build, twine and readme_renderer.
"""

from __future__ import annotations

import configparser
import email
import os
import re
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
    "setup.py",
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
BUILT_AT = "1700000000"


def main() -> None:
    """Raises AssertionError or CalledProcessError for a package that is not as it should be."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        sdist, wheel = build(ROOT, work / "dist")
        run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
        check_wheel(wheel)
        check_metadata(wheel)
        check_sdist(sdist)
        check_reproducible(sdist, wheel, work)
        check_installed(wheel, work)


def build(source: Path, target: Path, *, umask: int = 0o022) -> tuple[Path, Path]:
    """The source archive and the wheel that is made of it."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": BUILT_AT}
    run(sys.executable, "-m", "build", "--outdir", str(target), str(source), env=environment, umask=umask)
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return sdist, wheel


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, umask: int = -1) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
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


def check_metadata(wheel: Path) -> None:
    """The licence as an SPDX expression, addresses of the project, and a description whose links work anywhere."""
    from readme_renderer import markdown

    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "Apache-2.0"
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL", []))
    assert set(urls) == {"Source", "Documentation", "Changelog", "Issues"}, urls
    page = markdown.render(metadata.get_payload(decode=True).decode("utf-8"))
    assert page is not None, "the long description cannot be rendered"
    links = re.findall(r'href="([^"]*)"', page)
    assert f"{urls['Source']}/docs/from_nova.md" in links
    relative = [link for link in links if not re.match(r"https://|#", link)]
    assert not relative, f"links of the long description that lead nowhere: {relative}"
    if ".example/" in urls["Source"]:
        print("Before you publish: project_urls in setup.cfg holds placeholders.")


def check_reproducible(sdist: Path, wheel: Path, work: Path) -> None:
    """What is built of the source archive elsewhere, with other modes, times and umask, is the same, byte by byte."""
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "elsewhere", filter="data")
    (source,) = (work / "elsewhere").iterdir()
    for path in source.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (0, 0))
    for first, second in zip((sdist, wheel), build(source, work / "again", umask=0o077), strict=True):
        assert first.read_bytes() == second.read_bytes(), f"{first.name} is not the same when it is built again"


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
    schedule = (command, "schedule", "--allow-partial")
    said = run(*schedule, "--inventory", inventory, "--requests", requests, cwd=work)
    assert said.strip(), "filtersched schedule printed nothing"
    copied = run(command, "files", "--copy", "copies", cwd=work).split()
    assert all((work / path).is_file() for path in copied), copied
    inventory, requests = (f"copies/examples/{name}" for name in ("hosts.jsonl", "requests.jsonl"))
    assert run(*schedule, "--inventory", inventory, "--requests", requests, cwd=work) == said
    assert run(command, "man", cwd=work).startswith(".TH FILTERSCHED"), "the man page is not installed"
    print(f"{wheel.name} installs alone and runs: {version.strip()}")


if __name__ == "__main__":
    main()
