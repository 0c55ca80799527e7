"""The weighers that all_weighers means, in their order."""

from __future__ import annotations

# So that the last bit of a sum is the same everywhere.
STANDARD_WEIGHERS = (
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
    "BuildFailureWeigher",
    "CPUWeigher",
    "CrossCellWeigher",
    "DiskWeigher",
    "HypervisorVersionWeigher",
    "ImagePropertiesWeigher",
    "IoOpsWeigher",
    "MetricsWeigher",
    "NumInstancesWeigher",
    "PCIWeigher",
    "RAMWeigher",
    "TopologySpreadWeigher",
    "DedicationWeigher",
    "ShareWeigher",
    "GroupRulesWeigher",
    "WishWeigher",
    "PreviousHostWeigher",
    "ImageCacheWeigher",
    "MeasuredLoadWeigher",
)
