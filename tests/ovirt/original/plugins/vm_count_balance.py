# ruff: noqa: N801, UP039
import sys

from ovirtsdk.api import API


class vm_count_balance():
    """Moves a VM off the host with more than maximum_vm_count."""

    properties_validation = "maximum_vm_count=[0-9]*"

    def do_balance(self, hosts, args):
        try:
            most = int(args.get("maximum_vm_count", "2"))
            api = API()
            full = [host for host in hosts if len(api.vms(host)) > most]
            if not full:
                return
            under = [str(host) for host in hosts if len(api.vms(host)) <= most]
            print(api.vms(full[0])[0], under)
        except Exception as ex:
            print(ex, file=sys.stderr)
