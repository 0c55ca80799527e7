"""filtersched plugins."""

from __future__ import annotations


def test_list_has_origin_description_options_and_declarations(run):
    result = run("plugins")
    assert result.status == 0
    lines = result.out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == ["Filters", "Weighers", "Drivers"]
    at = next(number for number, line in enumerate(lines) if line.startswith("  RamFilter "))
    block = lines[at : at + 4]
    assert block[0] == "  RamFilter  (filtersched 0.1.0)"
    assert block[1].strip().startswith("Refuse hosts without enough")
    assert block[2].strip() == "option ram_allocation_ratio, default 1.5"
    reads = "total_usable_ram_mb, free_ram_mb, ram_allocation_ratio"
    assert block[3].strip() == f"reads of the host: {reads}; of the request: memory_mb, on columns"
    assert "  ChanceScheduler  (filtersched 0.1.0)" in lines


def test_json_has_the_same_in_data(run):
    result = run("plugins", "--format", "json")
    found = {(one["kind"], one["name"]): one for one in result.json["plugins"]}
    ram = found["weigher", "RAMWeigher"]
    assert ram["target"] == "filtersched.weighers.ram_weigher:RAMWeigher"
    assert ram["problem"] is None
    assert ram["declaration"] == {"host_reads": ["free_ram_mb"], "spec_reads": [], "columnar": True}
    (option,) = ram["options"]
    assert (option["group"], option["name"], option["default"]) == ("filter_scheduler", "ram_weight_multiplier", 1.0)
    assert ("driver", "FilterScheduler") in found
    assert ("filter", "JSONFilter") in found
