# ruff: noqa: N801, UP039
import sys

from ovirtsdk.api import API

# read when the file is imported: once per call, as every call is a program of its own
try:
    api = API()
except Exception as ex:
    api = None
    print(ex, file=sys.stderr)


class memory_balance():
    """Moves a VM off a host that runs out of memory."""

    def do_balance(self, hosts, args):
        if api is None:
            return
        for host in hosts:
            if api.free_memory(host) < 500 and api.vms(host):
                print((api.vms(host)[0], [str(h) for h in hosts if api.free_memory(h) >= 500]))
                return
