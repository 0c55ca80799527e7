"""The external scheduler daemon for oVirt's engine: a client of filtersched, spoken to over XML-RPC.

wire          bytes of a call to Python values and back, in both dialects
documents     the engine's host and VM documents, as entities, HostState and RequestSpec
settings      what the configuration file may say
workers       processes outside the daemon in which plug-in files run (worker: their inside)
plugins       plug-in files on disk, and the units they hold
core_units    filters, weighers and balancers of the library, as units
service       discover, runFilters, runCostFunctions, runLoadBalancing
server        HTTP and TLS around the service
engine_facts  what the engine's REST API tells about hosts and VMs
daemon        all of it together, until a signal ends or reloads it
main          the command
"""
