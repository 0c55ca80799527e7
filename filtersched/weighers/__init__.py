"""Weighers: one rule a file. `base` is what they derive from, `handler` runs them.

May import: plugins, results, hosts, requests, settings, columns, errors.
"""

from filtersched.weighers.base import BaseWeigher
from filtersched.weighers.handler import HostWeightHandler

BaseHostWeigher = BaseWeigher

__all__ = ["BaseHostWeigher", "BaseWeigher", "HostWeightHandler"]
