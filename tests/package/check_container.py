"""The image of the Containerfile builds, and both commands run in it.

Run from the root of the checkout by `tox -e container`. Where there is no builder, or the base image is
neither at hand nor can be pulled, nothing is checked, and the reason is printed.

FILTERSCHED_BASE_IMAGE names another base image than the Containerfile's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "filtersched-check"
BUILD_TIMEOUT_S = 1200
PULL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 120


def main() -> None:
    """Raises CalledProcessError or AssertionError for an image that does not build or run."""
    reason, builder = find_builder()
    if builder is None:
        print(f"skipped: {reason}")
        return
    base = os.environ.get("FILTERSCHED_BASE_IMAGE") or base_image()
    if not has_image(builder, base):
        print(f"skipped: the base image {base} is not at hand, and {builder} cannot pull it")
        return
    if not succeeds(builder, "run", "--rm", base, "true"):
        print(f"skipped: {builder} cannot run a container of the base image {base} on this machine")
        return
    arguments = [f"--build-arg=BASE={base}"]
    arguments += [f"--build-arg={name}" for name in ("PIP_INDEX_URL", "PIP_TRUSTED_HOST") if name in os.environ]
    run(builder, "build", "-f", "Containerfile", "-t", TAG, *arguments, ".", timeout=BUILD_TIMEOUT_S)
    try:
        check(builder)
    finally:
        succeeds(builder, "rmi", "-f", TAG)
    print(f"{builder} built the image, and both commands run in it")


def find_builder() -> tuple[str, str | None]:
    """Why there is no builder, and the command of the first one that works."""
    reasons = []
    for name in ("podman", "docker"):
        if shutil.which(name) is None:
            reasons.append(f"{name} is not installed")
        elif not succeeds(name, "info"):
            reasons.append(f"'{name} info' fails")
        else:
            return "", name
    return "; ".join(reasons), None


def base_image() -> str:
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, "the Containerfile has no line ARG BASE=..."
    return found[1]


def has_image(builder: str, image: str) -> bool:
    return succeeds(builder, "image", "inspect", image) or succeeds(builder, "pull", image, timeout=PULL_TIMEOUT_S)


def check(builder: str) -> None:
    """Both commands answer, as a user without rights, with read-only files."""
    container = (builder, "run", "--rm", "--read-only", "--network", "none")
    said = run(
        *container, "-v", f"{ROOT / 'examples'}:/work:ro", TAG,
        "filtersched", "schedule", "--inventory", "hosts.jsonl", "--requests", "requests.jsonl", "--allow-partial",
    )
    assert "placed" in said, said
    assert "uid=65534" in run(*container, TAG, "id")
    assert "No problem." in run(*container, TAG, "filtersched-proxy", "--check")


def succeeds(*command: str, timeout: float = RUN_TIMEOUT_S) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=timeout, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run(*command: str, timeout: float = RUN_TIMEOUT_S) -> str:
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        print(done.stdout)
        raise subprocess.CalledProcessError(done.returncode, command)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
