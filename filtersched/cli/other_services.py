"""Ordinary keys of other services, and of other parts of Nova, that look like a slip and are none."""

from __future__ import annotations

from filtersched.settings.options import DEFAULT, GROUPED

# What files that several services share, or a whole nova.conf, have beside the settings of scheduling.
ORDINARY: dict[str, frozenset[str]] = {
    DEFAULT: frozenset(
        (
            # Cinder, Manila and Neutron
            *("scheduler_default_weighers", "scheduler_manager", "scheduler_topic", "scheduler_weight_handler"),
            *("capacity_weight_multiplier", "allocated_capacity_weight_multiplier", "goodness_weight_multiplier"),
            *("volume_number_multiplier", "storage_availability_zone", "default_availability_zones"),
            *("network_scheduler_driver", "router_scheduler_driver", "share_scheduler_driver"),
            *("allow_availability_zone_fallback", "cloned_volume_same_az", "max_over_subscription_ratio"),
            # Nova's compute service
            *("initial_cpu_allocation_ratio", "initial_ram_allocation_ratio", "initial_disk_allocation_ratio"),
            *("reserved_host_cpus", "reserved_huge_pages", "max_concurrent_builds", "max_local_block_devices"),
            *("internal_service_availability_zone", "compute_driver", "vcpu_pin_set"),
        )
    ),
    GROUPED: frozenset(("pci_in_placement",)),
    # Nova asks Placement these before it filters, and does the rest beside scheduling.
    "scheduler": frozenset(
        (
            *("workers", "discover_hosts_in_cells_interval", "max_placement_results", "periodic_task_interval"),
            *("query_placement_for_availability_zone", "query_placement_for_routed_network_aggregates"),
        )
    ),
}
