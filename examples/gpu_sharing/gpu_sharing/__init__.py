"""GPUs that instances share in thousandths: a host class, a filter and weighers for filtersched."""
