"""The package as it is installed: its plug-ins are found by name, and keep the rules with the example's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from filtersched.cli.main import main

PACKAGE = Path(__file__).parents[1]
NAMES = [
    "GpuShareFilter",
    "RandomGpuWeigher",
    "DotProductGpuWeigher",
    "ClusteringGpuWeigher",
    "PackingGpuWeigher",
    "BestFitGpuWeigher",
    "FragmentationGpuWeigher",
]


@pytest.mark.parametrize("name", NAMES)
def test_installed_plugin_keeps_the_rules(name, capsys, monkeypatch):
    monkeypatch.chdir(PACKAGE)
    host_class = ["--host-class", "gpu_sharing.gpu_host.GpuHost"]
    status = main(["plugins", "--check", name, "--config-file", "gpu.conf", *host_class])
    assert (status, capsys.readouterr().out.splitlines()[0]) == (0, f"{name}: keeps the rules")
