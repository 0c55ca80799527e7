"""A small placement service: HTTP in front of a filtersched pool that survives being killed."""
