"""Filters: one rule a file. `base` is what they derive from, `handler` runs them."""

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.handler import HostFilterHandler

__all__ = ["BaseHostFilter", "HostFilterHandler"]
