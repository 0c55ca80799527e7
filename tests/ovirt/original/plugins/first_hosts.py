# ruff: noqa: N801, UP039
calls = 0


class first_hosts():
    """As many hosts as it was called; a program that is run once is called once."""

    calls = 0

    def do_filter(self, hosts, vm, args):
        global calls
        calls += 1
        first_hosts.calls += 1
        print(hosts[:calls + first_hosts.calls - 1])
