"""Hosts, requests, aggregates and server groups from files: JSON Lines, JSON, CSV, Nova's answers; or hosts made up.

May import: hosts, requests, columns, errors.
"""

from filtersched.inventory.aggregate_reader import read_aggregates
from filtersched.inventory.fake import fake_hosts
from filtersched.inventory.flavor_reader import Flavors, read_flavors
from filtersched.inventory.group_reader import read_groups
from filtersched.inventory.host_reader import HostReader, read_hosts, read_inventory
from filtersched.inventory.request_reader import RequestReader, read_requests
from filtersched.inventory.server_reader import put_servers
from filtersched.inventory.trace_rows import read_actions

__all__ = [
    "Flavors",
    "HostReader",
    "RequestReader",
    "fake_hosts",
    "put_servers",
    "read_actions",
    "read_aggregates",
    "read_flavors",
    "read_groups",
    "read_hosts",
    "read_inventory",
    "read_requests",
]
