# ruff: noqa: E501 - lists of filters stand in one line
"""A nova.conf with every scheduling option at its default loads without a word, in each release's spelling."""

import logging
import os
import subprocess
import warnings

import pytest

from filtersched import make_conf, scheduler_from

FLAT = """
    scheduler_max_attempts = 3
    scheduler_host_subset_size = 1
    max_io_ops_per_host = 8
    max_instances_per_host = 50
    ram_weight_multiplier = 1.0
    isolated_images =
    isolated_hosts =
    ram_allocation_ratio = 1.5
    cpu_allocation_ratio = 16.0
    disk_allocation_ratio = 1.0
    reserved_host_memory_mb = 512
    reserved_host_disk_mb = 0
    scheduler_json_config_location =
    service_down_time = 60
    default_availability_zone = nova
"""
ESSEX = """
    scheduler_driver = nova.scheduler.multi.MultiScheduler
    compute_scheduler_driver = nova.scheduler.filter_scheduler.FilterScheduler
    scheduler_host_manager = nova.scheduler.host_manager.HostManager
    scheduler_available_filters = nova.scheduler.filters.standard_filters
    scheduler_default_filters = AvailabilityZoneFilter,RamFilter,ComputeFilter
    least_cost_functions = nova.scheduler.least_cost.compute_fill_first_cost_fn
    noop_cost_fn_weight = 1.0
    compute_fill_first_cost_fn_weight = -1.0
    node_availability_zone = nova
    periodic_interval = 60
"""
FOLSOM = ESSEX.replace(
    "AvailabilityZoneFilter,RamFilter,ComputeFilter",
    "RetryFilter,AvailabilityZoneFilter,RamFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter",
)
ICEHOUSE = """
    scheduler_driver = nova.scheduler.filter_scheduler.FilterScheduler
    scheduler_host_manager = nova.scheduler.host_manager.HostManager
    scheduler_available_filters = nova.scheduler.filters.all_filters
    scheduler_default_filters = RetryFilter,AvailabilityZoneFilter,RamFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter
    scheduler_weight_classes = nova.scheduler.weights.all_weighers
    restrict_isolated_hosts_to_isolated_images = True
    aggregate_image_properties_isolation_separator = .
    disk_weight_multiplier = 1.0
    scheduler_use_baremetal_filters = False
    baremetal_scheduler_default_filters = RetryFilter,AvailabilityZoneFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ExactRamFilter,ExactDiskFilter,ExactCoreFilter
    [metrics]
    weight_multiplier = 1.0
    weight_setting =
    required = True
    weight_of_unavailable = -10000.0
"""
LIBERTY = ICEHOUSE.replace(
    "    [metrics]",
    "    scheduler_tracks_instance_changes = True\n    io_ops_weight_multiplier = -1.0\n"
    "    soft_affinity_weight_multiplier = 1.0\n    soft_anti_affinity_weight_multiplier = 1.0\n    [metrics]",
)
OCATA = """
    [scheduler]
    driver = filter_scheduler
    host_manager = host_manager
    max_attempts = 3
    [filter_scheduler]
    available_filters = nova.scheduler.filters.all_filters
    enabled_filters = RetryFilter,AvailabilityZoneFilter,RamFilter,DiskFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter
    weight_classes = nova.scheduler.weights.all_weighers
    host_subset_size = 1
    max_io_ops_per_host = 8
    max_instances_per_host = 50
    track_instance_changes = True
    ram_weight_multiplier = 1.0
    disk_weight_multiplier = 1.0
    io_ops_weight_multiplier = -1.0
    soft_affinity_weight_multiplier = 1.0
    soft_anti_affinity_weight_multiplier = 1.0
    isolated_images =
    isolated_hosts =
    restrict_isolated_hosts_to_isolated_images = True
    aggregate_image_properties_isolation_separator = .
    use_baremetal_filters = False
    baremetal_enabled_filters = RetryFilter,AvailabilityZoneFilter,ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ExactRamFilter,ExactDiskFilter,ExactCoreFilter
    [metrics]
    weight_multiplier = 1.0
    weight_setting =
    required = True
    weight_of_unavailable = -10000.0
    [trusted_computing]
    attestation_port = 8443
    attestation_api_url = /OpenAttestationWebServices/V1.0
    attestation_auth_timeout = 60
    attestation_insecure_ssl = False
"""
RELEASES = {
    "essex": FLAT + ESSEX,
    "folsom": FLAT + FOLSOM,
    "icehouse": FLAT + ICEHOUSE,
    "liberty": FLAT + LIBERTY,
    "ocata": OCATA,
}
NOVA_PYTHON = os.environ.get("FILTERSCHED_NOVA_PYTHON", "")


def load(text: str, tmp_path, caplog) -> str:
    """Whatever is said while the file is loaded."""
    caplog.set_level(logging.INFO)
    (tmp_path / "nova.conf").write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler_from(make_conf(files=[tmp_path / "nova.conf"]))
    return caplog.text


@pytest.mark.parametrize("release", RELEASES)
def test_file_of_a_release_with_every_option_at_its_default_loads_without_a_word(release, tmp_path, caplog):
    assert load("[DEFAULT]\n" + RELEASES[release], tmp_path, caplog) == ""


@pytest.mark.skipif(not os.path.exists(NOVA_PYTHON), reason="FILTERSCHED_NOVA_PYTHON names no Python with Nova")
def test_whole_sample_of_the_installed_nova_loads_without_a_word(tmp_path, caplog):
    generator = os.path.join(os.path.dirname(NOVA_PYTHON), "oslo-config-generator")
    sample = subprocess.run([generator, "--namespace", "nova.conf"], capture_output=True, text=True, check=True).stdout
    lines = []
    for line in sample.splitlines():
        is_value = line.startswith("#") and not line.startswith(("# ", "#\n")) and " = " in line
        if line.startswith("["):
            lines.append(line)
        elif is_value and not line.endswith("<None>"):
            lines.append(line[1:])
    assert len(lines) > 400
    assert load("\n".join(lines), tmp_path, caplog) == ""
