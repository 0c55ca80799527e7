"""The public names: what `from filtersched import …` offers."""

from filtersched.errors import (
    ConfigurationError,
    DuplicatePlugin,
    FilterschedError,
    InvalidAnswer,
    InvalidHost,
    InvalidRequest,
    InvalidWeight,
    InventoryError,
    PluginLoadError,
    PluginNotFound,
    PoolError,
    UndeclaredRead,
)
from filtersched.filters import BaseHostFilter, HostFilterHandler
from filtersched.hosts.bare_metal_host import BareMetalHost
from filtersched.hosts.host_attribute import HostAttribute, host_attribute
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import Aggregate, HostState, Instance, Metric
from filtersched.hosts.numa_topology import NUMACell, NUMAPages, NUMATopology
from filtersched.hosts.pci_stats import PciDevicePool, PciStats
from filtersched.hosts.placement import CommitConflict
from filtersched.hosts.reports import Report
from filtersched.hosts.reservations import Reservation
from filtersched.requests.numa_topology import InstanceNUMACell, InstanceNUMATopology, NetworkMetadata
from filtersched.requests.pci_requests import InstancePCIRequest, InstancePCIRequests
from filtersched.requests.request_spec import Destination, Flavor, Image, InstanceGroup, RequestSpec, Retry
from filtersched.requests.request_values import HostNode
from filtersched.resources import SharedResource
from filtersched.results.explanation import Explanation
from filtersched.results.filter_step import FilterStep
from filtersched.results.no_valid_host import NoValidHost
from filtersched.results.selection import Alternate, Filtered, Selection, WeighedHost
from filtersched.results.unread_field import UnreadField
from filtersched.results.verdict import HostVerdicts, Rank, Shortage, Verdict
from filtersched.results.weigher_shares import WeigherColumn, WeigherShare
from filtersched.schedulers import ChanceScheduler, FilterScheduler, Scheduler, StochasticScheduler, scheduler_from
from filtersched.schedulers.metrics import Metrics
from filtersched.schedulers.metrics_server import MetricsServer, serve_metrics
from filtersched.schedulers.observer import Observer, Observers
from filtersched.schedulers.pending import PendingRequest, PendingRequests, Placed
from filtersched.schedulers.reloading import CurrentScheduler
from filtersched.schedulers.traces import Traces
from filtersched.settings import make_conf
from filtersched.weighers import BaseHostWeigher, BaseWeigher, HostWeightHandler

__all__ = [
    "Aggregate",
    "Alternate",
    "BareMetalHost",
    "BaseHostFilter",
    "BaseHostWeigher",
    "BaseWeigher",
    "ChanceScheduler",
    "CommitConflict",
    "ConfigurationError",
    "CurrentScheduler",
    "Destination",
    "DuplicatePlugin",
    "Explanation",
    "FilterScheduler",
    "FilterStep",
    "Filtered",
    "FilterschedError",
    "Flavor",
    "HostAttribute",
    "HostFilterHandler",
    "HostNode",
    "HostPool",
    "HostState",
    "HostVerdicts",
    "HostWeightHandler",
    "Image",
    "Instance",
    "InstanceGroup",
    "InstanceNUMACell",
    "InstanceNUMATopology",
    "InstancePCIRequest",
    "InstancePCIRequests",
    "InvalidAnswer",
    "InvalidHost",
    "InvalidRequest",
    "InvalidWeight",
    "InventoryError",
    "Metric",
    "Metrics",
    "MetricsServer",
    "NUMACell",
    "NUMAPages",
    "NUMATopology",
    "NetworkMetadata",
    "NoValidHost",
    "Observer",
    "Observers",
    "PciDevicePool",
    "PciStats",
    "PendingRequest",
    "PendingRequests",
    "Placed",
    "PluginLoadError",
    "PluginNotFound",
    "PoolError",
    "Rank",
    "Report",
    "RequestSpec",
    "Reservation",
    "Retry",
    "Scheduler",
    "Selection",
    "SharedResource",
    "Shortage",
    "StochasticScheduler",
    "Traces",
    "UndeclaredRead",
    "UnreadField",
    "Verdict",
    "WeighedHost",
    "WeigherColumn",
    "WeigherShare",
    "host_attribute",
    "make_conf",
    "scheduler_from",
    "serve_metrics",
]
