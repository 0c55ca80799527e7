"""The command filtersched: try requests on an inventory, and see why."""
