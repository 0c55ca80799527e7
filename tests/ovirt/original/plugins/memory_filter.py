# ruff: noqa: N801, UP039
import sys

from ovirtsdk.api import API


class memory_filter():
    """Keeps hosts with at least minimum_memory MB free."""

    properties_validation = "minimum_memory=[0-9]{0,6}"

    # class variables are kept for all instances
    connection = None
    free = {}

    def _free(self, host):
        cls = memory_filter
        if cls.connection is None:
            cls.connection = API(url="https://engine", username="admin", password="secret")
        if host not in cls.free:
            cls.free[host] = cls.connection.free_memory(host)
        return cls.free[host]

    def do_filter(self, hosts, vm, args):
        try:
            least = int(args.get("minimum_memory", 1000))
            accepted = [str(host) for host in hosts if self._free(host) >= least]
            print(accepted)
        except Exception as ex:
            print(ex, file=sys.stderr)
