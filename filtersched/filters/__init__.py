"""Filters: one rule a file. `base` is what they derive from, `handler` runs them.

May import: plugins, results, hosts, requests, settings, columns, errors.
"""

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.handler import HostFilterHandler

__all__ = ["BaseHostFilter", "HostFilterHandler"]
