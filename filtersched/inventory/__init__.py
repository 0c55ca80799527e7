"""Hosts, requests, aggregates and server groups from files: JSON Lines, JSON, CSV, Nova's answers; or hosts made up.

May import: hosts, requests, columns, errors.
"""

from filtersched.inventory.aggregate_reader import read_aggregates
from filtersched.inventory.fake import fake_hosts
from filtersched.inventory.group_reader import read_groups
from filtersched.inventory.host_reader import HostReader, read_hosts, read_inventory
from filtersched.inventory.request_reader import RequestReader, read_requests

__all__ = [
    "HostReader",
    "RequestReader",
    "fake_hosts",
    "read_aggregates",
    "read_groups",
    "read_hosts",
    "read_inventory",
    "read_requests",
]
