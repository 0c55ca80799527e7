"""filtersched: Nova-style filter and weigher scheduling."""

__version__ = "0.1.0"
