"""Allocation ratios: the host's own, the file's, the file's initial one, the default; 0.0 is not set at each step."""

import pytest

from filtersched import Flavor, HostState, RequestSpec, make_conf, scheduler_from


def most(ratio: str, own, *lines: str, tmp_path) -> float:
    """The ratio by which a host of 1000 is given out, by the limit that its selection carries."""
    (tmp_path / "nova.conf").write_text("[DEFAULT]\n" + "\n".join(lines))
    facts = {"total_usable_ram_mb": 1000, "free_ram_mb": 1000, "vcpus_total": 1000, "total_usable_disk_gb": 1000}
    host = HostState("h", free_disk_mb=1024000, **facts, **{f"{ratio}_allocation_ratio": own})
    name, limit = {"ram": ("RamFilter", "memory_mb"), "cpu": ("CoreFilter", "vcpu"), "disk": ("DiskFilter", "disk_gb")}[
        ratio
    ]
    scheduler = scheduler_from(make_conf(files=[tmp_path / "nova.conf"], enabled_filters=[name]))
    return scheduler.select_destinations(RequestSpec(Flavor()), [host])[0].limits[limit] / 1000


@pytest.mark.parametrize(("ratio", "default"), [("ram", 1.5), ("cpu", 16.0), ("disk", 1.0)])
@pytest.mark.parametrize("unset", [None, 0.0])
@pytest.mark.parametrize("unset_line", ["", "{}_allocation_ratio = 0.0"])
@pytest.mark.parametrize("unset_initial", ["", "initial_{}_allocation_ratio = 0.0"])
def test_ratios_count_in_novas_order(ratio, default, unset, unset_line, unset_initial, tmp_path):
    unset_line, unset_initial = unset_line.format(ratio), unset_initial.format(ratio)
    line, initial = f"{ratio}_allocation_ratio = 3.0", f"initial_{ratio}_allocation_ratio = 4.0"
    assert most(ratio, 2.0, line, initial, tmp_path=tmp_path) == 2.0
    assert most(ratio, unset, line, initial, tmp_path=tmp_path) == 3.0
    assert most(ratio, unset, unset_line, initial, tmp_path=tmp_path) == 4.0
    assert most(ratio, unset, unset_line, unset_initial, tmp_path=tmp_path) == default
