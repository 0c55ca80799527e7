"""Hosts and requests from files: JSON Lines, JSON, CSV, Nova's list of hypervisors; or made up.

May import: hosts, requests, columns, errors.
"""

from filtersched.inventory.fake import fake_hosts
from filtersched.inventory.reader import HostReader, RequestReader, read_hosts, read_requests

__all__ = ["HostReader", "RequestReader", "fake_hosts", "read_hosts", "read_requests"]
