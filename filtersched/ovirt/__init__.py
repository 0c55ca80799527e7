"""The external scheduler daemon for oVirt's engine: a client of filtersched, spoken to over XML-RPC.

wire          bytes of a call to Python values and back, in both dialects
documents     the engine's host and VM documents, as HostState and RequestSpec (entities: as plug-ins see them)
settings      what the configuration file may say
workers       the processes in which plug-in files run (worker: their inside)
plugin_files  plug-in files on disk, their last good versions, and the units they hold
core_units    filters and weighers of the library, as units
answers       what units answer, repaired
engine_calls  discover, runFilters, runCostFunctions, runLoadBalancing
server        HTTP and TLS around the calls
daemon_metrics what Prometheus reads
engine_facts  what the engine's REST API tells about hosts and VMs
daemon        all of it together, until a signal ends or reloads it
command       the command (main: where it begins)

May import: public, schedulers, loading, hosts, plugins, settings, errors. Only `testing` imports it: what units are
given.
"""
