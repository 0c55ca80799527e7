# ruff: noqa: N801, UP039
import sys

from ovirtsdk.api import API

connection = None
counts = {}


def connect():
    global connection
    if connection is None:
        connection = API()
    return connection


class vm_count_score():
    """Fewer VMs are better."""

    def do_score(self, hosts, vm, args):
        try:
            scores = []
            for host in hosts:
                if host not in counts:
                    counts[host] = len(connect().vms(host))
                scores.append((host, counts[host]))
            print(scores)
        except Exception as ex:
            print(ex, file=sys.stderr)
