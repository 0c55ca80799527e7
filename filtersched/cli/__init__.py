"""The command filtersched: try requests on an inventory, and see why.

May import: planning, inventory, shared, testing, public, schedulers, loading, resources, filters, weighers, plugins,
results, hosts, requests, settings, columns, errors, whole_file. Nothing imports it.
"""
