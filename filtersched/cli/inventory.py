"""filtersched inventory: write the hosts of a running cloud as an inventory file."""

from __future__ import annotations

import argparse
import logging

from filtersched.cli.errors import UsageError
from filtersched.cli.output import Output
from filtersched.cli.terminal import Terminal
from filtersched.inventory.cloud_reader import CloudReader
from filtersched.inventory.os_cloud import Cloud
from filtersched.settings import SchedulerConf

LOG = logging.getLogger(__name__)


def run(args: argparse.Namespace, _conf: SchedulerConf, terminal: Terminal) -> int:
    """Run the command; 0 if all parts of the cloud could be read, or gaps were allowed; else 1."""
    if args.os_cloud is None:
        raise UsageError("which cloud? Give --os-cloud NAME, a name that your clouds.yaml has.")
    with Output(args.output) as output:
        if output.is_stdout:
            terminal.use_stderr()
        else:
            # A file that cannot be written is an error before the cloud is asked.
            output.begin()
        reader = CloudReader(Cloud(args.os_cloud, args.timeout))
        hosts = reader.read()
        for host in hosts:
            output.write(host.to_dict())
    for part in reader.unread:
        LOG.warning("not read: %s", part)
    instances = sum(len(host.instances) for host in hosts)
    terminal.line(f"{args.output}: {len(hosts):,} hosts with {instances:,} instances")
    return 0 if args.allow_partial or not reader.unread else 1
