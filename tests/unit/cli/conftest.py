"""The command run in process."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from filtersched.cli.main import main


class Result(NamedTuple):
    """What a run of the command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def run(capsys):
    def run(*argv) -> Result:
        status = main([str(one) for one in argv])
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def hosts(tmp_path):
    """Three hosts in two zones: 8, 16 and 4 GiB free; the last one is disabled."""
    path = tmp_path / "hosts.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "host": name,
                    "vcpus_total": 8,
                    "total_usable_ram_mb": 16384,
                    "free_ram_mb": free,
                    "ram_allocation_ratio": 1.0,
                    "total_usable_disk_gb": 100,
                    "free_disk_mb": 102400,
                    "service": {"disabled": disabled, "availability_zone": zone},
                }
            )
            + "\n"
            for name, free, zone, disabled in (
                ("alpha", 8192, "az1", False),
                ("beta", 16384, "az2", False),
                ("gamma", 4096, "az1", True),
            )
        )
    )
    return path


@pytest.fixture
def requests_file(tmp_path):
    def write(*requests, name="requests.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(one) + "\n" for one in requests))
        return path

    return write
